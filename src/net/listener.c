#include "net/listener.h"
#include "net/stream.h"

#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#define ACCEPTS_PER_WAKE 16
#define REST_FIRST_MS 5 /* there may be room again in no time: those that were accepted are being closed */
#define REST_MOST_MS 100
#define BACKLOG 4096

struct listener {
    struct loop *loop;
    struct event *event;
    void (*on_accept)(void *arg, int fd, const struct addr *peer);
    bool (*is_open)(void *arg); /* may be NULL: always */
    void *arg;
    int fd;      /* borrowed; -1: freed, perhaps from inside on_accept */
    int reserve; /* a descriptor to spend when there are no others */
    struct timer rest;
    uint32_t rest_ms; /* the last one; doubles while nothing could be accepted */
    struct loop_task park;
};

static int open_reserve(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Its memory was taken when the listener was made. */
static void rest(struct listener *l)
{
    if (!timer_set(&l->rest, l->rest_ms))
        abort();
}

/* Closing the peer is better than leaving it to hang in the queue, and the queue is not level-triggered for ever. */
static void turn_away(struct listener *l, bool accepted_some)
{
    if (l->reserve >= 0) {
        close(l->reserve);
        int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            close(fd);
        l->reserve = open_reserve();
    }
    event_del(l->event);
    if (accepted_some || l->rest_ms == 0)
        l->rest_ms = REST_FIRST_MS;
    else
        l->rest_ms = l->rest_ms * 2 < REST_MOST_MS ? l->rest_ms * 2 : REST_MOST_MS;
    rest(l);
}

static void on_rested(void *arg)
{
    struct listener *l = arg;
    if (l->reserve < 0)
        l->reserve = open_reserve();
    if (event_add(l->event, NULL) != 0) /* the kernel has no memory for it: a listener must wake again all the same */
        rest(l);
}

static bool is_shortage(int err)
{
    return err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;
    loop_enter(l->loop);
    if (l->is_open && !l->is_open(l->arg))
        return;
    for (int i = 0; i < ACCEPTS_PER_WAKE && l->fd >= 0; i++) {
        struct sockaddr_storage sa;
        socklen_t n = sizeof sa;
        int peer_fd = accept4(l->fd, (struct sockaddr *)&sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (peer_fd < 0 && is_shortage(errno))
            turn_away(l, i > 0);
        if (peer_fd < 0 && (is_shortage(errno) || errno == EAGAIN))
            return;
        if (peer_fd < 0)
            continue; /* that one peer is gone already (accept(2)): the next may be well */
        struct addr peer = addr_from_sockaddr(&sa);
        l->on_accept(l->arg, peer_fd, &peer);
    }
}

static void release(void *p)
{
    free(p);
}

struct listener *listener_new(struct loop *loop, int fd, void (*on_accept)(void *arg, int fd, const struct addr *peer),
                              void *arg)
{
    static const int on = 1, unsent = STREAM_UNSENT_BYTES;
    struct listener *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    *l = (struct listener){.loop = loop, .on_accept = on_accept, .arg = arg, .fd = fd};
    /* Accepted sockets inherit it: one call here instead of one per connection. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    l->reserve = open_reserve();
    timer_init(&l->rest, loop, on_rested, l);
    l->event = event_new(loop->base, fd, EV_READ | EV_PERSIST, on_readable, l);
    if (!timer_reserve(&l->rest) || !l->event || event_add(l->event, NULL) != 0) {
        listener_free(l);
        return NULL;
    }
    return l;
}

void listener_set_door(struct listener *l, bool (*is_open)(void *arg))
{
    l->is_open = is_open;
}

void listener_free(struct listener *l)
{
    if (!l)
        return;
    if (l->event)
        event_free(l->event);
    timer_fini(&l->rest);
    if (l->reserve >= 0)
        close(l->reserve);
    l->fd = l->reserve = -1;
    loop_defer_free(l->loop, &l->park, release, l);
}

static bool bind_and_listen(int fd, const struct addr *a)
{
    static const int on = 1, off = 0;
    struct sockaddr_storage sa;
    socklen_t n = addr_to_sockaddr(a, &sa);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
        return false;
    if (a->family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0)
        return false;
    return bind(fd, (struct sockaddr *)&sa, n) == 0 && listen(fd, BACKLOG) == 0;
}

struct res listener_bind_error(int err)
{
    switch (err) {
    case EADDRINUSE:
        return res_err("the address is in use by another program");
    case EACCES:
        return res_err("not permitted: ports below 1024 need root or CAP_NET_BIND_SERVICE");
    case EADDRNOTAVAIL:
        return res_err("this machine has no such address");
    case EAFNOSUPPORT:
        return res_err("this machine has no IPv6");
    case EMFILE:
    case ENFILE:
        return res_err("no more descriptors");
    default:
        return res_err("cannot bind and listen");
    }
}

struct res listener_bind(const struct addr *a, int *out_fd)
{
    int fd = socket(a->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return listener_bind_error(errno);
    if (!bind_and_listen(fd, a)) {
        struct res r = listener_bind_error(errno);
        close(fd);
        return r;
    }
    *out_fd = fd;
    return RES_OK;
}

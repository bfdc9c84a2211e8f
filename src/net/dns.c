#include "net/dns.h"

#include <ares.h>
#include <event2/event.h>

#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* With the doubling that c-ares does: silence is a failure after 5 s. */
#define TRY_MS 700
#define TRIES 3

struct dns_socket {
    struct dns_socket *next;
    struct dns *dns; /* back */
    struct event *event;
    int fd;
};

struct dns {
    struct loop *loop;
    ares_channel channel;
    struct dns_socket *sockets; /* owned; there are a handful */
    struct timer timer;
};

struct question {
    void (*on_answer)(void *arg, const struct dns_answer *a);
    void *arg;
};

/* --- c-ares on the loop ------------------------------------------------------------------------------------------- */

static void set_timer(struct dns *d)
{
    struct timeval tv;
    if (!ares_timeout(d->channel, NULL, &tv)) {
        timer_stop(&d->timer);
        return;
    }
    uint64_t ms = (uint64_t)tv.tv_sec * 1000 + (uint64_t)tv.tv_usec / 1000 + 1;
    if (!timer_set(&d->timer, ms))
        ares_cancel(d->channel);
}

static void on_timer(void *arg)
{
    struct dns *d = arg;
    ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer(d);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct dns *d = ((struct dns_socket *)arg)->dns;
    loop_enter(d->loop);
    ares_process_fd(d->channel, what & EV_READ ? fd : ARES_SOCKET_BAD, what & EV_WRITE ? fd : ARES_SOCKET_BAD);
    set_timer(d);
}

static void forget_socket(struct dns_socket **at)
{
    struct dns_socket *gone = *at;
    *at = gone->next;
    event_free(gone->event);
    free(gone);
}

/* Without memory the socket is not watched: its question ends by its time-out. */
static void watch_socket(struct dns *d, int fd, short what)
{
    struct dns_socket *s = calloc(1, sizeof *s);
    if (!s)
        return;
    *s = (struct dns_socket){.next = d->sockets, .dns = d, .fd = fd};
    s->event = event_new(d->loop->base, fd, (short)(what | EV_PERSIST), on_event, s);
    if (!s->event || event_add(s->event, NULL) != 0) {
        if (s->event)
            event_free(s->event);
        free(s);
        return;
    }
    d->sockets = s;
}

static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct dns *d = arg;
    struct dns_socket **at = &d->sockets;
    while (*at && (*at)->fd != fd)
        at = &(*at)->next;
    if (*at)
        forget_socket(at);
    if (readable || writable)
        watch_socket(d, fd, (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0)));
}

/* Sockets of our own making: c-ares's would be set to non-blocking by a call that the sandbox has not (sandbox_calls.h). */
static ares_socket_t open_socket(int family, int type, int protocol, void *arg)
{
    return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

static int close_socket(ares_socket_t fd, void *arg)
{
    return close(fd);
}

static int connect_socket(ares_socket_t fd, const struct sockaddr *to, ares_socklen_t n, void *arg)
{
    return connect(fd, to, n);
}

static ares_ssize_t receive(ares_socket_t fd, void *p, size_t n, int flags, struct sockaddr *from,
                            ares_socklen_t *from_n, void *arg)
{
    return recvfrom(fd, p, n, flags, from, from_n);
}

static ares_ssize_t send_all(ares_socket_t fd, const struct iovec *iov, int count, void *arg)
{
    struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};
    return sendmsg(fd, &m, MSG_NOSIGNAL);
}

static const struct ares_socket_functions socket_functions = {open_socket, close_socket, connect_socket, receive,
                                                              send_all};

struct dns *dns_new(struct loop *loop, const char *servers)
{
    char lookups[] = "fb";
    struct dns *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->loop = loop;
    timer_init(&d->timer, loop, on_timer, d);
    struct ares_options options = {.flags = ARES_FLAG_NOSEARCH,
                                   .timeout = TRY_MS,
                                   .tries = TRIES,
                                   .lookups = lookups,
                                   .sock_state_cb = on_socket_state,
                                   .sock_state_cb_data = d};
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
    if (ares_init_options(&d->channel, &options, mask) != ARES_SUCCESS) {
        free(d);
        return NULL;
    }
    ares_set_socket_functions(d->channel, &socket_functions, d);
    if (servers && ares_set_servers_ports_csv(d->channel, servers) != ARES_SUCCESS) {
        dns_free(d);
        return NULL;
    }
    return d;
}

void dns_free(struct dns *d)
{
    if (!d)
        return;
    ares_destroy(d->channel);
    while (d->sockets)
        forget_socket(&d->sockets);
    timer_fini(&d->timer);
    free(d);
}

/* --- question and answer ------------------------------------------------------------------------------------------ */

static unsigned least_ttl(const struct ares_addrinfo *info)
{
    int ttl = INT_MAX;
    for (const struct ares_addrinfo_node *n = info->nodes; n; n = n->ai_next)
        ttl = n->ai_ttl < ttl ? n->ai_ttl : ttl;
    for (const struct ares_addrinfo_cname *c = info->cnames; c; c = c->next)
        ttl = c->ttl < ttl ? c->ttl : ttl;
    return ttl > 0 ? (unsigned)ttl : 0;
}

static const struct ares_addrinfo_node *next_of(const struct ares_addrinfo_node *n, int family)
{
    while (n && n->ai_family != family)
        n = n->ai_next;
    return n;
}

static void add_node(struct dns_answer *a, const struct ares_addrinfo_node *n)
{
    struct sockaddr_storage sa = {0};
    if (a->count == DNS_MAX)
        return;
    memcpy(&sa, n->ai_addr, (size_t)n->ai_addrlen < sizeof sa ? (size_t)n->ai_addrlen : sizeof sa);
    a->addrs[a->count] = addr_from_sockaddr(&sa);
    a->addrs[a->count++].port = 0;
}

/* c-ares has sorted (RFC 6724); within that order the families take turns, so that a dead one costs one attempt. */
static void add_nodes(struct dns_answer *a, const struct ares_addrinfo *info)
{
    const struct ares_addrinfo_node *v6 = next_of(info->nodes, AF_INET6), *v4 = next_of(info->nodes, AF_INET);
    while (v6 || v4) {
        if (v6) {
            add_node(a, v6);
            v6 = next_of(v6->ai_next, AF_INET6);
        }
        if (v4) {
            add_node(a, v4);
            v4 = next_of(v4->ai_next, AF_INET);
        }
    }
}

static void judge(struct dns_answer *a, int status)
{
    switch (status) {
    case ARES_SUCCESS:
        a->status = a->count ? DNS_FOUND : DNS_ABSENT;
        a->why = a->count ? NULL : "the name has no address";
        return;
    case ARES_ENOTFOUND:
        *a = (struct dns_answer){.status = DNS_ABSENT, .why = "no such name"};
        return;
    case ARES_ENODATA:
        *a = (struct dns_answer){.status = DNS_ABSENT, .why = "the name has no address"};
        return;
    case ARES_ETIMEOUT:
        *a = (struct dns_answer){.status = DNS_FAILED, .why = "the name server does not answer"};
        return;
    case ARES_ECONNREFUSED:
        *a = (struct dns_answer){.status = DNS_FAILED, .why = "the name server cannot be reached"};
        return;
    case ARES_ESERVFAIL:
        *a = (struct dns_answer){.status = DNS_FAILED, .why = "the name server failed"};
        return;
    default:
        *a = (struct dns_answer){.status = DNS_FAILED, .why = "the name could not be resolved"};
    }
}

static void on_addrinfo(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct question q = *(struct question *)arg;
    struct dns_answer a = {0};
    free(arg);
    if (info) {
        add_nodes(&a, info);
        a.ttl_s = least_ttl(info);
        ares_freeaddrinfo(info);
    }
    if (status == ARES_EDESTRUCTION)
        return;
    judge(&a, status);
    q.on_answer(q.arg, &a);
}

void dns_ask(struct dns *d, const char *name, void (*on_answer)(void *arg, const struct dns_answer *a), void *arg)
{
    static const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct question *q = malloc(sizeof *q);
    if (!q) {
        struct dns_answer none = {.status = DNS_FAILED, .why = "out of memory"};
        on_answer(arg, &none);
        return;
    }
    *q = (struct question){on_answer, arg};
    ares_getaddrinfo(d->channel, name, NULL, &hints, on_addrinfo, q);
    set_timer(d);
}

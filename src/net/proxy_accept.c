#include "net/proxy_accept.h"

#include "net/proxy_protocol.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct waiter {
    struct proxy_acceptor *acceptor; /* back */
    struct waiter *next, *prev;
    void (*on_done)(void *arg, int fd, const struct addr *source);
    void *arg;
    struct event event;
    struct timer limit;
    struct loop_task park;
    int fd; /* owned; -1: given back or closed */
    size_t have;
    uint8_t head[PP_MAX]; /* what has been taken off the socket: a header's beginning, nothing else */
};

struct proxy_acceptor {
    struct loop *loop;
    struct waiter *waiting;
};

static void release(void *p)
{
    free(p);
}

static void unlink_waiter(struct waiter *w)
{
    *(w->prev ? &w->prev->next : &w->acceptor->waiting) = w->next;
    if (w->next)
        w->next->prev = w->prev;
}

/* Must be the last thing its caller does: on_done may free the acceptor. */
static void finish(struct waiter *w, bool ok, const struct addr *source)
{
    static const struct addr nobody;
    int fd = w->fd;
    unlink_waiter(w);
    event_del(&w->event);
    timer_fini(&w->limit);
    w->fd = -1;
    loop_defer_free(w->acceptor->loop, &w->park, release, w);
    if (!ok)
        close(fd);
    w->on_done(w->arg, ok ? fd : -1, ok ? source : &nobody);
}

static ssize_t receive(struct waiter *w, size_t n, int flags)
{
    ssize_t r;
    do {
        r = recv(w->fd, w->head + w->have, n, flags);
    } while (r < 0 && errno == EINTR);
    return r;
}

/* Takes n bytes that a peek has shown. */
static bool consume(struct waiter *w, size_t n)
{
    bool ok = receive(w, n, 0) == (ssize_t)n;
    w->have += n;
    return ok;
}

/* One look at what is there. The bytes behind the header belong to whoever gets the socket, so the header's end is
 * found by peeking; what is surely part of it is taken at once, or a level-triggered wait would spin and the peer's FIN
 * would never show. */
static enum pp_result look(struct waiter *w, struct addr *source)
{
    size_t used;
    ssize_t n = receive(w, sizeof w->head - w->have, MSG_PEEK);
    if (n < 0 && errno == EAGAIN)
        return PP_MORE;
    if (n <= 0)
        return PP_BAD;
    enum pp_result r = proxy_protocol_parse(span_make(w->head, w->have + (size_t)n), source, &used);
    if (r == PP_BAD)
        return PP_BAD;
    if (r == PP_DONE && used < w->have) /* an earlier look took too much: cannot be, but never lend such a socket */
        return PP_BAD;
    return consume(w, r == PP_DONE ? used - w->have : (size_t)n) ? r : PP_BAD;
}

/* False: finished, w is gone. */
static bool advance(struct waiter *w)
{
    struct addr source;
    enum pp_result r;
    size_t before;
    do {
        before = w->have;
        r = look(w, &source);
    } while (r == PP_MORE && w->have > before && w->have < sizeof w->head);
    if (r == PP_MORE && w->have < sizeof w->head)
        return true;
    finish(w, r == PP_DONE, &source);
    return false;
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct waiter *w = arg;
    loop_enter(w->acceptor->loop);
    advance(w);
}

static void on_limit(void *arg)
{
    finish(arg, false, NULL);
}

struct proxy_acceptor *proxy_acceptor_new(struct loop *loop)
{
    struct proxy_acceptor *a = calloc(1, sizeof *a);
    if (a)
        a->loop = loop;
    return a;
}

void proxy_acceptor_free(struct proxy_acceptor *a)
{
    if (!a)
        return;
    while (a->waiting)
        finish(a->waiting, false, NULL);
    free(a);
}

static struct waiter *waiter_new(struct proxy_acceptor *a, int fd)
{
    struct waiter *w = malloc(sizeof *w);
    if (!w)
        return NULL;
    *w = (struct waiter){.acceptor = a, .fd = fd, .next = a->waiting};
    if (w->next)
        w->next->prev = w;
    a->waiting = w;
    timer_init(&w->limit, a->loop, on_limit, w);
    event_assign(&w->event, a->loop->base, fd, EV_READ | EV_PERSIST, on_event, w);
    return w;
}

void proxy_acceptor_take(struct proxy_acceptor *a, int fd, uint32_t timeout_ms,
                         void (*on_done)(void *arg, int fd, const struct addr *source), void *arg)
{
    static const struct addr nobody;
    struct waiter *w = waiter_new(a, fd);
    if (!w) {
        close(fd);
        on_done(arg, -1, &nobody);
        return;
    }
    w->on_done = on_done;
    w->arg = arg;
    /* The header usually comes with the connection. */
    if (advance(w) && (!timer_set(&w->limit, timeout_ms) || event_add(&w->event, NULL) != 0))
        finish(w, false, NULL);
}

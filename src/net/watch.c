#include "net/watch.h"

#include <event2/event.h>

#include <stdlib.h>

struct watch {
    struct loop *loop;              /* back */
    struct event *event;            /* owns */
    void (*on_readable)(void *arg); /* or on_ready */
    void (*on_ready)(void *arg, unsigned what);
    void *arg;
    int fd; /* borrowed */
    unsigned wanted;
};

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct watch *w = arg;
    loop_enter(w->loop);
    if (w->on_readable != NULL)
        w->on_readable(w->arg);
    else
        w->on_ready(w->arg, ((what & EV_READ) != 0 ? WATCH_READ : 0u) | ((what & EV_WRITE) != 0 ? WATCH_WRITE : 0u));
}

static struct watch *make(const struct watch *as)
{
    struct watch *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return NULL;
    *w = *as;
    w->event = event_new(w->loop->base, w->fd, EV_READ | EV_PERSIST, on_event, w);
    if (w->event != NULL)
        return w;
    free(w);
    return NULL;
}

struct watch *watch_new(struct loop *loop, int fd, void (*on_readable)(void *arg), void *arg)
{
    struct watch *w = make(&(struct watch){.loop = loop, .fd = fd, .on_readable = on_readable, .arg = arg});
    if (w == NULL || watch_want(w, WATCH_READ))
        return w;
    watch_free(w);
    return NULL;
}

struct watch *watch_new_both(struct loop *loop, int fd, void (*on_ready)(void *arg, unsigned what), void *arg)
{
    return make(&(struct watch){.loop = loop, .fd = fd, .on_ready = on_ready, .arg = arg});
}

bool watch_want(struct watch *w, unsigned what)
{
    if (what == w->wanted)
        return true;
    short events =
        (short)(EV_PERSIST | ((what & WATCH_READ) != 0 ? EV_READ : 0) | ((what & WATCH_WRITE) != 0 ? EV_WRITE : 0));
    bool left = event_del(w->event) == 0;
    w->wanted = 0;
    if (what == 0 || !left)
        return left;
    if (event_assign(w->event, w->loop->base, w->fd, events, on_event, w) != 0 || event_add(w->event, NULL) != 0)
        return false;
    w->wanted = what;
    return true;
}

void watch_free(struct watch *w)
{
    if (w == NULL)
        return;
    if (w->event != NULL)
        event_free(w->event);
    free(w);
}

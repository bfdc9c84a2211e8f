#include "net/watch.h"

#include <event2/event.h>

#include <stdlib.h>

struct watch {
    struct loop *loop;   /* back */
    struct event *event; /* owns */
    void (*on_readable)(void *arg);
    void *arg;
};

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct watch *w = arg;
    loop_enter(w->loop);
    w->on_readable(w->arg);
}

struct watch *watch_new(struct loop *loop, int fd, void (*on_readable)(void *arg), void *arg)
{
    struct watch *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return NULL;
    *w = (struct watch){.loop = loop, .on_readable = on_readable, .arg = arg};
    w->event = event_new(loop->base, fd, EV_READ | EV_PERSIST, on_event, w);
    if (w->event == NULL || event_add(w->event, NULL) == -1) {
        watch_free(w);
        return NULL;
    }
    return w;
}

void watch_free(struct watch *w)
{
    if (w == NULL)
        return;
    if (w->event != NULL)
        event_free(w->event);
    free(w);
}

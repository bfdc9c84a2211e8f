#include "net/timer.h"

#include "net/loop.h"

#include <event2/event.h>

#include <stddef.h>

static bool arm(struct timer *t);

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct timer *t = arg;
    loop_enter(t->loop);
    t->armed_ms = 0;
    if (t->due_ms == 0)
        return;
    /* Pushed back meanwhile, or libevent's coarse clock was some milliseconds ahead. The event exists and is not
     * pending, so adding it again takes no memory; should it fail all the same, late is worse than early. */
    if (t->due_ms > t->loop->now_ms && arm(t))
        return;
    t->due_ms = 0;
    t->on_due(t->arg);
}

static bool arm(struct timer *t)
{
    uint64_t ms = t->due_ms > t->loop->now_ms ? t->due_ms - t->loop->now_ms : 0;
    struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    if (event_add(t->event, &tv) != 0)
        return false;
    t->armed_ms = t->due_ms;
    return true;
}

void timer_init(struct timer *t, struct loop *loop, void (*on_due)(void *arg), void *arg)
{
    *t = (struct timer){.loop = loop, .on_due = on_due, .arg = arg};
}

void timer_fini(struct timer *t)
{
    if (t->event)
        event_free(t->event);
    t->event = NULL;
    t->due_ms = t->armed_ms = 0;
}

bool timer_set(struct timer *t, uint64_t ms)
{
    if (!t->event)
        t->event = event_new(t->loop->base, -1, 0, on_event, t);
    if (!t->event)
        return false;
    t->due_ms = t->loop->now_ms + ms;
    if (t->armed_ms != 0 && t->armed_ms <= t->due_ms)
        return true;
    if (arm(t))
        return true;
    t->due_ms = 0;
    return false;
}

void timer_stop(struct timer *t)
{
    t->due_ms = 0;
}

bool timer_is_set(const struct timer *t)
{
    return t->due_ms != 0;
}

#include "net/timer.h"

#include "net/loop.h"

#include <event2/event.h>

#include <stddef.h>

static void ask(struct timer *t);

static void be_due(struct timer *t)
{
    t->due_ms = 0;
    t->on_due(t->arg);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct timer *t = arg;
    loop_enter(t->loop);
    t->armed_ms = 0;
    if (t->due_ms == 0)
        return;
    if (t->due_ms > t->loop->now_ms) /* pushed back meanwhile, or libevent's coarse clock was some milliseconds ahead */
        ask(t);
    else
        be_due(t);
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

/* libevent's heap of timers may have to grow for this one, and a timer that is lost is a deadline that never comes: so
 * it is asked again, and the loop does not sleep until then. */
static void ask(struct timer *t)
{
    if (!arm(t))
        loop_task_queue(t->loop, &t->late);
}

static void on_late(void *arg)
{
    struct timer *t = arg;
    if (t->due_ms == 0 || (t->armed_ms != 0 && t->armed_ms <= t->due_ms))
        return;
    if (t->due_ms > t->loop->now_ms)
        ask(t);
    else
        be_due(t);
}

void timer_init(struct timer *t, struct loop *loop, void (*on_due)(void *arg), void *arg)
{
    *t = (struct timer){.loop = loop, .on_due = on_due, .arg = arg};
    loop_task_init(&t->late, on_late, t);
}

void timer_fini(struct timer *t)
{
    if (t->event)
        event_free(t->event);
    loop_task_cancel(&t->late);
    t->event = NULL;
    t->due_ms = t->armed_ms = 0;
}

bool timer_reserve(struct timer *t)
{
    if (!t->event)
        t->event = event_new(t->loop->base, -1, 0, on_event, t);
    return t->event != NULL;
}

bool timer_set(struct timer *t, uint64_t ms)
{
    if (!timer_reserve(t))
        return false;
    t->due_ms = t->loop->now_ms + ms;
    if (t->armed_ms == 0 || t->armed_ms > t->due_ms)
        ask(t);
    return true;
}

void timer_stop(struct timer *t)
{
    t->due_ms = 0;
}

bool timer_is_set(const struct timer *t)
{
    return t->due_ms != 0;
}

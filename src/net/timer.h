/* One-shot timer that is cheap to push back: moving the deadline later is a store; the loop is asked again only when
 * the old deadline passes. Resolution: milliseconds. thread: the loop's. */
#ifndef TG_NET_TIMER_H
#define TG_NET_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "net/task.h"

struct loop;
struct event;

struct timer {
    struct loop *loop;
    struct event *event;   /* owned, made at the first timer_set */
    uint64_t due_ms;       /* 0: not set */
    uint64_t armed_ms;     /* what the loop was asked for; 0: nothing */
    struct loop_task late; /* asks the loop in each turn while it has no memory for one timer more */
    void (*on_due)(void *arg);
    void *arg;
};

void timer_init(struct timer *t, struct loop *loop, void (*on_due)(void *arg), void *arg);
void timer_fini(struct timer *t);
/* Takes the memory that timer_set() needs: from then on that cannot fail. False: there is none. */
bool timer_reserve(struct timer *t) __attribute__((warn_unused_result));
/* Due in ms from loop->now_ms on; replaces what was set. False: no memory (then the caller must fail what waits), which
 * only the first call can say. */
bool timer_set(struct timer *t, uint64_t ms) __attribute__((warn_unused_result));
void timer_stop(struct timer *t);
bool timer_is_set(const struct timer *t);

#endif

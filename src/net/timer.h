/* One-shot timer that is cheap to push back: moving the deadline later is a store; the loop is asked again only when
 * the old deadline passes. Resolution: milliseconds. thread: the loop's. */
#ifndef TG_NET_TIMER_H
#define TG_NET_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct event;

struct timer {
    struct loop *loop;
    struct event *event; /* owned, made at the first timer_set */
    uint64_t due_ms;     /* 0: not set */
    uint64_t armed_ms;   /* what the loop was asked for; 0: nothing */
    void (*on_due)(void *arg);
    void *arg;
};

void timer_init(struct timer *t, struct loop *loop, void (*on_due)(void *arg), void *arg);
void timer_fini(struct timer *t);
/* Due in ms from loop->now_ms on; replaces what was set. False: no memory (then the caller must fail what waits). */
bool timer_set(struct timer *t, uint64_t ms) __attribute__((warn_unused_result));
void timer_stop(struct timer *t);
bool timer_is_set(const struct timer *t);

#endif

/* One event loop of one thread: libevent's base, the thread's slabs, the list of work to do before the next wait.
 * thread: the one that runs it; loop_post() and loop_turns() alone may be called from others. */
#ifndef TG_NET_LOOP_H
#define TG_NET_LOOP_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/res.h"
#include "base/rng.h"
#include "base/slab.h"
#include "net/task.h"
#include "net/timer.h"

struct event_base;
struct loop_mailbox;

#define LOOP_TICK_MS 500

struct loop {
    struct event_base *base;
    struct slab chunks; /* CHUNK_BLOCK: bytes in motion */
    struct slab blocks; /* 4 KiB: exchange arenas */
    struct meter meter; /* of what slabs, large arena blocks and streams hold; its budget is the owner's to set */
    uint64_t now_ms;    /* monotonic, refreshed once per turn */
    uint64_t turn_us;   /* the same moment */
    bool fresh;         /* now_ms belongs to this turn */
    bool stopping;
    struct rng rng;
    struct loop_task ready;   /* ring head: tasks to run before the next wait */
    struct loop_task heavy;   /* ring head: tasks that take long; one a turn, more for as long as its rest has taken */
    struct loop_task parked;  /* ring head: memory to free when this turn's callbacks have returned */
    struct loop_task later;   /* ring head: tasks that join ready at the next tick of `tick` */
    struct loop_task orphans; /* ring head: streams closed by their owners that still flush or linger */
    struct timer tick;
    struct loop_mailbox *mailbox;
    atomic_uint_fast64_t turns; /* written by the loop alone */
};

/* NULL: no memory or descriptors. */
struct loop *loop_new(void);
/* Cuts orphans, frees what is parked and pending; nothing else may be registered any more. */
void loop_free(struct loop *l);
void loop_refresh(struct loop *l);
/* Every callback that libevent makes calls this first; whoever runs below it then sees this turn's now_ms. */
static inline void loop_enter(struct loop *l)
{
    if (!l->fresh)
        loop_refresh(l);
}
/* Runs until loop_stop(). A turn: wait, refresh now_ms, events, ready tasks (those queued meanwhile wait for the next
 * turn, which then does not block), heavy tasks, parked memory. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l); /* thread: own */
/* How many turns it has made, for a watchdog. thread: any */
uint64_t loop_turns(const struct loop *l);

void loop_task_init(struct loop_task *t, void (*run)(void *arg), void *arg);
/* No effect when queued already. */
void loop_task_queue(struct loop *l, struct loop_task *t);
/* As loop_task_queue(), for one that takes long by itself, as a TLS handshake does: behind all others of a turn one such
 * task runs, more of them only for as long as the turn has taken before (not counting the wait). So whatever else there is
 * to do waits for one of them, or as long again as it took itself and one, and they get half of a busy thread's time. One that
 * queues itself again may run again in the same turn. */
void loop_task_queue_heavy(struct loop *l, struct loop_task *t);
/* Many heavy tasks wait: whoever brings more of them holds them back. */
bool loop_is_behind(const struct loop *l);
void loop_task_cancel(struct loop_task *t);
/* Queues the task within LOOP_TICK_MS, all such tasks by one timer. No effect when queued already. */
void loop_task_later(struct loop *l, struct loop_task *t);
bool loop_task_is_queued(const struct loop_task *t);
/* Puts the task on `orphans`: loop_free() runs it, unless it is cancelled before. */
void loop_orphan(struct loop *l, struct loop_task *t);
/* Streams that were closed by their owners and still flush or linger: a worker that drains waits for them. */
bool loop_has_orphans(const struct loop *l);
/* Frees by release(p) once no callback of this turn can still hold p. `t` lies inside p. */
void loop_defer_free(struct loop *l, struct loop_task *t, void (*release)(void *p), void *p);

/* Message from any thread: run(arg) on the loop's thread, in order of posting. False: no memory. `drop` (may be NULL)
 * is called instead of run for messages still queued at loop_free(). */
bool loop_post(struct loop *l, void (*run)(void *arg), void (*drop)(void *arg), void *arg) MUSTUSE;

#endif

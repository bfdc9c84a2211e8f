#include "net/loop.h"

#include "base/chunkq.h"
#include "base/clock.h"
#include "net/mailbox.h"

#include <event2/event.h>

#include <stdlib.h>

#define BLOCK_SIZE 4096
#define HEAVY_MANY 16u
#define CHUNKS_KEPT 256 /* 4 MiB at most wait for reuse, per thread */
#define BLOCKS_KEPT 512

static void ring_init(struct loop_task *head)
{
    head->next = head->prev = head;
}

static bool ring_is_empty(const struct loop_task *head)
{
    return head->next == head;
}

static void ring_append(struct loop_task *head, struct loop_task *t)
{
    t->prev = head->prev;
    t->next = head;
    head->prev->next = t;
    head->prev = t;
}

/* All of `from` goes behind the last of `to`. */
static void ring_splice(struct loop_task *to, struct loop_task *from)
{
    if (ring_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    ring_init(from);
}

/* Runs what is on the ring now; what gets on it meanwhile stays for later. */
static void ring_run(struct loop_task *ring)
{
    struct loop_task batch;
    ring_init(&batch);
    ring_splice(&batch, ring);
    while (!ring_is_empty(&batch)) {
        struct loop_task *t = batch.next;
        loop_task_cancel(t);
        t->run(t->arg);
    }
}

/* At least one, in the order of queueing. */
static void run_heavy(struct loop *l)
{
    if (ring_is_empty(&l->heavy))
        return;
    uint64_t start = clock_mono_us(), share = start - l->turn_us;
    do {
        struct loop_task *t = l->heavy.next;
        loop_task_cancel(t);
        t->run(t->arg);
    } while (!ring_is_empty(&l->heavy) && clock_mono_us() - start < share);
}

static struct event_base *base_new(void)
{
    struct event_config *config = event_config_new();
    if (!config)
        return NULL;
    struct event_base *base = NULL;
    int flags = EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV;
    if (event_config_set_flag(config, flags) == 0 &&
        event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static void on_tick(void *arg)
{
    struct loop *l = arg;
    ring_splice(&l->ready, &l->later);
}

struct loop *loop_new(void)
{
    struct loop *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    ring_init(&l->ready);
    ring_init(&l->heavy);
    ring_init(&l->parked);
    ring_init(&l->later);
    ring_init(&l->orphans);
    slab_init(&l->chunks, CHUNK_BLOCK, CHUNKS_KEPT);
    slab_init(&l->blocks, BLOCK_SIZE, BLOCKS_KEPT);
    l->chunks.meter = l->blocks.meter = &l->meter;
    rng_init(&l->rng);
    loop_refresh(l);
    timer_init(&l->tick, l, on_tick, l);
    l->base = base_new();
    l->mailbox = l->base ? mailbox_new(l) : NULL;
    /* Set once now, so that loop_task_later() can never fail for want of memory. */
    if (!l->mailbox || !timer_set(&l->tick, LOOP_TICK_MS)) {
        loop_free(l);
        return NULL;
    }
    return l;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    ring_run(&l->orphans);
    mailbox_free(l->mailbox);
    timer_fini(&l->tick);
    while (!ring_is_empty(&l->parked))
        ring_run(&l->parked);
    if (l->base)
        event_base_free(l->base);
    slab_fini(&l->chunks);
    slab_fini(&l->blocks);
    free(l);
}

void loop_refresh(struct loop *l)
{
    l->turn_us = clock_mono_us();
    l->now_ms = l->turn_us / 1000;
    l->fresh = true;
}

void loop_run(struct loop *l)
{
    l->stopping = false;
    while (!l->stopping) {
        l->fresh = false;
        bool idle = ring_is_empty(&l->ready) && ring_is_empty(&l->heavy);
        int flags = idle ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK;
        if (event_base_loop(l->base, flags) < 0)
            break;
        loop_enter(l);
        ring_run(&l->ready);
        run_heavy(l);
        ring_run(&l->parked);
        atomic_store_explicit(&l->turns, loop_turns(l) + 1, memory_order_relaxed);
    }
}

void loop_stop(struct loop *l)
{
    l->stopping = true;
}

uint64_t loop_turns(const struct loop *l)
{
    return atomic_load_explicit(&l->turns, memory_order_relaxed);
}

void loop_task_init(struct loop_task *t, void (*run)(void *arg), void *arg)
{
    *t = (struct loop_task){NULL, NULL, run, arg};
}

bool loop_task_is_queued(const struct loop_task *t)
{
    return t->next != NULL;
}

void loop_task_queue(struct loop *l, struct loop_task *t)
{
    if (!loop_task_is_queued(t))
        ring_append(&l->ready, t);
}

void loop_task_queue_heavy(struct loop *l, struct loop_task *t)
{
    if (!loop_task_is_queued(t))
        ring_append(&l->heavy, t);
}

bool loop_is_behind(const struct loop *l)
{
    unsigned n = 0;
    for (const struct loop_task *t = l->heavy.next; t != &l->heavy && n < HEAVY_MANY; t = t->next)
        n++;
    return n == HEAVY_MANY;
}

void loop_task_later(struct loop *l, struct loop_task *t)
{
    if (loop_task_is_queued(t))
        return;
    ring_append(&l->later, t);
    if (!timer_is_set(&l->tick) && !timer_set(&l->tick, LOOP_TICK_MS))
        on_tick(l);
}

void loop_task_cancel(struct loop_task *t)
{
    if (!loop_task_is_queued(t))
        return;
    t->next->prev = t->prev;
    t->prev->next = t->next;
    t->next = t->prev = NULL;
}

void loop_defer_free(struct loop *l, struct loop_task *t, void (*release)(void *p), void *p)
{
    loop_task_cancel(t);
    loop_task_init(t, release, p);
    ring_append(&l->parked, t);
}

void loop_orphan(struct loop *l, struct loop_task *t)
{
    loop_task_cancel(t);
    ring_append(&l->orphans, t);
}

bool loop_has_orphans(const struct loop *l)
{
    return !ring_is_empty(&l->orphans);
}

bool loop_post(struct loop *l, void (*run)(void *arg), void (*drop)(void *arg), void *arg)
{
    return mailbox_post(l->mailbox, run, drop, arg);
}

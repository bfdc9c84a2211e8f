/* Drain: listeners stop at once, open exchanges end, tunnels get their grace, then everything is cut. Edge keeps these
 * times itself; the limit here only catches what it forgot. */
#include "control/worker_priv.h"

#define SPARE_MS 2000u

static void stop(struct worker *w)
{
    if (w->state != WORKER_STOPS) {
        w->state = WORKER_STOPS;
        loop_stop(w->loop);
    }
}

static void on_drained(void *arg)
{
    struct worker_thread *t = arg;
    t->state = THREAD_DRAINED;
    if (--t->worker->draining == 0) {
        stop(t->worker);
    }
}

/* Nothing is open any more, but the end of an answer may still be on its way out. */
static void thread_drained(void *arg) /* thread: the loop's */
{
    struct worker_thread *t = arg;
    if (loop_has_orphans(t->loop)) {
        loop_task_later(t->loop, &t->last_words);
    } else {
        worker_thread_reply(t, on_drained);
    }
}

/* When no thread listens any more, the sockets close: whoever comes now is refused instead of left waiting. */
static void on_deaf(void *arg)
{
    struct worker_thread *t = arg;
    struct worker *w = t->worker;
    if (--w->accepting == 0 && w->commit.snapshot == NULL) {
        listen_set_close_except(&w->listens, NULL);
    }
}

static void thread_drain(void *arg) /* thread: the loop's */
{
    struct worker_thread *t = arg;
    loop_task_init(&t->last_words, thread_drained, t);
    edge_thread_drain(t->edge, t->drain, thread_drained, t);
    worker_thread_reply(t, on_deaf);
}

static void thread_abort(void *arg) /* thread: the loop's */
{
    struct worker_thread *t = arg;
    loop_task_cancel(&t->last_words);
    edge_thread_abort(t->edge);
}

static void on_limit(void *arg)
{
    struct worker *w = arg;
    for (unsigned i = 0; i < w->thread_count; i++) {
        if (w->threads[i].state == THREAD_DRAINS) {
            worker_thread_post(&w->threads[i], thread_abort);
        }
    }
    stop(w);
}

void worker_drain_start(struct worker *w, enum edge_drain how)
{
    if (w->state != WORKER_SERVES) {
        return;
    }
    w->state = WORKER_DRAINS;
    /* A drain has its own limit, and what still runs shall end in order, not with the one that hangs. */
    worker_watch_stop(w);
    const struct snapshot *s = w->commit.snapshot != NULL ? w->commit.snapshot : w->current;
    if (s == NULL) {
        stop(w); /* nothing was ever served */
        return;
    }
    w->draining = w->accepting = w->thread_count;
    for (unsigned i = 0; i < w->thread_count; i++) {
        w->threads[i].state = THREAD_DRAINS;
        w->threads[i].drain = how;
        worker_thread_post(&w->threads[i], thread_drain);
    }
    timer_init(&w->limit, w->loop, on_limit, w);
    if (!timer_set(&w->limit, (uint64_t)s->limits.drain_timeout_ms + s->limits.tunnel_grace_ms + SPARE_MS)) {
        worker_die("out of memory");
    }
}

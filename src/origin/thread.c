#include "origin/impl.h"

#include <assert.h>
#include <stdlib.h>

struct origin_thread *origin_thread_new(struct loop *loop, struct resolver *resolver)
{
    struct origin_thread *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->loop = loop;
    t->resolver = resolver;
    t->key = hash_key_random();
    t->targets_max = TARGETS_MAX;
    t->idle_max = IDLE_MAX;
    timer_init(&t->sweep, loop, pool_on_sweep, t);
    return t;
}

void origin_thread_keep(struct origin_thread *t, size_t idle)
{
    t->idle_max = idle == 0 ? 1 : idle < IDLE_MAX ? idle : IDLE_MAX;
    while (t->idle_count > t->idle_max)
        pool_evict(t->idle_oldest, STREAM_CLOSE_FLUSH);
}

static void close_all_shared(struct origin_thread *t)
{
    for (struct origin_target *g = t->oldest; g; g = g->newer) {
        park_forget(g);
        shared_close_all(g);
    }
}

static void free_unused_targets(struct origin_thread *t)
{
    for (struct origin_target *g = t->oldest, *newer; g; g = newer) {
        newer = g->newer;
        if (g->users == 0)
            target_free(g);
        else
            target_forget_session(g);
    }
}

void origin_thread_free(struct origin_thread *t)
{
    if (!t)
        return;
    while (t->attempts)
        attempt_end(t->attempts);
    close_all_shared(t);
    pool_evict_all(t);
    free_unused_targets(t);
    assert(t->targets == 0);
    timer_fini(&t->sweep);
    free(t);
}

void origin_thread_flush(struct origin_thread *t)
{
    t->generation++;
    pool_evict_all(t);
    free_unused_targets(t);
}

/* --- lending ------------------------------------------------------------------------------------------------------ */

/* NULL: there is none that may be used, or no memory (then *memory is false). */
static struct origin_conn *take_pooled(struct origin_target *g, bool *memory)
{
    struct origin_conn *lane = g->http == ORIGIN_HTTP_1 ? NULL : shared_take(g, false, memory);
    if (lane || !*memory)
        return lane;
    struct pooled *p = pool_take(g);
    if (!p)
        return NULL;
    g->users++;
    p->conn.reused = true;
    p->conn.uses++;
    p->conn.connect_us = 0;
    return &p->conn;
}

static void connect_to(struct origin_target *g, const struct origin_ask *ask, struct origin_wait *w)
{
    if (g->http != ORIGIN_HTTP_1 && park(g, w))
        return;
    target_use_tls(g, ask->origin->tls);
    attempt_start(g, w);
}

struct origin_conn *origin_take(struct origin_thread *t, const struct origin_ask *ask, struct origin_wait *w)
{
    struct target_id id;
    enum origin_error why;
    if (!target_id_make(ask, &id)) {
        origin_fail(t, w, ORIGIN_RESOLVE, "not a usable name");
        return NULL;
    }
    struct origin_target *g = target_find(t, &id);
    bool memory = true;
    struct origin_conn *c = g && !ask->fresh ? take_pooled(g, &memory) : NULL;
    if (c) {
        target_adopt(g, ask->origin);
        return c;
    }
    why = ORIGIN_MEMORY;
    if (!g)
        g = target_new(t, &id, &why);
    if (!g || !memory) {
        origin_fail(t, w, why, why == ORIGIN_LIMIT ? "too many origins in use" : "out of memory");
        return NULL;
    }
    target_adopt(g, ask->origin);
    connect_to(g, ask, w);
    return NULL;
}

void origin_drop(struct origin_thread *t, struct origin_conn *c, enum stream_close how)
{
    if (c->lane) {
        lane_free(c->lane);
        return;
    }
    c->target->users--;
    pooled_free((struct pooled *)c, how);
}

void origin_give(struct origin_thread *t, struct origin_conn *c)
{
    if (!c->lane && pool_give((struct pooled *)c))
        c->target->users--;
    else
        origin_drop(t, c, STREAM_CLOSE_FLUSH);
}

/* --- failing ------------------------------------------------------------------------------------------------------ */

static void tell_failure(void *arg)
{
    struct origin_wait *w = arg;
    w->on_conn(w->arg, NULL, w->error, w->detail);
}

void origin_fail(struct origin_thread *t, struct origin_wait *w, enum origin_error error, const char *detail)
{
    w->attempt = NULL;
    w->error = error;
    w->detail = detail;
    loop_task_init(&w->told, tell_failure, w);
    loop_task_queue(t->loop, &w->told);
}

void origin_cancel(struct origin_wait *w)
{
    loop_task_cancel(&w->told);
    park_leave(w);
    if (w->attempt)
        attempt_leave(w->attempt);
}

#include "origin/impl.h"

#include <stdlib.h>

#define SWEEP_MIN_MS 250u /* what is due nearly at once goes together */

/* --- both lists --------------------------------------------------------------------------------------------------- */

static void idle_add(struct pooled *p)
{
    struct origin_target *g = p->conn.target;
    struct origin_thread *t = g->thread;
    p->conn.prev = NULL;
    p->conn.next = g->idle;
    if (g->idle)
        g->idle->prev = &p->conn;
    g->idle = &p->conn;
    g->idle_count++;
    p->newer = NULL;
    p->older = t->idle_newest;
    *(t->idle_newest ? &t->idle_newest->newer : &t->idle_oldest) = p;
    t->idle_newest = p;
    t->idle_count++;
}

void pool_remove(struct pooled *p)
{
    struct origin_target *g = p->conn.target;
    struct origin_thread *t = g->thread;
    *(p->conn.prev ? &p->conn.prev->next : &g->idle) = p->conn.next;
    if (p->conn.next)
        p->conn.next->prev = p->conn.prev;
    g->idle_count--;
    *(p->older ? &p->older->newer : &t->idle_oldest) = p->newer;
    *(p->newer ? &p->newer->older : &t->idle_newest) = p->older;
    t->idle_count--;
    p->conn.next = p->conn.prev = NULL;
    p->older = p->newer = NULL;
}

/* --- the end of one ----------------------------------------------------------------------------------------------- */

void pooled_free(struct pooled *p, enum stream_close how)
{
    target_keep_session(p->conn.target, p->conn.stream);
    if (p->h2)
        shared_free(p->h2, how == STREAM_CLOSE_FLUSH);
    stream_close(p->conn.stream, how);
    free(p);
}

void pool_evict(struct pooled *p, enum stream_close how)
{
    pool_remove(p);
    pooled_free(p, how);
}

void pool_evict_all(struct origin_thread *t)
{
    while (t->idle_oldest)
        pool_evict(t->idle_oldest, STREAM_CLOSE_FLUSH);
}

/* An answer that nobody asked for would be taken for the next request's: the connection is poisoned. */
static void on_idle_read(void *arg)
{
    struct pooled *p = arg;
    if (stream_in(p->conn.stream)->bytes)
        pool_evict(p, STREAM_CLOSE_NOW);
    else if (stream_input(p->conn.stream) != STREAM_IN_OPEN)
        pool_evict(p, STREAM_CLOSE_FLUSH);
}

/* --- too long idle ------------------------------------------------------------------------------------------------ */

/* One timer for all: set when it is not, or too late; so a warm pool never touches it. */
static bool sweep_by(struct origin_thread *t, uint64_t due_ms)
{
    uint64_t now = t->loop->now_ms, in = due_ms > now + SWEEP_MIN_MS ? due_ms - now : SWEEP_MIN_MS;
    if (t->sweep_ms && t->sweep_ms <= now + in)
        return true;
    t->sweep_ms = timer_set(&t->sweep, in) ? now + in : 0;
    return t->sweep_ms != 0;
}

void pool_on_sweep(void *arg)
{
    struct origin_thread *t = arg;
    uint64_t next_due = UINT64_MAX;
    t->sweep_ms = 0;
    for (struct pooled *p = t->idle_oldest, *newer; p; p = newer) {
        newer = p->newer;
        if (p->due_ms <= t->loop->now_ms)
            pool_evict(p, STREAM_CLOSE_FLUSH);
        else if (p->due_ms < next_due)
            next_due = p->due_ms;
    }
    if (t->idle_oldest && !sweep_by(t, next_due))
        pool_evict_all(t);
}

/* --- in and out --------------------------------------------------------------------------------------------------- */

/* The newest that is fit. Those with something unread in the socket, an end or an answer to nothing, stay until the loop
 * tells of it (on_idle_read). */
struct pooled *pool_take(struct origin_target *g)
{
    uint64_t now = g->thread->loop->now_ms;
    for (struct origin_conn *c = g->idle, *next; c; c = next) {
        struct pooled *p = (struct pooled *)c;
        next = c->next;
        if (p->h2)
            continue;
        if (p->due_ms <= now) {
            pool_evict(p, STREAM_CLOSE_FLUSH);
        } else if (stream_is_quiet(c->stream)) {
            pool_remove(p);
            return p;
        }
    }
    return NULL;
}

static bool is_clean(const struct pooled *p)
{
    struct stream *s = p->conn.stream;
    return stream_state(s) == STREAM_OPEN && stream_input(s) == STREAM_IN_OPEN && stream_in(s)->bytes == 0 &&
           stream_out(s)->bytes == 0;
}

bool pool_keep(struct pooled *p)
{
    struct origin_target *g = p->conn.target;
    struct origin_thread *t = g->thread;
    if (p->generation != t->generation || g->idle_count >= g->pool_size)
        return false;
    p->due_ms = t->loop->now_ms + g->pool_idle_ms;
    if (!sweep_by(t, p->due_ms))
        return false;
    target_keep_session(g, p->conn.stream);
    if (t->idle_count >= t->idle_max)
        pool_evict(t->idle_oldest, STREAM_CLOSE_FLUSH);
    idle_add(p);
    return true;
}

bool pool_give(struct pooled *p)
{
    static const struct stream_events idle_events = {.on_read = on_idle_read};
    if (!is_clean(p) || !pool_keep(p))
        return false;
    stream_set_events(p->conn.stream, &idle_events, p);
    stream_set_read_high(p->conn.stream, ORIGIN_READ_HIGH); /* who had it may have read less */
    stream_resume(p->conn.stream, ~0u);
    return true;
}

/* One connection with HTTP/2 and the lanes on it. Lanes only ever ask for its task; frames are written by it, for all of them together. It is
 * freed by its own callbacks' last step alone, never while its session is at work. */
#include "origin/impl.h"

#include <stdlib.h>

#define OUT_HIGH (64u * 1024) /* frames that wait for the socket */

/* --- what the session tells --------------------------------------------------------------------------------------- */

static void tell(struct origin_lane *l)
{
    if (l->events.on_read)
        l->events.on_read(l->arg);
}

static void note_end(struct origin_lane *l, struct h2_stream *s)
{
    const struct headers *t = h2_stream_trailers(s);
    l->input = H2_INPUT_END;
    if (!t)
        return;
    l->trailers_kept = *t;
    l->trailers = &l->trailers_kept;
}

static void on_head(void *arg, struct h2_stream *s, const struct h1_error *refused)
{
    struct origin_lane *l = s->owner;
    if (!l)
        return;
    l->moved++;
    if (refused->status) {
        l->wrong = true;
        l->error = refused->why;
    } else {
        l->head = true;
        if (s->input == H2_INPUT_END)
            note_end(l, s);
    }
    tell(l);
}

static void on_input(void *arg, struct h2_stream *s)
{
    struct origin_lane *l = s->owner;
    size_t n = s->in.bytes;
    if (!l) {
        chunkq_clear(&s->in);
        return;
    }
    if (!chunkq_move(&l->in, &s->in, n)) {
        l->wrong = true;
        l->error = "out of memory";
        h2_stream_reset(s, H2_INTERNAL_ERROR);
    }
    l->moved += n;
    if (s->input == H2_INPUT_END)
        note_end(l, s);
    tell(l);
}

static void on_sent(void *arg, struct h2_stream *s)
{
    struct origin_lane *l = s->owner;
    if (!l)
        return;
    l->moved++;
    if (s->out.bytes <= ORIGIN_DRAINED_AT && l->events.on_drained)
        l->events.on_drained(l->arg);
}

static const char *why_gone(const struct origin_shared *c, const struct origin_lane *l)
{
    if (c->why)
        return c->why;
    return l->refused ? "the origin refused the stream" : "the origin reset the stream";
}

/* It may be asked elsewhere, with the payload that was given so far. */
static void note_refusal(struct origin_lane *l, struct h2_stream *s)
{
    l->refused = true;
    l->nothing_left = s->bytes_sent == 0 && chunkq_move(&l->unsent, &s->out, s->out.bytes);
}

static void note_failure(struct origin_shared *c, struct origin_lane *l, struct h2_stream *s)
{
    const char *error = s->error.status ? s->error.why : h2_session_error(c->session);
    l->input = H2_INPUT_RESET;
    if (h2_client_was_refused(s))
        note_refusal(l, s);
    if (l->wrong)
        return;
    l->wrong = error != NULL && !l->refused;
    l->conn.reused = l->conn.reused && c->why; /* or the connection is well, and asking again would be no better */
    l->error = error ? error : why_gone(c, l);
}

static void on_gone(void *arg, struct h2_stream *s)
{
    struct origin_lane *l = s->owner;
    if (!l)
        return;
    l->stream = NULL;
    if (l->input == H2_INPUT_END)
        return;
    note_failure(arg, l, s);
    tell(l);
}

/* --- in the pool and out of it ------------------------------------------------------------------------------------ */

static struct origin_lane *lane_new(struct origin_shared *c)
{
    struct origin_conn *whole = &c->pooled->conn;
    struct origin_lane *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->conn = (struct origin_conn){.stream = whole->stream, .lane = l, .target = whole->target};
    l->conn.reused = whole->uses > 0;
    l->conn.uses = ++whole->uses;
    l->conn.connect_us = l->conn.reused ? 0 : whole->connect_us;
    l->shared = c;
    chunkq_init(&l->in, &whole->target->thread->loop->chunks);
    chunkq_init(&l->unsent, &whole->target->thread->loop->chunks);
    l->next = c->first;
    if (l->next)
        l->next->prev = l;
    c->first = l;
    return l;
}

static bool has_room(const struct origin_shared *c)
{
    const struct pooled *p = c->pooled;
    if (c->attempt || c->condemned || p->generation != p->conn.target->thread->generation)
        return false;
    /* One that was idle may have ended unnoticed: asked of the kernel, as for HTTP/1. */
    return h2_client_room(c->session) > 0 && (!c->idle || stream_is_quiet(p->conn.stream));
}

static void leave_pool(struct origin_shared *c)
{
    if (!c->idle)
        return;
    pool_remove(c->pooled);
    c->idle = false;
    c->pooled->conn.target->users++;
}

/* The oldest is filled first, so that the others get a chance to end. */
static struct origin_shared *find_room(struct origin_target *g, bool newest)
{
    struct origin_shared *c = newest ? g->newest_shared : g->shared;
    while (c && !has_room(c))
        c = newest ? c->prev : c->next;
    return c;
}

static struct origin_conn *lend(struct origin_shared *c, bool *memory)
{
    struct origin_lane *l = lane_new(c);
    *memory = l != NULL;
    if (!l)
        return NULL;
    leave_pool(c);
    return &l->conn;
}

struct origin_conn *shared_take(struct origin_target *g, bool newest, bool *memory)
{
    struct origin_shared *c = find_room(g, newest);
    return c ? lend(c, memory) : NULL;
}

struct origin_conn *shared_take_first(struct origin_shared *c, bool *memory)
{
    return h2_client_room(c->session) > 0 ? lend(c, memory) : NULL;
}

static void enter_pool(struct origin_shared *c)
{
    if (c->idle)
        return;
    if (c->condemned || h2_client_is_leaving(c->session) || !pool_keep(c->pooled)) {
        struct origin_target *g = c->pooled->conn.target;
        pooled_free(c->pooled, STREAM_CLOSE_FLUSH);
        g->users--;
        return;
    }
    c->idle = true;
    c->pooled->conn.target->users--;
}

/* --- frames ------------------------------------------------------------------------------------------------------- */

static bool write_frames(struct origin_shared *c)
{
    struct stream *s = c->pooled->conn.stream;
    struct chunkq *out = stream_out(s);
    bool ok;
    do
        ok = h2_session_write(c->session, out, OUT_HIGH) && stream_flush(s);
    while (ok && out->bytes == 0 && h2_session_wants_write(c->session));
    return ok;
}

/* The end of c: its lanes hear of it, and so does whoever waits for its greeting. */
static void end(struct origin_shared *c, const char *why)
{
    struct pooled *p = c->pooled;
    struct origin_target *g = p->conn.target;
    struct origin_attempt *a = c->attempt;
    bool was_lent = !c->idle && !a;
    c->why = why;
    if (c->idle)
        pool_remove(p);
    g->users++;
    pooled_free(p, h2_session_error(c->session) ? STREAM_CLOSE_FLUSH : STREAM_CLOSE_NOW); /* it may read why */
    if (a)
        attempt_not_greeted(a, why);
    g->users -= 1u + was_lent;
}

static const char *why_over(const struct origin_shared *c)
{
    const char *session = h2_session_error(c->session), *stream = stream_error(c->pooled->conn.stream);
    return session ? session : stream && stream[0] ? stream : "connection closed";
}

/* After anything that may have changed something; may free c. */
static void settle(struct origin_shared *c, bool ended)
{
    bool ok = write_frames(c) && !ended && !h2_session_error(c->session);
    if (!ok || (h2_session_is_over(c->session) && !h2_session_first(c->session))) {
        end(c, why_over(c));
        return;
    }
    if (c->attempt) {
        if (!h2_client_is_greeted(c->session))
            return;
        struct origin_attempt *a = c->attempt;
        c->attempt = NULL;
        loop_task_queue(c->pooled->conn.target->thread->loop, &c->task); /* c may be gone after the next line */
        attempt_greeted(a);
        return;
    }
    if (!c->first && !h2_session_first(c->session))
        enter_pool(c);
}

static void on_task(void *arg)
{
    settle(arg, false);
}

/* A peer that makes us say more than it reads is not heard until it has read. */
static bool hears(const struct origin_shared *c)
{
    return !h2_session_is_clogged(c->session) || stream_out(c->pooled->conn.stream)->bytes < OUT_HIGH;
}

static void on_read(void *arg)
{
    struct origin_shared *c = arg;
    struct pooled *p = c->pooled;
    struct stream *s = p->conn.stream;
    struct loop *loop = p->conn.target->thread->loop;
    if (!hears(c))
        return;
    if (stream_in(s)->bytes) {
        c->heard_ms = loop->now_ms;
        h2_session_read(c->session, stream_in(s), loop->now_ms);
    }
    stream_resume(s, 0);
    settle(c, stream_input(s) != STREAM_IN_OPEN && stream_in(s)->bytes == 0);
}

static void on_drained(void *arg)
{
    on_read(arg);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static void link_in(struct origin_shared *c)
{
    struct origin_target *g = c->pooled->conn.target;
    c->prev = g->newest_shared;
    *(g->newest_shared ? &g->newest_shared->next : &g->shared) = c;
    g->newest_shared = c;
}

static void unlink_from(struct origin_shared *c)
{
    struct origin_target *g = c->pooled->conn.target;
    *(c->prev ? &c->prev->next : &g->shared) = c->next;
    *(c->next ? &c->next->prev : &g->newest_shared) = c->prev;
}

bool shared_open(struct pooled *p, struct origin_attempt *a)
{
    static const struct h2_events session_events = {NULL, on_head, on_input, on_sent, on_gone};
    static const struct stream_events events = {.on_read = on_read, .on_drained = on_drained};
    struct loop *loop = p->conn.target->thread->loop;
    struct origin_shared *c = calloc(1, sizeof *c);
    if (!c)
        return false;
    c->session = h2_client_new(&loop->chunks, &session_events, c);
    if (!c->session) {
        free(c);
        return false;
    }
    c->pooled = p;
    c->attempt = a;
    c->heard_ms = loop->now_ms;
    p->h2 = c;
    p->conn.uses = 0;
    link_in(c);
    loop_task_init(&c->task, on_task, c);
    stream_set_events(p->conn.stream, &events, c);
    loop_task_queue(loop, &c->task); /* our greeting */
    stream_poll(p->conn.stream);     /* the origin's may be there already */
    return true;
}

static void release(void *p)
{
    free(p);
}

/* What they have received is still theirs. */
static void let_lanes_go(struct origin_shared *c)
{
    while (c->first) {
        struct origin_lane *l = c->first;
        c->first = l->next;
        l->shared = NULL;
    }
}

void shared_free(struct origin_shared *c, bool politely)
{
    struct loop *loop = c->pooled->conn.target->thread->loop;
    unlink_from(c);
    if (politely) {
        h2_session_end(c->session, H2_NO_ERROR, "done");
        h2_session_write(c->session, stream_out(c->pooled->conn.stream), SIZE_MAX);
    }
    let_lanes_go(c);
    h2_session_free(c->session); /* tells those with a stream */
    loop_task_cancel(&c->task);
    loop_defer_free(loop, &c->task, release, c);
}

void shared_close_all(struct origin_target *g)
{
    while (g->shared) {
        struct origin_shared *c = g->shared;
        if (c->idle)
            pool_remove(c->pooled);
        else
            g->users--;
        pooled_free(c->pooled, STREAM_CLOSE_FLUSH);
    }
}

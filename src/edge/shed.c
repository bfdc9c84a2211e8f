/* Memory or places are short: who is asked to come again, and who is let go. */
#include "edge/shed.h"

#include <stdio.h>

#include "base/chunkq.h"
#include "base/clock.h"
#include "edge/conn.h"
#include "edge/tunnel.h"

#define RETRY_AFTER_S 5u
#define GUESTS_ALWAYS 8u /* of a thread, whatever is held */
#define GUEST_MS 3000u   /* for the handshake, and for the head */
#define PICKS 128u       /* let go by one sweep at most: the next one sees what that has brought */

/* Who is let go only then, is not let go for a pause between two packets. */
#define IDLE_MS 1000u
#define HEAD_MS 5000u
#define BEHIND_MS 3000u           /* after the grace of pace.c */
#define BEHIND_SHORT_MS 1000u     /* when it costs others their requests */
#define BEHIND_SIGNED_IN_MS 8000u /* strangers who came later go before */
#define BEHIND_RATE 1024u
#define SILENT_MS 60000u
#define EXCHANGE_COST 8192u

/* Blocks that wait for reuse: as much as makes a difference to speed, and little beside the bound. */
#define CHUNKS_KEPT 256u
#define BLOCKS_KEPT 512u

/* --- new work --------------------------------------------------------------------------------------------------------- */

enum shed_entry shed_at_door(const struct edge_thread *t)
{
    const struct budget *b = &t->shared->budget;
    if (budget_level(b) < BUDGET_FULL)
        return SHED_WELCOME;
    return t->guests < GUESTS_ALWAYS || budget_held(b) < budget_limit(b) ? SHED_GUEST : SHED_AWAY;
}

uint32_t shed_patience_ms(const struct conn *c, uint32_t ms)
{
    return c->guest && ms > GUEST_MS ? GUEST_MS : ms;
}

bool shed_refuses(const struct exchange *x)
{
    const struct budget *b = &x->thread->shared->budget;
    if (budget_level(b) < BUDGET_SHORT || x->tried_fresh) /* what was begun is ended */
        return false;
    /* What strangers are refused is the reserve of people who are signed in, to the last byte. */
    return !x->who || budget_held(b) >= budget_limit(b);
}

enum ex_next shed_refuse(struct exchange *x)
{
    struct answer_request q;
    struct answer a;
    exchange_answer_request(x, "overloaded", &q);
    q.retry_after_s = RETRY_AFTER_S;
    /* Idle it would be let go at the next sweep, and others could not come in meanwhile. A trusted proxy's is not one person's. */
    if (!x->who && x->conn->address && budget_level(&x->thread->shared->budget) >= BUDGET_TIGHT)
        x->must_close = true;
    if (!answer_status(&q, 503, &a))
        return exchange_end(x, true);
    return exchange_reply(x, &a, "overloaded");
}

/* --- who goes first --------------------------------------------------------------------------------------------------- */

enum rank { RANK_STAYS = 0, RANK_SIGNED_IN, RANK_STRANGER, RANK_HEAD, RANK_IDLE };

struct pick {
    struct conn *conn;
    enum rank rank;
    uint64_t measure; /* within a rank: older, or larger, goes first */
    size_t holds;
};

struct picks {
    size_t n;
    struct pick v[PICKS];
};

/* With HTTP/1 there are none. They may outlive their exchange: by the end of an answer that is still to be sent. */
static const struct h2_stream *streams_of(const struct conn *c)
{
    return c->state == CONN_H2 ? h2_session_first(c->h2.session) : NULL;
}

static size_t holds(const struct conn *c)
{
    size_t n = stream_holds(c->stream);
    for (const struct h2_stream *s = streams_of(c); s; s = s->next)
        n += chunkq_holds(&s->in) + chunkq_holds(&s->out);
    for (const struct exchange *x = c->exchanges; x; x = x->next)
        n += EXCHANGE_COST + chunkq_holds(&x->from_client) + chunkq_holds(&x->form) + chunkq_holds(&x->from_origin) +
             (x->origin ? x->via->holds(x) : 0);
    return n;
}

/* Of a body that is still to come. */
static bool sends_too_little(const struct exchange *x, uint32_t for_ms, uint64_t now)
{
    uint64_t span = now - x->rate_ms;
    return x->state == EX_RELAY && x->rate_ms && span >= for_ms &&
           !pace_suffices(x->bytes_in - x->rate_bytes, BEHIND_RATE, span);
}

/* Payload that lies here while its origin is still looked for. */
static bool waits_with_payload(const struct exchange *x, uint32_t for_ms, uint64_t now)
{
    return x->state == EX_CONNECT && now >= x->start_us / 1000 + for_ms &&
           x->client->early_bytes(x) + x->from_client.bytes > 0;
}

static bool stands_still(const struct exchange *x, uint32_t for_ms, uint64_t now)
{
    return (x->origin && x->via->is_behind(x, for_ms, BEHIND_RATE, now)) || sends_too_little(x, for_ms, now) ||
           waits_with_payload(x, for_ms, now) || (x->lane && pace_h2_is_behind(x->lane, for_ms, BEHIND_RATE, now)) ||
           (x->state == EX_TUNNEL && !x->who && tunnel_silent_ms(x->tunnel, now) >= SILENT_MS);
}

/* What is left of an answer whose exchange is over. */
static bool is_rest(const struct h2_stream *s)
{
    return !s->owner && h2_stream_has_unsent(s);
}

/* What was begun a moment ago, and of which nothing has left, says nothing of its client. */
static bool is_sent(const struct h2_stream *s, uint32_t for_ms, uint64_t now)
{
    return h2_stream_has_unsent(s) && s->bytes_sent > 0 && !pace_h2_is_behind(s, for_ms, BEHIND_RATE, now);
}

/* One that its client has shut out is enough, whatever moves beside it: rests have no place, and one that drips would hold all others here. Who only
 * waits for his turn is not meant, as long as there is somebody whose turn it is. */
static bool rests_stand_still(const struct conn *c, uint32_t for_ms, uint64_t now)
{
    bool behind = false, moves = false;
    for (const struct h2_stream *s = streams_of(c); s; s = s->next) {
        bool is_behind = is_rest(s) && pace_h2_is_behind(s, for_ms, BEHIND_RATE, now);
        if (is_behind && h2_stream_is_shut(s))
            return true;
        behind |= is_behind;
        moves |= is_sent(s, for_ms, now);
    }
    return behind && !moves;
}

/* Who has proven it on this connection: with HTTP/2 for all that it still carries. */
static bool has_identity(const struct conn *c)
{
    for (const struct exchange *x = c->exchanges; x; x = x->next)
        if (x->who)
            return true;
    return c->state == CONN_H2 && c->h2.signed_in;
}

/* And no rest moves. */
static bool exchanges_stand_still(const struct conn *c, uint32_t for_ms, uint64_t now)
{
    for (const struct exchange *x = c->exchanges; x; x = x->next)
        if (!stands_still(x, for_ms, now))
            return false;
    for (const struct h2_stream *s = streams_of(c); s; s = s->next)
        if (is_rest(s) && is_sent(s, for_ms, now))
            return false;
    return c->exchanges != NULL;
}

static bool does_not_move(const struct conn *c, uint64_t now)
{
    uint32_t stranger_ms = c->thread->level >= BUDGET_SHORT ? BEHIND_SHORT_MS : BEHIND_MS;
    uint32_t for_ms = has_identity(c) ? BEHIND_SIGNED_IN_MS : stranger_ms;
    return rests_stand_still(c, for_ms, now) || exchanges_stand_still(c, for_ms, now) ||
           pace_is_behind(&c->pace, for_ms, BEHIND_RATE, now);
}

static enum rank rank_of_busy(const struct conn *c, uint64_t now)
{
    if (!does_not_move(c, now))
        return RANK_STAYS;
    return has_identity(c) ? RANK_SIGNED_IN : RANK_STRANGER;
}

static enum rank rank_of(const struct conn *c, uint64_t now)
{
    uint64_t age = now - c->since_ms;
    switch (c->state) {
    case CONN_IDLE:
        return age >= IDLE_MS ? RANK_IDLE : RANK_STAYS;
    case CONN_HANDSHAKE:
    case CONN_HEAD:
    case CONN_DISCARD:
        return age >= HEAD_MS ? RANK_HEAD : RANK_STAYS;
    case CONN_EXCHANGE:
    case CONN_TUNNEL:
        return rank_of_busy(c, now);
    case CONN_H2:
        if (c->h2.state == H2_CONN_BUSY) /* with the end of an answer, maybe, that lies in no queue any more */
            return rank_of_busy(c, now);
        return age >= IDLE_MS ? RANK_IDLE : RANK_STAYS;
    case CONN_CLOSED:
        break;
    }
    return RANK_STAYS;
}

static bool goes_before(const struct pick *a, const struct pick *b)
{
    return a->rank != b->rank ? a->rank > b->rank : a->measure > b->measure;
}

static void picks_add(struct picks *p, const struct pick *new)
{
    if (p->n == PICKS && !goes_before(new, &p->v[PICKS - 1]))
        return;
    size_t at = p->n < PICKS ? p->n++ : PICKS - 1;
    for (; at > 0 && goes_before(new, &p->v[at - 1]); at--)
        p->v[at] = p->v[at - 1];
    p->v[at] = *new;
}

static void pick_all(struct edge_thread *t, struct picks *p)
{
    uint64_t now = t->loop->now_ms;
    for (struct conn *c = t->conns; c; c = c->next) {
        struct pick one = {.conn = c, .rank = rank_of(c, now)};
        if (one.rank == RANK_STAYS)
            continue;
        one.holds = holds(c);
        one.measure = one.rank >= RANK_HEAD ? now - c->since_ms : one.holds;
        picks_add(p, &one);
    }
}

/* --- letting go ------------------------------------------------------------------------------------------------------- */

static void let_go(const struct pick *p)
{
    struct conn *c = p->conn;
    for (struct exchange *x = c->exchanges; x; x = x->next)
        x->detail = "memory is short";
    conn_close(c, p->rank == RANK_IDLE ? STREAM_CLOSE_FLUSH : STREAM_CLOSE_NOW);
}

/* This thread's part of what is held above the end of `level`. */
static size_t too_much(const struct edge_thread *t, enum budget_level level)
{
    const struct budget *b = &t->shared->budget;
    size_t held = budget_held(b), enough = budget_end_of(level, budget_limit(b));
    if (held <= enough)
        return 0;
    return (size_t)((double)(held - enough) * ((double)t->loop->meter.held / (double)held));
}

static void make_room(struct edge_thread *t)
{
    struct picks picks = {.n = 0};
    size_t freed = 0, goal = too_much(t, BUDGET_TIGHT),
           last_resort = t->level == BUDGET_FULL ? too_much(t, BUDGET_FULL) : 0;
    pick_all(t, &picks);
    for (size_t i = 0; i < picks.n; i++) {
        if (freed >= (picks.v[i].rank == RANK_SIGNED_IN ? last_resort : goal))
            continue;
        freed += picks.v[i].holds;
        let_go(&picks.v[i]);
    }
}

/* With HTTP/1 its connection goes with it, and it is freed. */
static void give_up(struct exchange *x)
{
    x->detail = "its place was wanted";
    if (x->lane)
        exchange_end(x, true);
    else
        conn_close(x->conn, STREAM_CLOSE_NOW);
}

static void give_up_what_does_not_move(struct conn *c, uint64_t now)
{
    bool behind = pace_is_behind(&c->pace, BEHIND_MS, BEHIND_RATE, now);
    for (struct exchange *x = c->exchanges, *next; x; x = next) {
        next = x->next;
        if (places_is_wanted(x) && (behind || stands_still(x, BEHIND_MS, now)))
            give_up(x);
    }
}

/* Strangers found no place at the origins: those do without who have one and do not move. */
static void make_places(struct edge_thread *t)
{
    if (!places_are_wanted(t))
        return;
    for (struct conn *c = t->conns, *next; c; c = next) {
        next = c->next;
        give_up_what_does_not_move(c, t->loop->now_ms);
    }
}

/* --- the sweep -------------------------------------------------------------------------------------------------------- */

/* No more than is right now; where the level fell, again as much. */
static void hold_what_is_right(struct conn *c)
{
    for (struct exchange *x = c->exchanges; x; x = x->next) {
        if (!x->origin || x->state < EX_RELAY || x->state > EX_TUNNEL)
            continue;
        x->via->may_hold(x);
        if (!x->lane)
            stream_set_read_high(c->stream, exchange_high(x));
    }
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void keep_less(struct edge_thread *t)
{
    size_t limit = t->level == BUDGET_CALM ? budget_limit(&t->shared->budget) : 0;
    slab_set_keep(&t->loop->chunks, least(CHUNKS_KEPT, limit / 64 / CHUNK_BLOCK));
    slab_set_keep(&t->loop->blocks, least(BLOCKS_KEPT, limit / 128 / t->loop->blocks.size));
}

static void tell(struct edge_thread *t)
{
    const struct budget *b = &t->shared->budget;
    char line[192], time[24];
    if (atomic_exchange_explicit(&t->shared->level_told, t->level, memory_order_relaxed) == t->level)
        return;
    clock_format_iso(clock_wall_us(), time);
    int n = snprintf(line, sizeof line,
                     "{\"time\":\"%.*s\",\"event\":\"memory\",\"level\":\"%s\",\"held\":%zu,\"limit\":%zu}\n",
                     (int)sizeof time, time, budget_level_name(t->level), budget_held(b), budget_limit(b));
    log_ring_put(t->ring, span_make(line, (size_t)n));
}

static void level_changed(struct edge_thread *t, enum budget_level before)
{
    if (t->level > before)
        origin_thread_flush(t->origins);
    if ((t->level == BUDGET_CALM) == (before == BUDGET_CALM))
        return;
    keep_less(t);
    for (struct conn *c = t->conns; t->level == BUDGET_CALM && c; c = c->next)
        hold_what_is_right(c);
}

void shed_configure(struct edge_thread *t, const struct limits_config *l)
{
    size_t memory = l->memory_kib ? (size_t)l->memory_kib * 1024 : t->shared->memory;
    t->loop->meter.budget = &t->shared->budget;
    budget_set_limit(&t->shared->budget, memory);
    places_configure(t->shared, l, memory);
    keep_less(t);
}

void shed_sweep(struct edge_thread *t)
{
    enum budget_level before = t->level;
    meter_tell(&t->loop->meter);
    t->level = budget_level(&t->shared->budget);
    if (t->level != before)
        level_changed(t, before);
    if (t->hold && !span_eq(t->hold->snapshot->log.to, SPAN("none")))
        tell(t);
    make_places(t);
    if (t->level == BUDGET_CALM)
        return;
    for (struct conn *c = t->conns; c; c = c->next)
        hold_what_is_right(c);
    make_room(t);
}

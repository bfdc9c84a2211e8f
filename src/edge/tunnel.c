/* An upgraded connection. When one side ends, what it sent goes out, the other side is ended too and has a moment to
 * answer; then both are cut: a client that is gone must not hold a place at its origin. */
#include "edge/tunnel.h"

#include <stdlib.h>

#include "base/clock.h"
#include "http/ws_frames.h"

#define BOUNDARY_MS 50u
#define FINISH_MS 100u  /* after Close: when thousands are told at once, nobody's waits for the ends of others */
#define PARTING_MS 700u /* FINISH_MS included, and one sweep more: within a second */
/* A silent client is found out after 40 s. What the origin says just before that starts a wait of its own, which must end within 90 s of the
 * last sign of life too. */
#define KEEPALIVE_IDLE_S 30
#define KEEPALIVE_INTERVAL_S 10
#define USER_TIMEOUT_MS 40000u

enum tunnel_state {
    TUNNEL_OPEN = 0,
    TUNNEL_CLOSING, /* Close is to be said at the next boundary */
    TUNNEL_SAID,    /* it was; the client has a moment to answer */
    TUNNEL_PARTING, /* one side has ended by itself; the other has a moment */
    TUNNEL_OVER
};

struct tunnel {
    struct exchange *x;      /* back */
    struct stream *origin;   /* the origin layer's */
    struct timer limit;      /* CLOSING: for a boundary; SAID: until both sides are ended */
    struct ws_frames frames; /* of the origin */
    enum tunnel_state state;
    enum tunnel_code code;
    uint64_t seen, seen_ms, parting_ms;
    uint64_t sent, sent_ms; /* to the origin */
};

static const char *code_text(enum tunnel_code code)
{
    switch (code) {
    case TUNNEL_RESTART:
        return "restart";
    case TUNNEL_SESSION_ENDED:
        return "session ended";
    case TUNNEL_RULES_CHANGED:
        return "rules changed";
    }
    return "";
}

/* The origin takes nothing of what its client sent. */
static bool is_stuck(const struct tunnel *t)
{
    return stream_unsent(t->origin) > 0 && t->x->thread->loop->now_ms - t->sent_ms >= PARTING_MS;
}

/* The last thing a callback does: t is gone afterwards. */
static void end_tunnel(struct tunnel *t, const char *why)
{
    struct exchange *x = t->x;
    t->state = TUNNEL_OVER;
    x->detail = why;
    origin_drop(x->thread->origins, x->origin, is_stuck(t) ? STREAM_CLOSE_NOW : STREAM_CLOSE_FLUSH);
    x->origin = NULL;
    x->client->tunnel_end(x);
}

static void set_parting(struct tunnel *t, enum tunnel_state to)
{
    t->state = to;
    t->parting_ms = t->x->thread->loop->now_ms + PARTING_MS;
}

static bool client_is_over(struct tunnel *t)
{
    return t->x->client->tunnel_input(t->x) != STREAM_IN_OPEN && t->x->client->tunnel_in(t->x)->bytes == 0;
}

static bool origin_is_over(struct tunnel *t)
{
    return stream_input(t->origin) != STREAM_IN_OPEN && stream_in(t->origin)->bytes == 0;
}

/* --- copying ---------------------------------------------------------------------------------------------------------- */

/* One round: what fits into the client's queue, whole frames only when Close waits to be said. */
static bool move_to_client(struct tunnel *t, size_t *moved)
{
    struct chunkq *in = stream_in(t->origin), *out = t->x->client->tunnel_out(t->x);
    *moved = 0;
    while (in->bytes > 0 && out->bytes < t->x->client->high(t->x)) {
        size_t n = ws_frames_take(&t->frames, chunkq_peek(in), t->state == TUNNEL_CLOSING);
        if (n == 0)
            break;
        if (!chunkq_move(out, in, n))
            return false;
        *moved += n;
    }
    t->x->bytes_out += *moved;
    return true;
}

static bool copy_to_client(struct tunnel *t)
{
    size_t moved;
    if (t->state == TUNNEL_SAID)
        return true;
    do {
        if (!move_to_client(t, &moved))
            return false;
        if (moved > 0)
            t->x->client->flush(t->x);
    } while (moved > 0);
    stream_resume(t->origin, 0);
    return true;
}

static bool copy_to_origin(struct tunnel *t)
{
    struct exchange *x = t->x;
    struct chunkq *in = x->client->tunnel_in(x), *out = stream_out(t->origin);
    size_t high = exchange_origin_high(x), before = in->bytes;
    if (t->state == TUNNEL_SAID) /* what still comes is the answer to our Close; the origin gets no more */
        chunkq_clear(in);
    while (in->bytes > 0 && out->bytes < high) {
        size_t room = high - out->bytes, n = in->bytes < room ? in->bytes : room;
        if (!chunkq_move(out, in, n))
            return false;
        x->bytes_in += n;
        stream_flush(t->origin);
    }
    x->client->tunnel_took(x, before - in->bytes);
    return true;
}

/* --- ending ------------------------------------------------------------------------------------------------------------- */

/* False: no memory. */
static bool say_close(struct tunnel *t)
{
    uint8_t frame[WS_CLOSE_MAX + 2];
    if (t->state != TUNNEL_CLOSING || !ws_frames_at_boundary(&t->frames))
        return true;
    size_t n = ws_close_frame((uint16_t)t->code, span_of(code_text(t->code)), frame);
    if (!chunkq_append(t->x->client->tunnel_out(t->x), span_make(frame, n)))
        return false;
    set_parting(t, TUNNEL_SAID);
    t->x->client->flush(t->x);
    return timer_set(&t->limit, FINISH_MS);
}

static void finish(struct tunnel *t)
{
    stream_finish(t->origin);
    t->x->client->tunnel_finish(t->x); /* a server that has said Close ends TCP first (RFC 6455 §7.1.1) */
}

static void part(struct tunnel *t)
{
    if (client_is_over(t))
        stream_finish(t->origin);
    if (origin_is_over(t))
        t->x->client->tunnel_finish(t->x);
    if (t->state == TUNNEL_OPEN || t->state == TUNNEL_CLOSING)
        set_parting(t, TUNNEL_PARTING);
}

static void pump(struct tunnel *t)
{
    if (t->state == TUNNEL_OVER)
        return;
    bool ok = copy_to_origin(t) && copy_to_client(t) && say_close(t);
    bool client_over = client_is_over(t), origin_over = origin_is_over(t);
    if (!ok)
        end_tunnel(t, "out of memory");
    else if (client_over && (origin_over || t->state == TUNNEL_SAID))
        end_tunnel(t, t->state == TUNNEL_SAID ? code_text(t->code) : NULL);
    else if (client_over || origin_over)
        part(t);
}

static void on_open(void *arg)
{
}

static void on_event(void *arg)
{
    pump(arg);
}

static void on_limit(void *arg)
{
    struct tunnel *t = arg;
    if (t->state == TUNNEL_CLOSING)
        end_tunnel(t, code_text(t->code));
    else if (t->state == TUNNEL_SAID)
        finish(t);
}

bool tunnel_is_open(const struct tunnel *t)
{
    return t->state == TUNNEL_OPEN;
}

void tunnel_close(struct tunnel *t, enum tunnel_code code)
{
    if (t->state == TUNNEL_PARTING) { /* nothing can be said any more, and a slow reader has no more time */
        end_tunnel(t, code_text(code));
        return;
    }
    if (t->state != TUNNEL_OPEN)
        return;
    t->state = TUNNEL_CLOSING;
    t->code = code;
    if (timer_set(&t->limit, BOUNDARY_MS))
        pump(t);
    else
        end_tunnel(t, code_text(code));
}

void tunnel_cut(struct tunnel *t, const char *reason)
{
    if (t->state == TUNNEL_OVER)
        return;
    t->state = TUNNEL_OVER;
    t->x->detail = reason;
}

/* --- life ------------------------------------------------------------------------------------------------------------------ */

void tunnel_keepalive(struct stream *s)
{
    stream_keepalive(s, KEEPALIVE_IDLE_S, KEEPALIVE_INTERVAL_S, USER_TIMEOUT_MS);
}

void tunnel_on_client(struct tunnel *t)
{
    pump(t);
}

struct tunnel *tunnel_start(struct exchange *x)
{
    static const struct stream_events events = {on_open, on_event, on_event};
    struct tunnel *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->x = x;
    t->origin = x->origin->stream;
    t->seen_ms = t->sent_ms = x->thread->loop->now_ms;
    timer_init(&t->limit, x->thread->loop, on_limit, t);
    stream_set_events(t->origin, &events, t);
    tunnel_keepalive(t->origin);
    stream_poll(t->origin); /* bytes that came before the 101 are still in the input */
    return t;
}

/* What it sent may lie unread before its end, where the origin takes nothing. */
static bool client_left(const struct tunnel *t)
{
    return t->x->client->tunnel_input(t->x) != STREAM_IN_OPEN || stream_peer_ended(t->x->conn->stream);
}

static void note_progress(struct tunnel *t, uint64_t now)
{
    uint64_t sent = stream_bytes_written(t->origin);
    if (sent != t->sent || stream_unsent(t->origin) == 0) {
        t->sent = sent;
        t->sent_ms = now;
    }
    uint64_t seen = t->x->bytes_in + stream_bytes_read(t->origin) + t->x->client->tunnel_written(t->x);
    if (seen == t->seen)
        return;
    t->seen = seen;
    t->seen_ms = now;
}

uint64_t tunnel_silent_ms(const struct tunnel *t, uint64_t now)
{
    return now - t->seen_ms;
}

/* Either side that does not read holds the other's place. */
static enum pace_verdict pace_of_both(struct tunnel *t, uint64_t now)
{
    struct exchange *x = t->x;
    const struct limits_config *limits = &x->snapshot->limits;
    struct pace_limits l = pace_limits_of(limits, limits->backpressure_timeout_ms);
    enum pace_verdict client = x->client->tunnel_pace(x, &l, now);
    enum pace_verdict origin = pace_check(&x->origin_pace, t->origin, &l, now);
    return client != PACE_FINE ? client : origin;
}

void tunnel_sweep(struct tunnel *t)
{
    struct exchange *x = t->x;
    uint64_t now = x->thread->loop->now_ms;
    note_progress(t, now);
    if (t->state != TUNNEL_SAID && is_stuck(t) && client_left(t)) {
        end_tunnel(t, "client went away");
        return;
    }
    /* What the origin said last may still be on its way to a slow client: then it has as long as any slow reader. */
    bool delivering = x->client->tunnel_out(x)->bytes > 0 && x->client->tunnel_input(x) == STREAM_IN_OPEN &&
                      now - t->seen_ms < x->snapshot->limits.write_timeout_ms;
    if (t->state != TUNNEL_SAID && x->who && clock_wall_s() >= x->check.ends_s) {
        tunnel_close(t, TUNNEL_SESSION_ENDED);
        return; /* t may be gone */
    }
    enum pace_verdict pace = pace_of_both(t, now);
    if (pace != PACE_FINE)
        end_tunnel(t, pace_text(pace));
    else if (t->state == TUNNEL_SAID && now >= t->parting_ms)
        end_tunnel(t, code_text(t->code));
    else if (t->state == TUNNEL_PARTING && now >= t->parting_ms && !delivering)
        end_tunnel(t, NULL);
    else if (now - t->seen_ms >= x->snapshot->limits.tunnel_idle_timeout_ms)
        end_tunnel(t, "idle");
}

void tunnel_free(struct tunnel *t)
{
    if (!t)
        return;
    timer_fini(&t->limit);
    free(t);
}

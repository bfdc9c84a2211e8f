/* The HTTP/2 side of struct origin_ops: a lane on a connection that others use too. Nothing here writes a frame: the connection's task does,
 * for all of its lanes together. */
#include "edge/origin_ops.h"
#include "edge/relay.h"
#include "origin/lane.h"

#define LANE_COST 1024u          /* codec and all, about */
#define WINDOW_LEAST (8u * 1024) /* less would cost many round trips */

static struct origin_lane *lane_of(const struct exchange *x)
{
    return x->origin->lane;
}

static void open_origin(struct exchange *x)
{
    lane_of(x)->events = relay_origin_events;
    lane_of(x)->arg = x;
}

/* --- request -------------------------------------------------------------------------------------------------------- */

static bool has_payload(const struct http_request *r)
{
    return r->body != BODY_NONE && !(r->body == BODY_LENGTH && r->content_length == 0);
}

/* What may come before it is taken. */
static size_t window(const struct exchange *x)
{
    size_t high = x->client->high(x);
    return high < WINDOW_LEAST ? WINDOW_LEAST : high;
}

static bool send_head(struct exchange *x, const struct headers *extra)
{
    const struct limits_config *l = &x->snapshot->limits;
    struct h2_ask ask = {
        .req = &x->req,
        .scheme = x->site->origin->tls ? SPAN("https") : SPAN("http"),
        .authority = x->host_field,
        .extra = extra,
        .te_trailers = x->te_trailers,
        .ends = !has_payload(&x->req),
        .arena = &x->arena,
        .resp = &x->resp,
        .limits = {.head_bytes = l->header_bytes, .fields = l->header_fields},
        .window = window(x),
    };
    return origin_lane_ask(lane_of(x), &ask);
}

/* What an origin that has reset the stream does not take any more goes nowhere: why it did follows by read_body. */
static bool send_body(struct exchange *x, struct chunkq *from, size_t n)
{
    struct h2_stream *s = lane_of(x)->stream;
    if (s)
        return chunkq_move(&s->out, from, n);
    lane_of(x)->nothing_left = false;
    chunkq_drop(from, n);
    return true;
}

static bool send_trailers(struct exchange *x, const struct headers *h)
{
    struct h2_stream *s = lane_of(x)->stream;
    return !s || h2_stream_send_trailers(s, h);
}

static bool send_end(struct exchange *x)
{
    struct h2_stream *s = lane_of(x)->stream;
    if (s)
        h2_stream_finish(s);
    return true;
}

static void flush(struct exchange *x)
{
    origin_lane_flush(lane_of(x));
}

static size_t backlog(const struct exchange *x)
{
    const struct h2_stream *s = lane_of(x)->stream;
    return s ? s->out.bytes : 0;
}

/* --- response ------------------------------------------------------------------------------------------------------- */

static enum origin_says wrong(struct exchange *x)
{
    x->origin_error = lane_of(x)->error;
    return ORIGIN_WRONG;
}

static enum origin_says read_head(struct exchange *x)
{
    struct origin_lane *l = lane_of(x);
    if (l->head) {
        l->head = false;
        relay_hears_origin(x);
        return ORIGIN_DONE;
    }
    if (l->wrong)
        return wrong(x);
    return l->input == H2_INPUT_OPEN ? ORIGIN_WAITS : ORIGIN_WENT;
}

static void begin_body(struct exchange *x)
{
}

static enum origin_says read_body(struct exchange *x)
{
    struct origin_lane *l = lane_of(x);
    size_t most = x->client->high(x), have = x->from_origin.bytes, room = have < most ? most - have : 0;
    size_t n = l->in.bytes < room ? l->in.bytes : room;
    if (n > 0 && !chunkq_move_at_most(&x->from_origin, &l->in, n, room))
        return ORIGIN_NO_MEMORY;
    x->bytes_out += n;
    origin_lane_took(l, n);
    if (l->in.bytes > 0)
        return ORIGIN_WAITS;
    if (l->wrong)
        return wrong(x);
    if (l->input == H2_INPUT_END)
        return ORIGIN_DONE;
    return l->input == H2_INPUT_RESET && n == 0 ? ORIGIN_WENT : ORIGIN_WAITS;
}

static struct headers *trailers(struct exchange *x)
{
    return lane_of(x)->trailers;
}

static void may_hold(struct exchange *x)
{
    struct origin_lane *l = lane_of(x);
    if (!l->stream)
        return;
    h2_client_set_window(l->stream, window(x));
    origin_lane_flush(l);
}

/* Begun among many streams it was told of little, and would have a round trip for each bit of that for as long as it lasts. Not by small steps: each
 * costs a frame. */
static void resume(struct exchange *x)
{
    const struct h2_stream *s = lane_of(x)->stream;
    if (s && window(x) >= 2 * s->window)
        may_hold(x);
}

static const char *why_went(const struct exchange *x)
{
    return lane_of(x)->error;
}

static bool had_no_effect(const struct exchange *x)
{
    return lane_of(x)->refused;
}

static bool take_back(struct exchange *x)
{
    struct origin_lane *l = lane_of(x);
    bool whole = l->nothing_left && x->from_client.bytes == 0;
    if (!whole || !chunkq_move(&x->from_client, &l->unsent, l->unsent.bytes))
        return false;
    x->body_taken = false;
    return true;
}

static bool is_clean(const struct exchange *x)
{
    return true;
}

/* --- for sweeps ----------------------------------------------------------------------------------------------------- */

static uint64_t moved(const struct exchange *x)
{
    return lane_of(x)->moved;
}

/* An origin that holds the stream's window shut, or drips it open; or the connection's, or TCP's: then all of its lanes wait. */
static enum pace_verdict pace(struct exchange *x, const struct pace_limits *limits, uint64_t now_ms)
{
    struct origin_lane *l = lane_of(x);
    struct h2_stream *s = l->stream;
    uint64_t behind_ms = s ? pace_of_h2(s, limits->rate, now_ms) : 0;
    if (behind_ms == 0) {
        x->origin_pace = (struct pace){.since_ms = 0};
        return PACE_FINE;
    }
    if (limits->held_ms && behind_ms >= limits->held_ms)
        return PACE_HELD;
    return pace_check(&x->origin_pace, x->origin->stream, limits, now_ms);
}

static bool is_behind(const struct exchange *x, uint32_t for_ms, uint32_t rate, uint64_t now_ms)
{
    const struct h2_stream *s = lane_of(x)->stream;
    return pace_is_behind(&x->origin_pace, for_ms, rate, now_ms) || (s && pace_h2_is_behind(s, for_ms, rate, now_ms));
}

static size_t holds(const struct exchange *x)
{
    const struct origin_lane *l = lane_of(x);
    return LANE_COST + chunkq_holds(&l->in) + chunkq_holds(&l->unsent) +
           (l->stream ? chunkq_holds(&l->stream->out) : 0);
}

const struct origin_ops h2_origin_ops = {
    .open = open_origin,
    .send_head = send_head,
    .send_body = send_body,
    .send_trailers = send_trailers,
    .send_end = send_end,
    .flush = flush,
    .backlog = backlog,
    .read_head = read_head,
    .begin_body = begin_body,
    .read_body = read_body,
    .trailers = trailers,
    .resume = resume,
    .why_went = why_went,
    .had_no_effect = had_no_effect,
    .take_back = take_back,
    .is_clean = is_clean,
    .moved = moved,
    .pace = pace,
    .is_behind = is_behind,
    .holds = holds,
    .may_hold = may_hold,
};

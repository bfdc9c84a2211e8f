/* The HTTP/1 side of struct origin_ops: a connection lent to this one exchange, framing on and off. RFC 9112 §6, §9. */
#include "edge/origin_ops.h"
#include "edge/relay.h"

static void open_origin(struct exchange *x)
{
    struct stream *s = x->origin->stream;
    x->resp_scanned = 0;
    stream_set_read_high(s, x->client->high(x));
    stream_set_events(s, &relay_origin_events, x);
}

/* --- request -------------------------------------------------------------------------------------------------------- */

static bool send_head(struct exchange *x, const struct headers *extra)
{
    return h1_write_request(stream_out(x->origin->stream), &x->req, x->host_field, extra,
                            x->req.websocket ? SPAN("upgrade") : SPAN_NONE);
}

static bool send_body(struct exchange *x, struct chunkq *from, size_t n)
{
    return h1_body_write(x->req.body, stream_out(x->origin->stream), from, n);
}

static bool send_end(struct exchange *x)
{
    return h1_body_write_end(x->req.body, stream_out(x->origin->stream));
}

static void flush(struct exchange *x)
{
    stream_flush(x->origin->stream);
}

static size_t backlog(const struct exchange *x)
{
    return stream_out(x->origin->stream)->bytes;
}

/* --- response ------------------------------------------------------------------------------------------------------- */

static enum origin_says wrong(struct exchange *x, const char *why)
{
    x->origin_error = why;
    return ORIGIN_WRONG;
}

static enum origin_says take_head(struct exchange *x, size_t head_n)
{
    struct chunkq *in = stream_in(x->origin->stream);
    const struct limits_config *l = &x->snapshot->limits;
    struct h1_limits limits = {.head_bytes = l->header_bytes, .fields = l->header_fields};
    struct h1_error error = {0};
    uint8_t *head = arena_alloc(&x->arena, head_n);
    if (!head)
        return ORIGIN_NO_MEMORY;
    chunkq_copy(in, head_n, head);
    chunkq_drop(in, head_n);
    x->resp_scanned = 0;
    if (!h1_parse_response(span_make(head, head_n), &limits, x->req.method, &x->arena, &x->resp, &error))
        return wrong(x, error.why);
    return ORIGIN_DONE;
}

static enum origin_says head_incomplete(struct exchange *x)
{
    struct stream *s = x->origin->stream;
    if (stream_input(s) != STREAM_IN_OPEN)
        return ORIGIN_WENT;
    size_t more = stream_in(s)->bytes + EDGE_READ_LEAST, high = x->client->high(x);
    stream_set_read_high(s, more < high ? high : more); /* a head must fit whole, whatever may wait by now */
    return ORIGIN_WAITS;
}

/* RFC 9113 §3.4: its first frame is SETTINGS, of the connection. */
static bool speaks_http2(const struct chunkq *in)
{
    static const uint8_t settings[] = {4, 0, 0, 0, 0, 0}; /* type, flags, stream */
    uint8_t head[9];
    if (in->bytes < sizeof(head))
        return false;
    chunkq_copy(in, sizeof(head), head);
    return memcmp(head + 3, settings, sizeof(settings)) == 0;
}

static enum origin_says read_head(struct exchange *x)
{
    struct chunkq *in = stream_in(x->origin->stream);
    size_t head_n = 0;
    if (in->bytes == 0)
        return head_incomplete(x);
    relay_hears_origin(x);
    switch (h1_scan_head(in, x->snapshot->limits.header_bytes, &x->resp_scanned, &head_n)) {
    case H1_SCAN_DONE:
        return take_head(x, head_n);
    case H1_SCAN_BAD:
        return wrong(x, speaks_http2(in) ? "it speaks HTTP/2, so its `http` should be \"2\"" : "not HTTP");
    case H1_SCAN_TOO_LARGE:
        return wrong(x, "head too large");
    case H1_SCAN_MORE:
        break;
    }
    return head_incomplete(x);
}

static void begin_body(struct exchange *x)
{
    h1_body_init(&x->resp_body, x->resp.body, x->resp.content_length);
    if (x->client->send_trailers)
        x->resp_body.keep_in = &x->arena;
}

/* The origin's side has ended and no byte is left. Only a body that ends with the connection may end so, and only cleanly. */
static enum origin_says ended_by_close(const struct exchange *x)
{
    bool may = x->resp_body.kind == BODY_UNTIL_CLOSE && stream_input(x->origin->stream) == STREAM_IN_EOF;
    return may ? ORIGIN_DONE : ORIGIN_WENT;
}

static enum origin_says read_body(struct exchange *x)
{
    struct stream *s = x->origin->stream;
    struct h1_body *b = &x->resp_body;
    if (!h1_body_read(b, stream_in(s), &x->from_origin, x->client->high(x), &x->bytes_out))
        return ORIGIN_NO_MEMORY;
    if (b->state == H1_BODY_BAD)
        return wrong(x, b->why);
    if (b->state == H1_BODY_END)
        return ORIGIN_DONE;
    if (x->from_origin.bytes == 0 && stream_input(s) != STREAM_IN_OPEN)
        return ended_by_close(x);
    return ORIGIN_WAITS;
}

static struct headers *trailers(struct exchange *x)
{
    struct headers *h = x->resp_body.kept_n > 0 ? arena_alloc(&x->arena, sizeof *h) : NULL;
    return h && h1_body_trailers(&x->resp_body, h) ? h : NULL;
}

/* What waits for the client and what is read ahead are together what may wait: who stalls holds nothing twice, the rest waits at the origin. A
 * client that takes some lets it go on (exchange_on_drained). */
static void resume(struct exchange *x)
{
    struct stream *s = x->origin->stream;
    size_t high = x->client->high(x), waits = x->client->backlog(x), room = waits < high ? high - waits : 0;
    if (room < EDGE_READ_LEAST)
        room = 0;
    stream_set_read_high(s, stream_in(s)->bytes + room);
    stream_resume(s, 0);
}

static const char *why_went(const struct exchange *x)
{
    return stream_error(x->origin->stream);
}

static bool had_no_effect(const struct exchange *x)
{
    return false; /* nothing tells */
}

/* Nothing is queued either way, and the origin wants to go on. Whether one that was asked for an upgrade went on with HTTP, it alone
 * knows. */
static bool is_clean(const struct exchange *x)
{
    struct stream *s = x->origin->stream;
    return x->resp.keep_alive && x->resp.status >= 200 && !x->req.websocket && stream_out(s)->bytes == 0 &&
           stream_in(s)->bytes == 0 && stream_input(s) == STREAM_IN_OPEN;
}

/* --- for sweeps ----------------------------------------------------------------------------------------------------- */

static uint64_t moved(const struct exchange *x)
{
    return stream_bytes_read(x->origin->stream) + stream_bytes_written(x->origin->stream);
}

static enum pace_verdict pace(struct exchange *x, const struct pace_limits *l, uint64_t now_ms)
{
    return pace_check(&x->origin_pace, x->origin->stream, l, now_ms);
}

static bool is_behind(const struct exchange *x, uint32_t for_ms, uint32_t rate, uint64_t now_ms)
{
    return pace_is_behind(&x->origin_pace, for_ms, rate, now_ms);
}

static size_t holds(const struct exchange *x)
{
    return stream_holds(x->origin->stream);
}

/* Before the body a head comes, and must fit. */
static void may_hold(struct exchange *x)
{
    if (x->resp_state == RESP_BODY)
        resume(x);
    else if (x->resp_state == RESP_END) /* a tunnel */
        stream_set_read_high(x->origin->stream, x->client->high(x));
}

const struct origin_ops h1_origin_ops = {
    .open = open_origin,
    .send_head = send_head,
    .send_body = send_body,
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
    .is_clean = is_clean,
    .moved = moved,
    .pace = pace,
    .is_behind = is_behind,
    .holds = holds,
    .may_hold = may_hold,
};

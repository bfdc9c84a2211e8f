/* The HTTP/2 side of struct client_ops. Nothing here writes a frame: the connection's task does, for all exchanges together. */
#include "edge/h2_write.h"

#include "edge/tunnel.h"

#define ALL_STREAMS (512u * 1024)
_Static_assert(ALL_STREAMS / (PLACES_STREAMS_MOST + 1) >= EDGE_READ_LEAST, "or nothing of an answer would be read");
#define STREAM_LEAST (16u * 1024)
#define WINDOW_LEAST (16u * 1024) /* what a stream may send at once anyway */

static void ask_for_task(struct exchange *x)
{
    if (x->conn->state == CONN_CLOSED)
        return;
    loop_task_queue(x->thread->loop, &x->conn->task);
}

static bool send_head(struct exchange *x, struct http_response *resp, const struct headers *extra)
{
    ask_for_task(x);
    return h2_stream_respond(x->lane, resp, extra);
}

static bool send_interim(struct exchange *x, unsigned status, const struct headers *fields)
{
    ask_for_task(x);
    return h2_stream_interim(x->lane, status, fields);
}

static bool send_body(struct exchange *x, struct chunkq *from, size_t n)
{
    return chunkq_move(&x->lane->out, from, n);
}

static bool send_end(struct exchange *x)
{
    h2_stream_finish(x->lane);
    return true;
}

static void flush(struct exchange *x)
{
    h2_stream_wake(x->lane);
    ask_for_task(x);
}

static size_t backlog(const struct exchange *x)
{
    return x->lane->out.bytes;
}

/* However many others there are: as much as its window has let through, up to a chunk's worth. Who opens many and none of their windows is given little
 * to hold. */
static size_t least(const struct exchange *x)
{
    uint64_t sent = x->lane->bytes_sent;
    return sent < STREAM_LEAST ? (size_t)sent : STREAM_LEAST;
}

/* Streams that are open together share it; of a hundred each has 5 KiB at least. */
static size_t high(const struct exchange *x)
{
    size_t all = exchange_high(x), share = ALL_STREAMS / (x->conn->h2.streams + 1), few = least(x);
    return share < few ? few : share < all ? share : all;
}

/* Nobody is told that more may come than does. */
static void widen(struct exchange *x)
{
    bool fits = x->req.body == BODY_LENGTH && x->req.content_length <= WINDOW_LEAST;
    if (!fits)
        h2_stream_widen(x->lane, high(x));
}

static enum h1_body_state read_body(struct exchange *x)
{
    struct h2_stream *s = x->lane;
    if (x->req.websocket) /* what comes is the tunnel's, and no origin sees it before it has switched (RFC 8441 §5) */
        return s->input == H2_INPUT_RESET ? H1_BODY_BAD : H1_BODY_END;
    widen(x); /* there is somebody to read it */
    size_t most = high(x), have = x->from_client.bytes, n = have < most ? most - have : 0;
    n = s->in.bytes < n ? s->in.bytes : n;
    if (n > 0 && !chunkq_move(&x->from_client, &s->in, n))
        return H1_BODY_BAD;
    x->bytes_in += n;
    h2_stream_took(s, n);
    if (n > 0)
        ask_for_task(x); /* the window opens */
    if (s->input == H2_INPUT_RESET)
        return H1_BODY_BAD;
    return s->input == H2_INPUT_END && s->in.bytes == 0 ? H1_BODY_END : H1_BODY_MORE;
}

static struct headers *trailers(struct exchange *x)
{
    return x->lane->input == H2_INPUT_END ? h2_stream_trailers(x->lane) : NULL;
}

static bool send_trailers(struct exchange *x, const struct headers *h)
{
    return h2_stream_send_trailers(x->lane, h);
}

static const char *body_error(const struct exchange *x)
{
    return "reset";
}

/* RFC 9113 §8.1: what is left of a request can always be declined without harm to others. */
static bool can_go_on(const struct exchange *x)
{
    return true;
}

static bool start_tunnel(struct exchange *x)
{
    h2_stream_widen(x->lane, high(x));
    tunnel_keepalive(x->conn->stream);
    x->tunnel = tunnel_start(x);
    return x->tunnel != NULL;
}

static void done(struct exchange *x, bool cut)
{
    if (x->lane && cut)
        h2_stream_reset(x->lane, H2_INTERNAL_ERROR);
    ask_for_task(x);
}

static bool is_tls(const struct exchange *x)
{
    return stream_is_tls(x->conn->stream);
}

static bool cert_covers(const struct exchange *x, struct span host)
{
    return stream_cert_covers(x->conn->stream, host);
}

static size_t early_bytes(const struct exchange *x)
{
    return x->req.websocket ? 0 : x->lane->in.bytes;
}

/* --- tunnels ------------------------------------------------------------------------------------------------------ */

static struct chunkq *tunnel_in(struct exchange *x)
{
    return &x->lane->in;
}

static struct chunkq *tunnel_out(struct exchange *x)
{
    return &x->lane->out;
}

static enum stream_input tunnel_input(const struct exchange *x)
{
    switch (x->lane->input) {
    case H2_INPUT_OPEN:
        return STREAM_IN_OPEN;
    case H2_INPUT_END:
        return STREAM_IN_EOF;
    case H2_INPUT_RESET:
        break;
    }
    return STREAM_IN_ERROR;
}

static void tunnel_took(struct exchange *x, size_t n)
{
    h2_stream_took(x->lane, n);
    if (n > 0)
        ask_for_task(x);
}

/* The connection's pace is its sweep's to judge, the stream's too. */
static enum pace_verdict tunnel_pace(struct exchange *x, const struct pace_limits *l, uint64_t now_ms)
{
    return PACE_FINE;
}

static uint64_t tunnel_written(const struct exchange *x)
{
    return x->lane->bytes_sent;
}

static void tunnel_finish(struct exchange *x)
{
    h2_stream_finish(x->lane);
    ask_for_task(x);
}

/* Both ends have been said, or it is cut: RFC 8441 §5. */
static void tunnel_end(struct exchange *x)
{
    struct h2_stream *s = x->lane;
    bool clean = s->input == H2_INPUT_END;
    h2_stream_finish_both(s);
    exchange_end(x, false);
    if (!clean && s->out.bytes == 0)
        h2_stream_reset(s, H2_CANCEL);
}

const struct client_ops h2_client_ops = {
    .send_head = send_head,
    .send_interim = send_interim,
    .send_body = send_body,
    .send_end = send_end,
    .flush = flush,
    .backlog = backlog,
    .high = high,
    .read_body = read_body,
    .body_error = body_error,
    .trailers = trailers,
    .send_trailers = send_trailers,
    .can_go_on = can_go_on,
    .start_tunnel = start_tunnel,
    .done = done,
    .is_tls = is_tls,
    .cert_covers = cert_covers,
    .early_bytes = early_bytes,
    .tunnel_in = tunnel_in,
    .tunnel_out = tunnel_out,
    .tunnel_input = tunnel_input,
    .tunnel_took = tunnel_took,
    .tunnel_written = tunnel_written,
    .tunnel_pace = tunnel_pace,
    .tunnel_finish = tunnel_finish,
    .tunnel_end = tunnel_end,
};

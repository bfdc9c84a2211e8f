/* The HTTP/1 side of struct client_ops: framing, Connection, request payload. RFC 9112 §6, §9. */
#include "edge/conn_write.h"

#include "edge/tunnel.h"

/* What we read and throw away of a refused request's body to keep the connection: longer ones end it. */
#define DISCARD_MAX (64u * 1024)

/* How the body travels to this client: what the origin framed by close or in chunks is chunked for HTTP/1.1, and ends with the
 * connection for HTTP/1.0 (RFC 9112 §7.1: no chunks to 1.0). */
static enum body_kind framing_for(const struct exchange *x, enum body_kind kind)
{
    if (kind != BODY_CHUNKED && kind != BODY_UNTIL_CLOSE)
        return kind;
    return x->req.version == HTTP_1_1 ? BODY_CHUNKED : BODY_UNTIL_CLOSE;
}

static struct span connection_field(const struct exchange *x, const struct conn *c)
{
    if (c->end != CONN_KEEP)
        return SPAN("close");
    return x->req.version == HTTP_1_0 ? SPAN("keep-alive") : SPAN_NONE;
}

static bool send_head(struct exchange *x, struct http_response *resp, const struct headers *extra)
{
    struct conn *c = x->conn;
    struct chunkq *out = stream_out(c->stream);
    if (resp->status == 101)
        return h1_write_response(out, resp, extra, SPAN("upgrade"));
    resp->body = framing_for(x, resp->body);
    c->framing = resp->body;
    if (c->framing == BODY_UNTIL_CLOSE || x->must_close)
        c->end = CONN_FINISH;
    return h1_write_response(out, resp, extra, connection_field(x, c));
}

static bool send_interim(struct exchange *x, unsigned status, const struct headers *fields)
{
    if (x->req.version != HTTP_1_1) /* RFC 9110 §15.2: not to 1.0 */
        return true;
    bool ok = h1_write_interim(stream_out(x->conn->stream), status, fields);
    stream_flush(x->conn->stream);
    return ok;
}

static bool send_body(struct exchange *x, struct chunkq *from, size_t n)
{
    return h1_body_write(x->conn->framing, stream_out(x->conn->stream), from, n);
}

static bool send_end(struct exchange *x)
{
    return h1_body_write_end(x->conn->framing, stream_out(x->conn->stream));
}

static void flush(struct exchange *x)
{
    stream_flush(x->conn->stream);
}

static size_t backlog(const struct exchange *x)
{
    return stream_out(x->conn->stream)->bytes;
}

static size_t high(const struct exchange *x)
{
    return exchange_high(x);
}

static enum h1_body_state read_body(struct exchange *x)
{
    struct conn *c = x->conn;
    struct chunkq *in = stream_in(c->stream);
    if (c->body.state != H1_BODY_MORE)
        return c->body.state;
    if (in->bytes && x->from_client.bytes < exchange_high(x)) {
        if (!h1_body_read(&c->body, in, &x->from_client, exchange_high(x), &x->bytes_in))
            return H1_BODY_BAD;
        if (c->body.state == H1_BODY_MORE)
            stream_resume(c->stream, 0);
    }
    /* A body that ends before its length or last chunk is no body (RFC 9112 §8). */
    if (c->body.state == H1_BODY_MORE && in->bytes == 0 && stream_input(c->stream) != STREAM_IN_OPEN)
        return H1_BODY_BAD;
    return c->body.state;
}

static const char *body_error(const struct exchange *x)
{
    return x->conn->body.why;
}

/* What remains of the request's body is small enough to be read and thrown away. */
static bool can_go_on(const struct exchange *x)
{
    const struct h1_body *b = &x->conn->body;
    return b->state == H1_BODY_END || (b->kind == BODY_LENGTH && b->left <= DISCARD_MAX);
}

/* --- tunnels ------------------------------------------------------------------------------------------------------ */

static void on_tunnel(void *arg)
{
    tunnel_on_client(arg);
}

static bool start_tunnel(struct exchange *x)
{
    static const struct stream_events events = {NULL, on_tunnel, on_tunnel};
    struct conn *c = x->conn;
    x->tunnel = tunnel_start(x);
    if (!x->tunnel)
        return false;
    c->state = CONN_TUNNEL;
    stream_set_events(c->stream, &events, x->tunnel);
    tunnel_keepalive(c->stream);
    stream_flush(c->stream);
    stream_poll(c->stream); /* bytes that came before the 101 are still in the input */
    return true;
}

static struct chunkq *tunnel_in(struct exchange *x)
{
    return stream_in(x->conn->stream);
}

static struct chunkq *tunnel_out(struct exchange *x)
{
    return stream_out(x->conn->stream);
}

static enum stream_input tunnel_input(const struct exchange *x)
{
    return stream_input(x->conn->stream);
}

static void tunnel_took(struct exchange *x, size_t n)
{
    stream_resume(x->conn->stream, 0);
}

static uint64_t tunnel_written(const struct exchange *x)
{
    return stream_bytes_written(x->conn->stream);
}

static enum pace_verdict tunnel_pace(struct exchange *x, const struct pace_limits *l, uint64_t now_ms)
{
    return pace_check(&x->conn->pace, x->conn->stream, l, now_ms);
}

static void tunnel_finish(struct exchange *x)
{
    stream_finish(x->conn->stream);
}

static void tunnel_end(struct exchange *x)
{
    conn_close(x->conn, STREAM_CLOSE_FLUSH);
}

static void done(struct exchange *x, bool cut)
{
    struct conn *c = x->conn;
    if (c->state == CONN_CLOSED)
        return;
    if (cut)
        c->end = CONN_CUT;
    loop_task_queue(c->thread->loop, &c->task);
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
    return stream_in(x->conn->stream)->bytes;
}

const struct client_ops conn_client_ops = {
    .send_head = send_head,
    .send_interim = send_interim,
    .send_body = send_body,
    .send_end = send_end,
    .flush = flush,
    .backlog = backlog,
    .high = high,
    .read_body = read_body,
    .body_error = body_error,
    .start_tunnel = start_tunnel,
    .done = done,
    .is_tls = is_tls,
    .cert_covers = cert_covers,
    .early_bytes = early_bytes,
    .can_go_on = can_go_on,
    .tunnel_in = tunnel_in,
    .tunnel_out = tunnel_out,
    .tunnel_input = tunnel_input,
    .tunnel_took = tunnel_took,
    .tunnel_written = tunnel_written,
    .tunnel_pace = tunnel_pace,
    .tunnel_finish = tunnel_finish,
    .tunnel_end = tunnel_end,
};

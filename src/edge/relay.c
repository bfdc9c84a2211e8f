/* The last steps: a connection to the origin, the request to it, its response back. Both bodies stream with bounded memory: each side is
 * read only while the other one takes. */

#include "base/clock.h"
#include "edge/conn.h"
#include "edge/tunnel.h"
#include "http/ws.h"

#define INTERIMS_MAX 16u /* 1xx before a final head: more is an attack (security: 1xx flood) */

static void on_origin_read(void *arg);
static void on_origin_drained(void *arg);
static void on_origin_open(void *arg);

static const struct stream_events origin_events = {on_origin_open, on_origin_read, on_origin_drained};

static void pump(struct exchange *x);

/* --- connect ---------------------------------------------------------------------------------------------------------- */

static const struct {
    unsigned status;
    const char *reason;
} connect_failures[] = {
    [ORIGIN_OK] = {500, "internal-error"},
    [ORIGIN_RESOLVE] = {502, "origin-dns"},
    [ORIGIN_REFUSED] = {502, "origin-refused"},
    [ORIGIN_UNREACHABLE] = {502, "origin-unreachable"},
    [ORIGIN_TIMEOUT] = {504, "origin-connect-timeout"},
    [ORIGIN_TLS_VERIFY] = {502, "origin-certificate"},
    [ORIGIN_TLS] = {502, "origin-tls"},
    [ORIGIN_LIMIT] = {503, "origin-busy"},
    [ORIGIN_MEMORY] = {503, "out-of-memory"},
};

static struct span tls_name(const struct exchange *x)
{
    const struct origin_config *o = x->site->origin;
    switch (o->host_mode) {
    case ORIGIN_NAME_CLIENT:
        return host_span(&x->host);
    case ORIGIN_NAME_FIXED:
        return o->host_fixed;
    case ORIGIN_NAME_OWN:
        break;
    }
    return x->origin_host_name;
}

static void take_conn(struct exchange *x, struct origin_conn *conn)
{
    x->origin = conn;
    x->connect_us = clock_mono_us();
    x->origin_ms = x->thread->loop->now_ms;
    x->origin_seen = 0;
    stream_set_events(conn->stream, &origin_events, x);
    x->state = EX_RELAY;
}

static void on_conn(void *arg, struct origin_conn *conn, enum origin_error error, const char *detail)
{
    struct exchange *x = arg;
    if (!conn) {
        x->detail = detail;
        exchange_refuse(x, connect_failures[error].status, connect_failures[error].reason);
        return;
    }
    take_conn(x, conn);
    exchange_run(x);
}

enum ex_next exchange_connect(struct exchange *x)
{
    if (!x->origin_host_name.p && !forward_prepare(x))
        return exchange_refuse(x, 503, "out-of-memory");
    if (!x->gate_us && x->who)
        x->gate_us = clock_mono_us();
    x->wait = (struct origin_wait){.on_conn = on_conn, .arg = x};
    struct origin_ask ask = {
        .origin = x->site->origin,
        .captured = x->captured,
        .tls_name = tls_name(x),
        .fresh = x->tried_fresh,
    };
    struct origin_conn *conn = origin_take(x->thread->origins, &ask, &x->wait);
    if (!conn)
        return EX_WAIT;
    take_conn(x, conn);
    return EX_MORE;
}

enum ex_next exchange_relay(struct exchange *x)
{
    if (!forward_write_request(x, stream_out(x->origin->stream)))
        return exchange_refuse(x, 503, "out-of-memory");
    pump(x);
    return x->state == EX_DONE ? EX_END : EX_WAIT;
}

/* --- failures ---------------------------------------------------------------------------------------------------------- */

static bool may_retry(const struct exchange *x)
{
    bool repeatable = x->req.method == M_GET || x->req.method == M_HEAD;
    return repeatable && x->req.body == BODY_NONE && !x->req.websocket && x->origin->reused && !x->tried_fresh &&
           x->resp_state == RESP_NONE && x->interims == 0 && !x->body_taken;
}

/* The origin went before its answer was complete. A pooled connection may have died unnoticed: what can have had no effect is tried once
 * more, on a new one (RFC 9110 §9.2.2, RFC 9112 §9.3.1). */
static void origin_went(struct exchange *x)
{
    x->detail = stream_error(x->origin->stream);
    if (may_retry(x)) {
        origin_drop(x->thread->origins, x->origin, STREAM_CLOSE_NOW);
        x->origin = NULL;
        x->tried_fresh = true;
        x->detail = NULL;
        x->state = EX_CONNECT;
        exchange_run(x);
        return;
    }
    exchange_refuse(x, 502, x->resp_state == RESP_NONE ? "origin-closed" : "origin-truncated");
}

static void origin_broke(struct exchange *x, const char *why)
{
    x->detail = why;
    exchange_refuse(x, 502, "origin-bad-response");
}

static void client_broke(struct exchange *x)
{
    x->must_close = true;
    x->detail = x->conn->body.why;
    exchange_refuse(x, 400, "bad-body");
}

/* --- request ----------------------------------------------------------------------------------------------------------- */

static void send_continue(struct exchange *x)
{
    if (!x->req.expect_continue || x->continue_sent || x->body_state != H1_BODY_MORE)
        return;
    x->continue_sent = true;
    if (x->client->early_bytes(x) == 0) /* who sends already needs no leave (RFC 9110 §10.1.1) */
        x->client->send_interim(x, 100, NULL);
    x->client->flush(x);
}

/* One round: payload from the client into the origin's queue. True: something moved. */
static bool move_request(struct exchange *x)
{
    struct chunkq *out = stream_out(x->origin->stream);
    if (x->request_sent || out->bytes >= EDGE_HIGH)
        return false;
    x->body_state = x->client->read_body(x);
    size_t n = x->from_client.bytes;
    bool ok = true;
    if (n > 0) {
        x->body_taken = true;
        ok = h1_body_write(x->req.body, out, &x->from_client, n);
    }
    if (ok && x->body_state == H1_BODY_END) {
        ok = h1_body_write_end(x->req.body, out);
        x->request_sent = ok;
    }
    if (!ok)
        exchange_refuse(x, 503, "out-of-memory");
    else if (x->body_state == H1_BODY_BAD)
        client_broke(x);
    return x->state == EX_RELAY && n > 0;
}

static void pump_request(struct exchange *x)
{
    bool moved;
    do {
        moved = move_request(x);
        if (x->state != EX_RELAY)
            return;
        stream_flush(x->origin->stream);
    } while (moved);
    send_continue(x);
}

/* --- response head ------------------------------------------------------------------------------------------------------ */

static void send_final_head(struct exchange *x)
{
    struct headers extra;
    if (!x->request_sent) /* an early answer: what the client still sends has no place on this connection any more */
        x->must_close = true;
    if (x->req.websocket && x->client->early_bytes(x) > 0) /* bytes of a protocol that was refused */
        x->must_close = true;
    h1_body_init(&x->resp_body, x->resp.body, x->resp.content_length);
    x->status = x->resp.status;
    if (!respond_prepare(x, &extra) || !x->client->send_head(x, &x->resp, &extra)) {
        exchange_end(x, true);
        return;
    }
    x->resp_state = RESP_BODY;
}

static void switch_protocols(struct exchange *x)
{
    struct headers extra;
    struct span key = headers_only(&x->req.headers, H_SEC_WEBSOCKET_KEY);
    if (!x->req.websocket || !ws_response_ok(&x->resp, key)) {
        origin_broke(x, "unasked or wrong 101");
        return;
    }
    x->status = 101;
    x->resp_state = RESP_END;
    if (!respond_prepare(x, &extra) || !x->client->send_head(x, &x->resp, &extra)) {
        exchange_end(x, true);
        return;
    }
    struct tunnel *t = tunnel_start(x, x->conn->stream);
    if (!t) {
        exchange_end(x, true);
        return;
    }
    x->conn->tunnel = t;
    x->client->take_stream(x);
}

static void send_interim(struct exchange *x)
{
    struct headers *h = &x->resp.headers;
    if (++x->interims > INTERIMS_MAX) {
        origin_broke(x, "too many interim responses");
        return;
    }
    x->resp_state = RESP_NONE;
    if (x->resp.status == 100) /* ours to say, and said */
        return;
    headers_drop_hop_by_hop(h);
    headers_drop(h, H_SET_COOKIE);
    headers_drop(h, H_TIERGATE);
    if (!x->client->send_interim(x, x->resp.status, h))
        exchange_end(x, true);
}

static void read_head(struct exchange *x, size_t head_n)
{
    struct chunkq *in = stream_in(x->origin->stream);
    const struct limits_config *l = &x->snapshot->limits;
    struct h1_limits limits = {.head_bytes = l->header_bytes, .fields = l->header_fields};
    struct h1_error error = {0};
    uint8_t *head = arena_alloc(&x->arena, head_n);
    if (!head) {
        exchange_refuse(x, 503, "out-of-memory");
        return;
    }
    chunkq_copy(in, head_n, head);
    chunkq_drop(in, head_n);
    x->resp_scanned = 0;
    if (!h1_parse_response(span_make(head, head_n), &limits, x->req.method, &x->arena, &x->resp, &error))
        origin_broke(x, error.why);
    else if (x->resp.status == 101)
        switch_protocols(x);
    else if (x->resp.status < 200)
        send_interim(x);
    else
        send_final_head(x);
}

/* Heads until the final one is through. True: go on with the body. */
static bool read_heads(struct exchange *x)
{
    while (x->state == EX_RELAY && x->resp_state < RESP_BODY && x->conn->state != CONN_TUNNEL) {
        struct chunkq *in = stream_in(x->origin->stream);
        size_t head_n = 0;
        enum h1_scan scan =
            in->bytes ? h1_scan_head(in, x->snapshot->limits.header_bytes, &x->resp_scanned, &head_n) : H1_SCAN_MORE;
        if (in->bytes && x->resp_state == RESP_NONE) {
            x->resp_state = RESP_HEAD;
            x->first_byte_us = clock_mono_us();
        }
        if (scan == H1_SCAN_DONE)
            read_head(x, head_n);
        else if (scan != H1_SCAN_MORE)
            origin_broke(x, scan == H1_SCAN_BAD ? "not HTTP" : "head too large");
        else if (stream_input(x->origin->stream) != STREAM_IN_OPEN)
            origin_went(x);
        else
            return false;
    }
    return x->state == EX_RELAY && x->resp_state == RESP_BODY && x->conn->state != CONN_TUNNEL;
}

/* --- response body ------------------------------------------------------------------------------------------------------ */

/* The origin's side has ended and no byte is left. Only a body that ends with the connection may end so, and only cleanly. */
static void body_ended_by_close(struct exchange *x)
{
    if (x->resp_body.kind != BODY_UNTIL_CLOSE || stream_input(x->origin->stream) != STREAM_IN_EOF) {
        origin_went(x);
        return;
    }
    x->resp_state = RESP_END;
    if (!x->client->send_end(x))
        exchange_end(x, true);
}

/* One round: payload from the origin into the client's queue. True: something moved. */
static bool move_response(struct exchange *x)
{
    struct stream *from = x->origin->stream;
    if (x->resp_state != RESP_BODY || x->client->backlog(x) >= EDGE_HIGH)
        return false;
    bool ok = h1_body_read(&x->resp_body, stream_in(from), &x->from_origin, EDGE_HIGH, &x->bytes_out);
    size_t n = x->from_origin.bytes;
    if (ok && n > 0)
        ok = x->client->send_body(x, &x->from_origin, n);
    if (ok && x->resp_body.state == H1_BODY_END) {
        x->resp_state = RESP_END;
        ok = x->client->send_end(x);
    }
    if (!ok)
        exchange_end(x, true);
    else if (x->resp_body.state == H1_BODY_BAD)
        origin_broke(x, x->resp_body.why);
    else if (x->resp_state == RESP_BODY && n == 0 && stream_input(from) != STREAM_IN_OPEN)
        body_ended_by_close(x);
    return x->state == EX_RELAY && n > 0;
}

static void pump_response(struct exchange *x)
{
    if (!read_heads(x))
        return;
    bool moved;
    do {
        moved = move_response(x);
        if (x->state != EX_RELAY)
            return;
        x->client->flush(x);
    } while (moved && x->resp_state == RESP_BODY);
    if (x->resp_state == RESP_END)
        exchange_end(x, false);
    else
        stream_resume(x->origin->stream, 0);
}

/* --- events ------------------------------------------------------------------------------------------------------------- */

static void pump(struct exchange *x)
{
    pump_request(x);
    if (x->state == EX_RELAY && x->conn->state != CONN_TUNNEL)
        pump_response(x);
}

static void on_origin_open(void *arg)
{
}

static void on_origin_read(void *arg)
{
    struct exchange *x = arg;
    if (x->state == EX_RELAY)
        pump_response(x);
}

static void on_origin_drained(void *arg)
{
    struct exchange *x = arg;
    if (x->state == EX_RELAY)
        pump_request(x);
}

void exchange_on_body(struct exchange *x)
{
    if (x->state == EX_RELAY && !x->request_sent)
        pump_request(x);
}

void exchange_on_drained(struct exchange *x)
{
    if (x->state == EX_RELAY)
        pump_response(x);
}

/* --- deadlines ---------------------------------------------------------------------------------------------------------- */

static void request_stalled(struct exchange *x)
{
    x->must_close = true;
    exchange_refuse(x, 408, "body-timeout");
}

void exchange_sweep(struct exchange *x)
{
    if (x->state != EX_RELAY)
        return;
    struct stream *o = x->origin->stream;
    uint64_t now = x->thread->loop->now_ms, seen = stream_bytes_read(o) + stream_bytes_written(o);
    bool client_is_slow = x->client->backlog(x) > 0; /* has a limit of its own: conn_sweep */
    if (seen != x->origin_seen || client_is_slow) {
        x->origin_seen = seen;
        x->origin_ms = now;
        return;
    }
    uint64_t still = now - x->origin_ms;
    const struct origin_config *oc = x->site->origin;
    bool client_owes = !x->request_sent && stream_out(o)->bytes == 0;
    if (client_owes && x->resp_state < RESP_BODY) {
        if (still >= x->snapshot->limits.body_timeout_ms)
            request_stalled(x);
    } else if (x->resp_state < RESP_BODY && stream_out(o)->bytes == 0) {
        if (still >= oc->first_byte_timeout_ms)
            exchange_refuse(x, 504, "origin-timeout");
    } else if (oc->idle_timeout_ms && still >= oc->idle_timeout_ms) {
        exchange_refuse(x, 504, "origin-idle");
    }
}

/* The step before the last: a connection to the origin, pooled or new. */
#include "base/clock.h"
#include "edge/conn.h"
#include "edge/origin_ops.h"
#include "edge/shed.h"

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
    [ORIGIN_DESCRIPTORS] = {503, "out-of-descriptors"},
    [ORIGIN_NO_HTTP2] = {502, "origin-no-http2"},
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

/* WebSockets go by HTTP/1.1. Where HTTP/2 is known beforehand there is none; with TLS it is asked for. */
static bool is_http2_only(const struct origin_config *o)
{
    return o->http == ORIGIN_HTTP_2 && !o->tls;
}

static void take_conn(struct exchange *x, struct origin_conn *conn)
{
    x->origin = conn;
    x->connect_us = clock_mono_us();
    x->origin_ms = x->thread->loop->now_ms;
    x->origin_seen = 0;
    x->origin_pace = (struct pace){.since_ms = 0};
    x->via = conn->lane ? &h2_origin_ops : &h1_origin_ops;
    if (conn->lane)
        places_share(x);
    x->via->open(x);
    x->state = EX_RELAY;
}

static void on_conn(void *arg, struct origin_conn *conn, enum origin_error error, const char *detail)
{
    struct exchange *x = arg;
    if (!conn) {
        x->detail = detail;
        if (error == ORIGIN_UNREACHABLE && x->thread->state == EDGE_DRAINING) {
            exchange_refuse(x, 503, "restarting"); /* its port is beyond this sandbox; the worker that follows has it */
            return;
        }
        exchange_refuse(x, connect_failures[error].status, connect_failures[error].reason);
        return;
    }
    take_conn(x, conn);
    exchange_run(x);
}

/* From here on it may hold much: no more than is right now. False: there is no place. */
static bool enter(struct exchange *x)
{
    const char *why = places_enter(x);
    if (why) {
        x->detail = why;
        return false;
    }
    size_t high = exchange_high(x);
    if (high < EDGE_READ_HIGH && !x->lane)
        stream_set_read_high(x->conn->stream, high);
    return true;
}

enum ex_next exchange_connect(struct exchange *x)
{
    if (!exchange_still_stands(x)) /* a password took its time to be hashed */
        return exchange_refuse(x, 403, "rules-changed");
    if (shed_refuses(x) || !enter(x))
        return shed_refuse(x);
    if (x->req.websocket && is_http2_only(x->site->origin))
        return exchange_refuse(x, 502, "origin-http2-only");
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
        .http1 = x->req.websocket,
    };
    struct origin_conn *conn = origin_take(x->thread->origins, &ask, &x->wait);
    if (!conn)
        return EX_WAIT;
    take_conn(x, conn);
    return EX_MORE;
}

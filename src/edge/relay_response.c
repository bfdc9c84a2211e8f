#include "base/clock.h"
#include "edge/relay.h"
#include "http/ws.h"

#define INTERIMS_MAX 16u /* 1xx before a final head: more is an attack (security: 1xx flood) */

/* --- head ----------------------------------------------------------------------------------------------------------- */

static void send_final_head(struct exchange *x)
{
    struct headers extra;
    if (exchange_reads_as_open(x, x->resp.status)) {
        relay_origin_broke(x, "WebSocket answered without switching");
        return;
    }
    if (!x->request_sent) /* an early answer: what the client still sends has no place on this connection any more */
        x->must_close = true;
    if (x->req.websocket && x->client->early_bytes(x) > 0) /* bytes of a protocol that was refused */
        x->must_close = true;
    x->via->begin_body(x);
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
        relay_origin_broke(x, "unasked or wrong 101");
        return;
    }
    x->status = 101;
    x->resp_state = RESP_END;
    if (!respond_prepare(x, &extra) || !x->client->send_head(x, &x->resp, &extra)) {
        exchange_end(x, true);
        return;
    }
    x->state = EX_TUNNEL;
    if (!x->client->start_tunnel(x))
        exchange_end(x, true);
}

static void send_interim(struct exchange *x)
{
    struct headers *h = &x->resp.headers;
    if (++x->interims > INTERIMS_MAX) {
        relay_origin_broke(x, "too many interim responses");
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

static void take_head(struct exchange *x)
{
    if (x->resp.status == 101)
        switch_protocols(x);
    else if (x->resp.status < 200)
        send_interim(x);
    else
        send_final_head(x);
}

void relay_hears_origin(struct exchange *x)
{
    if (x->resp_state != RESP_NONE)
        return;
    x->resp_state = RESP_HEAD;
    x->first_byte_us = clock_mono_us();
}

/* What it said is not, or not only, what was expected. */
static void origin_failed(struct exchange *x, enum origin_says how)
{
    if (how == ORIGIN_WRONG)
        relay_origin_broke(x, x->origin_error);
    else if (how == ORIGIN_WENT)
        relay_origin_went(x);
    else if (how == ORIGIN_NO_MEMORY)
        exchange_refuse(x, 503, "out-of-memory");
}

/* Heads until the final one is through. True: go on with the body. */
static bool read_heads(struct exchange *x)
{
    while (x->state == EX_RELAY && x->resp_state < RESP_BODY) {
        enum origin_says said = x->via->read_head(x);
        if (said == ORIGIN_WAITS)
            return false;
        if (said == ORIGIN_DONE)
            take_head(x);
        else
            origin_failed(x, said);
    }
    return x->state == EX_RELAY && x->resp_state == RESP_BODY;
}

/* --- body ----------------------------------------------------------------------------------------------------------- */

static bool is_full(const struct exchange *x)
{
    return x->client->backlog(x) >= x->client->high(x);
}

/* One round: payload from the origin into the client's queue. True: something moved. */
static bool move_response(struct exchange *x)
{
    enum origin_says said = x->via->read_body(x);
    size_t n = x->from_origin.bytes;
    bool ok = said != ORIGIN_NO_MEMORY && (n == 0 || x->client->send_body(x, &x->from_origin, n));
    if (ok && said == ORIGIN_DONE) {
        x->resp_state = RESP_END;
        ok = trailers_to_client(x) && x->client->send_end(x);
    }
    if (!ok)
        exchange_end(x, true);
    else if (said != ORIGIN_DONE && said != ORIGIN_WAITS)
        origin_failed(x, said);
    return x->state == EX_RELAY && n > 0;
}

void relay_response(struct exchange *x)
{
    if (!read_heads(x))
        return;
    bool again = true;
    while (again && x->resp_state == RESP_BODY) {
        bool full = is_full(x); /* by a head alone, maybe: nobody tells when a flush takes all of it */
        bool moved = !full && move_response(x);
        if (x->state != EX_RELAY)
            return;
        x->client->flush(x);
        again = moved || (full && !is_full(x));
    }
    if (x->resp_state == RESP_END)
        exchange_end(x, false);
    else
        x->via->resume(x);
}

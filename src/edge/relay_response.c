#include "base/clock.h"
#include "edge/relay.h"
#include "http/ws.h"

#define INTERIMS_MAX 16u /* 1xx before a final head: more is an attack (security: 1xx flood) */

/* --- head ----------------------------------------------------------------------------------------------------------- */

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
    stream_set_read_high(x->origin->stream, x->client->high(x)); /* the head, which had to fit whole, is through */
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
        relay_origin_broke(x, error.why);
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
    while (x->state == EX_RELAY && x->resp_state < RESP_BODY) {
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
            relay_origin_broke(x, scan == H1_SCAN_BAD ? "not HTTP" : "head too large");
        else if (stream_input(x->origin->stream) != STREAM_IN_OPEN)
            relay_origin_went(x);
        else {
            if (in->bytes >= x->client->high(x))
                stream_set_read_high(x->origin->stream, EDGE_READ_HIGH); /* a head must fit whole */
            return false;
        }
    }
    return x->state == EX_RELAY && x->resp_state == RESP_BODY;
}

/* --- body ----------------------------------------------------------------------------------------------------------- */

/* The origin's side has ended and no byte is left. Only a body that ends with the connection may end so, and only cleanly. */
static void body_ended_by_close(struct exchange *x)
{
    if (x->resp_body.kind != BODY_UNTIL_CLOSE || stream_input(x->origin->stream) != STREAM_IN_EOF) {
        relay_origin_went(x);
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
    if (x->resp_state != RESP_BODY || x->client->backlog(x) >= x->client->high(x))
        return false;
    bool ok = h1_body_read(&x->resp_body, stream_in(from), &x->from_origin, x->client->high(x), &x->bytes_out);
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
        relay_origin_broke(x, x->resp_body.why);
    else if (x->resp_state == RESP_BODY && n == 0 && stream_input(from) != STREAM_IN_OPEN)
        body_ended_by_close(x);
    return x->state == EX_RELAY && n > 0;
}

void relay_response(struct exchange *x)
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

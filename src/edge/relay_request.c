#include "edge/relay.h"

static void client_broke(struct exchange *x)
{
    x->must_close = true;
    x->detail = x->client->body_error(x);
    exchange_refuse(x, 400, "bad-body");
}

static void send_continue(struct exchange *x)
{
    if (!x->req.expect_continue || x->continue_sent || x->body_state != H1_BODY_MORE)
        return;
    x->continue_sent = true;
    if (x->client->early_bytes(x) == 0) /* who sends already needs no leave (RFC 9110 §10.1.1) */
        (void)x->client->send_interim(x, 100, NULL);
}

static bool is_full(const struct exchange *x)
{
    return x->via->backlog(x) >= exchange_origin_high(x);
}

/* One round: payload from the client into the origin's queue. True: something moved. */
static bool move_request(struct exchange *x)
{
    x->body_state = x->client->read_body(x);
    size_t n = x->from_client.bytes;
    bool ok = true;
    if (n > 0) {
        x->body_taken = true;
        ok = x->via->send_body(x, &x->from_client, n);
    }
    if (ok && x->body_state == H1_BODY_END) {
        ok = trailers_to_origin(x) && x->via->send_end(x);
        x->request_sent = ok;
    }
    if (!ok)
        exchange_refuse(x, 503, "out-of-memory");
    else if (x->body_state == H1_BODY_BAD)
        client_broke(x);
    return x->state == EX_RELAY && n > 0;
}

void relay_request(struct exchange *x)
{
    bool again = true;
    while (again) {
        bool full = is_full(x); /* by the head alone, maybe: nobody tells when a flush takes all of it */
        bool moved = !full && !x->request_sent && move_request(x);
        if (x->state != EX_RELAY)
            return;
        x->via->flush(x);
        again = moved || (full && !is_full(x));
    }
    send_continue(x);
}

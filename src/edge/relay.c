/* The last step: the request to the origin and its answer back, what can go wrong with them, their deadlines. */
#include "edge/relay.h"

#include "edge/own.h"

static void pump(struct exchange *x)
{
    relay_request(x);
    if (x->state == EX_RELAY)
        relay_response(x);
}

enum ex_next exchange_relay(struct exchange *x)
{
    if (!forward_send_head(x))
        return exchange_refuse(x, 503, "out-of-memory");
    pump(x);
    return x->state == EX_DONE ? EX_END : EX_WAIT;
}

/* --- failures --------------------------------------------------------------------------------------------------------- */

static bool may_retry(const struct exchange *x)
{
    bool repeatable = x->req.method == M_GET || x->req.method == M_HEAD;
    bool harmless = repeatable && x->req.body == BODY_NONE && !x->req.websocket && x->origin->reused;
    return (harmless || x->via->had_no_effect(x)) && !x->tried_fresh && x->resp_state == RESP_NONE && x->interims == 0;
}

/* Payload that was given away can be asked with again only if it comes back. */
static bool has_payload_still(struct exchange *x)
{
    return !x->body_taken || (x->via->take_back && x->via->take_back(x));
}

/* The origin went before its answer was complete. A pooled connection may have died unnoticed: what can have had no effect is tried once
 * more, on a new one (RFC 9110 §9.2.2, RFC 9112 §9.3.1). */
void relay_origin_went(struct exchange *x)
{
    x->detail = x->via->why_went(x);
    if (may_retry(x) && has_payload_still(x)) {
        origin_drop(x->thread->origins, x->origin, STREAM_CLOSE_NOW);
        x->origin = NULL;
        x->tried_fresh = true;
        x->request_sent = false;
        x->detail = NULL;
        x->state = EX_CONNECT;
        exchange_run(x);
        return;
    }
    exchange_refuse(x, 502, x->resp_state == RESP_NONE ? "origin-closed" : "origin-truncated");
}

void relay_origin_broke(struct exchange *x, const char *why)
{
    x->detail = why;
    exchange_refuse(x, 502, "origin-bad-response");
}

/* --- events ----------------------------------------------------------------------------------------------------------- */

static void on_origin_read(void *arg)
{
    struct exchange *x = arg;
    if (x->state == EX_RELAY)
        relay_response(x);
}

static void on_origin_drained(void *arg)
{
    struct exchange *x = arg;
    if (x->state == EX_RELAY)
        relay_request(x);
}

const struct stream_events relay_origin_events = {
    .on_read = on_origin_read,
    .on_drained = on_origin_drained,
};

void exchange_on_body(struct exchange *x)
{
    if (x->state == EX_OWN && own_step(x) == EX_MORE)
        exchange_run(x);
    if (x->state == EX_RELAY && !x->request_sent)
        relay_request(x);
}

void exchange_on_drained(struct exchange *x)
{
    if (x->state == EX_RELAY)
        relay_response(x);
}

/* --- deadlines -------------------------------------------------------------------------------------------------------- */

static void request_stalled(struct exchange *x)
{
    x->must_close = true;
    exchange_refuse(x, 408, "body-timeout");
}

static void measure_rate_from(struct exchange *x, uint64_t now)
{
    x->rate_ms = now;
    x->rate_bytes = x->bytes_in;
}

/* A body that drips only to hold its place. Not measured while the origin is what holds it up, nor once an answer has begun: then both
 * directions may be a conversation. */
static bool body_drips(struct exchange *x, uint64_t now)
{
    const struct limits_config *l = &x->snapshot->limits;
    bool waits = !x->request_sent && x->resp_state < RESP_BODY && x->from_client.bytes == 0 && x->via->backlog(x) == 0;
    if (!waits || x->rate_ms == 0) {
        measure_rate_from(x, now);
        return false;
    }
    uint64_t span_ms = now - x->rate_ms;
    if (l->body_rate == 0 || span_ms < l->body_rate_after_ms)
        return false;
    bool slow = !pace_suffices(x->bytes_in - x->rate_bytes, l->body_rate, span_ms);
    measure_rate_from(x, now);
    return slow;
}

/* An origin that does not take the request's body. True: the exchange is over. */
static bool origin_lags(struct exchange *x)
{
    struct pace_limits l = pace_limits_of(&x->snapshot->limits, x->site->origin->idle_timeout_ms);
    enum pace_verdict v = x->via->pace(x, &l, x->thread->loop->now_ms);
    if (v == PACE_FINE)
        return false;
    x->detail = pace_text(v);
    exchange_refuse(x, 504, "origin-too-slow");
    return true;
}

void exchange_sweep(struct exchange *x)
{
    if (x->state == EX_OWN)
        own_sweep(x);
    if (x->state != EX_RELAY)
        return;
    if (body_drips(x, x->thread->loop->now_ms)) {
        x->must_close = true;
        exchange_refuse(x, 408, "body-too-slow");
        return;
    }
    if (origin_lags(x))
        return;
    uint64_t now = x->thread->loop->now_ms, seen = x->via->moved(x);
    bool client_is_slow = x->client->backlog(x) > 0; /* has a limit of its own: conn_sweep */
    if (seen != x->origin_seen || client_is_slow) {
        x->origin_seen = seen;
        x->origin_ms = now;
        return;
    }
    uint64_t still = now - x->origin_ms;
    const struct origin_config *oc = x->site->origin;
    bool sent_all_there_is = x->via->backlog(x) == 0, client_owes = !x->request_sent && sent_all_there_is;
    if (client_owes && x->resp_state < RESP_BODY) {
        if (still >= x->snapshot->limits.body_timeout_ms)
            request_stalled(x);
    } else if (x->resp_state < RESP_BODY && sent_all_there_is) {
        if (still >= oc->first_byte_timeout_ms)
            exchange_refuse(x, 504, "origin-timeout");
    } else if (oc->idle_timeout_ms && still >= oc->idle_timeout_ms) {
        exchange_refuse(x, 504, "origin-idle");
    }
}

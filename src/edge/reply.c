/* Our own answers: sent whole, then the exchange is over. */
#include "edge/conn.h"
#include "edge/exchange.h"

void exchange_answer_request(struct exchange *x, const char *reason, struct answer_request *q)
{
    *q = (struct answer_request){
        .request = x->parse_error.status ? NULL : &x->req,
        .asker = x->asker,
        .gate = x->site ? x->site->gate : NULL,
        .cors = x->cors,
        .reason = reason,
        .request_id = x->request_id,
        .tier = x->site ? x->site->tier : SPAN_NONE,
        .look = x->site ? &x->snapshot->pages : NULL, /* a host that is not ours has no logo either */
        .who = x->who,
        .arena = &x->arena,
    };
}

/* The connection can go on only if the rest of the request can be read away: not when the client waits for a 100 that never comes. */
static bool can_go_on(const struct exchange *x)
{
    bool waits = x->req.expect_continue && !x->continue_sent && x->req.body != BODY_NONE;
    return !x->parse_error.status && !waits && x->client->can_go_on(x);
}

enum ex_next exchange_reply(struct exchange *x, struct answer *a, const char *reason)
{
    struct headers extra;
    if (exchange_reads_as_open(x, a->head.status)) /* an endpoint of ours */
        return exchange_refuse(x, 400, "not-a-websocket");
    x->status = a->head.status;
    x->reason = reason;
    exchange_drop_origin(x); /* it may have begun to answer, and owes the rest */
    x->must_close = x->must_close || !can_go_on(x);
    chunkq_clear(&x->from_origin);
    bool head_only = x->req.method == M_HEAD;
    bool ok = headers_init(&extra, &x->arena, 1) &&
              headers_add(&extra, &x->arena, SPAN("Date"), edge_thread_date(x->thread)) &&
              x->client->send_head(x, &a->head, &extra) &&
              (head_only ||
               (chunkq_append(&x->from_origin, a->body) && x->client->send_body(x, &x->from_origin, a->body.n))) &&
              x->client->send_end(x);
    if (!ok)
        return exchange_end(x, true);
    x->bytes_out = head_only ? 0 : a->body.n;
    x->resp_state = RESP_END;
    x->client->flush(x);
    return exchange_end(x, false);
}

enum ex_next exchange_refuse(struct exchange *x, unsigned status, const char *reason)
{
    struct answer_request q;
    struct answer a;
    x->status = status;
    x->reason = reason;
    if (x->resp_state >= RESP_BODY) /* the client already has another head: all that is left is to cut */
        return exchange_end(x, true);
    exchange_answer_request(x, reason, &q);
    if (status == 503)
        q.retry_after_s = 1;
    if (!answer_status(&q, status, &a))
        return exchange_end(x, true);
    return exchange_reply(x, &a, reason);
}

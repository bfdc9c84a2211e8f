/* Inside of edge/: endpoints of ours that wait, for the body of a form or for an answer of the sign-in service. One thing at a time; an exchange
 * that ends forgets it. */
#ifndef TG_EDGE_OWN_H
#define TG_EDGE_OWN_H

#include "edge/exchange.h"
#include "gate/signin.h"

#define OWN_FORM_MAX 16384u
#define OWN_ASK_MS 30000u

/* GET or HEAD: what most endpoints take alone. */
static inline bool own_is_read(const struct exchange *x)
{
    return x->req.method == M_GET || x->req.method == M_HEAD;
}

/* From an endpoint: its answer comes when the body is there (in the arena). More than OWN_FORM_MAX, or no form: 413, 415. */
enum ex_next own_read_form(struct exchange *x, enum ex_next (*done)(struct exchange *x, struct span fields));
/* From an endpoint, or from own_read_form's done. Host, request id and client are filled in here; the gate is the site's. Within OWN_ASK_MS, or
 * done gets SIGNIN_FAILED. No service: the same at once. What r borrows is valid during the call. */
enum ex_next own_ask(struct exchange *x, struct signin_question *q,
                     enum ex_next (*done)(struct exchange *x, const struct signin_reply *r));
/* Nobody waits for the answer. */
void own_tell(struct exchange *x, struct signin_question *q);

/* token_trace.c: a request is admitted; when a service token did that, it leaves its trace. */
void token_trace(struct exchange *x);

/* Told by the exchange. */
enum ex_next own_step(struct exchange *x);
void own_sweep(struct exchange *x);
void own_forget(struct exchange *x);

#endif

#include "edge/own.h"

#include "base/clock.h"

/* --- forms ------------------------------------------------------------------------------------------------------------ */

static bool is_form(const struct exchange *x)
{
    struct span type, parameters;
    span_cut(headers_only(&x->req.headers, H_CONTENT_TYPE), ';', &type, &parameters);
    return span_eq_nocase(span_trim(type), SPAN("application/x-www-form-urlencoded"));
}

enum ex_next own_read_form(struct exchange *x, enum ex_next (*done)(struct exchange *x, struct span fields))
{
    if (!is_form(x))
        return exchange_refuse(x, 415, "no-form");
    x->own_wait = (struct own_wait){.kind = OWN_FORM, .form = done, .since_ms = x->thread->loop->now_ms};
    x->state = EX_OWN;
    return EX_MORE;
}

static enum ex_next form_is_there(struct exchange *x)
{
    size_t n = x->form.bytes;
    uint8_t *fields = arena_alloc(&x->arena, n + 1);
    if (!fields)
        return exchange_refuse(x, 503, "out-of-memory");
    chunkq_copy(&x->form, n, fields);
    chunkq_clear(&x->form);
    x->own_wait.kind = OWN_NOTHING;
    return x->own_wait.form(x, span_make(fields, n));
}

/* The queue of its body's bytes is emptied as it fills: how much that holds at a time is the connection's business, and may be less than a form. */
static bool read_some(struct exchange *x, bool *moved)
{
    x->body_state = x->client->read_body(x);
    *moved = x->from_client.bytes > 0;
    return !*moved || chunkq_move(&x->form, &x->from_client, x->from_client.bytes);
}

static bool read_all(struct exchange *x)
{
    bool moved = true;
    bool ok = true;
    while (ok && moved && x->form.bytes <= OWN_FORM_MAX)
        ok = read_some(x, &moved) && x->body_state != H1_BODY_BAD;
    return ok || x->body_state == H1_BODY_BAD;
}

static enum ex_next read_form(struct exchange *x)
{
    if (x->req.expect_continue && !x->continue_sent) {
        x->continue_sent = true;
        (void)x->client->send_interim(x, 100, NULL);
    }
    if (!read_all(x))
        return exchange_refuse(x, 503, "out-of-memory");
    if (x->body_state == H1_BODY_BAD) {
        x->must_close = true;
        x->detail = x->client->body_error(x);
        return exchange_refuse(x, 400, "bad-body");
    }
    if (x->form.bytes > OWN_FORM_MAX)
        return exchange_refuse(x, 413, "form-too-large");
    return x->body_state == H1_BODY_END ? form_is_there(x) : EX_WAIT;
}

/* --- questions -------------------------------------------------------------------------------------------------------- */

static void fill_in(struct exchange *x, struct signin_question *q)
{
    q->gate = x->site->gate->name;
    q->host = q->host.n ? q->host : host_span(&x->host);
    q->client = x->client_addr;
    q->request_id = x->request_id;
}

static enum ex_next answered(struct exchange *x, const struct signin_reply *r)
{
    enum ex_next (*done)(struct exchange * x, const struct signin_reply *r) = x->own_wait.answer;
    x->own_wait = (struct own_wait){.kind = OWN_NOTHING};
    return done(x, r);
}

static void on_answer(void *arg, const struct signin_reply *r)
{
    struct exchange *x = arg;
    if (answered(x, r) == EX_MORE)
        exchange_run(x);
}

enum ex_next own_ask(struct exchange *x, struct signin_question *q,
                     enum ex_next (*done)(struct exchange *x, const struct signin_reply *r))
{
    struct signin *s = x->thread->shared->signin;
    fill_in(x, q);
    x->own_wait = (struct own_wait){.kind = OWN_ANSWER, .answer = done, .since_ms = x->thread->loop->now_ms};
    x->own_wait.call = s ? signin_ask(s, x->thread->loop, q, on_answer, x) : NULL;
    if (!x->own_wait.call)
        return answered(x, &(struct signin_reply){.outcome = SIGNIN_FAILED, .detail = "no sign-in service"});
    x->state = EX_OWN;
    return EX_WAIT;
}

void own_tell(struct exchange *x, struct signin_question *q)
{
    struct signin *s = x->thread->shared->signin;
    fill_in(x, q);
    if (s)
        (void)signin_ask(s, x->thread->loop, q, NULL, NULL);
}

/* --- the exchange's --------------------------------------------------------------------------------------------------- */

enum ex_next own_step(struct exchange *x)
{
    return x->own_wait.kind == OWN_FORM ? read_form(x) : EX_WAIT;
}

void own_sweep(struct exchange *x)
{
    uint64_t waited = x->thread->loop->now_ms - x->own_wait.since_ms;
    if (x->own_wait.kind == OWN_FORM && waited >= x->snapshot->limits.body_timeout_ms) {
        x->must_close = true;
        exchange_refuse(x, 408, "body-timeout");
    } else if (x->own_wait.kind == OWN_ANSWER && waited >= OWN_ASK_MS) {
        signin_forget(x->own_wait.call);
        on_answer(x, &(struct signin_reply){.outcome = SIGNIN_FAILED, .detail = "no answer in time"});
    }
}

void own_forget(struct exchange *x)
{
    if (x->own_wait.kind == OWN_ANSWER && x->own_wait.call)
        signin_forget(x->own_wait.call);
    x->own_wait.kind = OWN_NOTHING;
}

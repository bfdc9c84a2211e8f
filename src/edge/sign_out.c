/* Signing out: the cookie goes, and the session is taken back, so that a copy of the cookie is worth nothing. */
#include "base/clock.h"
#include "edge/sign_in.h"

/* A page of the circle, or no page at all, may sign out: others could only annoy, but need not. */
static bool may_sign_out(const struct exchange *x)
{
    return headers_count(&x->req.headers, H_ORIGIN) == 0 || exchange_origin_in_circle(x) || sign_in_is_own_post(x);
}

static enum ex_next signed_out(struct exchange *x)
{
    struct answer_request q;
    struct answer a;
    struct span cookies[3] = {[2] = sign_in_has_marker(x) ? SPAN(SIGN_IN_MARKER_GONE) : SPAN_NONE};
    exchange_answer_request(x, "signed-out", &q);
    if (!gate_clear_cookies(x->site->gate, &x->arena, cookies))
        return exchange_end(x, true);
    q.set_cookies = cookies;
    q.set_cookie_count = 3;
    return answer_signed_out(&q, &a) ? exchange_reply(x, &a, "signed-out") : exchange_end(x, true);
}

static enum ex_next taken_back(struct exchange *x, const struct signin_reply *r)
{
    x->detail = r->detail;
    if (r->outcome == SIGNIN_LIMITED)
        return exchange_refuse(x, 429, "too-many-sign-outs");
    return r->outcome == SIGNIN_OK ? signed_out(x) : exchange_refuse(x, 503, "sign-out-failed");
}

static struct ledger_entry entry_of(const struct exchange *x, bool everywhere)
{
    int64_t now = clock_wall_s();
    if (!everywhere)
        return (struct ledger_entry){.kind = LEDGER_SESSION,
                                     .name = span_make(x->check.session_id, sizeof x->check.session_id),
                                     .at_s = now,
                                     .ends_s = x->who->latest_s + TOKEN_SKEW_S};
    return (struct ledger_entry){.kind = LEDGER_IDENTITY,
                                 .way = x->who->way,
                                 .gate = x->who->gate,
                                 .name = x->who->subject,
                                 .at_s = now,
                                 .ends_s = now + LEDGER_KEEP_S};
}

/* A session of Basic without a cookie, or of nobody, has nothing that could be taken back. */
static enum ex_next take_back(struct exchange *x, bool everywhere)
{
    if (!x->who || !x->check.by_cookie || !x->thread->shared->signin)
        return signed_out(x);
    struct signin_question q = {.kind = SIGNIN_REVOKE, .who = *x->who, .revoke = entry_of(x, everywhere)};
    return own_ask(x, &q, taken_back);
}

static enum ex_next form_said(struct exchange *x, struct span fields)
{
    return take_back(x, sign_in_field(x, fields, "everywhere").n > 0);
}

enum ex_next endpoint_sign_out(struct exchange *x, enum gate_result gate)
{
    struct answer_request q;
    struct answer a;
    if (!x->site->gate)
        return exchange_refuse(x, 404, "no-gate");
    if (x->req.method == M_POST && !may_sign_out(x))
        return exchange_refuse(x, 403, "foreign-origin");
    if (x->req.method == M_POST)
        return headers_find(&x->req.headers, H_CONTENT_TYPE) ? own_read_form(x, form_said) : take_back(x, false);
    if (!own_is_read(x))
        return exchange_refuse(x, 405, "method");
    exchange_answer_request(x, "sign-out", &q);
    return answer_sign_out_form(&q, &a) ? exchange_reply(x, &a, "sign-out") : exchange_end(x, true);
}

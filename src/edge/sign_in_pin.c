/* Signing in with a one-time PIN by mail: the address, then the code; both by forms of ours. */
#include "base/clock.h"
#include "base/crypto/mac.h"
#include "edge/sign_in.h"

static enum page_note note_of(const struct signin_reply *r)
{
    switch (r->outcome) {
    case SIGNIN_OK:
        return NOTE_NONE;
    case SIGNIN_LIMITED:
        return NOTE_LIMITED;
    case SIGNIN_WRONG:
        return NOTE_PIN_WRONG;
    default:
        return NOTE_FAILED;
    }
}

/* Its state is new with each page: ten minutes from the last code on. */
static enum ex_next pin_page(struct exchange *x, const struct errand *e, enum page_note note, uint32_t retry_after_s)
{
    struct answer_request q;
    struct answer a;
    struct way_back w = {.host = host_span(&x->host)};
    (void)way_back_open(x->site->gate, e->to, clock_wall_s(), &x->arena, &w);
    struct pin_page p = {.state = errand_seal(x->site->gate, e, &x->arena),
                         .site = w.host,
                         .address = e->address,
                         .to = e->to,
                         .note = note,
                         .retry_after_s = retry_after_s};
    exchange_answer_request(x, "pin", &q);
    if (!p.state.p || !answer_pin_page(&q, &p, &a))
        return exchange_end(x, true);
    return exchange_reply(x, &a, "pin");
}

/* --- the code is sent ------------------------------------------------------------------------------------------------- */

static enum ex_next pin_sent(struct exchange *x, const struct signin_reply *r)
{
    const struct errand *e = x->errand;
    x->detail = r->detail;
    if (r->outcome == SIGNIN_WRONG) /* no address at all */
        return sign_in_page_with(x, e->to, e->address, NOTE_ADDRESS, 0);
    if (r->outcome != SIGNIN_OK && x->again) /* the code that is on its way is as good as before */
        return pin_page(x, e, note_of(r), r->retry_after_s);
    if (r->outcome != SIGNIN_OK)
        return sign_in_page_with(x, e->to, e->address, note_of(r), r->retry_after_s);
    return pin_page(x, e, x->again ? NOTE_SENT_AGAIN : NOTE_NONE, 0);
}

static enum ex_next send_pin(struct exchange *x, const struct errand *e)
{
    struct signin_question q = {.kind = SIGNIN_PIN_SEND, .browser = e->browser, .address = e->address};
    struct errand *kept = arena_alloc(&x->arena, sizeof *kept);
    if (!kept)
        return exchange_refuse(x, 503, "out-of-memory");
    *kept = *e;
    kept->made_s = clock_wall_s();
    x->errand = kept;
    return own_ask(x, &q, pin_sent);
}

/* Who comes without our cookie was not on our page, or has a browser that keeps none: nothing could be ended in it. */
static enum ex_next begin(struct exchange *x, struct span fields)
{
    struct way_back w;
    struct errand e = {.kind = ERRAND_PIN, .browser = browser_hash(&x->req, &x->arena)};
    sign_in_way_back(x, fields, &w, &e.to);
    e.address = sign_in_field(x, fields, "address");
    if (e.browser.n != BROWSER_HASH)
        return sign_in_page_with(x, e.to, e.address, browser_has_cookie(&x->req) ? NOTE_EXPIRED : NOTE_NO_COOKIE, 0);
    if (!e.address.n)
        return sign_in_page_with(x, e.to, SPAN_NONE, NOTE_ADDRESS, 0);
    return send_pin(x, &e);
}

/* --- the code is typed ------------------------------------------------------------------------------------------------ */

static enum ex_next pin_checked(struct exchange *x, const struct signin_reply *r)
{
    const struct errand *e = x->errand;
    x->detail = r->detail;
    if (r->outcome == SIGNIN_OK || r->outcome == SIGNIN_NOT_ADMITTED)
        return sign_in_done(x, r, e->to);
    return pin_page(x, e, note_of(r), r->retry_after_s);
}

/* As people type and paste it: "1234 5678", "1234-5678". */
static struct span digits_of(struct exchange *x, struct span code)
{
    uint8_t *digits = arena_alloc(&x->arena, code.n + 1);
    size_t n = 0;
    for (size_t i = 0; digits && i < code.n; i++)
        if (code.p[i] != ' ' && code.p[i] != '-')
            digits[n++] = code.p[i];
    return digits ? span_make(digits, n) : SPAN_NONE;
}

static enum ex_next check_pin(struct exchange *x, const struct errand *e, struct span code)
{
    struct signin_question q = {
        .kind = SIGNIN_PIN_CHECK, .browser = e->browser, .address = e->address, .code = digits_of(x, code)};
    struct errand *kept = arena_alloc(&x->arena, sizeof *kept);
    if (!kept)
        return exchange_refuse(x, 503, "out-of-memory");
    *kept = *e;
    x->errand = kept;
    return own_ask(x, &q, pin_checked);
}

static enum ex_next go_on(struct exchange *x, struct span fields, struct span state)
{
    struct errand e;
    struct span browser = browser_hash(&x->req, &x->arena);
    if (browser.n != BROWSER_HASH || !errand_open(x->site->gate, ERRAND_PIN, state, clock_wall_s(), &x->arena, &e) ||
        !equal_const_time(browser.p, e.browser.p, BROWSER_HASH))
        return sign_in_page_with(x, SPAN_NONE, SPAN_NONE, NOTE_EXPIRED, 0);
    x->again = sign_in_field(x, fields, "again").n > 0;
    return x->again ? send_pin(x, &e) : check_pin(x, &e, sign_in_field(x, fields, "code"));
}

static enum ex_next form_said(struct exchange *x, struct span fields)
{
    struct span state = sign_in_field(x, fields, "state");
    return state.n ? go_on(x, fields, state) : begin(x, fields);
}

enum ex_next endpoint_pin(struct exchange *x, enum gate_result gate)
{
    if (!x->site->gate || !x->site->gate->email_pin || !sign_in_is_here(x))
        return exchange_refuse(x, 404, "no-such-endpoint");
    if (own_is_read(x)) /* reloaded, or come back to */
        return sign_in_page_with(x, SPAN_NONE, SPAN_NONE, NOTE_NONE, 0);
    if (x->req.method != M_POST)
        return exchange_refuse(x, 405, "method");
    if (!sign_in_is_own_post(x))
        return exchange_refuse(x, 403, "foreign-origin");
    return own_read_form(x, form_said);
}

/* On a host outside of the sign-in host's circle: the one-time code that came along becomes a session here. */
#include "base/clock.h"
#include "edge/sign_in.h"
#include "http/form.h"

static enum ex_next begin_again(struct exchange *x)
{
    struct answer_request q;
    struct answer a;
    struct span set_cookie, url = sign_in_url(x, false, &set_cookie);
    exchange_answer_request(x, "hand-off-failed", &q);
    q.sign_in = url;
    q.set_cookies = &set_cookie;
    q.set_cookie_count = 1;
    /* A page with a link, and no redirect: two hosts that send one to each other would never end. */
    return answer_status(&q, 403, &a) ? exchange_reply(x, &a, "hand-off-failed") : exchange_end(x, true);
}

/* Taken back on this host, or between two steps? */
static bool still_holds(const struct exchange *x, const struct signin_reply *r)
{
    const struct gate_thread *gate = x->thread->gate;
    return span_eq(r->who.gate, x->site->gate->name) &&
           gate_admits_session(gate, &r->who, r->session_id, host_span(&x->host)) && gate_trusts_facts(gate, &r->who);
}

static enum ex_next code_said(struct exchange *x, const struct signin_reply *r)
{
    struct way_back w;
    struct span sealed;
    struct gate_minted minted;
    struct answer_request q;
    struct answer a;
    x->detail = r->detail;
    if (r->outcome != SIGNIN_OK || !still_holds(x, r))
        return begin_again(x);
    const struct gate_mint mint = {.gate = x->site->gate,
                                   .host = host_span(&x->host),
                                   .who = &r->who,
                                   .id = r->session_id,
                                   .ends_s = r->session_ends_s,
                                   .arena = &x->arena};
    sign_in_way_back(x, form_query(x->req.path_query), &w, &sealed);
    if (!gate_mint(&mint, &minted))
        return exchange_refuse(x, 503, "gate-failed");
    exchange_answer_request(x, "signed-in", &q);
    const struct span cookies[] = {minted.set_cookie, SPAN(SIGN_IN_MARKER_SET)};
    q.set_cookies = cookies;
    q.set_cookie_count = 2;
    q.clear_cache = respond_clears_cache(x);
    /* The code was made for this host; whatever `to` says, one stays here. */
    struct span target = span_eq(w.host, host_span(&x->host)) ? w.target : SPAN("/");
    return answer_redirect(&q, 302, target, &a) ? exchange_reply(x, &a, "signed-in") : exchange_end(x, true);
}

enum ex_next endpoint_hand_off(struct exchange *x, enum gate_result gate)
{
    struct span fields = form_query(x->req.path_query);
    struct signin_question q = {.kind = SIGNIN_CODE_TAKE, .browser = browser_hash(&x->req, &x->arena)};
    if (!sign_in_has_pages(x->site->gate) || sign_in_is_here(x))
        return exchange_refuse(x, 404, "no-such-endpoint");
    if (x->req.method != M_GET)
        return exchange_refuse(x, 405, "method");
    q.code = sign_in_field(x, fields, "code");
    if (!q.code.n || q.browser.n != BROWSER_HASH)
        return begin_again(x);
    return own_ask(x, &q, code_said);
}

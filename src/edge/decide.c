/* Which rule decides, and, where one asks for an identity, what the gate says of it. */
#include "base/clock.h"
#include "edge/endpoints.h"
#include "edge/exchange.h"
#include "edge/sign_in.h"

static struct policy_query query_of(const struct exchange *x, const struct identity *who)
{
    return (struct policy_query){
        .path = &x->path,
        .method = x->req.method_name,
        .client = x->client_addr,
        .who = who,
        .gate = x->site->gate ? x->site->gate->name : SPAN_NONE,
        .now_s = clock_wall_s(),
    };
}

static enum verdict decide(struct exchange *x, const struct identity *who)
{
    struct policy_query q = query_of(x, who);
    x->decision = policy_decide(x->site->policy, &q, x->thread->scratch, NULL);
    return x->decision.verdict;
}

enum ex_next exchange_decide(struct exchange *x)
{
    if (x->path.kind == PATH_CANONICAL)
        x->endpoint = endpoint_find(x->path.decoded);
    if (x->endpoint) {
        x->own = true;
        if (!x->endpoint->asks_gate || !x->site->gate)
            return x->endpoint->answer(x, GATE_ANONYMOUS);
        x->state = EX_GATE;
        return EX_MORE;
    }
    switch (decide(x, NULL)) {
    case VERDICT_BYPASS:
        x->state = EX_CONNECT;
        return EX_MORE;
    case VERDICT_GATE:
        x->state = EX_GATE;
        return EX_MORE;
    case VERDICT_BLOCK:
    case VERDICT_ALLOW: /* nobody asked: an allow here would be a fault of ours */
        break;
    }
    return exchange_refuse(x, 403, x->decision.reason);
}

/* --- the gate --------------------------------------------------------------------------------------------------------- */

static enum ex_next answer_preflight_at_edge(struct exchange *x)
{
    struct answer_request q;
    struct answer a;
    exchange_answer_request(x, "preflight", &q);
    if (!answer_preflight(&q, &a))
        return exchange_end(x, true);
    return exchange_reply(x, &a, "preflight");
}

static enum ex_next gate_said(struct exchange *x, enum gate_result result);

static enum ex_next ask_to_sign_in(struct exchange *x, const char *reason)
{
    struct answer_request q;
    struct answer a;
    struct span cookies[3] = {x->check.clear_cookies[0], x->check.clear_cookies[1], SPAN_NONE};
    bool anew = x->decision.verdict == VERDICT_GATE && x->check.fresh;
    exchange_answer_request(x, reason, &q);
    if (x->asker != ASKER_TOKEN && x->asker != ASKER_PREFLIGHT)
        q.sign_in = sign_in_url(x, anew, &cookies[2]);
    q.set_cookies = cookies;
    q.set_cookie_count = 3;
    q.clear_cache = respond_clears_cache(x);
    bool is_page = x->asker == ASKER_NAVIGATION && q.sign_in.n;
    if (!(is_page ? answer_redirect(&q, 302, q.sign_in, &a) : answer_sign_in(&q, x->check.tried_basic, &a)))
        return exchange_end(x, true);
    return exchange_reply(x, &a, reason);
}

static enum ex_next refuse_until_later(struct exchange *x, unsigned status, const char *reason)
{
    struct answer_request q;
    struct answer a;
    exchange_answer_request(x, reason, &q);
    q.retry_after_s = x->check.retry_after_s ? x->check.retry_after_s : 1;
    if (!answer_status(&q, status, &a))
        return exchange_end(x, true);
    return exchange_reply(x, &a, reason);
}

/* Browsers send cookies, and Basic that they remember, with a WebSocket that any page opens, and no preflight protects it: the page must
 * be of the circle (or, for Basic, one that the rules file names). */
static bool upgrade_origin_ok(const struct exchange *x)
{
    if (!x->req.websocket || headers_count(&x->req.headers, H_ORIGIN) == 0)
        return true;
    if (x->who->way == WAY_SERVICE_TOKEN && !x->check.by_cookie) /* no browser adds that by itself */
        return true;
    return x->check.by_cookie ? exchange_origin_in_circle(x) : x->cors.origin.n > 0;
}

/* Two slashes would be read as another host. */
static struct span on_this_host(struct exchange *x, struct span target)
{
    const struct span parts[] = {SPAN("https://"), x->req.authority, target};
    bool is_path = target.n < 2 || (target.p[1] != '/' && target.p[1] != '\\');
    return is_path ? target : arena_join(&x->arena, parts, 3);
}

/* Its address held a secret, which is to be seen by nobody else and kept nowhere. */
static enum ex_next send_to_clean_address(struct exchange *x)
{
    struct answer_request q;
    struct answer a;
    exchange_answer_request(x, "clean-address", &q);
    q.set_cookies = &x->check.set_cookie;
    q.set_cookie_count = x->check.set_cookie.n ? 1 : 0;
    q.clear_cache = respond_clears_cache(x);
    struct span to = on_this_host(x, x->check.clean_target);
    if (!to.p || !answer_redirect(&q, 302, to, &a))
        return exchange_end(x, true);
    return exchange_reply(x, &a, "clean-address");
}

static enum ex_next allowed(struct exchange *x)
{
    token_trace(x);
    if (x->check.clean_target.n && x->asker == ASKER_NAVIGATION)
        return send_to_clean_address(x);
    x->state = EX_CONNECT;
    return EX_MORE;
}

static enum gate_result prove_anew(struct exchange *x)
{
    x->who = NULL;
    x->check.fresh = true;
    return gate_check(x->thread->gate, &x->check);
}

enum ex_next exchange_prove_anew(struct exchange *x)
{
    return gate_said(x, prove_anew(x));
}

/* Known, but not lately enough: what came beside the cookie may prove it anew. */
static enum ex_next too_old(struct exchange *x)
{
    const char *reason = x->decision.reason;
    if (!x->check.by_cookie)
        return ask_to_sign_in(x, reason);
    enum gate_result result = prove_anew(x);
    return result == GATE_ANONYMOUS ? ask_to_sign_in(x, reason) : gate_said(x, result);
}

static enum ex_next identified(struct exchange *x)
{
    x->who = &x->check.identity;
    if (!upgrade_origin_ok(x))
        return exchange_refuse(x, 403, "foreign-origin");
    switch (decide(x, x->who)) {
    case VERDICT_ALLOW:
        return allowed(x);
    case VERDICT_GATE:
        return too_old(x);
    case VERDICT_BLOCK:
    case VERDICT_BYPASS: /* nothing is asked of a bypass: this would be a fault of ours */
        break;
    }
    return exchange_refuse(x, 403, x->decision.reason);
}

static enum ex_next gate_said(struct exchange *x, enum gate_result result)
{
    if (result == GATE_PENDING)
        return EX_WAIT;
    if (result == GATE_IDENTIFIED)
        x->who = &x->check.identity;
    if (result == GATE_TOKEN_REFUSED)
        x->asker = ASKER_TOKEN; /* also by Authorization, which only the gate can tell from the app's */
    if (x->endpoint && result != GATE_LIMITED && result != GATE_BUSY && result != GATE_FAILED)
        return x->endpoint->answer(x, result);
    switch (result) {
    case GATE_IDENTIFIED:
        return identified(x);
    case GATE_ANONYMOUS:
        return ask_to_sign_in(x, "sign-in");
    case GATE_REFUSED:
        return ask_to_sign_in(x, "wrong-credentials");
    case GATE_TOKEN_REFUSED:
        return ask_to_sign_in(x, "service-token-invalid");
    case GATE_LIMITED:
        return refuse_until_later(x, 429, "too-many-failures");
    case GATE_BUSY:
        return refuse_until_later(x, 503, "gate-busy");
    case GATE_PENDING:
    case GATE_FAILED:
        break;
    }
    return refuse_until_later(x, 503, "gate-failed");
}

static void on_gate(void *arg, enum gate_result result)
{
    struct exchange *x = arg;
    if (x->state == EX_GATE && gate_said(x, result) == EX_MORE)
        exchange_run(x);
}

enum ex_next exchange_gate(struct exchange *x)
{
    if (!x->site->gate)
        return exchange_refuse(x, 403, "no-gate");
    if (x->asker == ASKER_PREFLIGHT) { /* carries no credentials by definition (Fetch §4.8) */
        if (x->endpoint || x->site->cors == CORS_EDGE)
            return answer_preflight_at_edge(x);
        /* It cannot say who it is, but where it comes from. */
        if (x->decision.rule < 0 || !policy_admits_address(x->site->policy, (size_t)x->decision.rule, x->client_addr))
            return exchange_refuse(x, 403, "not-allowed");
        x->preflight_to_origin = true;
        x->state = EX_CONNECT;
        return EX_MORE;
    }
    x->check = (struct gate_check){
        .gate = x->site->gate,
        .request = &x->req,
        .host = host_span(&x->host),
        .path = &x->path,
        .client = x->client_addr,
        .arena = &x->arena,
        .on_done = on_gate,
        .arg = x,
    };
    return gate_said(x, gate_check(x->thread->gate, &x->check));
}

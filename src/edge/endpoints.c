/* tiergate's own answers. */
#include "edge/endpoints.h"

bool endpoint_is_health(const struct http_request *r)
{
    struct span path, query;
    span_cut(r->path_query, '?', &path, &query);
    return (r->method == M_GET || r->method == M_HEAD) && span_eq(path, SPAN("/.tiergate/health"));
}

enum ex_next endpoint_health(struct exchange *x)
{
    struct answer_request q;
    struct answer a;
    x->own = true;
    exchange_answer_request(x, "health", &q);
    return answer_health(&q, &a) ? exchange_reply(x, &a, "health") : exchange_end(x, true);
}

static enum ex_next not_found(struct exchange *x, enum gate_result gate)
{
    return exchange_refuse(x, 404, "no-such-endpoint");
}

static bool is_read(const struct exchange *x)
{
    return x->req.method == M_GET || x->req.method == M_HEAD;
}

/* A page of the circle, or no page at all, may sign out: others could only annoy, but need not. */
static bool may_sign_out(const struct exchange *x)
{
    return headers_count(&x->req.headers, H_ORIGIN) == 0 || exchange_origin_in_circle(x);
}

static enum ex_next signed_out(struct exchange *x)
{
    struct answer_request q;
    struct answer a;
    struct span cookies[2];
    exchange_answer_request(x, "signed-out", &q);
    if (!gate_clear_cookies(x->site->gate, &x->arena, cookies))
        return exchange_end(x, true);
    q.set_cookies = cookies;
    q.set_cookie_count = 2;
    return answer_signed_out(&q, &a) ? exchange_reply(x, &a, "signed-out") : exchange_end(x, true);
}

static enum ex_next sign_out(struct exchange *x, enum gate_result gate)
{
    struct answer_request q;
    struct answer a;
    if (!x->site->gate)
        return exchange_refuse(x, 404, "no-gate");
    if (x->req.method == M_POST)
        return may_sign_out(x) ? signed_out(x) : exchange_refuse(x, 403, "foreign-origin");
    if (!is_read(x))
        return exchange_refuse(x, 405, "method");
    exchange_answer_request(x, "sign-out", &q);
    return answer_sign_out_form(&q, &a) ? exchange_reply(x, &a, "sign-out") : exchange_end(x, true);
}

/* Who is signed in, for pages and scripts: never says more than the asker proved. */
static enum ex_next session(struct exchange *x, enum gate_result gate)
{
    struct answer_request q;
    struct answer a;
    if (!is_read(x))
        return exchange_refuse(x, 405, "method");
    exchange_answer_request(x, "session", &q);
    return answer_session(&q, x->who, &a) ? exchange_reply(x, &a, "session") : exchange_end(x, true);
}

/* Asks whoever is not signed in, and sends those who are to the root. With Basic alone, asking is the challenge. */
static enum ex_next sign_in(struct exchange *x, enum gate_result gate)
{
    struct answer_request q;
    struct answer a;
    if (!x->site->gate)
        return exchange_refuse(x, 404, "no-gate");
    const char *reason = gate == GATE_REFUSED ? "wrong-credentials" : "sign-in";
    exchange_answer_request(x, reason, &q);
    q.set_cookies = &x->check.set_cookie;
    q.set_cookie_count = x->check.set_cookie.n ? 1 : 0;
    q.clear_cache = respond_clears_cache(x);
    bool ok = x->who ? answer_redirect(&q, 302, SPAN("/"), &a) : answer_sign_in(&q, x->check.tried_basic, &a);
    return ok ? exchange_reply(x, &a, x->who ? "signed-in" : reason) : exchange_end(x, true);
}

static const struct own_endpoint endpoints[] = {
    {"/.tiergate/sign-in", true, sign_in},       {"/.tiergate/sign-out", false, sign_out},
    {"/.tiergate/session", true, session},       {"/cdn-cgi/access/login", true, sign_in},
    {"/cdn-cgi/access/logout", false, sign_out}, {"/cdn-cgi/access/get-identity", true, session},
    {"/cdn-cgi/access/certs", false, not_found},
};

static const struct own_endpoint unknown_endpoint = {"/.tiergate/", false, not_found};

const struct own_endpoint *endpoint_find(struct span path)
{
    /* All of ours begin with one of two letters behind the slash: other requests pay one comparison. */
    if (path.n < 2 || (path.p[1] != '.' && path.p[1] != 'c'))
        return NULL;
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++)
        if (span_eq(path, span_of(endpoints[i].path)))
            return &endpoints[i];
    bool ours = span_has_prefix(path, SPAN("/.tiergate/")) || span_eq(path, SPAN("/.tiergate"));
    return ours ? &unknown_endpoint : NULL;
}

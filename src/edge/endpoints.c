/* tiergate's own answers. */
#include "edge/endpoints.h"

#include "base/clock.h"
#include "edge/access.h"
#include "edge/edge.h"
#include "edge/sign_in.h"
#include "gate/share_link.h"

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

/* Who is signed in, for pages and scripts: never says more than the asker proved. */
static enum ex_next session(struct exchange *x, enum gate_result gate)
{
    struct answer_request q;
    struct answer a;
    if (!own_is_read(x))
        return exchange_refuse(x, 405, "method");
    exchange_answer_request(x, "session", &q);
    return answer_session(&q, x->who, x->check.ends_s - clock_wall_s(), &a) ? exchange_reply(x, &a, "session")
                                                                            : exchange_end(x, true);
}

/* On every host of ours: each may show a page. */
static enum ex_next logo(struct exchange *x, enum gate_result gate)
{
    struct answer_request q;
    struct answer a;
    if (!own_is_read(x))
        return exchange_refuse(x, 405, "method");
    exchange_answer_request(x, "logo", &q);
    return answer_logo(&q, &a) ? exchange_reply(x, &a, "logo") : exchange_end(x, true);
}

/* --- share links -------------------------------------------------------------------------------------------------------- */

static enum ex_next refuse_link(struct exchange *x, enum share_verdict verdict)
{
    return exchange_refuse(x, 403, verdict == SHARE_OVER ? "share-link-over" : "share-link-invalid");
}

/* To where the link leads, with the session that it gives. */
static enum ex_next follow_link(struct exchange *x, const struct share_link *link, struct span set_cookie)
{
    struct answer_request q;
    struct answer a;
    struct span target = share_link_target(link, &x->arena);
    exchange_answer_request(x, "share-link", &q);
    q.set_cookies = &set_cookie;
    q.set_cookie_count = set_cookie.n ? 1 : 0;
    if (!target.p || !answer_redirect(&q, 302, target, &a))
        return exchange_end(x, true);
    return exchange_reply(x, &a, "share-link");
}

static enum ex_next open_link(struct exchange *x, const struct share_link *link)
{
    struct identity who;
    struct gate_minted minted;
    const struct gate_mint mint = {
        .gate = x->site->gate, .host = host_span(&x->host), .who = &who, .ends_s = link->ends_s, .arena = &x->arena};
    if (!share_link_identity(x->site->gate, link, &x->arena, &who))
        return exchange_end(x, true);
    if (!gate_admits_identity(x->thread->gate, &who, host_span(&x->host)))
        return exchange_refuse(x, 403, "share-link-revoked");
    if (!gate_mint(&mint, &minted))
        return exchange_refuse(x, 503, "gate-failed");
    return follow_link(x, link, minted.set_cookie);
}

/* Who is signed in needs no second session, which would only be in the way of the first. */
static enum ex_next share(struct exchange *x, enum gate_result gate)
{
    uint8_t raw[SHARE_RAW_MAX];
    struct share_link link;
    if (!x->site->gate || !x->site->gate->share_links)
        return exchange_refuse(x, 404, "no-such-endpoint");
    if (!own_is_read(x))
        return exchange_refuse(x, 405, "method");
    struct span text = share_link_text(x->req.path_query);
    enum share_verdict verdict = share_link_open(x->site->gate, host_span(&x->host), text, clock_wall_s(), raw, &link);
    if (verdict != SHARE_GOOD)
        return refuse_link(x, verdict);
    return x->who ? follow_link(x, &link, x->check.set_cookie) : open_link(x, &link);
}

static const struct own_endpoint endpoints[] = {
    {SIGN_IN_PATH, true, endpoint_sign_in},
    {GITHUB_PATH, true, endpoint_github},
    {CALLBACK_PATH, true, endpoint_callback},
    {PIN_PATH, false, endpoint_pin},
    {HAND_OFF_PATH, false, endpoint_hand_off},
    {SIGNED_IN_PATH, false, endpoint_signed_in},
    {SIGN_OUT_PATH, true, endpoint_sign_out},
    {"/.tiergate/session", true, session},
    {"/.tiergate/session.js", false, endpoint_session_script},
    {"/.tiergate/certs", false, endpoint_certs},
    {"/.tiergate/github-actions", false, endpoint_actions},
    {SHARE_PATH, true, share},
    {LOGO_PATH, false, logo},
    {"/cdn-cgi/access/login", true, endpoint_sign_in},
    {"/cdn-cgi/access/logout", true, endpoint_sign_out},
    {"/cdn-cgi/access/get-identity", true, endpoint_identity},
    {"/cdn-cgi/access/certs", false, endpoint_certs},
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

bool edge_answers_itself(struct span decoded_path)
{
    return endpoint_find(decoded_path) != NULL;
}

#include "edge/access.h"

#include "base/clock.h"
#include "edge/own.h"
#include "gate/answer_access.h"
#include "gate/jwt.h"

enum ex_next endpoint_certs(struct exchange *x, enum gate_result gate)
{
    struct answer_request q;
    struct answer a;
    if (!x->site->gate)
        return exchange_refuse(x, 404, "no-gate");
    if (!own_is_read(x))
        return exchange_refuse(x, 405, "method");
    exchange_answer_request(x, "certs", &q);
    return answer_certs(&q, &x->snapshot->access, &a) ? exchange_reply(x, &a, "certs") : exchange_end(x, true);
}

enum ex_next endpoint_identity(struct exchange *x, enum gate_result gate)
{
    struct answer_request q;
    struct answer a;
    if (!x->site->gate)
        return exchange_refuse(x, 404, "no-gate");
    if (!own_is_read(x))
        return exchange_refuse(x, 405, "method");
    if (!x->who)
        return exchange_refuse(x, 401, "sign-in");
    exchange_answer_request(x, "identity", &q);
    if (!answer_identity(&q, &x->snapshot->access, &x->check, &a))
        return exchange_end(x, true);
    return exchange_reply(x, &a, "identity");
}

/* --- jobs of GitHub Actions --------------------------------------------------------------------------------------------- */

static enum ex_next refuse_job(struct exchange *x, unsigned status, const char *reason, const char *detail)
{
    struct answer_request q;
    struct answer a;
    x->detail = detail;
    exchange_answer_request(x, reason, &q);
    if (!answer_problem(&q, status, reason, detail, &a))
        return exchange_end(x, true);
    return exchange_reply(x, &a, reason);
}

/* The cookie's value as it stands in Set-Cookie. */
static struct sold_session sold(const struct exchange *x, struct span set_cookie, int64_t ends_s)
{
    struct span pair, attributes, name, value;
    span_cut(set_cookie, ';', &pair, &attributes);
    span_cut(pair, '=', &name, &value);
    return (struct sold_session){x->site->gate->session.cookie, value, ends_s};
}

static enum ex_next sell(struct exchange *x, const struct identity *who)
{
    struct answer_request q;
    struct answer a;
    struct gate_minted minted;
    int64_t ends_s = clock_wall_s() + (int64_t)x->site->gate->actions->lifetime_s;
    const struct gate_mint mint = {
        .gate = x->site->gate, .host = host_span(&x->host), .who = who, .ends_s = ends_s, .arena = &x->arena};
    if (!gate_admits_identity(x->thread->gate, who, host_span(&x->host)))
        return refuse_job(x, 403, "job-revoked", NULL);
    if (!gate_mint(&mint, &minted))
        return exchange_refuse(x, 503, "gate-failed");
    const struct sold_session s = sold(x, minted.set_cookie, ends_s);
    exchange_answer_request(x, "job-signed-in", &q);
    q.set_cookies = &minted.set_cookie;
    q.set_cookie_count = 1;
    return answer_sold_session(&q, &s, &a) ? exchange_reply(x, &a, "job-signed-in") : exchange_end(x, true);
}

static enum ex_next job_judged(struct exchange *x, const struct signin_reply *r)
{
    switch (r->outcome) {
    case SIGNIN_OK:
        return sell(x, &r->who);
    case SIGNIN_WRONG:
        return refuse_job(x, 401, "job-token-invalid", r->detail);
    case SIGNIN_NOT_ADMITTED:
        return refuse_job(x, 403, "job-not-allowed", r->detail);
    case SIGNIN_UNREACHABLE:
        return refuse_job(x, 503, "issuer-unreachable", r->detail);
    default:
        return refuse_job(x, 503, "sign-in-failed", r->detail);
    }
}

/* `Authorization: Bearer` alone: an address or a form would be written down somewhere. */
static bool bearer(const struct exchange *x, struct span *token)
{
    struct span scheme;
    return span_cut(headers_only(&x->req.headers, H_AUTHORIZATION), ' ', &scheme, token) &&
           span_eq_nocase(scheme, SPAN("Bearer")) && token->n > 0 && token->n <= JWT_MAX;
}

/* The number in this host's name, where the pattern says that it is one. */
static struct span number_of(const struct exchange *x)
{
    struct host_match m;
    if (!host_table_find(x->snapshot->table, host_span(&x->host), &m))
        return SPAN_NONE;
    const struct host_pattern *p = &x->snapshot->patterns[m.index];
    return p->kind == HOST_TEMPLATE && p->capture_kind == CAPTURE_INT ? m.captured : SPAN_NONE;
}

/* Pages have no business here, and no token that they could send. */
enum ex_next endpoint_actions(struct exchange *x, enum gate_result gate)
{
    struct signin_question q = {.kind = SIGNIN_ACTIONS, .number = number_of(x)};
    if (!x->site->gate || !x->site->gate->actions)
        return exchange_refuse(x, 404, "no-such-endpoint");
    if (x->req.method != M_POST)
        return exchange_refuse(x, 405, "method");
    if (!bearer(x, &q.code))
        return refuse_job(x, 401, "job-token-missing", "send the job's token as Authorization: Bearer");
    return own_ask(x, &q, job_judged);
}

#include "control/decide.h"

#include <stdlib.h>

#include "edge/edge.h"

static struct res parse_url(const struct question *q, struct decided *out, struct span *target)
{
    struct span rest = span_from(q->url, 8);
    if (!span_has_prefix(q->url, SPAN("https://"))) {
        out->is_http = true;
        rest = span_from(q->url, 7);
        if (!span_has_prefix(q->url, SPAN("http://")))
            return res_err("a URL begins with https:// (or http://)");
    }
    size_t end = 0;
    while (end < rest.n && !memchr("/?#", rest.p[end], 3))
        end++;
    if (!host_parse(span_make(rest.p, end), &out->name))
        return res_err("the URL's host is malformed: that is answered with 400");
    *target = span_from(rest, end);
    /* A client asks for the front page when the URL names none (RFC 9112 §3.2.1). */
    if (target->n == 0)
        *target = SPAN("/");
    return RES_OK;
}

static void find_host(const struct snapshot *s, struct decided *out)
{
    struct host_match m;
    if (!host_table_find(s->table, host_span(&out->name), &m))
        return;
    out->host = snapshot_find_host(s, host_span(&out->name), &out->captured);
    out->pattern = &s->patterns[m.index];
}

/* When it was proven: now, whatever the clock says. */
#define NOW 1

static struct res parse_as(const struct question *q, struct decided *out)
{
    const char *problem = as_parse(q->as, &out->as, &out->who);
    if (problem)
        return res_err(problem);
    out->who.proven_s = NOW;
    as_prove(&out->who, out->host ? out->host->gate : NULL);
    return RES_OK;
}

static bool is_health(const struct question *q, const struct path *p)
{
    return span_eq(p->raw, SPAN("/.tiergate/health")) &&
           (span_eq(q->method, SPAN("GET")) || span_eq(q->method, SPAN("HEAD")));
}

/* In the order of the edge: health, host, path, own endpoints, rules. */
static enum answered_by who_answers(const struct question *q, const struct decided *d)
{
    if (is_health(q, &d->path))
        return ANSWERED_BY_ENDPOINT;
    if (!d->host)
        return ANSWERED_BY_NOBODY;
    if (d->path.kind == PATH_MALFORMED)
        return ANSWERED_BY_REFUSAL;
    if (d->path.kind == PATH_CANONICAL && edge_answers_itself(d->path.decoded))
        return ANSWERED_BY_ENDPOINT;
    return ANSWERED_BY_RULES;
}

static struct res decide_by_rules(const struct question *q, struct decided *out)
{
    const struct policy *p = out->host->policy;
    struct policy_scratch *scratch = policy_scratch_new();
    struct policy_query query = {.path = &out->path, .method = q->method, .client = q->client, .now_s = NOW};
    out->trace.outcome = calloc(policy_rule_count(p) + 1, sizeof(*out->trace.outcome));
    if (!scratch || !out->trace.outcome) {
        policy_scratch_free(scratch);
        return res_err("out of memory");
    }
    query.gate = out->host->gate ? out->host->gate->name : SPAN_NONE;
    out->anonymous = policy_decide(p, &query, scratch, NULL);
    query.who = out->who.way == WAY_NONE ? NULL : &out->who;
    out->decision = policy_decide(p, &query, scratch, &out->trace);
    policy_scratch_free(scratch);
    return RES_OK;
}

struct res decide(const struct snapshot *s, const struct question *q, struct decided *out)
{
    struct span target;
    *out = (struct decided){.by = ANSWERED_BY_NOBODY};
    struct res r = parse_url(q, out, &target);
    if (!res_ok(r))
        return r;
    find_host(s, out);
    r = parse_as(q, out);
    if (!res_ok(r))
        return r;
    out->room = malloc(target.n);
    if (!out->room)
        return res_err("out of memory");
    path_parse(target, out->room, &out->path);
    out->by = who_answers(q, out);
    return out->by == ANSWERED_BY_RULES ? decide_by_rules(q, out) : RES_OK;
}

void decided_fini(struct decided *d)
{
    free(d->room);
    free(d->trace.outcome);
    d->room = NULL;
    d->trace.outcome = NULL;
}

/* A job of GitHub Actions shows the token that GitHub gave it, and gets a short session for it: no secret is stored anywhere. What the
 * token says is believed only when one of the issuer's keys signed it, and each is good for one session. */
#include "base/clock.h"
#include "base/crypto/mac.h"
#include "gate/jwt.h"
#include "gate/signin/issuer.h"

#include <stdlib.h>

#define CLAIM_MAX 256
#define ISSUER_MAX 512

struct job {
    struct jwt token;        /* its spans lie in the call */
    char issuer[ISSUER_MAX]; /* whose keys were asked for */
    size_t issuer_n;
    char repository[CLAIM_MAX];
    size_t repository_n;
    int64_t ends_s;
    uint8_t once[32];
};

/* --- the end ---------------------------------------------------------------------------------------------------------- */

static struct identity identity_of(const struct signin_call *c)
{
    const struct job *j = c->work;
    return (struct identity){.way = WAY_ACTIONS,
                             .gate = c->q.gate,
                             .subject = span_make(j->repository, j->repository_n),
                             .proven_s = clock_wall_s()};
}

static void refuse(struct signin_call *c, enum signin_outcome outcome, const char *why)
{
    const struct job *j = c->work;
    const struct identity who = j->repository_n ? identity_of(c) : (struct identity){.way = WAY_NONE};
    audit(c->service, "sign-in-refused", &c->q, &who, why);
    call_outcome(c, outcome, why);
}

static void on_first(void *arg, const struct store_reply *r)
{
    struct signin_call *c = arg;
    const struct identity who = identity_of(c);
    if (r->outcome == STORE_FAILED) {
        call_store_failed(c, r);
        return;
    }
    if (r->outcome != STORE_OK) {
        refuse(c, SIGNIN_WRONG, "the token was used before");
        return;
    }
    audit(c->service, "signed-in", &c->q, &who, NULL);
    call_answer(c, &(struct signin_reply){.outcome = SIGNIN_OK, .who = who});
}

/* --- what it must say ------------------------------------------------------------------------------------------------- */

static bool is_among(struct span s, const struct span *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (span_eq(list[i], s))
            return true;
    return false;
}

/* Owner and name, in ASCII as GitHub has them, told from each other by one slash; lower case, as the rules are. */
static bool keep_repository(struct job *j, struct span s)
{
    size_t slashes = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
            return false;
        slashes += s.p[i] == '/';
        j->repository[i] = (char)ascii_lower(s.p[i]);
    }
    j->repository_n = slashes == 1 ? s.n : 0;
    return j->repository_n > 0;
}

/* refs/pull/NUMBER/merge: what a job of a pull request runs on. The names of its branches are its author's to choose, this is not. */
static bool is_pull(struct span ref, struct span number)
{
    struct span rest = span_from(ref, sizeof("refs/pull/") - 1), n, merge;
    return span_has_prefix(ref, SPAN("refs/pull/")) && span_cut(rest, '/', &n, &merge) &&
           span_eq(merge, SPAN("merge")) && n.n > 0 && span_eq(n, number);
}

/* pull_request_target and the like run on the base's branch with the pull request's wishes: they are no pull request's own job. */
static const char *check_preview(const struct json_doc *claims, struct span ref, struct span number)
{
    if (!span_eq(jwt_text(claims, "event_name", CLAIM_MAX), SPAN("pull_request")))
        return "the job is not one of a pull request";
    return is_pull(ref, number) ? NULL : "the pull request is not this host's";
}

static const char *check_job(const struct actions_config *a, const struct json_doc *claims, struct job *j,
                             struct span number)
{
    struct span ref = jwt_text(claims, "ref", CLAIM_MAX);
    if (!keep_repository(j, jwt_text(claims, "repository", CLAIM_MAX)))
        return "the token names no repository";
    if (!is_among(span_make(j->repository, j->repository_n), a->repositories, a->repository_count))
        return "the job is another repository's";
    if (a->ref_count && !is_among(ref, a->refs, a->ref_count))
        return "the job runs on another branch or tag";
    if (a->environment_count &&
        !is_among(jwt_text(claims, "environment", CLAIM_MAX), a->environments, a->environment_count))
        return "the job is not one of this environment";
    return a->own_preview_only ? check_preview(claims, ref, number) : NULL;
}

/* --- once ------------------------------------------------------------------------------------------------------------- */

/* By its own number, not by its text: whatever else of it may be written in two ways, this is one token. */
static bool keep_once(struct job *j, const struct json_doc *claims, struct span issuer)
{
    struct text t;
    struct span id = jwt_text(claims, "jti", CLAIM_MAX);
    text_init(&t);
    text_addf(&t, "github actions\n%.*s\n%.*s", SPAN_ARG(issuer), SPAN_ARG(id));
    bool ok = id.n > 0 && !t.failed && res_ok(sha256(text_span(&t), j->once));
    text_fini(&t);
    return ok;
}

static void use_up(struct signin_call *c)
{
    struct signin *s = c->service;
    const struct job *j = c->work;
    if (!s->c.store) {
        call_outcome(c, SIGNIN_FAILED, "there is no store");
        return;
    }
    store_once(s->c.store, STORE_USED, span_make(j->once, sizeof(j->once)), SPAN("1"), j->ends_s, on_first, c);
}

/* --- judging ---------------------------------------------------------------------------------------------------------- */

/* The text is read and its key is known. */
static const char *judge(struct signin_call *c, const struct gate_config *gate, const struct rsa_key *key,
                         enum signin_outcome *outcome)
{
    struct job *j = c->work;
    const struct actions_config *a = gate->actions;
    const struct jwt_expect e = {.issuer = a->issuer, .audience = a->audience, .now_s = clock_wall_s()};
    const char *why;
    *outcome = SIGNIN_WRONG;
    if (!span_eq(a->issuer, span_make(j->issuer, j->issuer_n))) /* the key is the old one's */
        return "the gate has another issuer by now";
    struct json_doc *claims = jwt_open(&j->token, key, &e, &why);
    if (!claims)
        return why;
    j->ends_s = json_as_int(json_get(json_root(claims), "exp")) + JWT_SKEW_S + 1;
    if (!keep_once(j, claims, a->issuer)) {
        why = "the token has no number of its own";
    } else {
        *outcome = SIGNIN_NOT_ADMITTED;
        why = check_job(a, claims, j, c->q.number);
    }
    json_free(claims);
    return why;
}

static void judge_by(struct signin_call *c, const struct rsa_key *key)
{
    enum signin_outcome outcome = SIGNIN_NOT_ADMITTED;
    const struct gate_config *gate = signin_gate(c->service, c->q.gate); /* it may have changed meanwhile */
    const char *why = gate && gate->actions ? judge(c, gate, key, &outcome) : "the gate takes no jobs any more";
    const struct identity who = identity_of(c);
    if (!why && !signin_could_admit(gate, &who))
        why = "no rule lets this repository's jobs in";
    if (why)
        refuse(c, outcome, why);
    else
        use_up(c);
}

static void on_key(struct signin_call *c, enum issuer_answer a, const struct rsa_key *key)
{
    switch (a) {
    case ISSUER_KEY:
        judge_by(c, key);
        return;
    case ISSUER_UNKNOWN:
        refuse(c, SIGNIN_WRONG, "the issuer has no such key");
        return;
    case ISSUER_UNREACHABLE:
        break;
    }
    refuse(c, SIGNIN_UNREACHABLE, "the issuer's keys cannot be had");
}

static bool keep_issuer(struct job *j, struct span issuer)
{
    if (issuer.n > sizeof(j->issuer))
        return false;
    memcpy(j->issuer, issuer.p, issuer.n);
    j->issuer_n = issuer.n;
    return true;
}

void signin_actions(struct signin *s, struct signin_call *c)
{
    const struct gate_config *gate = signin_gate(s, c->q.gate);
    struct job *j = gate && gate->actions ? calloc(1, sizeof(*j)) : NULL;
    if (!j) {
        call_outcome(c, gate && gate->actions ? SIGNIN_FAILED : SIGNIN_NOT_ADMITTED,
                     gate && gate->actions ? "out of memory" : "the gate takes no jobs");
        return;
    }
    c->work = j;
    c->work_free = free;
    const char *why = jwt_read(c->q.code, &j->token);
    if (!why && !keep_issuer(j, gate->actions->issuer))
        why = "the issuer's name is too long";
    if (why)
        refuse(c, SIGNIN_WRONG, why);
    else
        issuer_key(s, c, gate->actions->issuer, span_make(j->token.kid, j->token.kid_n), on_key);
}

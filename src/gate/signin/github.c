/* Signing in with GitHub: a code becomes a token, the token a look at who it is; then it is seen whether the gate has a rule for him. The token is
 * kept, sealed, where it is needed for looking again, and else given back. */
#include "gate/signin/github.h"

#include "base/clock.h"
#include "base/count.h"
#include "base/crypto/base64.h"
#include "base/crypto/mac.h"
#include "gate/record.h"

#include <stdlib.h>

#define WINDOW_S 600u
#define PER_CLIENT 60 /* an office behind one address may begin its day together */

struct github_signin {
    struct signin_call *call; /* back */
    struct fetch *exchange;   /* NULL: not (any more) */
    struct github_look *look; /* NULL: not (any more) */
    struct github_grant grant;
    struct github_user user;
    struct text groups;                    /* owns */
    struct text pending, blocked, missing; /* own */
    struct login_pin pin;
    int64_t began_s;
};

static void work_free(void *work)
{
    struct github_signin *w = work;
    if (w->exchange)
        fetch_cancel(w->exchange);
    if (w->look)
        github_look_cancel(w->look);
    text_fini(&w->groups);
    text_fini(&w->pending);
    text_fini(&w->blocked);
    text_fini(&w->missing);
    wipe(&w->grant, sizeof(w->grant));
    free(w);
}

static struct span token_of(const struct github_signin *w)
{
    return span_make(w->grant.token, w->grant.token_n);
}

/* Of nobody, as long as GitHub has not told who it is; but the way is known. */
static struct identity identity_of(const struct github_signin *w)
{
    const struct gate_config *gate = signin_gate(w->call->service, w->call->q.gate);
    return (struct identity){.way = WAY_GITHUB,
                             .gate = w->call->q.gate,
                             .subject = span_make(w->user.id, w->user.id_n),
                             .email = span_make(w->user.email, w->user.email_n),
                             .login = span_make(w->user.login, w->user.login_n),
                             .groups = text_span(&w->groups),
                             .proven_s = w->began_s,
                             .latest_s = w->began_s + (gate ? (int64_t)gate->session.lifetime_s : 0)};
}

/* --- giving a token back ------------------------------------------------------------------------------------------------ */

struct giving {
    struct side_job job;
    struct fetch *fetch;
};

static void giving_release(struct side_job *j)
{
    struct giving *g = (struct giving *)j;
    if (g->fetch)
        fetch_cancel(g->fetch);
    free(g);
}

/* Whatever it says: without a session of ours the token opens nothing here, and GitHub keeps no more than ten. */
static void on_given(void *arg, const struct fetch_reply *r)
{
    struct giving *g = arg;
    (void)r;
    g->fetch = NULL;
    job_end(&g->job);
}

static void add_basic(struct text *t, const struct github_config *g)
{
    struct text plain;
    text_init(&plain);
    text_addf(&plain, "%.*s:%.*s", SPAN_ARG(g->client_id), SPAN_ARG(g->client_secret));
    char *room = malloc(BASE64_SIZE(plain.n) + 1);
    t->failed = plain.failed || !room;
    text_add(t, SPAN("Basic "));
    if (room)
        text_add(t, span_make(room, base64_encode(text_span(&plain), room)));
    free(room);
    text_wipe(&plain);
}

static struct fetch *start_giving(struct giving *job, const struct github_config *g, struct span token)
{
    struct text url, basic, body;
    struct fetch *f = NULL;
    text_init(&url);
    text_init(&basic);
    text_init(&body);
    text_addf(&url, "%.*s/applications/", SPAN_ARG(g->api));
    github_add_escaped(&url, g->client_id);
    text_add(&url, SPAN("/token"));
    add_basic(&basic, g);
    text_add(&body, SPAN("{\"access_token\":\""));
    text_add_json(&body, token);
    text_add(&body, SPAN("\"}"));
    const struct fetch_field fields[] = {{SPAN("Authorization"), text_span(&basic)},
                                         {SPAN("Accept"), SPAN("application/vnd.github+json")},
                                         {SPAN("Content-Type"), SPAN("application/json")},
                                         {SPAN("User-Agent"), SPAN("tiergate")}};
    const struct fetch_request r = {.method = "DELETE",
                                    .url = text_span(&url),
                                    .fields = fields,
                                    .field_count = COUNT(fields),
                                    .body = text_span(&body)};
    if (!url.failed && !basic.failed && !body.failed)
        f = fetch_start(job->job.service->c.fetcher, &r, on_given, job);
    text_fini(&url);
    text_wipe(&basic);
    text_wipe(&body);
    return f;
}

void github_give_back(struct signin *s, const struct github_config *g, struct span token)
{
    struct giving *job = token.n ? calloc(1, sizeof(*job)) : NULL;
    if (!job)
        return;
    job_begin(s, &job->job, giving_release);
    job->fetch = start_giving(job, g, token);
    if (!job->fetch)
        job_end(&job->job);
}

/* --- the end ------------------------------------------------------------------------------------------------------------ */

static void give_back(struct github_signin *w)
{
    const struct gate_config *gate = signin_gate(w->call->service, w->call->q.gate);
    if (gate && gate->github)
        github_give_back(w->call->service, gate->github, token_of(w));
}

static void refuse(struct github_signin *w, enum signin_outcome outcome, const char *detail, struct span what,
                   uint32_t retry_after_s)
{
    const struct identity who = identity_of(w);
    const struct signin_reply r = {
        .outcome = outcome, .retry_after_s = retry_after_s, .detail = detail, .subject = who.login, .what = what};
    give_back(w);
    audit(w->call->service, "sign-in-refused", &w->call->q, &who, detail);
    call_answer(w->call, &r);
}

static void let_in(struct github_signin *w)
{
    const struct identity who = identity_of(w);
    audit(w->call->service, "signed-in", &w->call->q, &who, NULL);
    call_answer(w->call, &(struct signin_reply){.outcome = SIGNIN_OK, .who = who, .subject = who.login});
}

/* What helps most comes first: what the person himself can do. */
static void refuse_for_rules(struct github_signin *w)
{
    if (w->pending.n)
        refuse(w, SIGNIN_PENDING, "the invitation to the organisation was not accepted yet", text_span(&w->pending), 0);
    else if (w->blocked.n)
        refuse(w, SIGNIN_ORG_BLOCKS, "the organisation does not let this application look", text_span(&w->blocked), 0);
    else if (w->missing.n)
        refuse(w, SIGNIN_NOT_MEMBER, "not a member", text_span(&w->missing), 0);
    else
        refuse(w, SIGNIN_NOT_ADMITTED, "no rule admits it", SPAN_NONE, 0);
}

/* Who could not be looked at again must not come in. */
static void on_kept(void *arg, const struct store_reply *r)
{
    struct github_signin *w = arg;
    if (r->outcome == STORE_OK)
        let_in(w);
    else
        refuse(w, SIGNIN_FAILED, r->detail ? r->detail : "the store failed", SPAN_NONE, 0);
}

static void judge(struct github_signin *w)
{
    struct signin *s = w->call->service;
    const struct gate_config *gate = signin_gate(s, w->call->q.gate);
    const struct identity who = identity_of(w);
    if (!gate || !gate->github) {
        refuse(w, SIGNIN_FAILED, "the gate is gone", SPAN_NONE, 0);
    } else if (!signin_could_admit(gate, &who)) {
        refuse_for_rules(w);
    } else if (github_needs_looks(gate)) {
        people_add(s->people, gate, &who, token_of(w), on_kept, w);
    } else {
        give_back(w);
        let_in(w);
    }
}

static void on_login(void *arg, enum login_pin_result r)
{
    struct github_signin *w = arg;
    if (r == LOGIN_OK)
        judge(w);
    else if (r == LOGIN_OTHERS)
        refuse(w, SIGNIN_LOGIN_CHANGED, "the login belonged to another account when it was first used here", SPAN_NONE,
               0);
    else
        refuse(w, SIGNIN_FAILED, "the store failed", SPAN_NONE, 0);
}

/* --- the look ----------------------------------------------------------------------------------------------------------- */

static bool keep_facts(struct github_signin *w, const struct github_facts *facts)
{
    w->user = *facts->user;
    text_add(&w->groups, facts->groups);
    text_add(&w->pending, facts->pending);
    text_add(&w->blocked, facts->blocked);
    text_add(&w->missing, facts->missing);
    return !w->groups.failed && !w->pending.failed && !w->blocked.failed && !w->missing.failed;
}

static void on_look(void *arg, const struct github_facts *facts)
{
    struct github_signin *w = arg;
    const struct gate_config *gate = signin_gate(w->call->service, w->call->q.gate);
    w->look = NULL;
    if (facts->outcome != LOOK_OK)
        refuse(w, SIGNIN_UNREACHABLE, facts->detail, SPAN_NONE, facts->retry_after_s);
    else if (!gate || !keep_facts(w, facts))
        refuse(w, SIGNIN_FAILED, "out of memory, or the gate is gone", SPAN_NONE, 0);
    else
        login_pin_ask(w->call->service, gate, &w->user, &w->pin, on_login, w);
}

/* Without a scope nobody comes in, also where another rule would let him: which of them he gave us is the person's choice, and a rule
 * may exclude members. */
static const char *missing_scope(const struct github_signin *w, const struct github_config *g)
{
    if (w->grant.fine_grained)
        return NULL;
    if (!w->grant.email)
        return "user:email";
    return !w->grant.groups && g->org_count + g->team_count > 0 ? "read:org" : NULL;
}

static void look(struct github_signin *w, const struct github_config *g)
{
    const char *scope = missing_scope(w, g);
    if (scope) {
        refuse(w, SIGNIN_SCOPE_REFUSED, "the person did not grant what is needed", span_of(scope), 0);
        return;
    }
    w->began_s = clock_wall_s();
    w->look = github_look_start(w->call->service->c.fetcher, g, token_of(w), on_look, w);
    if (!w->look)
        refuse(w, SIGNIN_FAILED, "out of memory", SPAN_NONE, 0);
}

/* --- the exchange ------------------------------------------------------------------------------------------------------- */

static void on_exchanged(void *arg, const struct fetch_reply *r)
{
    struct github_signin *w = arg;
    const struct gate_config *gate = signin_gate(w->call->service, w->call->q.gate);
    const char *detail = r->detail ? r->detail : fetch_error_text(r->error);
    enum signin_outcome outcome = SIGNIN_UNREACHABLE;
    uint32_t retry_after_s = 0;
    w->exchange = NULL;
    if (r->error == FETCH_OK && github_is_limited(r, clock_wall_s(), &retry_after_s))
        detail = "GitHub: too many requests";
    else if (r->error == FETCH_OK && r->status != 200)
        detail = "GitHub gave no token: the status is not 200";
    else if (r->error == FETCH_OK)
        outcome = github_read_grant(r->body, &w->grant, &detail);
    if (outcome != SIGNIN_OK)
        refuse(w, outcome, detail, SPAN_NONE, retry_after_s);
    else if (!gate || !gate->github)
        refuse(w, SIGNIN_FAILED, "the gate is gone", SPAN_NONE, 0);
    else
        look(w, gate->github);
}

static void add_form(struct text *t, const char *name, struct span value)
{
    text_addf(t, "%s%s=", t->n ? "&" : "", name);
    github_add_escaped(t, value);
}

static struct fetch *exchange(struct github_signin *w, const struct github_config *g)
{
    const struct signin_question *q = &w->call->q;
    const struct fetch_field fields[] = {{SPAN("Accept"), SPAN("application/json")},
                                         {SPAN("Content-Type"), SPAN("application/x-www-form-urlencoded")},
                                         {SPAN("User-Agent"), SPAN("tiergate")}};
    struct text url, body;
    text_init(&url);
    text_init(&body);
    text_addf(&url, "%.*s/login/oauth/access_token", SPAN_ARG(g->web));
    add_form(&body, "client_id", g->client_id);
    add_form(&body, "client_secret", g->client_secret);
    add_form(&body, "code", q->code);
    add_form(&body, "redirect_uri", q->redirect_uri);
    add_form(&body, "code_verifier", q->verifier);
    const struct fetch_request r = {.method = "POST",
                                    .url = text_span(&url),
                                    .fields = fields,
                                    .field_count = COUNT(fields),
                                    .body = text_span(&body)};
    struct fetch *f = url.failed || body.failed ? NULL : fetch_start(w->call->service->c.fetcher, &r, on_exchanged, w);
    text_fini(&url);
    text_wipe(&body);
    return f;
}

/* --- the question ------------------------------------------------------------------------------------------------------- */

/* GitHub gives an application so many tokens an hour: one who sends made-up codes must not use them up. */
static void on_counted(void *arg, const struct store_reply *r)
{
    struct github_signin *w = arg;
    const struct gate_config *gate = signin_gate(w->call->service, w->call->q.gate);
    if (r->outcome == STORE_OVER) {
        int64_t wait_s = r->ends_s - clock_wall_s();
        refuse(w, SIGNIN_LIMITED, "limited: too many sign-ins of one client", SPAN_NONE,
               wait_s < 1 ? 1 : (uint32_t)wait_s);
    } else if (r->outcome != STORE_OK || !gate || !gate->github) {
        call_outcome(w->call, SIGNIN_FAILED, "the store failed, or the gate is gone");
    } else {
        w->exchange = exchange(w, gate->github);
        if (!w->exchange)
            call_outcome(w->call, SIGNIN_FAILED, "out of memory");
    }
}

static void count(struct github_signin *w)
{
    const struct signin_question *q = &w->call->q;
    const struct cidr client = addr_bucket(&q->client);
    uint8_t key[STORE_KEY_MAX];
    struct record_out o = {.p = key, .cap = sizeof(key)};
    record_put_span(&o, SPAN("github"));
    record_put_span(&o, q->gate);
    record_put(&o, client.ip, sizeof(client.ip));
    if (o.full)
        call_outcome(w->call, SIGNIN_FAILED, "a gate's name that is too long");
    else
        store_count(w->call->service->c.store, STORE_COUNTS, span_make(key, o.n), WINDOW_S, PER_CLIENT, on_counted, w);
}

void signin_github(struct signin *s, struct signin_call *c)
{
    const struct gate_config *gate = signin_gate(s, c->q.gate);
    struct github_signin *w = calloc(1, sizeof(*w));
    if (!w || !gate || !gate->github || !s->c.fetcher || !s->c.store) {
        free(w);
        call_outcome(c, SIGNIN_FAILED, "no memory, no store, or no gate with GitHub");
        return;
    }
    w->call = c;
    c->work = w;
    c->work_free = work_free;
    count(w);
}

/* What a job's token must say, and what happens when something fails on the way. */
#include "signin_trial.h"

#include "base/clock.h"
#include "base/count.h"
#include "base/crypto/base64.h"
#include "base/crypto/rsa.h"
#include "gate/jwks.h"
#include "gate/signin/impl.h"

#define TEXT(s)                                                                                                        \
    {                                                                                                                  \
        (const uint8_t *)(s), sizeof(s) - 1                                                                            \
    }
#define SHOP "\"repository\":\"acme/shop\","
#define MAIN "\"ref\":\"refs/heads/main\","
#define PULL "\"event_name\":\"pull_request\",\"ref\":\"refs/pull/7/merge\","
#define JTI "\"jti\":\"one\""

static const struct selector by_repository[] = {{.kind = SEL_ACTIONS, .subject = TEXT("acme/shop")}};
static const struct span repositories[] = {TEXT("acme/tool"), TEXT("acme/shop")},
                         refs[] = {TEXT("refs/heads/main"), TEXT("refs/tags/v1")},
                         environments[] = {TEXT("staging"), TEXT("beta")};

/* --- tokens ------------------------------------------------------------------------------------------------------- */

static int make_key(void **state)
{
    struct text pem;
    text_init(&pem);
    assert_true(res_ok(rsa_make_pem(&pem)));
    struct rsa_key *key = rsa_from_pem(text_span(&pem));
    assert_non_null(key);
    text_fini(&pem);
    *state = key;
    return 0;
}

static int free_key(void **state)
{
    rsa_key_free(*state);
    return 0;
}

static void add64(struct text *t, struct span s)
{
    char room[1000];
    assert_true(BASE64_SIZE(s.n) < sizeof(room));
    text_add(t, span_make(room, base64url_encode(s, room)));
}

static void make_token(struct text *out, const struct rsa_key *key, const char *kid, const char *claims)
{
    uint8_t signature[RSA_SIGNATURE];
    size_t n;
    struct text t;
    long long now = clock_wall_s();
    text_init(&t);
    text_init(out);
    text_addf(&t, "{\"alg\":\"RS256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", kid);
    add64(out, text_span(&t));
    text_fini(&t);
    text_addf(&t,
              "{\"iss\":\"https://new.test\",\"aud\":\"https://us.test\",\"exp\":%lld,\"nbf\":%lld,\"iat\":%lld,%s}",
              now + 300, now, now, claims);
    text_add(out, SPAN("."));
    add64(out, text_span(&t));
    assert_true(res_ok(rsa_sign(key, text_span(out), signature, sizeof(signature), &n)));
    text_add(out, SPAN("."));
    add64(out, span_make(signature, n));
    text_fini(&t);
}

/* --- a gate that takes jobs --------------------------------------------------------------------------------------- */

struct shop {
    struct service_kit k;
    struct actions_config actions;
    struct text keys;
};

static void shop_open(struct shop *s, const struct rsa_key *key)
{
    s->actions = (struct actions_config){.issuer = SPAN("https://new.test"),
                                         .audience = SPAN("https://us.test"),
                                         .repositories = repositories,
                                         .repository_count = COUNT(repositories),
                                         .lifetime_s = 600};
    service_open(&s->k, by_repository, COUNT(by_repository));
    s->k.fixture.gate.actions = &s->actions;
    text_init(&s->keys);
    text_add(&s->keys, SPAN("{\"keys\":["));
    jwks_add(&s->keys, key, SPAN("k1"));
    text_add(&s->keys, SPAN("]}"));
    service_play(&s->k, "/.well-known/jwks", 200, s->keys.p);
    service_settle(&s->k);
    trial_begin();
}

static void shop_close(struct shop *s)
{
    trial_end();
    text_fini(&s->keys);
    service_close(&s->k);
}

static void begin(struct shop *s, struct answered *a, struct span token, const char *number)
{
    const struct signin_question q = {.kind = SIGNIN_ACTIONS,
                                      .gate = SPAN("g"),
                                      .host = SPAN("pr-7.app.test"),
                                      .code = token,
                                      .number = span_of(number)};
    service_ask(&s->k, &q, a);
}

static struct answered ask(struct shop *s, struct span token, const char *number)
{
    struct answered a;
    begin(s, &a, token, number);
    service_wait(&s->k, &a, 1);
    return a;
}

static struct answered ask_with(struct shop *s, const struct rsa_key *key, const char *claims)
{
    struct text token;
    make_token(&token, key, "k1", claims);
    struct answered a = ask(s, text_span(&token), NULL);
    text_fini(&token);
    return a;
}

/* --- what it must say --------------------------------------------------------------------------------------------- */

#define NO_NAME "the token names no repository"
#define OTHER "the job is another repository's"
#define BRANCH "the job runs on another branch or tag"
#define PLACE "the job is not one of this environment"
#define NO_PULL "the job is not one of a pull request"
#define NOT_HERE "the pull request is not this host's"
#define NO_NUMBER "the token has no number of its own"
#define ALL 0u
#define REFS 1u
#define ENVIRONMENTS 2u
#define PREVIEWS 4u

static const struct {
    const char *claims;
    unsigned limits;
    const char *number, *why; /* why NULL: let in */
    bool known;               /* the audit line says whose job it was */
} tokens[] = {
    {SHOP MAIN JTI, ALL, NULL, NULL, true},
    {SHOP JTI, ALL, NULL, NULL, true},
    {"\"repository\":\"Acme/SHOP\"," JTI, ALL, NULL, NULL, true},
    {JTI, ALL, NULL, NO_NAME, false},
    {"\"repository\":\"\"," JTI, ALL, NULL, NO_NAME, false},
    {"\"repository\":\"acme\"," JTI, ALL, NULL, NO_NAME, false},
    {"\"repository\":\"acme/shop/x\"," JTI, ALL, NULL, NO_NAME, false},
    {"\"repository\":\"acme/shop \"," JTI, ALL, NULL, NO_NAME, false},
    {"\"repository\":\"acme /shop\"," JTI, ALL, NULL, NO_NAME, false},
    {"\"repository\":\"acme/sh\xc3\xb6p\"," JTI, ALL, NULL, NO_NAME, false},
    {"\"repository\":\"acme/~shop\"," JTI, ALL, NULL, OTHER, true},
    {"\"repository\":\"acme/shop2\"," JTI, ALL, NULL, OTHER, true},
    {"\"repository\":\"acme/tool\"," JTI, ALL, NULL, "no rule lets this repository's jobs in", true},

    {SHOP MAIN JTI, REFS, NULL, NULL, true},
    {SHOP "\"ref\":\"refs/tags/v1\"," JTI, REFS, NULL, NULL, true},
    {SHOP "\"ref\":\"refs/heads/main2\"," JTI, REFS, NULL, BRANCH, true},
    {SHOP JTI, REFS, NULL, BRANCH, true},
    {SHOP "\"environment\":\"beta\"," JTI, ENVIRONMENTS, NULL, NULL, true},
    {SHOP "\"environment\":\"prod\"," JTI, ENVIRONMENTS, NULL, PLACE, true},
    {SHOP MAIN JTI, ENVIRONMENTS, NULL, PLACE, true},
    {SHOP MAIN "\"environment\":\"staging\"," JTI, REFS | ENVIRONMENTS, NULL, NULL, true},
    {SHOP "\"environment\":\"staging\"," JTI, REFS | ENVIRONMENTS, NULL, BRANCH, true},

    {SHOP PULL JTI, PREVIEWS, "7", NULL, true},
    {SHOP PULL JTI, PREVIEWS, "8", NOT_HERE, true},
    {SHOP PULL JTI, PREVIEWS, NULL, NOT_HERE, true},
    {SHOP MAIN JTI, PREVIEWS, "7", NO_PULL, true},
    {SHOP "\"event_name\":\"pull_request_target\",\"ref\":\"refs/pull/7/merge\"," JTI, PREVIEWS, "7", NO_PULL, true},
    {SHOP "\"event_name\":\"pull_request\",\"ref\":\"refs/heads/main\"," JTI, PREVIEWS, "7", NOT_HERE, true},
    {SHOP "\"event_name\":\"pull_request\",\"ref\":\"refs/puIl/7/merge\"," JTI, PREVIEWS, "7", NOT_HERE, true},
    {SHOP "\"event_name\":\"pull_request\",\"ref\":\"refs/pull/7/head\"," JTI, PREVIEWS, "7", NOT_HERE, true},
    {SHOP "\"event_name\":\"pull_request\",\"ref\":\"refs/pull/7\"," JTI, PREVIEWS, "7", NOT_HERE, true},
    {SHOP "\"event_name\":\"pull_request\",\"ref\":\"refs/pull//merge\"," JTI, PREVIEWS, NULL, NOT_HERE, true},

    {SHOP MAIN "\"jti\":\"\"", ALL, NULL, NO_NUMBER, false},
    {SHOP "\"ref\":\"refs/heads/main\"", ALL, NULL, NO_NUMBER, false},
};

static enum signin_outcome outcome_of(const char *why)
{
    return !why ? SIGNIN_OK : strcmp(why, NO_NUMBER) == 0 ? SIGNIN_WRONG : SIGNIN_NOT_ADMITTED;
}

static void test_what_it_says(void **state)
{
    for (size_t i = 0; i < COUNT(tokens); i++) {
        struct shop s;
        struct text token;
        char name[40];
        (void)snprintf(name, sizeof(name), "token %zu", i);
        make_token(&token, *state, "k1", tokens[i].claims);
        shop_open(&s, *state);
        s.actions.refs = refs;
        s.actions.ref_count = tokens[i].limits & REFS ? COUNT(refs) : 0;
        s.actions.environments = environments;
        s.actions.environment_count = tokens[i].limits & ENVIRONMENTS ? COUNT(environments) : 0;
        s.actions.own_preview_only = tokens[i].limits & PREVIEWS;
        struct answered a = ask(&s, text_span(&token), tokens[i].number);
        CHECK_SPAN(name, span_of(a.detail), span_of(tokens[i].why));
        assert_int_equal(a.outcome, outcome_of(tokens[i].why));
        assert_int_equal(a.way, tokens[i].why ? WAY_NONE : WAY_ACTIONS);
        CHECK(name, tokens[i].why || strcmp(a.subject, "acme/shop") == 0);
        CHECK(name, service_heard(&s.k.audit, tokens[i].why ? "\"sign-in-refused\"" : "\"signed-in\""));
        CHECK(name, service_heard(&s.k.audit, "\"way\":\"github-actions\",\"identity\":\"acme/") == tokens[i].known);
        CHECK(name, service_heard(&s.k.audit, "\"way\"") == tokens[i].known);
        assert_string_equal(trial_heard(), tokens[i].why ? "" : "once used\n");
        text_fini(&token);
        shop_close(&s);
    }
}

/* --- and what else may be wrong ----------------------------------------------------------------------------------- */

static void test_once(void **state)
{
    struct shop s;
    shop_open(&s, *state);
    assert_int_equal(ask_with(&s, *state, SHOP MAIN JTI).outcome, SIGNIN_OK);
    struct answered a = ask_with(&s, *state, SHOP JTI); /* another text of the same number */
    assert_int_equal(a.outcome, SIGNIN_WRONG);
    assert_string_equal(a.detail, "the token was used before");
    assert_int_equal(a.way, WAY_NONE);
    assert_true(service_heard(&s.k.audit, "\"detail\":\"the token was used before\""));
    assert_int_equal(ask_with(&s, *state, SHOP "\"jti\":\"two\"").outcome, SIGNIN_OK);
    shop_close(&s);
}

static void test_no_key(void **state)
{
    struct shop s;
    struct text token;
    shop_open(&s, *state);
    struct answered a = ask(&s, SPAN("a.b.c"), NULL);
    assert_int_equal(a.outcome, SIGNIN_WRONG);
    assert_true(service_heard(&s.k.audit, "\"sign-in-refused\""));
    assert_int_equal(s.k.asked_count, 0);
    make_token(&token, *state, "k2", SHOP JTI);
    a = ask(&s, text_span(&token), NULL);
    assert_int_equal(a.outcome, SIGNIN_WRONG);
    assert_string_equal(a.detail, "the issuer has no such key");
    text_fini(&token);
    shop_close(&s);
    shop_open(&s, *state);
    service_play(&s.k, "/.well-known/jwks", 500, "");
    a = ask_with(&s, *state, SHOP JTI);
    assert_int_equal(a.outcome, SIGNIN_UNREACHABLE);
    assert_string_equal(a.detail, "the issuer's keys cannot be had");
    shop_close(&s);
}

static void test_long_issuer(void **state)
{
    static char issuer[513];
    memset(issuer, 'i', sizeof(issuer));
    for (size_t n = 512; n <= 513; n++) {
        struct shop s;
        shop_open(&s, *state);
        s.actions.issuer = span_make(issuer, n);
        struct answered a = ask_with(&s, *state, SHOP JTI);
        assert_int_equal(a.outcome, n == 513 ? SIGNIN_WRONG : SIGNIN_UNREACHABLE); /* its URL is too long by then */
        assert_int_equal(strcmp(a.detail, "the issuer's name is too long") == 0, n == 513);
        a = ask(&s, SPAN("a.b.c"), NULL); /* what is no token is not looked at further */
        assert_int_equal(a.outcome, SIGNIN_WRONG);
        assert_null(strstr(a.detail, "issuer"));
        shop_close(&s);
    }
}

/* --- no jobs here ------------------------------------------------------------------------------------------------- */

static void no_gate(struct shop *s)
{
    s->k.signin->gates.n = 0;
}

static void no_actions(struct shop *s)
{
    s->k.fixture.gate.actions = NULL;
}

static void other_issuer(struct shop *s)
{
    s->actions.issuer = SPAN("https://newer.test");
}

static void test_no_jobs(void **state)
{
    static const struct {
        void (*change)(struct shop *s);
        enum signin_outcome later;
        const char *before, *meanwhile;
    } rows[] = {{no_gate, SIGNIN_NOT_ADMITTED, "the gate takes no jobs", "the gate takes no jobs any more"},
                {no_actions, SIGNIN_NOT_ADMITTED, "the gate takes no jobs", "the gate takes no jobs any more"},
                {other_issuer, SIGNIN_WRONG, NULL, "the gate has another issuer by now"}};
    struct text token;
    make_token(&token, *state, "k1", SHOP JTI);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct shop s;
        struct answered a;
        shop_open(&s, *state);
        begin(&s, &a, text_span(&token), NULL);
        while (s.k.asked_count == 0)
            kit_idle(&s.k.base, 0);
        rows[i].change(&s);
        service_wait(&s.k, &a, 1);
        assert_int_equal(a.outcome, rows[i].later);
        assert_string_equal(a.detail, rows[i].meanwhile);
        assert_true(service_heard(&s.k.audit, "sign-in-refused"));
        if (rows[i].before) {
            a = ask(&s, text_span(&token), NULL);
            assert_int_equal(a.outcome, SIGNIN_NOT_ADMITTED);
            assert_string_equal(a.detail, rows[i].before);
        }
        assert_string_equal(trial_heard(), "");
        shop_close(&s);
    }
    text_fini(&token);
}

/* --- what fails --------------------------------------------------------------------------------------------------- */

static void test_fails(void **state)
{
    static const struct store_reply failed = {.outcome = STORE_FAILED, .detail = "disk"};
    struct text token;
    struct answered a;
    struct shop s;
    make_token(&token, *state, "k1", SHOP JTI);
    shop_open(&s, *state);

    begin(&s, &a, text_span(&token), NULL);
    trial_fail(TRIAL_MEMORY, 0);
    service_wait(&s.k, &a, 1);
    assert_int_equal(a.outcome, SIGNIN_FAILED);
    assert_string_equal(a.detail, "out of memory");

    trial_fail(TRIAL_SHA256, 0);
    a = ask(&s, text_span(&token), NULL);
    assert_int_equal(a.outcome, SIGNIN_WRONG);
    assert_string_equal(a.detail, NO_NUMBER);
    assert_true(trial_was_hit());

    s.k.signin->c.store = NULL;
    a = ask(&s, text_span(&token), NULL);
    assert_int_equal(a.outcome, SIGNIN_FAILED);
    assert_string_equal(a.detail, "there is no store");
    s.k.signin->c.store = s.k.base.store;
    assert_string_equal(trial_heard(), "");

    trial_answer(TRIAL_ONCE, 0, &failed);
    a = ask(&s, text_span(&token), NULL);
    assert_int_equal(a.outcome, SIGNIN_FAILED);
    assert_string_equal(a.detail, "disk");
    assert_string_equal(trial_heard(), "once used\n");
    text_fini(&token);
    shop_close(&s);
}

/* Wherever memory ends: nobody is let in twice. */
static void test_no_memory(void **state)
{
    struct shop s;
    unsigned skip = 0, failed = 0;
    shop_open(&s, *state);
    assert_int_equal(ask_with(&s, *state, SHOP JTI).outcome, SIGNIN_OK); /* the keys are known */
    for (bool hit = true; hit && skip < 1000; skip++) {
        struct text token;
        struct answered a, b;
        char claims[80];
        (void)snprintf(claims, sizeof(claims), SHOP "\"jti\":\"%u\"", skip);
        make_token(&token, *state, "k1", claims);
        begin(&s, &a, text_span(&token), NULL);
        trial_fail(TRIAL_MEMORY, skip);
        service_wait(&s.k, &a, 1);
        hit = trial_was_hit();
        trial_begin();
        b = ask(&s, text_span(&token), NULL);
        assert_true(a.outcome != SIGNIN_OK || b.outcome == SIGNIN_WRONG);
        assert_true(hit || a.outcome == SIGNIN_OK);
        failed += a.outcome != SIGNIN_OK;
        text_fini(&token);
    }
    assert_in_range(failed, 5, 900);
    shop_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_says), cmocka_unit_test(test_once),    cmocka_unit_test(test_no_key),
        cmocka_unit_test(test_long_issuer),  cmocka_unit_test(test_no_jobs), cmocka_unit_test(test_fails),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, make_key, free_key);
}

/* What signing in with GitHub asks of the store, step by step; each step in turn fails, or finds that the gate went meanwhile, and each piece of
 * memory in turn is not there. Nobody comes in by that, everybody gets an answer, and no secret stays where it was written. */
#include "signin_trial.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/count.h"
#include "base/crypto/mac.h"
#include "gate/signin/github.h"
#include "signin_anna.h"

static unsigned asked_times; /* each time by another client: they are counted */

static struct answered ask(struct service_kit *k)
{
    const struct signin_question q = {.kind = SIGNIN_GITHUB,
                                      .gate = k->fixture.gate.name,
                                      .client = {.ip = {1, (uint8_t)(asked_times >> 8), (uint8_t)asked_times}},
                                      .code = SPAN("the+code"),
                                      .verifier = SPAN("the-verifier"),
                                      .redirect_uri = SPAN("https://stg.app.test/back")};
    struct answered a;
    asked_times++;
    service_ask(k, &q, &a);
    while (a.times == 0 || k->running || k->signin->jobs)
        kit_idle(&k->base, 1);
    assert_int_equal(a.times, 1);
    return a;
}

/* --- what happens meanwhile --------------------------------------------------------------------------------------- */

static void gate_gone(struct service_kit *k)
{
    k->signin->gates.n = 0;
}

static void way_gone(struct service_kit *k)
{
    k->fixture.gate.github = NULL;
}

static void store_gone(struct service_kit *k)
{
    k->signin->c.store = NULL;
}

static void no_memory(struct service_kit *k)
{
    (void)k;
    trial_fail(TRIAL_MEMORY, 0);
}

static void no_random(struct service_kit *k)
{
    (void)k;
    trial_fail(TRIAL_RANDOM, 0);
}

static void all_back(struct service_kit *k)
{
    k->signin->gates = k->gates;
    k->signin->c.store = k->base.store;
    k->signin->c.fetcher = (struct fetcher *)k;
    k->fixture.gate.github = &k->github;
}

/* --- the steps ---------------------------------------------------------------------------------------------------- */

#define NOTHING TRIAL_CALLS
#define FAILS                                                                                                          \
    {                                                                                                                  \
        .outcome = STORE_FAILED, .detail = "disk"                                                                      \
    }
#define COUNTED "count counts 600 60\n"
#define BOSS COUNTED "once logins\n"
#define NEVER "no memory, no store, or no gate with GitHub"
#define EARLY "the store failed, or the gate is gone"

static const struct step {
    const char *name;
    enum trial_call what;
    struct store_reply reply;
    void (*meanwhile)(struct service_kit *k);
    bool boss; /* he has a login that the rules name */
    enum signin_outcome want;
    const char *detail, *heard;
    bool gives_back;
    unsigned then; /* of that kind: the one after so many */
    bool knew_him; /* it came to know who it is */
} steps[] = {
    {"anna", NOTHING, .want = SIGNIN_OK, .detail = "", .heard = COUNTED "put people\n", .knew_him = true},
    {"the boss", NOTHING, .boss = true, .want = SIGNIN_OK, .detail = "", .heard = BOSS "put people\n",
     .knew_him = true},
    {"the boss again", NOTHING, .boss = true, .want = SIGNIN_OK, .detail = "", .heard = BOSS "get logins\nput people\n",
     .knew_him = true},
    {"not counted", TRIAL_COUNT, .reply = FAILS, .want = SIGNIN_FAILED, .detail = EARLY, .heard = COUNTED},
    {"the limit ends now", TRIAL_COUNT, .reply = {.outcome = STORE_OVER, .ends_s = 1000}, .want = SIGNIN_LIMITED,
     .detail = "limited: too many sign-ins of one client", .heard = COUNTED},
    {"the gate goes while it is counted", TRIAL_COUNT, .meanwhile = gate_gone, .want = SIGNIN_FAILED, .detail = EARLY,
     .heard = COUNTED},
    {"the way goes while it is counted", TRIAL_COUNT, .meanwhile = way_gone, .want = SIGNIN_FAILED, .detail = EARLY,
     .heard = COUNTED},
    {"the store goes", TRIAL_COUNT, .meanwhile = store_gone, .want = SIGNIN_FAILED, .detail = "out of memory",
     .heard = COUNTED, .gives_back = true, .knew_him = true},
    {"the store goes, and the boss", TRIAL_COUNT, .meanwhile = store_gone, .boss = true, .want = SIGNIN_FAILED,
     .detail = "the store failed", .heard = COUNTED, .gives_back = true, .knew_him = true},
    {"no memory to ask with", TRIAL_COUNT, .meanwhile = no_memory, .want = SIGNIN_FAILED, .detail = "out of memory",
     .heard = COUNTED},
    {"nothing to seal with", TRIAL_COUNT, .meanwhile = no_random, .want = SIGNIN_FAILED, .detail = "out of memory",
     .heard = COUNTED, .gives_back = true, .knew_him = true},
    {"login not kept", TRIAL_ONCE, .reply = FAILS, .boss = true, .want = SIGNIN_FAILED, .detail = "the store failed",
     .heard = BOSS, .gives_back = true, .knew_him = true},
    {"login not read", TRIAL_GET, .reply = FAILS, .boss = true, .want = SIGNIN_FAILED, .detail = "the store failed",
     .heard = BOSS "get logins\n", .gives_back = true, .knew_him = true},
    {"login gone", TRIAL_GET, .reply = {.outcome = STORE_NONE}, .boss = true, .want = SIGNIN_FAILED,
     .detail = "the store failed", .heard = BOSS "get logins\n", .gives_back = true, .knew_him = true},
    {"another's login", TRIAL_GET, .reply = {.value = TEXT("5")}, .boss = true, .want = SIGNIN_LOGIN_CHANGED,
     .detail = "the login belonged to another account when it was first used here", .heard = BOSS "get logins\n",
     .gives_back = true, .knew_him = true},
    {"the gate goes before the rules", TRIAL_GET, .meanwhile = gate_gone, .boss = true, .want = SIGNIN_FAILED,
     .detail = "the gate is gone", .heard = BOSS "get logins\n", .knew_him = true},
    {"the way goes before the rules", TRIAL_GET, .meanwhile = way_gone, .boss = true, .want = SIGNIN_FAILED,
     .detail = "the gate is gone", .heard = BOSS "get logins\n", .knew_him = true},
    {"not kept", TRIAL_PUT, .reply = FAILS, .want = SIGNIN_FAILED, .detail = "disk", .heard = COUNTED "put people\n",
     .gives_back = true, .knew_him = true},
    {"not kept, nobody knows why", TRIAL_PUT, .reply = {.outcome = STORE_FAILED}, .want = SIGNIN_FAILED,
     .detail = "the store failed", .heard = COUNTED "put people\n", .gives_back = true, .knew_him = true},
};

static void play(struct service_kit *k, const struct step *s)
{
    service_play(k, USER, 200, s->boss ? "{\"id\":4712,\"login\":\"boss\"}" : ANNA);
    service_play(k, "/memberships/boss", 200, ACTIVE);
    trial_begin();
    if (s->meanwhile)
        trial_meanwhile(s->what, 0, s->meanwhile, k);
    else if (s->what != NOTHING)
        trial_answer(s->what, 0, &s->reply);
}

static void check_step(struct service_kit *k, const struct step *s)
{
    play(k, s);
    text_fini(&k->audit);
    text_fini(&k->asked);
    struct answered a = ask(k);
    if (a.outcome != s->want || strcmp(trial_heard(), s->heard) != 0)
        fail_msg("%s: outcome %d (%s), heard\n%s", s->name, a.outcome, a.detail, trial_heard());
    CHECK_SPAN(s->name, span_of(a.detail), span_of(s->detail));
    CHECK(s->name, s->what == NOTHING || trial_was_hit());
    trial_end();
    all_back(k);
    CHECK(s->name, a.way == (s->want == SIGNIN_OK ? WAY_GITHUB : WAY_NONE));
    CHECK(s->name, a.retry_after_s == (s->want == SIGNIN_LIMITED ? 1 : 0));
    CHECK(s->name, times_asked(k, GIVE_BACK) == s->gives_back);
    CHECK(s->name, service_heard(&k->audit, "\"way\":\"github\",\"identity\":\"471") == s->knew_him);
    bool counted = s->what != TRIAL_COUNT || s->want == SIGNIN_LIMITED || s->gives_back;
    CHECK(s->name, service_heard(&k->audit, "\"way\":\"github\"") == counted);
    CHECK(s->name, service_heard(&k->audit, "\"identity\"") == s->knew_him);
}

static void test_steps(void **state)
{
    struct service_kit k;
    (void)state;
    open_org(&k);
    service_settle(&k);
    for (size_t i = 0; i < COUNT(steps); i++)
        check_step(&k, &steps[i]);
    service_close(&k);
}

static void test_limited_until(void **state)
{
    struct service_kit k;
    (void)state;
    open_org(&k);
    service_settle(&k);
    trial_begin();
    trial_answer(TRIAL_COUNT, 0, &(struct store_reply){.outcome = STORE_OVER, .ends_s = clock_wall_s() + 300});
    struct answered a = ask(&k);
    trial_end();
    assert_int_equal(a.outcome, SIGNIN_LIMITED);
    assert_in_range(a.retry_after_s, 200, 300);
    service_close(&k);
}

/* --- the exchange ------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    struct played played;
    enum signin_outcome outcome;
    const char *detail, *what;
    uint32_t retry_after_s;
    bool no_orgs;
} exchanges[] = {
    {"no scope is needed",
     {EXCHANGE, 0, 200, "{\"access_token\":\"ghu_x\",\"token_type\":\"bearer\"}", NULL, NULL, NULL},
     SIGNIN_OK,
     "",
     "",
     0,
     false},
    {"no scope for teams",
     {EXCHANGE, 0, 200, "{\"access_token\":\"gho_x\",\"token_type\":\"bearer\",\"scope\":\"user:email\"}", NULL, NULL,
      NULL},
     SIGNIN_SCOPE_REFUSED,
     "the person did not grant what is needed",
     "read:org",
     0,
     true},
    {"not 200",
     {EXCHANGE, 0, 502, GRANT("gho_x"), NULL, NULL, NULL},
     SIGNIN_UNREACHABLE,
     "GitHub gave no token: the status is not 200",
     "",
     0,
     false},
    {"limited",
     {EXCHANGE, 0, 429, GRANT("gho_x"), "Retry-After", "77", NULL},
     SIGNIN_UNREACHABLE,
     "GitHub: too many requests",
     "",
     77,
     false},
    {"no connection",
     {EXCHANGE, FETCH_CONNECT, 0, GRANT("gho_x"), NULL, NULL, NULL},
     SIGNIN_UNREACHABLE,
     NULL,
     "",
     0,
     false},
    {"no connection, and why",
     {EXCHANGE, FETCH_CONNECT, 0, GRANT("gho_x"), NULL, "the proxy is down", NULL},
     SIGNIN_UNREACHABLE,
     "the proxy is down",
     "",
     0,
     false},
    {"no answer",
     {EXCHANGE, 0, 200, "", NULL, NULL, NULL},
     SIGNIN_UNREACHABLE,
     "GitHub's answer is no JSON",
     "",
     0,
     false},
};

static void test_exchanges(void **state)
{
    struct service_kit k;
    (void)state;
    open_org(&k);
    service_settle(&k);
    for (size_t i = 0; i < COUNT(exchanges); i++) {
        const char *name = exchanges[i].name;
        *service_played(&k, EXCHANGE) = exchanges[i].played;
        k.github.org_count = !exchanges[i].no_orgs;
        struct answered a = ask(&k);
        CHECK(name, a.outcome == exchanges[i].outcome);
        CHECK_SPAN(name, span_of(a.detail),
                   span_of(exchanges[i].detail ? exchanges[i].detail : fetch_error_text(exchanges[i].played.error)));
        CHECK_SPAN(name, span_of(a.what), span_of(exchanges[i].what));
        CHECK(name, a.retry_after_s == exchanges[i].retry_after_s);
    }
    service_close(&k);
}

/* The way goes while the code is exchanged. */
static void test_way_goes(void **state)
{
    struct service_kit k;
    struct answered a;
    (void)state;
    open_org(&k);
    service_settle(&k);
    const struct signin_question q = {.kind = SIGNIN_GITHUB, .gate = SPAN("g"), .code = SPAN("c")};
    service_ask(&k, &q, &a);
    while (k.asked_count < 1)
        kit_idle(&k.base, 0);
    way_gone(&k);
    service_wait(&k, &a, 1);
    assert_int_equal(a.outcome, SIGNIN_FAILED);
    assert_string_equal(a.detail, "the gate is gone");
    service_close(&k);
}

/* A member of all that is asked about, whom no rule admits. */
static void test_no_rule(void **state)
{
    static const struct selector other[] = {{.kind = SEL_EMAIL, .subject = TEXT("other@app.test")}};
    struct service_kit k;
    (void)state;
    open_org(&k);
    service_set_rules(&k, other, COUNT(other));
    service_settle(&k);
    struct answered a = ask(&k);
    assert_int_equal(a.outcome, SIGNIN_NOT_ADMITTED);
    assert_string_equal(a.detail, "no rule admits it");
    service_close(&k);
}

/* --- logins ------------------------------------------------------------------------------------------------------- */

/* A gate without GitHub names none. What is no key is left alone. */
static void test_logins_are_freed(void **state)
{
    struct service_kit k;
    struct kit_answer answer;
    unsigned left = 0;
    char kept[500];
    (void)state;
    open_org(&k);
    service_settle(&k);
    service_play(&k, USER, 200, "{\"id\":4712,\"login\":\"boss\"}");
    service_play(&k, "/memberships/boss", 200, ACTIVE);
    assert_int_equal(ask(&k).outcome, SIGNIN_OK);
    kit_expect(&k.base, &answer, &left);
    store_put(k.base.store, STORE_LOGINS, span_make("\0\1g\0\1x!", 7), SPAN("5"), INT64_MAX, kit_take_down, &answer);
    kit_wait(&k.base, &left);
    assert_int_equal(kit_list(&k.base, STORE_LOGINS, kept, sizeof(kept)), STORE_OK);
    assert_non_null(strstr(kept, "=4712@"));
    way_gone(&k);
    store_gone(&k);
    signin_set_gates(k.signin, k.gates, 2);
    k.signin->c.store = k.base.store;
    assert_int_equal(kit_list(&k.base, STORE_LOGINS, kept, sizeof(kept)), STORE_OK);
    assert_non_null(strstr(kept, "=4712@"));
    signin_set_gates(k.signin, k.gates, 3);
    service_settle(&k);
    assert_int_equal(kit_list(&k.base, STORE_LOGINS, kept, sizeof(kept)), STORE_OK);
    assert_null(strstr(kept, "=4712@"));
    assert_non_null(strstr(kept, "=5@"));
    service_close(&k);
}

/* --- what is not there -------------------------------------------------------------------------------------------- */

static void no_store(struct service_kit *k)
{
    k->signin->c.store = NULL;
}

static void no_fetcher(struct service_kit *k)
{
    k->signin->c.fetcher = NULL;
}

static void test_not_there(void **state)
{
    static void (*const without[])(struct service_kit * k) = {gate_gone, way_gone, no_store, no_fetcher, no_memory};
    struct service_kit k;
    (void)state;
    open_org(&k);
    service_settle(&k);
    for (size_t i = 0; i < COUNT(without); i++) {
        struct answered a;
        const struct signin_question q = {.kind = SIGNIN_GITHUB, .gate = SPAN("g"), .code = SPAN("c")};
        trial_begin();
        service_ask(&k, &q, &a);
        without[i](&k);
        while (a.times == 0)
            kit_idle(&k.base, 1);
        trial_end();
        all_back(&k);
        assert_int_equal(a.outcome, SIGNIN_FAILED);
        assert_string_equal(a.detail, NEVER);
    }
    assert_int_equal(k.asked_count, 0);
    service_close(&k);
}

/* Keys of the store hold so much: who does not fit in stays out. */
static void test_long_names(void **state)
{
    static const struct {
        size_t gate, login;
        const char *detail;
    } names[] = {
        {230, 4, ""}, {231, 4, "a gate's name that is too long"}, {230, 22, ""}, {230, 23, "the store failed"}};
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        char gate[300], login[60], user[120], team[80];
        struct service_kit k;
        open_org(&k);
        memset(gate, 'g', sizeof(gate));
        memset(login, 'b', sizeof(login));
        k.fixture.gate.name = span_make(gate, names[i].gate);
        const struct span one = span_make(login, names[i].login);
        k.github.logins = &one;
        (void)snprintf(user, sizeof(user), "{\"id\":9,\"login\":\"%.*s\"}", SPAN_ARG(one));
        service_play(&k, USER, 200, user);
        (void)snprintf(team, sizeof(team), "/memberships/%.*s", SPAN_ARG(one));
        service_play(&k, team, 200, ACTIVE);
        service_settle(&k);
        struct answered a = ask(&k);
        assert_string_equal(a.detail, names[i].detail);
        assert_int_equal(a.outcome, names[i].detail[0] ? SIGNIN_FAILED : SIGNIN_OK);
        service_close(&k);
    }
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

#define FORM                                                                                                           \
    "/access_token\nclient_id=Iv1.client&client_secret=s3cret&code=the%2Bcode&redirect_uri=https%3A%2F%2F"             \
    "stg.app.test%2Fback&code_verifier=the-verifier"

/* Whatever there is no memory for: he comes in as who he is, or not at all. */
static void check_memory(struct service_kit *k, unsigned skip, bool *was_hit)
{
    char name[40];
    (void)snprintf(name, sizeof(name), "allocation %u", skip);
    text_fini(&k->asked);
    text_fini(&k->audit);
    trial_begin();
    trial_fail(TRIAL_MEMORY, skip);
    struct answered a = ask(k);
    *was_hit = trial_was_hit();
    trial_end();
    if (a.outcome != SIGNIN_OK) {
        CHECK(name, a.outcome == SIGNIN_FAILED || a.outcome == SIGNIN_UNREACHABLE);
        CHECK(name, a.way == WAY_NONE && a.detail[0] != '\0');
        CHECK(name, *was_hit);
        return;
    }
    CHECK(name, k->asked.failed || service_heard(&k->asked, FORM "\n"));
    CHECK_SPAN(name, span_of(a.groups), SPAN("acme\nacme/core\n"));
    CHECK_SPAN(name, span_of(a.email), SPAN("anna@app.test"));
    CHECK_SPAN(name, span_of(a.login), SPAN("anna"));
}

static void test_no_memory(void **state)
{
    struct service_kit k;
    bool was_hit = true;
    unsigned skip = 2; /* the question and its message: the asker knows at once */
    (void)state;
    open_org(&k);
    service_settle(&k);
    for (; was_hit; skip++)
        check_memory(&k, skip, &was_hit);
    assert_in_range(skip, 30, 300);
    assert_int_equal(ask(&k).outcome, SIGNIN_OK);
    service_close(&k);
}

/* For the one who is in nothing what he is not in is told, or that there was no memory. */
static void test_no_memory_for_reasons(void **state)
{
    static const struct {
        unsigned org, team;
        const char *body;
        enum signin_outcome want;
    } reasons[] = {{404, 404, "{}", SIGNIN_NOT_MEMBER},
                   {403, 403, "{}", SIGNIN_ORG_BLOCKS},
                   {200, 404, "{\"state\":\"pending\"}", SIGNIN_PENDING}};
    (void)state;
    for (size_t i = 0; i < COUNT(reasons); i++) {
        struct service_kit k;
        bool was_hit = true;
        open_org(&k);
        service_play(&k, ORG, reasons[i].org, reasons[i].body);
        service_play(&k, TEAM, reasons[i].team, "{}");
        service_settle(&k);
        for (unsigned skip = 2; was_hit; skip++) {
            trial_begin();
            trial_fail(TRIAL_MEMORY, skip);
            struct answered a = ask(&k);
            was_hit = trial_was_hit();
            trial_end();
            if (a.outcome == reasons[i].want)
                assert_string_equal(a.what, "acme");
            else
                assert_true(was_hit && (a.outcome == SIGNIN_FAILED || a.outcome == SIGNIN_UNREACHABLE));
        }
        service_close(&k);
    }
}

/* --- giving a token back ------------------------------------------------------------------------------------------ */

/* Whole, or not at all. */
static void test_no_memory_to_give_back(void **state)
{
    struct service_kit k;
    bool was_hit = true;
    unsigned given = 0, skip = 0;
    (void)state;
    open_org(&k);
    service_settle(&k);
    for (; was_hit; skip++) {
        text_fini(&k.asked);
        trial_begin();
        trial_fail(TRIAL_MEMORY, skip);
        github_give_back(k.signin, &k.github, SPAN("gho_old"));
        was_hit = trial_was_hit();
        trial_end();
        while (k.running)
            kit_idle(&k.base, 1);
        assert_null(k.signin->jobs);
        assert_int_equal(k.cancelled, 0);
        if (!k.asked.n)
            continue;
        given++;
        if (!k.asked.failed)
            assert_true(service_heard(&k.asked, "{\"access_token\":\"gho_old\"}\nAuthorization: Basic "
                                                "SXYxLmNsaWVudDpzM2NyZXQ=\nAccept: "));
    }
    assert_in_range(skip, 7, 30);
    assert_in_range(given, 1, 4);
    service_close(&k);
}

static void test_ends_while_giving_back(void **state)
{
    struct service_kit k;
    (void)state;
    open_org(&k);
    service_settle(&k);
    github_give_back(k.signin, &k.github, SPAN(""));
    assert_int_equal(k.running, 0);
    github_give_back(k.signin, &k.github, SPAN("gho_old"));
    assert_int_equal(k.running, 1);
    service_close(&k);
    assert_int_equal(k.cancelled, 1);
}

/* --- secrets ------------------------------------------------------------------------------------------------------ */

static _Thread_local unsigned wiped_secrets, wiped_tokens; /* by the service's thread; the store wipes too */

static bool holds(const char *p, size_t n, struct span what)
{
    for (size_t i = 0; i + what.n <= n; i++)
        if (span_eq(span_make(p + i, what.n), what))
            return true;
    return false;
}

void __real_wipe(void *p, size_t n);
void __wrap_wipe(void *p, size_t n);
void __wrap_wipe(void *p, size_t n)
{
    wiped_secrets += holds(p, n, SPAN("s3cret"));
    wiped_tokens += holds(p, n, SPAN("gho_"));
    __real_wipe(p, n);
}

/* Each buffer that held the secret or a token is wiped when it is done with. */
static void test_secrets_are_wiped(void **state)
{
    struct service_kit k;
    (void)state;
    open_org(&k);
    service_settle(&k);
    wiped_secrets = wiped_tokens = 0; /* more of them, where memory is used again */
    assert_int_equal(ask(&k).outcome, SIGNIN_OK);
    assert_true(wiped_secrets >= 1); /* the form */
    assert_true(wiped_tokens >= 2);  /* the field of the look, the answer */
    service_play(&k, EXCHANGE, 200, GRANT("gho_second"));
    wiped_secrets = wiped_tokens = 0;
    assert_int_equal(ask(&k).outcome, SIGNIN_OK); /* gives the first one back */
    assert_true(wiped_secrets >= 2);              /* and that of Basic */
    assert_true(wiped_tokens >= 5); /* the first one twice, where it was opened, and the body that gives it back */
    service_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_limited_until),
        cmocka_unit_test(test_exchanges),
        cmocka_unit_test(test_way_goes),
        cmocka_unit_test(test_no_rule),
        cmocka_unit_test(test_logins_are_freed),
        cmocka_unit_test(test_not_there),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_no_memory_for_reasons),
        cmocka_unit_test(test_no_memory_to_give_back),
        cmocka_unit_test(test_ends_while_giving_back),
        cmocka_unit_test(test_secrets_are_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

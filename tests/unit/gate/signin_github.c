/* Signing in with GitHub, and the looks that follow. */
#include "signin_kit.h"

#include "base/clock.h"
#include "gate/session.h"
#include "gate/signin/impl.h"

#define TEXT(s)                                                                                                        \
    {                                                                                                                  \
        (const uint8_t *)(s), sizeof(s) - 1                                                                            \
    }

static const struct selector by_org[] = {{.kind = SEL_GITHUB_ORG, .subject = TEXT("acme")},
                                         {.kind = SEL_GITHUB_TEAM, .subject = TEXT("acme/core")},
                                         {.kind = SEL_EMAIL, .subject = TEXT("boss@app.test")},
                                         {.kind = SEL_GITHUB, .subject = TEXT("boss")}};
static const struct selector by_email[] = {{.kind = SEL_EMAIL, .subject = TEXT("anna@app.test")}};
static const struct span orgs[] = {TEXT("acme")}, teams[] = {TEXT("acme/core")}, logins[] = {TEXT("boss")};

#define EXCHANGE "POST https://github.test/login/oauth/access_token"
#define GIVE_BACK "DELETE https://api.github.test/applications/Iv1.client/token"
#define USER "GET https://api.github.test/user"
#define EMAILS "/user/emails?per_page=100&page=1"
#define ORG "GET https://api.github.test/user/memberships/orgs/acme"
#define TEAM "GET https://api.github.test/orgs/acme/teams/core/memberships/anna"
#define ANNA "{\"id\":4711,\"login\":\"Anna\"}"
#define GRANT(token) "{\"access_token\":\"" token "\",\"token_type\":\"bearer\",\"scope\":\"read:org,user:email\"}"
#define ADDRESS "[{\"email\":\"Anna@App.test\",\"primary\":true,\"verified\":true}]"
#define ACTIVE "{\"state\":\"active\"}"
#define LOOK_LATER (LEDGER_RECHECK_S + 10)

/* Anna, who is in acme and in its team. */
static void open_org(struct service_kit *k)
{
    service_open(k, by_org, COUNT(by_org));
    k->github.orgs = orgs;
    k->github.org_count = 1;
    k->github.teams = teams;
    k->github.team_count = 1;
    k->github.logins = logins;
    k->github.login_count = 1;
    service_play(k, EXCHANGE, 200, GRANT("gho_first"));
    service_play(k, GIVE_BACK, 204, "");
    service_play(k, USER, 200, ANNA);
    service_play(k, EMAILS, 200, ADDRESS);
    service_play(k, ORG, 200, ACTIVE);
    service_play(k, TEAM, 200, ACTIVE);
}

static struct answered sign_in(struct service_kit *k)
{
    static const char browser[33] = "browser-a-browser-a-browser-a-br";
    const struct signin_question q = {.kind = SIGNIN_GITHUB,
                                      .gate = SPAN("g"),
                                      .host = SPAN("stg.app.test"),
                                      .browser = span_make(browser, 32),
                                      .code = SPAN("the+code"),
                                      .verifier = SPAN("the-verifier"),
                                      .redirect_uri = SPAN("https://stg.app.test/.tiergate/github/callback")};
    struct answered a;
    service_ask(k, &q, &a);
    service_wait(k, &a, 1);
    return a;
}

/* What the ledger makes of a session that was proven then with both groups. */
static enum ledger_verdict judge(const struct service_kit *k, int64_t proven_s, int64_t now_s, struct session *s)
{
    *s = (struct session){.who = {.way = WAY_GITHUB,
                                  .gate = SPAN("g"),
                                  .subject = SPAN("4711"),
                                  .login = SPAN("anna"),
                                  .groups = SPAN("acme\nacme/core\n"),
                                  .proven_s = proven_s},
                          .issued = proven_s,
                          .active = proven_s};
    return ledger_judge(k->ledger, s, SPAN("stg.app.test"), now_s);
}

static void check_groups(const struct service_kit *k, int64_t proven_s, int64_t now_s, const char *groups)
{
    struct session s;
    assert_int_equal(judge(k, proven_s, now_s, &s), LEDGER_HOLDS);
    CHECK_SPAN("groups", s.who.groups, span_of(groups));
}

static void look_again(struct service_kit *k, int64_t now_s)
{
    service_settle(k);
    service_set_clock(now_s);
    people_tick(k->signin->people, now_s);
    service_settle(k);
    people_tick(k->signin->people, now_s);
    service_settle(k);
}

static unsigned times_asked(const struct service_kit *k, const char *what)
{
    unsigned n = 0;
    for (const char *at = k->asked.p; at && (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

/* --- signing in --------------------------------------------------------------------------------------------------- */

static void test_member(void **state)
{
    struct service_kit k;
    char people[2000];
    (void)state;
    open_org(&k);
    struct answered a = sign_in(&k);
    assert_int_equal(a.outcome, SIGNIN_OK);
    assert_int_equal(a.way, WAY_GITHUB);
    assert_string_equal(a.subject, "4711");
    assert_string_equal(a.login, "anna");
    assert_string_equal(a.email, "anna@app.test");
    assert_string_equal(a.groups, "acme\nacme/core\n");
    assert_true(a.proven_s > 0);
    assert_true(service_heard(&k.asked,
                              "client_id=Iv1.client&client_secret=s3cret&code=the%2Bcode&redirect_uri=https%3A%2F%2F"
                              "stg.app.test%2F.tiergate%2Fgithub%2Fcallback&code_verifier=the-verifier\n"));
    assert_true(service_heard(&k.asked, "Accept: application/json\n"));
    assert_true(service_heard(&k.asked, "Authorization: Bearer gho_first\n"));
    assert_true(service_heard(&k.asked, "User-Agent: "));
    assert_int_equal(times_asked(&k, GIVE_BACK), 0);
    assert_int_equal(kit_list(&k.base, STORE_PEOPLE, people, sizeof(people)), STORE_OK);
    assert_true(strlen(people) > 0);
    assert_null(strstr(people, "gho_first"));
    assert_true(service_heard(&k.audit, "\"event\":\"signed-in\""));
    assert_false(service_heard(&k.audit, "gho_first") || service_heard(&k.audit, "the+code"));
    assert_in_range(k.most_running, 1, 4);
    service_close(&k);
}

/* Rules that need no memberships: nothing is asked about them, and the token is given back. */
static void test_by_email_alone(void **state)
{
    struct service_kit k;
    (void)state;
    open_org(&k);
    service_set_rules(&k, by_email, COUNT(by_email));
    k.github.org_count = k.github.team_count = k.github.login_count = 0;
    service_play(&k, EXCHANGE, 200,
                 "{\"access_token\":\"gho_first\",\"token_type\":\"bearer\",\"scope\":\"user:email\"}");
    struct answered a = sign_in(&k);
    assert_int_equal(a.outcome, SIGNIN_OK);
    assert_string_equal(a.groups, "");
    assert_int_equal(times_asked(&k, "memberships"), 0);
    assert_int_equal(times_asked(&k, GIVE_BACK), 1);
    assert_true(service_heard(&k.asked, "{\"access_token\":\"gho_first\"}"));
    assert_true(service_heard(&k.asked, "Authorization: Basic SXYxLmNsaWVudDpzM2NyZXQ=\n"));
    service_close(&k);
}

static const struct {
    const char *name;
    struct played played[2];
    enum signin_outcome outcome;
    const char *what;
    bool gives_back;
} refusals[] = {
    {"not a member",
     {{ORG, 0, 404, "{}", NULL, NULL, NULL}, {TEAM, 0, 404, "{}", NULL, NULL, NULL}},
     SIGNIN_NOT_MEMBER,
     "acme",
     true},
    {"invited",
     {{ORG, 0, 200, "{\"state\":\"pending\"}", NULL, NULL, NULL}, {TEAM, 0, 404, "{}", NULL, NULL, NULL}},
     SIGNIN_PENDING,
     "acme",
     true},
    {"invited to the team",
     {{ORG, 0, 404, "{}", NULL, NULL, NULL}, {TEAM, 0, 200, "{\"state\":\"pending\"}", NULL, NULL, NULL}},
     SIGNIN_PENDING,
     "acme/core",
     true},
    {"organisation blocks",
     {{ORG, 0, 403, "{}", NULL, NULL, NULL}, {TEAM, 0, 403, "{}", NULL, NULL, NULL}},
     SIGNIN_ORG_BLOCKS,
     "acme",
     true},
    {"no scope for organisations",
     {{EXCHANGE, 0, 200, "{\"access_token\":\"gho_x\",\"token_type\":\"bearer\",\"scope\":\"user:email\"}", NULL, NULL,
       NULL}},
     SIGNIN_SCOPE_REFUSED,
     "read:org",
     true},
    {"no scope for addresses",
     {{EXCHANGE, 0, 200, "{\"access_token\":\"gho_x\",\"token_type\":\"bearer\",\"scope\":\"read:org\"}", NULL, NULL,
       NULL}},
     SIGNIN_SCOPE_REFUSED,
     "user:email",
     true},
    {"wrong code",
     {{EXCHANGE, 0, 200, "{\"error\":\"bad_verification_code\"}", NULL, NULL, NULL}},
     SIGNIN_WRONG,
     "",
     false},
    {"wrong secret",
     {{EXCHANGE, 0, 200, "{\"error\":\"incorrect_client_credentials\"}", NULL, NULL, NULL}},
     SIGNIN_FAILED,
     "",
     false},
    {"exchange down", {{EXCHANGE, 0, 502, "", NULL, NULL, NULL}}, SIGNIN_UNREACHABLE, "", false},
    {"exchange times out", {{EXCHANGE, FETCH_TIMEOUT, 0, "", NULL, NULL, NULL}}, SIGNIN_UNREACHABLE, "", false},
    {"exchange limited", {{EXCHANGE, 0, 429, "", "Retry-After", "77", NULL}}, SIGNIN_UNREACHABLE, "", false},
    {"user down", {{USER, 0, 500, "", NULL, NULL, NULL}}, SIGNIN_UNREACHABLE, "", true},
    {"user is another thing", {{USER, 0, 200, "[]", NULL, NULL, NULL}}, SIGNIN_UNREACHABLE, "", true},
    {"token refused", {{USER, 0, 401, "{}", NULL, NULL, NULL}}, SIGNIN_UNREACHABLE, "", true},
    {"addresses down", {{EMAILS, 0, 500, "", NULL, NULL, NULL}}, SIGNIN_UNREACHABLE, "", true},
    {"membership moved", {{ORG, 0, 301, "", "Location", "https://evil.test/", NULL}}, SIGNIN_UNREACHABLE, "", true},
    {"membership 200 without a state", {{ORG, 0, 200, "{}", NULL, NULL, NULL}}, SIGNIN_UNREACHABLE, "", true},
    {"membership limited", {{ORG, 0, 403, "", "X-RateLimit-Remaining", "0", NULL}}, SIGNIN_UNREACHABLE, "", true},
    {"membership: connection lost", {{TEAM, FETCH_BROKEN, 0, "", NULL, NULL, NULL}}, SIGNIN_UNREACHABLE, "", true},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        struct service_kit k;
        const char *name = refusals[i].name;
        char people[2000];
        open_org(&k);
        for (size_t n = 0; n < 2 && refusals[i].played[n].end; n++)
            *service_played(&k, refusals[i].played[n].end) = refusals[i].played[n];
        struct answered a = sign_in(&k);
        CHECK(name, a.outcome == refusals[i].outcome);
        CHECK(name, a.way == WAY_NONE);
        CHECK_SPAN(name, span_of(a.what), span_of(refusals[i].what));
        CHECK(name, times_asked(&k, GIVE_BACK) == refusals[i].gives_back);
        CHECK(name, service_heard(&k.audit, "\"event\":\"sign-in-refused\""));
        CHECK(name, times_asked(&k, EXCHANGE) == 1);
        assert_int_equal(kit_list(&k.base, STORE_PEOPLE, people, sizeof(people)), STORE_OK);
        CHECK(name, people[0] == '\0');
        service_close(&k);
    }
}

/* One of several rules is enough; what was not fulfilled is in no group. */
static void test_team_only(void **state)
{
    struct service_kit k;
    (void)state;
    open_org(&k);
    service_play(&k, ORG, 403, "{}");
    struct answered a = sign_in(&k);
    assert_int_equal(a.outcome, SIGNIN_OK);
    assert_string_equal(a.groups, "acme/core\n");
    service_close(&k);
}

static void test_retry_after_is_told(void **state)
{
    struct service_kit k;
    (void)state;
    open_org(&k);
    *service_played(&k, ORG) = (struct played){ORG, 0, 429, "", "Retry-After", "77", NULL};
    assert_int_equal(sign_in(&k).retry_after_s, 77);
    service_close(&k);
}

static void test_address_on_second_page(void **state)
{
    struct service_kit k;
    (void)state;
    open_org(&k);
    *service_played(&k, EMAILS) =
        (struct played){EMAILS, 0, 200, "[]", "Link", "<https://evil.test/user/emails?page=2>; rel=\"next\"", NULL};
    service_play(&k, "/user/emails?per_page=100&page=2", 200, ADDRESS);
    struct answered a = sign_in(&k);
    assert_int_equal(a.outcome, SIGNIN_OK);
    assert_string_equal(a.email, "anna@app.test");
    assert_false(service_heard(&k.asked, "evil.test"));
    service_close(&k);
}

/* --- logins ------------------------------------------------------------------------------------------------------- */

static void no_groups(struct service_kit *k)
{
    service_play(k, ORG, 404, "{}");
    service_play(k, "/memberships/boss", 404, "{}");
    service_play(k, EMAILS, 200, "[]");
}

static void test_login_stays_with_its_first_owner(void **state)
{
    struct service_kit k;
    (void)state;
    open_org(&k);
    no_groups(&k);
    service_play(&k, USER, 200, "{\"id\":1,\"login\":\"Boss\"}");
    assert_int_equal(sign_in(&k).outcome, SIGNIN_OK);
    service_play(&k, USER, 200, "{\"id\":2,\"login\":\"boss\"}");
    struct answered a = sign_in(&k);
    assert_int_equal(a.outcome, SIGNIN_LOGIN_CHANGED);
    assert_string_equal(a.subject, "boss");
    assert_true(service_heard(&k.audit, "the login belonged to another account"));
    service_restart(&k);
    service_settle(&k);
    assert_int_equal(sign_in(&k).outcome, SIGNIN_LOGIN_CHANGED);
    k.github.login_count = 0; /* the administrator takes the name out, … */
    signin_set_gates(k.signin, k.gates, 2);
    service_settle(&k);
    k.github.login_count = 1; /* … and writes it in again */
    signin_set_gates(k.signin, k.gates, 3);
    service_settle(&k);
    assert_int_equal(sign_in(&k).outcome, SIGNIN_OK);
    service_play(&k, USER, 200, "{\"id\":1,\"login\":\"boss\"}");
    assert_int_equal(sign_in(&k).outcome, SIGNIN_LOGIN_CHANGED);
    service_close(&k);
}

/* Who takes the name later, while signed in as somebody else, gets nothing by it either. */
static void test_login_taken_while_signed_in(void **state)
{
    struct service_kit k;
    struct session s;
    (void)state;
    open_org(&k);
    struct answered anna = sign_in(&k);
    no_groups(&k);
    service_play(&k, USER, 200, "{\"id\":1,\"login\":\"boss\"}");
    assert_int_equal(sign_in(&k).outcome, SIGNIN_OK);
    service_play(&k, USER, 200, "{\"id\":4711,\"login\":\"boss\"}");
    look_again(&k, anna.proven_s + LOOK_LATER);
    assert_int_equal(judge(&k, anna.proven_s, anna.proven_s + LOOK_LATER, &s), LEDGER_HOLDS);
    assert_int_equal(s.who.login.n, 0);
    service_close(&k);
}

/* --- looking again ------------------------------------------------------------------------------------------------ */

static void test_removed(void **state)
{
    struct service_kit k;
    (void)state;
    open_org(&k);
    struct answered a = sign_in(&k);
    int64_t t = a.proven_s;
    look_again(&k, t + 300);
    assert_int_equal(times_asked(&k, USER "\n"), 1); /* not due yet */
    service_play(&k, ORG, 404, "{}");
    look_again(&k, t + LOOK_LATER);
    assert_int_equal(times_asked(&k, USER "\n"), 2);
    check_groups(&k, t, t + LOOK_LATER, "acme/core\n");
    assert_true(service_heard(&k.audit, "\"event\":\"memberships-changed\""));
    service_play(&k, ORG, 200, ACTIVE);
    look_again(&k, t + 2 * LOOK_LATER);
    check_groups(&k, t, t + 2 * LOOK_LATER, "acme\nacme/core\n");
    service_close(&k);
}

static void test_nothing_changed(void **state)
{
    struct service_kit k;
    (void)state;
    open_org(&k);
    struct answered a = sign_in(&k);
    int64_t t = a.proven_s;
    for (int i = 1; i <= 8; i++)
        look_again(&k, t + i * LOOK_LATER);
    assert_int_equal(times_asked(&k, USER "\n"), 9);
    check_groups(&k, t, t + 8 * LOOK_LATER + 600, "acme\nacme/core\n");
    check_groups(&k, t, t + 9 * LOOK_LATER + LEDGER_STALE_S, "");
    assert_false(service_heard(&k.audit, "memberships-changed"));
    service_close(&k);
}

static void test_github_is_away(void **state)
{
    struct service_kit k;
    (void)state;
    open_org(&k);
    int64_t t = sign_in(&k).proven_s;
    service_played(&k, USER)->error = FETCH_CONNECT;
    for (int64_t s = 0; s <= LEDGER_STALE_S; s += 10)
        service_set_clock(t + s), people_tick(k.signin->people, t + s), kit_idle(&k.base, 1);
    service_settle(&k);
    assert_in_range(times_asked(&k, USER "\n"), 4, 9); /* it waits longer each time */
    check_groups(&k, t, t + LEDGER_STALE_S - 1, "acme\nacme/core\n");
    check_groups(&k, t, t + LEDGER_STALE_S, "");
    service_played(&k, USER)->error = FETCH_OK;
    look_again(&k, t + LEDGER_STALE_S + 1000);
    check_groups(&k, t, t + LEDGER_STALE_S + 1000, "acme\nacme/core\n");
    service_close(&k);
}

static void test_github_says_wait(void **state)
{
    struct service_kit k;
    (void)state;
    open_org(&k);
    int64_t t = sign_in(&k).proven_s;
    *service_played(&k, USER) = (struct played){USER, 0, 403, "", "Retry-After", "1000", NULL};
    look_again(&k, t + LOOK_LATER);
    assert_int_equal(times_asked(&k, USER "\n"), 2);
    service_play(&k, USER, 200, ANNA);
    look_again(&k, t + LOOK_LATER + 990);
    assert_int_equal(times_asked(&k, USER "\n"), 2);
    look_again(&k, t + LOOK_LATER + 1000);
    assert_int_equal(times_asked(&k, USER "\n"), 3);
    service_close(&k);
}

static void test_token_revoked(void **state)
{
    struct service_kit k;
    struct session s;
    char people[2000];
    (void)state;
    open_org(&k);
    int64_t t = sign_in(&k).proven_s;
    service_play(&k, USER, 401, "{\"message\":\"Bad credentials\"}");
    look_again(&k, t + LOOK_LATER);
    assert_int_equal(judge(&k, t, t + LOOK_LATER, &s), LEDGER_REVOKED);
    assert_int_equal(judge(&k, t + 1, t + LOOK_LATER, &s), LEDGER_HOLDS); /* who signs in again is in again */
    assert_int_equal(kit_list(&k.base, STORE_PEOPLE, people, sizeof(people)), STORE_OK);
    assert_string_equal(people, "");
    assert_true(service_heard(&k.audit, "\"event\":\"must-sign-in-again\""));
    service_close(&k);
}

/* What a later sign-in saw is true of the earlier sessions too. */
static void test_second_sign_in_tells_the_first(void **state)
{
    struct service_kit k;
    (void)state;
    open_org(&k);
    int64_t t = sign_in(&k).proven_s;
    service_play(&k, EXCHANGE, 200, GRANT("gho_second"));
    service_play(&k, TEAM, 404, "{}");
    assert_int_equal(sign_in(&k).outcome, SIGNIN_OK);
    check_groups(&k, t, t + 10, "acme\n");
    assert_true(service_heard(&k.asked, "{\"access_token\":\"gho_first\"}"));
    assert_false(service_heard(&k.asked, "{\"access_token\":\"gho_second\"}"));
    look_again(&k, t + LOOK_LATER);
    assert_true(service_heard(&k.asked, "Bearer gho_second"));
    check_groups(&k, t, t + LOOK_LATER, "acme\n");
    service_close(&k);
}

static void test_after_a_restart(void **state)
{
    struct service_kit k;
    (void)state;
    open_org(&k);
    int64_t t = sign_in(&k).proven_s;
    service_restart(&k);
    service_settle(&k);
    check_groups(&k, t, t + 10, "acme\nacme/core\n");
    service_play(&k, ORG, 404, "{}");
    look_again(&k, t + LOOK_LATER);
    check_groups(&k, t, t + LOOK_LATER, "acme/core\n");
    service_restart(&k);
    service_settle(&k);
    check_groups(&k, t, t + LOOK_LATER + LEDGER_STALE_S - 1, "acme/core\n");
    service_close(&k);
}

/* A new secret before the old one: the token still opens, and then lies under the new one. */
static void test_new_secret(void **state)
{
    const struct span both[] = {SECRET_B, SECRET_A}, new[] = {SECRET_B};
    struct service_kit k;
    struct session s;
    (void)state;
    open_org(&k);
    int64_t t = sign_in(&k).proven_s;
    assert_true(res_ok(gate_config_seal(&k.fixture.gate, both, 2, &k.memory.arena)));
    look_again(&k, t + LOOK_LATER);
    assert_true(res_ok(gate_config_seal(&k.fixture.gate, new, 1, &k.memory.arena)));
    look_again(&k, t + 2 * LOOK_LATER);
    assert_int_equal(times_asked(&k, USER "\n"), 3);
    const struct span third[] = {SPAN("0123456789abcdef0123456789abcdef-c")};
    assert_true(res_ok(gate_config_seal(&k.fixture.gate, third, 1, &k.memory.arena)));
    look_again(&k, t + 3 * LOOK_LATER);
    assert_int_equal(times_asked(&k, USER "\n"), 3);
    assert_int_equal(judge(&k, t, t + 3 * LOOK_LATER, &s), LEDGER_REVOKED);
    service_close(&k);
}

static void test_damaged_record(void **state)
{
    struct service_kit k;
    struct session s;
    char sql[80], people[2000];
    (void)state;
    open_org(&k);
    int64_t t = sign_in(&k).proven_s;
    (void)snprintf(sql, sizeof(sql), "UPDATE record SET value = x'0102' WHERE kind = %d", STORE_PEOPLE);
    kit_sql(&k.base, sql);
    service_restart(&k);
    service_settle(&k);
    assert_int_equal(judge(&k, t, t + 10, &s), LEDGER_REVOKED);
    assert_int_equal(kit_list(&k.base, STORE_PEOPLE, people, sizeof(people)), STORE_OK);
    assert_string_equal(people, "");
    service_close(&k);
}

/* Another process gave the token back that this one looks with, because of a later sign-in there. */
static void test_signed_in_elsewhere(void **state)
{
    struct service_kit k;
    struct session s;
    char before[2000], after[2000];
    (void)state;
    open_org(&k);
    int64_t t = sign_in(&k).proven_s;
    struct signin *here = k.signin;
    struct res why = RES_OK;
    struct signin_config c = here->c;
    c.store = store_open(k.base.folder, k.base.loop, NULL, NULL, &why);
    assert_non_null(c.store);
    struct signin *there = signin_new(&c);
    signin_set_gates(there, k.gates, 1);
    k.signin = there;
    service_settle(&k);
    service_play(&k, EXCHANGE, 200, GRANT("gho_second"));
    assert_int_equal(sign_in(&k).outcome, SIGNIN_OK);
    assert_int_equal(times_asked(&k, "{\"access_token\":\"gho_first\"}"), 1);
    assert_int_equal(kit_list(&k.base, STORE_PEOPLE, before, sizeof(before)), STORE_OK);
    store_close(c.store);
    signin_free(there);
    k.signin = here;
    *service_played(&k, USER) = (struct played){USER, 0, 401, "{}", NULL, NULL, "gho_first"};
    service_play(&k, "api.github.test/user", 200, ANNA);
    look_again(&k, t + LOOK_LATER);
    assert_true(service_heard(&k.asked, "Bearer gho_first"));
    assert_int_equal(judge(&k, t, t + LOOK_LATER, &s), LEDGER_HOLDS);
    look_again(&k, t + 2 * LOOK_LATER);
    assert_true(service_heard(&k.asked, "Bearer gho_second"));
    check_groups(&k, t, t + 2 * LOOK_LATER, "acme\nacme/core\n");
    assert_int_equal(kit_list(&k.base, STORE_PEOPLE, after, sizeof(after)), STORE_OK);
    assert_true(strlen(after) > 0);
    assert_false(service_heard(&k.audit, "must-sign-in"));
    service_close(&k);
}

static void test_made_up_codes(void **state)
{
    struct service_kit k;
    struct answered a = {.times = 0};
    (void)state;
    open_org(&k);
    service_play(&k, EXCHANGE, 200, "{\"error\":\"bad_verification_code\"}");
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(sign_in(&k).outcome, SIGNIN_WRONG);
    a = sign_in(&k);
    assert_int_equal(a.outcome, SIGNIN_LIMITED);
    assert_in_range(a.retry_after_s, 1, 600);
    assert_int_equal(times_asked(&k, EXCHANGE), 60);
    service_close(&k);
}

/* When no session of his can be alive, nobody asks about him. */
static void test_dropped_at_the_end(void **state)
{
    struct service_kit k;
    (void)state;
    open_org(&k);
    int64_t t = sign_in(&k).proven_s;
    look_again(&k, t + 86400 + 100);
    look_again(&k, t + 86400 + 2000);
    assert_int_equal(times_asked(&k, USER "\n"), 1);
    service_close(&k);
}

/* One who cannot be looked at does not lock all others out, and gets nothing himself. */
static void test_one_is_held_up(void **state)
{
    struct service_kit k;
    struct session s;
    (void)state;
    open_org(&k);
    int64_t t = sign_in(&k).proven_s, end = t + 3 * LEDGER_STALE_S;
    service_play(&k, EXCHANGE, 200, GRANT("gho_bert"));
    service_play(&k, USER, 200, "{\"id\":12,\"login\":\"bert\"}");
    service_play(&k, "/memberships/bert", 200, ACTIVE);
    assert_int_equal(sign_in(&k).outcome, SIGNIN_OK);
    service_play(&k, USER, 500, "");
    service_played(&k, USER)->token = "gho_bert";
    service_play(&k, "api.github.test/user", 200, ANNA);
    for (int64_t now = t; now <= end; now += 30)
        service_set_clock(now), people_tick(k.signin->people, now), kit_idle(&k.base, 1);
    service_settle(&k);
    check_groups(&k, t, end, "acme\nacme/core\n");
    judge(&k, t, end, &s);
    s.who.subject = SPAN("12");
    assert_int_equal(ledger_judge(k.ledger, &s, SPAN("stg.app.test"), end), LEDGER_HOLDS);
    assert_int_equal(s.who.groups.n, 0);
    service_close(&k);
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

static void test_ends_meanwhile(void **state)
{
    (void)state;
    for (unsigned after = 1; after <= 6; after++) {
        struct service_kit k;
        struct answered a;
        open_org(&k);
        const struct signin_question q = {.kind = SIGNIN_GITHUB, .gate = SPAN("g"), .code = SPAN("c")};
        service_ask(&k, &q, &a);
        while (k.asked_count < after && a.times == 0)
            kit_idle(&k.base, 0);
        service_close(&k);
    }
}

static void test_gate_goes_meanwhile(void **state)
{
    (void)state;
    for (unsigned after = 1; after <= 4; after++) {
        struct service_kit k;
        struct answered a;
        open_org(&k);
        const struct signin_question q = {.kind = SIGNIN_GITHUB, .gate = SPAN("g"), .code = SPAN("c")};
        service_ask(&k, &q, &a);
        while (k.asked_count < after)
            kit_idle(&k.base, 0);
        signin_set_gates(k.signin, (struct gate_list){NULL, 0}, 2);
        service_wait(&k, &a, 1);
        assert_int_equal(a.outcome, SIGNIN_FAILED);
        service_close(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_member),
        cmocka_unit_test(test_by_email_alone),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_team_only),
        cmocka_unit_test(test_retry_after_is_told),
        cmocka_unit_test(test_address_on_second_page),
        cmocka_unit_test(test_login_stays_with_its_first_owner),
        cmocka_unit_test(test_login_taken_while_signed_in),
        cmocka_unit_test(test_removed),
        cmocka_unit_test(test_nothing_changed),
        cmocka_unit_test(test_github_is_away),
        cmocka_unit_test(test_github_says_wait),
        cmocka_unit_test(test_token_revoked),
        cmocka_unit_test(test_second_sign_in_tells_the_first),
        cmocka_unit_test(test_after_a_restart),
        cmocka_unit_test(test_new_secret),
        cmocka_unit_test(test_damaged_record),
        cmocka_unit_test(test_signed_in_elsewhere),
        cmocka_unit_test(test_made_up_codes),
        cmocka_unit_test(test_dropped_at_the_end),
        cmocka_unit_test(test_one_is_held_up),
        cmocka_unit_test(test_ends_meanwhile),
        cmocka_unit_test(test_gate_goes_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

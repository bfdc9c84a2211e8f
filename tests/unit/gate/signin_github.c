/* Signing in with GitHub. */
#include "signin_anna.h"

static const struct selector by_email[] = {{.kind = SEL_EMAIL, .subject = TEXT("anna@app.test")}};

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
    assert_true(service_heard(
        &k.asked, "/access_token\nclient_id=Iv1.client&client_secret=s3cret&code=the%2Bcode&redirect_uri=https%3A%2F%2F"
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
    {"blocked, and not in the organisation",
     {{ORG, 0, 404, "{}", NULL, NULL, NULL}, {TEAM, 0, 403, "{}", NULL, NULL, NULL}},
     SIGNIN_ORG_BLOCKS,
     "acme/core",
     true},
    {"blocked, and invited to the team",
     {{ORG, 0, 403, "{}", NULL, NULL, NULL}, {TEAM, 0, 200, "{\"state\":\"pending\"}", NULL, NULL, NULL}},
     SIGNIN_PENDING,
     "acme/core",
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

/* One of several rules is enough; what was not fulfilled is in no group, and what may not be seen is told as that. */
static void test_team_only(void **state)
{
    struct service_kit k;
    (void)state;
    open_org(&k);
    service_play(&k, ORG, 403, "{}");
    struct answered a = sign_in(&k);
    assert_int_equal(a.outcome, SIGNIN_OK);
    assert_string_equal(a.groups, "?acme\nacme/core\n");
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
    /* Another process, with other gates, on the same store. */
    signin_set_gates(k.signin, (struct gate_list){NULL, 0}, 2);
    service_settle(&k);
    signin_set_gates(k.signin, k.gates, 3);
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
        unsigned under_way = k.running;
        service_close(&k);
        assert_int_equal(k.cancelled, under_way);
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
        cmocka_unit_test(test_ends_meanwhile),
        cmocka_unit_test(test_gate_goes_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

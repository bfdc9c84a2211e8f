/* Who signed in with GitHub is looked at again. */
#include "signin_anna.h"

#include "base/clock.h"
#include "gate/session.h"
#include "gate/signin/impl.h"

#define LOOK_LATER (LEDGER_RECHECK_S + 10)

/* The service began with a gate that needs no looks: it hears of those that do. */
/* Who signs in within the second in which the list begins counts as from before it: here that second is over. */
static void open_people(struct service_kit *k)
{
    open_org(k);
    int64_t now_s = clock_wall_s();
    service_set_clock(now_s - 1);
    people_changed(k->signin->people);
    service_settle(k);
    service_set_clock(now_s);
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

/* In steps; what is asked in one is answered in it. */
static void go_on(struct service_kit *k, int64_t from_s, int64_t end_s, int64_t step_s)
{
    for (int64_t now = from_s; now <= end_s; now += step_s) {
        service_set_clock(now);
        people_tick(k->signin->people, now);
        do
            kit_idle(&k->base, 1);
        while (k->running || k->signin->jobs || k->signin->people->busy);
    }
}

/* Who takes the name later, while signed in as somebody else, gets nothing by it either. */
static void test_login_taken_while_signed_in(void **state)
{
    struct service_kit k;
    struct session s;
    (void)state;
    open_people(&k);
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
    open_people(&k);
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
    open_people(&k);
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
    open_people(&k);
    int64_t t = sign_in(&k).proven_s;
    service_played(&k, USER)->error = FETCH_CONNECT;
    go_on(&k, t, t + LEDGER_STALE_S, 10);
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
    open_people(&k);
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
    open_people(&k);
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
    open_people(&k);
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
    open_people(&k);
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
    open_people(&k);
    int64_t t = sign_in(&k).proven_s;
    assert_true(res_ok(gate_config_seal(&k.fixture.gate, both, 2, &k.memory.arena)));
    look_again(&k, t + LOOK_LATER);
    assert_true(res_ok(gate_config_seal(&k.fixture.gate, new, 1, &k.memory.arena)));
    look_again(&k, t + 2 * LOOK_LATER);
    assert_int_equal(times_asked(&k, USER "\n"), 3);
    const struct span third[] = {SPAN("0123456789abcdef0123456789abcdef-c")};
    assert_true(res_ok(gate_config_seal(&k.fixture.gate, third, 1, &k.memory.arena)));
    look_again(&k, t + 3 * LOOK_LATER);
    assert_int_equal(judge(&k, t, t + 3 * LOOK_LATER, &s), LEDGER_HOLDS); /* it might have been want of memory */
    look_again(&k, t + 3 * LOOK_LATER + 60);
    assert_int_equal(times_asked(&k, USER "\n"), 3);
    assert_int_equal(judge(&k, t, t + 3 * LOOK_LATER + 60, &s), LEDGER_REVOKED);
    service_close(&k);
}

static void test_damaged_record(void **state)
{
    struct service_kit k;
    struct session s;
    char sql[80], people[2000];
    (void)state;
    open_people(&k);
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
    open_people(&k);
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
    open_people(&k);
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
    open_people(&k);
    int64_t t = sign_in(&k).proven_s;
    look_again(&k, t + 86400 + 100);
    look_again(&k, t + 86400 + 2000);
    assert_int_equal(times_asked(&k, USER "\n"), 1);
    service_close(&k);
}

static void bert_signs_in(struct service_kit *k)
{
    service_play(k, EXCHANGE, 200, GRANT("gho_bert"));
    service_play(k, USER, 200, "{\"id\":12,\"login\":\"bert\"}");
    service_play(k, "/memberships/bert", 200, ACTIVE);
    assert_int_equal(sign_in(k).outcome, SIGNIN_OK);
}

/* One who cannot be looked at does not lock all others out, and gets nothing himself. */
static void test_one_is_held_up(void **state)
{
    struct service_kit k;
    struct session s;
    (void)state;
    open_people(&k);
    int64_t t = sign_in(&k).proven_s, end = t + 3 * LEDGER_STALE_S;
    bert_signs_in(&k);
    service_play(&k, USER, 500, "");
    service_played(&k, USER)->token = "gho_bert";
    service_play(&k, "api.github.test/user", 200, ANNA);
    go_on(&k, t, end, 30);
    service_settle(&k);
    check_groups(&k, t, end, "acme\nacme/core\n");
    judge(&k, t, end, &s);
    s.who.subject = SPAN("12");
    assert_int_equal(ledger_judge(k.ledger, &s, SPAN("stg.app.test"), end), LEDGER_HOLDS);
    assert_int_equal(s.who.groups.n, 0);
    service_close(&k);
}

/* GitHub's limit is each person's own: who uses his up stops nobody else's looks, and in the end gets nothing himself. */
static void test_one_is_limited(void **state)
{
    struct service_kit k;
    struct session s;
    (void)state;
    open_people(&k);
    int64_t t = sign_in(&k).proven_s, end = t + 2 * LEDGER_STALE_S;
    bert_signs_in(&k);
    *service_played(&k, USER) = (struct played){USER, 0, 403, "", "Retry-After", "3600", "gho_bert"};
    service_play(&k, "api.github.test/user", 200, ANNA);
    go_on(&k, t, end, 30);
    service_settle(&k);
    check_groups(&k, t, end, "acme\nacme/core\n");
    assert_in_range(times_asked(&k, "Bearer gho_bert"), 5, 12); /* at his sign-in and twice again, some at a time */
    judge(&k, t, end, &s);
    s.who.subject = SPAN("12");
    assert_int_equal(ledger_judge(k.ledger, &s, SPAN("stg.app.test"), end), LEDGER_HOLDS);
    assert_int_equal(s.who.groups.n, 0);
    service_close(&k);
}

/* The first ledger of a process, by which it begins to serve, knows how far the looks were. */
static void test_first_ledger_waits(void **state)
{
    struct service_kit k;
    (void)state;
    open_people(&k);
    int64_t t = sign_in(&k).proven_s;
    look_again(&k, t + LOOK_LATER);
    k.hold_people = true;
    service_restart(&k);
    service_settle(&k);
    assert_null(k.ledger);
    service_go_on(&k);
    while (!k.ledger)
        kit_idle(&k.base, 1);
    assert_int_equal(ledger_number(k.ledger), 1);
    check_groups(&k, t, t + LEDGER_STALE_S + LEDGER_RECHECK_S, "acme\nacme/core\n");
    service_close(&k);
}

/* A lifetime that is made shorter and longer again: his session still lives by the end that was sealed in, so he is still looked at. */
static void test_lifetime_changes(void **state)
{
    struct service_kit k;
    (void)state;
    open_people(&k);
    int64_t t = sign_in(&k).proven_s;
    k.fixture.gate.session.lifetime_s = 60;
    look_again(&k, t + LOOK_LATER);
    k.fixture.gate.session.lifetime_s = 400 * 86400;
    service_restart(&k);
    service_play(&k, ORG, 404, "{}");
    look_again(&k, t + 2 * LOOK_LATER);
    assert_int_equal(times_asked(&k, USER "\n"), 3);
    check_groups(&k, t, t + 2 * LOOK_LATER, "acme/core\n");
    service_set_clock(t + 86400 + 100);
    service_restart(&k); /* neither he nor what is known of him is there any more: nor is his session */
    look_again(&k, t + 86400 + 100);
    assert_int_equal(times_asked(&k, USER "\n"), 3);
    service_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        cmocka_unit_test(test_one_is_limited),
        cmocka_unit_test(test_first_ledger_waits),
        cmocka_unit_test(test_lifetime_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

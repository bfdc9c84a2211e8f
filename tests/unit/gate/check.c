/* gate_check() as a whole: Basic, limits, new rules. */
#include "stage.h"

#include "base/clock.h"
#include "base/crypto/mac.h"
#include "gate/basic.h"
#include "gate/pairs.h"
#include "gate/token.h"

/* --- Basic -------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *fields;
    enum gate_result result;
    const char *subject;
    bool tried;
} basics[] = {
    {"nothing", "Accept: */*", GATE_ANONYMOUS, "", false},
    {"plain secret", "anna:open sesame", GATE_IDENTIFIED, "anna", true},
    {"plain secret, wrong", "anna:open sesamf", GATE_REFUSED, "", true},
    {"plain secret, beginning", "anna:open", GATE_REFUSED, "", true},
    {"bcrypt", "bob:open sesame", GATE_IDENTIFIED, "bob", true},
    {"bcrypt, wrong", "bob:x", GATE_REFUSED, "", true},
    {"sha512", "eve:open sesame", GATE_IDENTIFIED, "eve", true},
    {"sha512, wrong", "eve:x", GATE_REFUSED, "", true},
    {"yescrypt", "yes:open sesame", GATE_IDENTIFIED, "yes", true},
    {"the hash as password", "bob:" BCRYPT, GATE_REFUSED, "", true},
    {"unknown user", "carl:open sesame", GATE_REFUSED, "", true},
    {"user with neither hash nor secret", "nobody:open sesame", GATE_REFUSED, "", true},
    {"user in another case", "Anna:open sesame", GATE_REFUSED, "", true},
    {"empty password", "nobody:", GATE_REFUSED, "", true},
    {"unreadable", "Authorization: Basic !!!", GATE_REFUSED, "", true},
    {"two fields", "Authorization: Basic YTpi\nAuthorization: Basic YTpi", GATE_REFUSED, "", true},
    {"another scheme", "Authorization: Bearer x", GATE_ANONYMOUS, "", false},
    {"service token beside a good Basic",
     "CF-Access-Client-Id: x\nAuthorization: Basic YW5uYTpvcGVuIHNlc2FtZQ==", GATE_TOKEN_REFUSED, "", false},
    {"good Basic beside Bearer",
     "Authorization: Bearer x\nTiergate-Authorization: Basic YW5uYTpvcGVuIHNlc2FtZQ==", GATE_IDENTIFIED, "anna", true},
};

static void test_basic(void **state)
{
    for (size_t i = 0; i < COUNT(basics); i++) {
        struct stage s;
        struct ask a;
        stage_init(&s, NULL);
        bool is_pair = !strchr(basics[i].fields, ' ') || strstr(basics[i].fields, ":open");
        is_pair = is_pair && !strstr(basics[i].fields, ": ");
        ask_init(&a, &s, "app.test", is_pair ? with_basic(&s, basics[i].fields) : basics[i].fields);
        CHECK(basics[i].name, ask(&a) == basics[i].result);
        CHECK_SPAN(basics[i].name, a.check.identity.subject, span_of(basics[i].subject));
        CHECK(basics[i].name, a.check.tried_basic == basics[i].tried);
        CHECK(basics[i].name, (a.check.set_cookie.n > 0) == (basics[i].result == GATE_IDENTIFIED));
        CHECK(basics[i].name, !a.check.by_cookie && !a.check.wait);
        if (a.result == GATE_IDENTIFIED) {
            CHECK(basics[i].name, a.check.identity.way == WAY_BASIC);
            CHECK_SPAN(basics[i].name, a.check.identity.gate, SPAN("beta"));
        } else {
            CHECK(basics[i].name, a.check.identity.way == WAY_NONE);
        }
        stage_fini(&s);
    }
}

static void test_gate_without_basic(void **state)
{
    struct stage s;
    struct ask a;
    stage_init(&s, NULL);
    s.f.gate.basic = NULL;
    assert_int_equal(ask_basic(&s, "app.test", "anna:open sesame", &a), GATE_ANONYMOUS);
    assert_false(a.check.tried_basic);
    stage_fini(&s);
}

/* A wrong plain secret takes as long as a wrong hash, and as a user who does not exist. */
static void test_equal_times(void **state)
{
    static const char *const wrong[] = {"anna:x", "bob:x", "carl:x", "nobody:x"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct stage s;
        struct ask a;
        stage_init(&s, NULL);
        assert_int_equal(ask_basic(&s, "app.test", wrong[i], &a), GATE_REFUSED);
        CHECK(wrong[i], a.done == 1); /* by a hash */
        stage_fini(&s);
    }
}

/* The dummy's own password is known here, and still it lets nobody in. */
static void test_dummy_admits_nobody(void **state)
{
    struct stage s;
    struct ask a;
    stage_init(&s, NULL);
    s.f.basic.dummy_hash = SPAN(BCRYPT);
    assert_int_equal(ask_basic(&s, "app.test", "carl:open sesame", &a), GATE_REFUSED);
    assert_int_equal(ask_basic(&s, "app.test", "nobody:open sesame", &a), GATE_REFUSED);
    assert_int_equal(ask_basic(&s, "app.test", "carl:open sesame", &a), GATE_REFUSED); /* nor is it remembered */
    stage_fini(&s);
}

/* A hash that libcrypt cannot use is a failure, not a wrong password: it is not counted. */
static void test_broken_hash(void **state)
{
    struct stage s;
    struct ask a;
    stage_init(&s, NULL);
    struct basic_user users[] = {{.name = SPAN("bob"), .hash = SPAN("$2b$04$broken")}};
    s.f.basic.users = users;
    s.f.basic.user_count = 1;
    for (int i = 0; i < 10; i++)
        assert_int_equal(ask_basic(&s, "app.test", "bob:open sesame", &a), GATE_FAILED);
    stage_fini(&s);
}

/* --- remembered pairs --------------------------------------------------------------------------------------------- */

static void test_remembered(void **state)
{
    struct stage s;
    struct ask a;
    stage_init(&s, NULL);
    assert_int_equal(ask_basic(&s, "app.test", "bob:open sesame", &a), GATE_IDENTIFIED);
    assert_int_equal(a.done, 1);
    assert_int_equal(ask_basic(&s, "app.test", "bob:open sesame", &a), GATE_IDENTIFIED);
    assert_int_equal(a.done, 0); /* at once */
    s.loop->now_ms += PAIR_TTL_MS;
    ask_init(&a, &s, "app.test", with_basic(&s, "bob:open sesame"));
    assert_int_equal(gate_check(s.thread, &a.check), GATE_PENDING); /* verified again */
    gate_cancel(s.thread, &a.check);
    assert_int_equal(ask_basic(&s, "app.test", "bob:open sesamf", &a), GATE_REFUSED);
    assert_int_equal(ask_basic(&s, "app.test", "eve:open sesame", &a), GATE_IDENTIFIED);
    assert_int_equal(a.done, 1); /* the same password is another's pair */
    stage_fini(&s);
}

/* Another thread of the worker neither hashes nor limits a pair that one thread has verified, and no longer than that one. */
static void test_remembered_for_all_threads(void **state)
{
    struct stage s;
    struct ask a;
    stage_init(&s, NULL);
    struct gate_thread *first = s.thread, *second = gate_thread_new(s.shared, s.loop);
    assert_non_null(second);
    assert_int_equal(ask_basic(&s, "app.test", "bob:open sesame", &a), GATE_IDENTIFIED);
    s.thread = second;
    s.loop->now_ms += PAIR_TTL_MS - 1;
    assert_int_equal(ask_basic(&s, "app.test", "bob:open sesame", &a), GATE_IDENTIFIED);
    assert_int_equal(a.done, 0); /* at once */
    s.loop->now_ms += 1;
    ask_init(&a, &s, "app.test", with_basic(&s, "bob:open sesame"));
    assert_int_equal(gate_check(second, &a.check), GATE_PENDING);
    gate_cancel(second, &a.check);
    s.thread = first;
    gate_thread_free(second);
    stage_fini(&s);
}

static void test_changed_hash_is_forgotten(void **state)
{
    struct stage s;
    struct ask a;
    struct gate_fixture changed;
    stage_init(&s, NULL);
    assert_int_equal(ask_basic(&s, "app.test", "anna:open sesame", &a), GATE_IDENTIFIED);
    fixture_init(&changed, "beta", NULL);
    fixture_add(&changed, "anna", "another", NULL);
    fixture_seal(&changed, &s.m.arena, SECRET_A);
    ask_init(&a, &s, "app.test", with_basic(&s, "anna:open sesame"));
    a.check.gate = &changed.gate;
    assert_int_equal(ask(&a), GATE_REFUSED);
    fixture_init(&changed, "other", NULL); /* the same user and secret at another gate: its own pair */
    fixture_add(&changed, "anna", "open sesame", NULL);
    fixture_seal(&changed, &s.m.arena, SECRET_A);
    ask_init(&a, &s, "app.test", with_basic(&s, "anna:open sesame"));
    a.check.gate = &changed.gate;
    assert_int_equal(ask(&a), GATE_IDENTIFIED);
    CHECK_SPAN("gate", a.check.identity.gate, SPAN("other"));
    stage_fini(&s);
}

/* --- under new rules ---------------------------------------------------------------------------------------------- */

/* The gate as it will be: the same but for one thing. */
static bool proves_under(struct stage *s, struct gate_check *c, const char *domain, const char *password,
                         const struct span *secrets, size_t count)
{
    struct gate_fixture now;
    fixture_init(&now, "beta", domain);
    fixture_add(&now, "anna", password, NULL);
    assert_true(res_ok(gate_config_seal(&now.gate, secrets, count, &s->m.arena)));
    return gate_still_proves(s->thread, c, &now.gate);
}

static void test_new_rules(void **state)
{
    static const struct {
        const char *name, *domain, *password;
        struct span secrets[2];
        bool login_holds, cookie_holds;
    } news[] = {
        {"the same", "test", "open sesame", {SECRET_A}, true, true},
        {"a new secret before the old one", "test", "open sesame", {SECRET_B, SECRET_A}, true, true},
        {"a new secret alone", "test", "open sesame", {SECRET_B}, true, false},
        {"another circle", "app.test", "open sesame", {SECRET_A}, true, false},
        {"another password", "test", "close sesame", {SECRET_A}, false, false},
    };
    struct stage s;
    struct ask login, cookie;
    stage_init(&s, "test");
    assert_int_equal(ask_basic(&s, "app.test", "anna:open sesame", &login), GATE_IDENTIFIED);
    ask_init(&cookie, &s, "app.test", with_cookie(&s, pair_of(login.check.set_cookie)));
    assert_int_equal(ask(&cookie), GATE_IDENTIFIED);
    for (size_t i = 0; i < COUNT(news); i++) {
        size_t count = news[i].secrets[1].n ? 2 : 1;
        CHECK(news[i].name, proves_under(&s, &login.check, news[i].domain, news[i].password, news[i].secrets, count) ==
                                news[i].login_holds);
        CHECK(news[i].name, proves_under(&s, &cookie.check, news[i].domain, news[i].password, news[i].secrets, count) ==
                                news[i].cookie_holds);
    }
    assert_false(gate_still_proves(s.thread, &login.check, NULL));
    struct gate_fixture now;
    const char *const names[] = {"beta", "gamma"};
    for (size_t i = 0; i < COUNT(names); i++) { /* the fingerprint holds the gate's name: here they are made equal */
        fixture_init(&now, names[i], "test");
        fixture_add(&now, "anna", "open sesame", NULL);
        fixture_seal(&now, &s.m.arena, SECRET_A);
        struct basic_user anna = *basic_user_find(&s.f.basic, SPAN("anna"));
        now.basic.users = &anna;
        assert_int_equal(gate_still_proves(s.thread, &login.check, &now.gate), i == 0);
    }
    fixture_init(&now, "beta", "test");
    fixture_add(&now, "bob", "open sesame", NULL);
    fixture_seal(&now, &s.m.arena, SECRET_A);
    assert_false(gate_still_proves(s.thread, &login.check, &now.gate)); /* the user is gone */
    now = s.f;
    now.gate.session.cookie = SPAN("__Secure-other");
    assert_true(gate_still_proves(s.thread, &login.check, &now.gate));
    assert_false(gate_still_proves(s.thread, &cookie.check, &now.gate)); /* nobody asks for that cookie any more */
    struct gate_check nobody = login.check;
    nobody.identity.way = WAY_NONE;
    assert_false(gate_still_proves(s.thread, &nobody, &s.f.gate));
    s.f.gate.session.lifetime_s = 0; /* what is under way was in time */
    assert_true(gate_still_proves(s.thread, &cookie.check, &s.f.gate));
    stage_fini(&s);
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

static void test_limits(void **state)
{
    struct stage s;
    struct ask a;
    stage_init(&s, NULL);
    assert_int_equal(ask_basic(&s, "app.test", "bob:open sesame", &a), GATE_IDENTIFIED);
    struct span cookie = pair_of(a.check.set_cookie);
    for (int i = 0; i < 5; i++)
        assert_int_equal(ask_basic(&s, "app.test", "bob:wrong", &a), GATE_REFUSED);
    assert_int_equal(ask_basic(&s, "app.test", "bob:wrong", &a), GATE_LIMITED);
    assert_in_range(a.check.retry_after_s, 1, 60);
    assert_int_equal(a.done, 0);                                                         /* before any hash */
    assert_int_equal(ask_basic(&s, "app.test", "bob:open sesame", &a), GATE_IDENTIFIED); /* remembered */
    ask_init(&a, &s, "app.test", with_cookie(&s, cookie));
    assert_int_equal(ask(&a), GATE_IDENTIFIED);
    s.loop->now_ms += PAIR_TTL_MS;
    assert_int_equal(ask_basic(&s, "app.test", "bob:open sesame", &a), GATE_LIMITED); /* no longer remembered */
    assert_int_equal(ask_basic(&s, "app.test", "eve:open sesame", &a), GATE_IDENTIFIED);
    ask_init(&a, &s, "app.test", with_basic(&s, "bob:open sesame"));
    assert_true(addr_parse_ip(SPAN("192.0.2.8"), &a.check.client));
    assert_int_equal(ask(&a), GATE_IDENTIFIED);
    stage_fini(&s);
}

/* Who waits for another's hash of the same pair is refused as well once the limit is reached. */
static void test_limit_while_waiting(void **state)
{
    struct stage s;
    struct ask a, b;
    struct gate_limits strict = standard;
    stage_init(&s, NULL);
    assert_int_equal(ask_basic(&s, "app.test", "bob:wrong", &a), GATE_REFUSED);
    ask_init(&a, &s, "app.test", with_basic(&s, "bob:open sesame"));
    assert_int_equal(gate_check(s.thread, &a.check), GATE_PENDING);
    strict.failures_per_user = 1;
    gate_shared_set_limits(s.shared, &strict);
    ask_init(&b, &s, "app.test", with_basic(&s, "bob:open sesame"));
    assert_int_equal(gate_check(s.thread, &b.check), GATE_LIMITED);
    assert_in_range(b.check.retry_after_s, 1, 60);
    gate_cancel(s.thread, &a.check);
    stage_fini(&s);
}

/* More guesses at once than are allowed: too busy, which is not too many failures. */
static void test_many_guesses_at_once(void **state)
{
    static const struct gate_limits wide = {.failures_per_user = 5,
                                            .failures_per_address = 100,
                                            .window_s = 60,
                                            .hash_queue = 64,
                                            .hash_queue_per_address = 64};
    struct stage s;
    struct ask asks[17];
    stage_init_with(&s, NULL, &wide);
    for (unsigned i = 0; i < COUNT(asks); i++) {
        struct span pair = arena_printf(&s.m.arena, "bob:wrong-%u", i);
        ask_init(&asks[i], &s, "app.test", with_basic(&s, (const char *)pair.p));
        assert_int_equal(gate_check(s.thread, &asks[i].check), i < 16 ? GATE_PENDING : GATE_BUSY);
    }
    assert_int_equal(asks[16].check.retry_after_s, 1);
    for (unsigned i = 0; i < 16; i++)
        gate_cancel(s.thread, &asks[i].check);
    stage_fini(&s);
}

static void test_missing_credentials_are_no_failure(void **state)
{
    struct stage s;
    struct ask a;
    stage_init(&s, NULL);
    for (int i = 0; i < 100; i++) {
        ask_init(&a, &s, "app.test", i % 2 ? "Accept: */*" : "Authorization: Basic !");
        assert_int_equal(ask(&a), i % 2 ? GATE_ANONYMOUS : GATE_REFUSED);
    }
    assert_int_equal(ask_basic(&s, "app.test", "anna:open sesame", &a), GATE_IDENTIFIED);
    stage_fini(&s);
}

static void test_plain_failures_count(void **state)
{
    struct stage s;
    struct ask a;
    stage_init(&s, NULL);
    s.f.basic.dummy_hash = SPAN_NONE; /* as with plain secrets alone */
    for (int i = 0; i < 5; i++)
        assert_int_equal(ask_basic(&s, "app.test", "anna:wrong", &a), GATE_REFUSED);
    assert_int_equal(ask_basic(&s, "app.test", "anna:open sesame", &a), GATE_LIMITED);
    for (int i = 0; i < 5; i++)
        assert_int_equal(ask_basic(&s, "app.test", "who:wrong", &a), GATE_REFUSED);
    assert_int_equal(ask_basic(&s, "app.test", "who:wrong", &a), GATE_LIMITED);
    stage_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_basic),
        cmocka_unit_test(test_gate_without_basic),
        cmocka_unit_test(test_equal_times),
        cmocka_unit_test(test_dummy_admits_nobody),
        cmocka_unit_test(test_broken_hash),
        cmocka_unit_test(test_remembered),
        cmocka_unit_test(test_remembered_for_all_threads),
        cmocka_unit_test(test_changed_hash_is_forgotten),
        cmocka_unit_test(test_new_rules),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_limit_while_waiting),
        cmocka_unit_test(test_many_guesses_at_once),
        cmocka_unit_test(test_missing_credentials_are_no_failure),
        cmocka_unit_test(test_plain_failures_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* One-time codes: a person's session on its way to another host, once, in one browser. */
#include "signin_kit.h"

#include "base/clock.h"
#include "base/count.h"

static const char browser_a[33] = "0123456789abcdef0123456789abcdef",
                  browser_b[33] = "0123456789abcdef0123456789abcdeF";
static const struct selector admitted[] = {{.kind = SEL_EMAIL_DOMAIN, .subject = {(const uint8_t *)"app.test", 8}}};

static struct signin_question question(enum signin_kind kind, const char *host, const char *browser)
{
    return (struct signin_question){.kind = kind,
                                    .gate = SPAN("g"),
                                    .host = span_of(host),
                                    .browser = span_make(browser, 32),
                                    .request_id = SPAN("r1")};
}

static struct answered ask(struct service_kit *k, const struct signin_question *q)
{
    struct answered a;
    service_ask(k, q, &a);
    service_wait(k, &a, 1);
    return a;
}

static struct answered make(struct service_kit *k, enum identity_way way, int64_t ends_s)
{
    struct signin_question q = question(SIGNIN_CODE_MAKE, "far.test", browser_a);
    q.who = (struct identity){.way = way, .gate = SPAN("g"), .subject = SPAN("somebody"), .proven_s = 1000};
    memcpy(q.session_id, "the session's id", 16);
    q.session_ends_s = ends_s;
    return ask(k, &q);
}

static struct answered take(struct service_kit *k, const char *code, const char *host, const char *browser)
{
    struct signin_question q = question(SIGNIN_CODE_TAKE, host, browser);
    q.code = span_of(code);
    return ask(k, &q);
}

static int is_taken(struct service_kit *k, const char *code)
{
    return take(k, code, "far.test", browser_a).outcome == SIGNIN_OK;
}

/* One that is put under another's name, or given more time than it was made for. */
static void test_records_stay_what_they_are(void **state)
{
    struct service_kit k;
    char sql[200];
    (void)state;
    service_open(&k, admitted, COUNT(admitted));
    struct answered a = make(&k, WAY_EMAIL, 0), b = make(&k, WAY_EMAIL, 0);
    (void)snprintf(sql, sizeof(sql),
                   "UPDATE record SET value = (SELECT max(value) FROM record WHERE kind = %d) WHERE kind = %d",
                   STORE_CODES, STORE_CODES);
    kit_sql(&k.base, sql);
    assert_int_equal(is_taken(&k, a.code) + is_taken(&k, b.code), 1);
    a = make(&k, WAY_EMAIL, 0);
    (void)snprintf(sql, sizeof(sql), "UPDATE record SET ends = ends + 1000 WHERE kind = %d", STORE_CODES);
    kit_sql(&k.base, sql);
    service_set_clock(clock_wall_s() + 60);
    assert_int_equal(is_taken(&k, a.code), 0);
    service_close(&k);
}

static void test_people_alone(void **state)
{
    static const struct {
        enum identity_way way;
        enum signin_outcome outcome;
    } ways[] = {{WAY_BASIC, SIGNIN_OK},
                {WAY_GITHUB, SIGNIN_OK},
                {WAY_EMAIL, SIGNIN_OK},
                {WAY_NONE, SIGNIN_FAILED},
                {WAY_SERVICE_TOKEN, SIGNIN_FAILED},
                {WAY_ACTIONS, SIGNIN_FAILED},
                {WAY_SHARE_LINK, SIGNIN_FAILED}};
    struct service_kit k;
    (void)state;
    service_open(&k, admitted, COUNT(admitted));
    for (size_t i = 0; i < COUNT(ways); i++) {
        struct answered a = make(&k, ways[i].way, 0);
        assert_int_equal(a.outcome, ways[i].outcome);
        assert_int_equal(a.code[0] != '\0', ways[i].outcome == SIGNIN_OK);
    }
    service_close(&k);
}

static void test_the_same_session(void **state)
{
    static const int64_t ends[] = {0, 5000};
    struct service_kit k;
    (void)state;
    service_open(&k, admitted, COUNT(admitted));
    for (size_t i = 0; i < COUNT(ends); i++) {
        struct answered made = make(&k, WAY_EMAIL, ends[i]);
        struct answered a = take(&k, made.code, "far.test", browser_a);
        assert_int_equal(a.outcome, SIGNIN_OK);
        assert_int_equal(a.way, WAY_EMAIL);
        assert_string_equal(a.subject, "somebody");
        assert_int_equal(a.proven_s, 1000);
        assert_int_equal(a.session_ends_s, ends[i]);
        assert_memory_equal(a.session_id, "the session's id", 16);
        assert_int_equal(take(&k, made.code, "far.test", browser_a).outcome, SIGNIN_WRONG);
    }
    service_close(&k);
}

static void test_there_alone(void **state)
{
    static const struct {
        const char *host, *browser;
    } others[] = {{"other.test", browser_a}, {"far.test", browser_b}};
    struct service_kit k;
    (void)state;
    service_open(&k, admitted, COUNT(admitted));
    for (size_t i = 0; i < COUNT(others); i++) {
        struct answered made = make(&k, WAY_EMAIL, 0);
        assert_int_equal(take(&k, made.code, others[i].host, others[i].browser).outcome, SIGNIN_WRONG);
    }
    service_close(&k);
}

/* Nothing is sealed for a gate that there is not, or that has no secret. */
static void test_no_gate_no_code(void **state)
{
    struct service_kit k;
    (void)state;
    service_open(&k, admitted, COUNT(admitted));
    struct signin_question q = question(SIGNIN_CODE_MAKE, "far.test", browser_a);
    q.who = (struct identity){.way = WAY_EMAIL, .gate = SPAN("g"), .subject = SPAN("somebody"), .proven_s = 1000};
    q.gate = SPAN("gone");
    struct answered a = ask(&k, &q);
    assert_int_equal(a.outcome, SIGNIN_FAILED);
    assert_int_equal(a.code[0], '\0');
    k.fixture.gate.session.key_count = 0;
    a = make(&k, WAY_EMAIL, 0);
    assert_int_equal(a.outcome, SIGNIN_FAILED);
    assert_int_equal(a.code[0], '\0');
    service_close(&k);
}

/* A new secret before the old one: codes of a moment ago are still taken; not once the old one is gone. */
static void test_new_secret(void **state)
{
    const struct span both[] = {SECRET_B, SECRET_A}, new[] = {SECRET_B};
    struct service_kit k;
    (void)state;
    service_open(&k, admitted, COUNT(admitted));
    struct answered a = make(&k, WAY_EMAIL, 0), b = make(&k, WAY_EMAIL, 0);
    assert_true(res_ok(gate_config_seal(&k.fixture.gate, both, 2, &k.memory.arena)));
    assert_int_equal(is_taken(&k, a.code), 1);
    assert_true(res_ok(gate_config_seal(&k.fixture.gate, new, 1, &k.memory.arena)));
    assert_int_equal(is_taken(&k, b.code), 0);
    service_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_people_alone),     cmocka_unit_test(test_records_stay_what_they_are),
        cmocka_unit_test(test_the_same_session), cmocka_unit_test(test_there_alone),
        cmocka_unit_test(test_no_gate_no_code),  cmocka_unit_test(test_new_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

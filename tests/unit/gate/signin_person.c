/* One who signed in with GitHub, as the store keeps him; and his token, which only his own gate opens, and only for him. */
#include "signin_trial.h"

#include <stdlib.h>

#include "base/count.h"
#include "gate/record.h"
#include "gate/signin/person.h"

#define TEXT(s)                                                                                                        \
    {                                                                                                                  \
        (const uint8_t *)(s), sizeof(s) - 1                                                                            \
    }

static const struct identity anna = {.way = WAY_GITHUB,
                                     .gate = TEXT("g"),
                                     .subject = TEXT("4711"),
                                     .email = TEXT("anna@app.test"),
                                     .login = TEXT("anna"),
                                     .groups = TEXT("acme\n"),
                                     .proven_s = 1000,
                                     .latest_s = 2000};

/* --- keys --------------------------------------------------------------------------------------------------------- */

static void test_keys(void **state)
{
    static const uint8_t long_name[STORE_KEY_MAX];
    uint8_t key[STORE_KEY_MAX];
    (void)state;
    assert_int_equal(person_key(SPAN("g"), SPAN("4711"), key), 2 + 1 + 2 + 4);
    assert_memory_equal(key,
                        "\0\1g\0\4"
                        "4711",
                        9);
    assert_int_equal(person_key(span_make(long_name, STORE_KEY_MAX - 8), SPAN("4711"), key), STORE_KEY_MAX);
    assert_int_equal(person_key(span_make(long_name, STORE_KEY_MAX - 7), SPAN("4711"), key), 0);
    assert_int_equal(person_key(span_make(long_name, STORE_KEY_MAX), SPAN("4711"), key), 0);
}

/* --- records ------------------------------------------------------------------------------------------------------ */

static size_t write_record(const struct identity *who, int64_t checked_s, uint8_t room[1000])
{
    struct record_out o = {.p = room, .cap = 1000};
    record_put_identity(&o, who);
    record_put_time(&o, checked_s);
    record_put_span(&o, SPAN("sealed"));
    assert_false(o.full);
    return o.n;
}

static void check_is_anna(const struct person *p)
{
    CHECK_SPAN("gate", p->who.gate, anna.gate);
    CHECK_SPAN("subject", p->who.subject, anna.subject);
    CHECK_SPAN("email", p->who.email, anna.email);
    CHECK_SPAN("login", p->who.login, anna.login);
    CHECK_SPAN("groups", p->who.groups, anna.groups);
    CHECK_SPAN("token", p->sealed, SPAN("sealed"));
    assert_int_equal(p->who.way, WAY_GITHUB);
    assert_int_equal(p->who.proven_s, 1000);
    assert_int_equal(p->who.latest_s, 2000);
    assert_int_equal(p->checked_s, 1500);
}

static struct person *person_of_anna(void)
{
    struct person *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    assert_true(person_set(p, &anna, 1500, SPAN("sealed")));
    check_is_anna(p);
    return p;
}

static void test_no_records(void **state)
{
    uint8_t room[1000];
    struct person *p = person_of_anna();
    (void)state;
    size_t n = write_record(&anna, 1700, room);
    assert_true(person_is_record(span_make(room, n)));
    room[n] = 0;
    for (size_t i = 0; i <= n + 1; i++) {
        if (i == n)
            continue;
        assert_false(person_is_record(span_make(room, i)));
        assert_false(person_read(p, span_make(room, i)));
        check_is_anna(p);
    }
    struct identity bad[] = {anna, anna, anna};
    bad[0].way = WAY_EMAIL;
    bad[1].gate = SPAN_NONE;
    bad[2].subject = SPAN_NONE;
    for (size_t i = 0; i < COUNT(bad); i++) {
        n = write_record(&bad[i], 1700, room);
        assert_false(person_is_record(span_make(room, n)));
        assert_false(person_read(p, span_make(room, n)));
        assert_false(person_set(p, &bad[i], 1700, SPAN("x")));
        check_is_anna(p);
    }
    person_free(p);
}

static void test_record_without_memory(void **state)
{
    uint8_t room[1000];
    struct person *p = person_of_anna();
    (void)state;
    size_t n = write_record(&anna, 1700, room);
    trial_begin();
    trial_fail(TRIAL_MEMORY, 0);
    assert_false(person_read(p, span_make(room, n)));
    assert_true(trial_was_hit());
    trial_end();
    check_is_anna(p);
    assert_true(person_read(p, span_make(room, n)));
    assert_int_equal(p->checked_s, 1700);
    person_free(p);
}

static void test_too_long(void **state)
{
    static char groups[9000];
    struct identity who = anna;
    struct person *p = person_of_anna();
    (void)state;
    memset(groups, 'x', sizeof(groups));
    who.groups = span_make(groups, 8125);
    assert_true(person_set(p, &who, 1500, SPAN("sealed")));
    assert_true(person_set(p, &anna, 1500, SPAN("sealed")));
    for (size_t n = 8126; n < 8200; n++) {
        who.groups = span_make(groups, n);
        assert_false(person_set(p, &who, 1500, SPAN("sealed")));
        check_is_anna(p);
    }
    person_free(p);
}

/* --- tokens ------------------------------------------------------------------------------------------------------- */

struct stage {
    struct memory memory;
    struct gate_fixture fixture;
};

static void seal_with(struct stage *s, const struct span *secrets, size_t n)
{
    assert_true(res_ok(gate_config_seal(&s->fixture.gate, secrets, n, &s->memory.arena)));
}

static void stage_init(struct stage *s)
{
    memory_init(&s->memory);
    fixture_init(&s->fixture, "g", NULL);
    fixture_seal(&s->fixture, &s->memory.arena, SECRET_A);
}

static bool opens(const struct stage *s, const struct person *p, struct span want)
{
    uint8_t token[GITHUB_TOKEN_MAX];
    size_t n = person_open(&s->fixture.gate, p, token);
    assert_true(n == 0 || span_eq(span_make(token, n), want));
    return n > 0;
}

static void test_longest_token(void **state)
{
    static char token[GITHUB_TOKEN_MAX + 1];
    struct stage s;
    (void)state;
    stage_init(&s);
    memset(token, 't', sizeof(token));
    for (size_t n = 1; n <= sizeof(token); n++) {
        struct text sealed;
        text_init(&sealed);
        bool ok = person_seal(&s.fixture.gate, anna.subject, span_make(token, n), &sealed);
        assert_int_equal(ok, n <= GITHUB_TOKEN_MAX);
        assert_int_equal(sealed.n > 0, ok);
        struct person p = {.who = anna, .sealed = text_span(&sealed)};
        assert_int_equal(opens(&s, &p, span_make(token, n)), ok);
        text_fini(&sealed);
    }
    memory_fini(&s.memory);
}

static void test_who_opens(void **state)
{
    const struct span a[] = {SECRET_A}, b[] = {SECRET_B}, ab[] = {SECRET_A, SECRET_B}, ba[] = {SECRET_B, SECRET_A};
    struct stage s;
    struct text sealed;
    (void)state;
    stage_init(&s);
    text_init(&sealed);
    assert_true(person_seal(&s.fixture.gate, anna.subject, SPAN("gho_x"), &sealed));
    struct person p = {.who = anna, .sealed = text_span(&sealed)};
    assert_true(opens(&s, &p, SPAN("gho_x")));
    p.who.subject = SPAN("4712");
    assert_false(opens(&s, &p, SPAN("gho_x")));
    p.who.subject = anna.subject;
    s.fixture.gate.name = SPAN("h");
    assert_false(opens(&s, &p, SPAN("gho_x")));
    s.fixture.gate.name = anna.gate;
    seal_with(&s, b, 1);
    assert_false(opens(&s, &p, SPAN("gho_x")));
    seal_with(&s, ab, 2);
    assert_true(opens(&s, &p, SPAN("gho_x")));
    seal_with(&s, ba, 2);
    assert_true(opens(&s, &p, SPAN("gho_x")));
    seal_with(&s, a, 1);
    p.sealed = SPAN("");
    assert_false(opens(&s, &p, SPAN("gho_x")));
    s.fixture.gate.session.key_count = 0;
    text_fini(&sealed);
    assert_false(person_seal(&s.fixture.gate, anna.subject, SPAN("gho_x"), &sealed));
    memory_fini(&s.memory);
}

/* Nothing is sealed that could not be opened, and nothing is opened that was not sealed. */
static void test_seal_without(void **state)
{
    static const enum trial_call calls[] = {TRIAL_MEMORY, TRIAL_RANDOM};
    struct stage s;
    (void)state;
    stage_init(&s);
    for (size_t i = 0; i < COUNT(calls); i++) {
        bool was_hit = true;
        unsigned skip = 0;
        for (; was_hit; skip++) {
            struct text sealed;
            text_init(&sealed);
            trial_begin();
            trial_fail(calls[i], skip);
            bool ok = person_seal(&s.fixture.gate, anna.subject, SPAN("gho_x"), &sealed);
            was_hit = trial_was_hit();
            trial_end();
            struct person p = {.who = anna, .sealed = text_span(&sealed)};
            assert_int_equal(ok, !was_hit);
            assert_int_equal(sealed.n > 0, ok);
            assert_int_equal(opens(&s, &p, SPAN("gho_x")), ok);
            text_fini(&sealed);
        }
        assert_in_range(skip, 2, 20);
    }
    memory_fini(&s.memory);
}

static void test_open_without_memory(void **state)
{
    struct stage s;
    struct text sealed;
    bool was_hit = true;
    (void)state;
    stage_init(&s);
    text_init(&sealed);
    assert_true(person_seal(&s.fixture.gate, anna.subject, SPAN("gho_x"), &sealed));
    struct person p = {.who = anna, .sealed = text_span(&sealed)};
    for (unsigned skip = 0; was_hit; skip++) {
        trial_begin();
        trial_fail(TRIAL_MEMORY, skip);
        bool ok = opens(&s, &p, SPAN("gho_x"));
        was_hit = trial_was_hit();
        trial_end();
        assert_int_equal(ok, !was_hit);
    }
    text_fini(&sealed);
    memory_fini(&s.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_no_records),
        cmocka_unit_test(test_record_without_memory),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_longest_token),
        cmocka_unit_test(test_who_opens),
        cmocka_unit_test(test_seal_without),
        cmocka_unit_test(test_open_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "support.h"

#include "gate/limits.h"

static const struct gate_limits standard = {.failures_per_user = 3, .failures_per_address = 6, .window_s = 60};

static struct addr address(const char *text)
{
    struct addr a = {.family = 0};
    if (text)
        assert_true(addr_parse_ip(span_of(text), &a));
    return a;
}

struct attempt {
    const char *ip, *gate, *user;
    enum attempt_outcome outcome;
};

static enum limit_verdict attempt(struct limits *l, const struct attempt *a, uint64_t now, uint32_t *retry)
{
    struct addr ip = address(a->ip);
    struct limit_ticket t = limits_ticket(l, &ip, span_of(a->gate), span_of(a->user));
    enum limit_verdict v = limits_begin(l, t, now, retry);
    if (v == LIMIT_OK)
        limits_end(l, t, a->outcome, now);
    return v;
}

#define WRONG(ip, gate, user)                                                                                          \
    {                                                                                                                  \
        ip, gate, user, ATTEMPT_WRONG                                                                                  \
    }
#define RIGHT(ip, gate, user)                                                                                          \
    {                                                                                                                  \
        ip, gate, user, ATTEMPT_RIGHT                                                                                  \
    }

static const struct {
    const char *name;
    struct attempt before[8];
    struct attempt then;
    enum limit_verdict verdict;
} cases[] = {
    {"nothing before", {{0}}, RIGHT("1.2.3.4", "g", "u"), LIMIT_OK},
    {"two wrong ones", {WRONG("1.2.3.4", "g", "u"), WRONG("1.2.3.4", "g", "u")}, RIGHT("1.2.3.4", "g", "u"), LIMIT_OK},
    {"three wrong ones, even if it is right now",
     {WRONG("1.2.3.4", "g", "u"), WRONG("1.2.3.4", "g", "u"), WRONG("1.2.3.4", "g", "u")},
     RIGHT("1.2.3.4", "g", "u"),
     LIMIT_OVER},
    {"a right one in between takes nothing back",
     {WRONG("1.2.3.4", "g", "u"), WRONG("1.2.3.4", "g", "u"), RIGHT("1.2.3.4", "g", "u"), WRONG("1.2.3.4", "g", "u")},
     RIGHT("1.2.3.4", "g", "u"),
     LIMIT_OVER},
    {"another's success takes nothing back",
     {WRONG("1.2.3.4", "g", "u"), WRONG("1.2.3.4", "g", "u"), RIGHT("1.2.3.4", "g", "v"), WRONG("1.2.3.4", "g", "u")},
     RIGHT("1.2.3.4", "g", "u"),
     LIMIT_OVER},
    {"another user of the address",
     {WRONG("1.2.3.4", "g", "u"), WRONG("1.2.3.4", "g", "u"), WRONG("1.2.3.4", "g", "u")},
     RIGHT("1.2.3.4", "g", "v"),
     LIMIT_OK},
    {"the user from another address",
     {WRONG("1.2.3.4", "g", "u"), WRONG("1.2.3.4", "g", "u"), WRONG("1.2.3.4", "g", "u")},
     RIGHT("1.2.3.5", "g", "u"),
     LIMIT_OK},
    {"the same name at another gate",
     {WRONG("1.2.3.4", "g", "u"), WRONG("1.2.3.4", "g", "u"), WRONG("1.2.3.4", "g", "u")},
     RIGHT("1.2.3.4", "h", "u"),
     LIMIT_OK},
    {"names cannot be shifted", /* "ga"+"b" is not "g"+"ab" */
     {WRONG("1.2.3.4", "ga", "b"), WRONG("1.2.3.4", "ga", "b"), WRONG("1.2.3.4", "ga", "b")},
     RIGHT("1.2.3.4", "g", "ab"),
     LIMIT_OK},
    {"many names from one address",
     {WRONG("1.2.3.4", "g", "a"), WRONG("1.2.3.4", "g", "b"), WRONG("1.2.3.4", "g", "c"), WRONG("1.2.3.4", "g", "d"),
      WRONG("1.2.3.4", "g", "e"), WRONG("1.2.3.4", "g", "f")},
     RIGHT("1.2.3.4", "g", "u"),
     LIMIT_OVER},
    {"IPv6: the same /64",
     {WRONG("2001:db8::1", "g", "u"), WRONG("2001:db8::2", "g", "u"), WRONG("2001:db8::ffff:1", "g", "u")},
     RIGHT("2001:db8::9", "g", "u"),
     LIMIT_OVER},
    {"IPv6: another /64",
     {WRONG("2001:db8::1", "g", "u"), WRONG("2001:db8::2", "g", "u"), WRONG("2001:db8::3", "g", "u")},
     RIGHT("2001:db8:0:1::1", "g", "u"),
     LIMIT_OK},
    {"unknown addresses share one count",
     {WRONG(NULL, "g", "u"), WRONG(NULL, "g", "u"), WRONG(NULL, "g", "u")},
     RIGHT(NULL, "g", "u"),
     LIMIT_OVER},
    {"which is nobody else's",
     {WRONG(NULL, "g", "u"), WRONG(NULL, "g", "u"), WRONG(NULL, "g", "u")},
     RIGHT("::", "g", "u"),
     LIMIT_OK},
};

static void test_table(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct limits *l = limits_new(&standard);
        uint32_t retry = 0;
        for (size_t k = 0; cases[i].before[k].gate; k++)
            CHECK(cases[i].name, attempt(l, &cases[i].before[k], 1000 + k, &retry) == LIMIT_OK);
        CHECK(cases[i].name, attempt(l, &cases[i].then, 2000, &retry) == cases[i].verdict);
        CHECK(cases[i].name, cases[i].verdict == LIMIT_OK || (retry > 50 && retry <= 60));
        limits_free(l);
    }
}

static void test_window(void **state)
{
    static const struct attempt wrong = WRONG("1.2.3.4", "g", "u"), right = RIGHT("1.2.3.4", "g", "u");
    struct limits *l = limits_new(&standard);
    uint32_t retry = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(attempt(l, &wrong, 1000 + i * 10000, &retry), LIMIT_OK);
    assert_int_equal(attempt(l, &right, 60999, &retry), LIMIT_OVER);
    assert_int_equal(retry, 1);
    assert_int_equal(attempt(l, &right, 61000, &retry), LIMIT_OK); /* the window began with the first */
    for (int i = 0; i < 3; i++)
        assert_int_equal(attempt(l, &wrong, 62000, &retry), LIMIT_OK);
    assert_int_equal(attempt(l, &right, 62001, &retry), LIMIT_OVER);
    limits_free(l);
}

/* Attempts whose outcome is not known yet count too: many at once do not outrun the limit. */
static void test_pending(void **state)
{
    struct limits *l = limits_new(&standard);
    struct addr ip = address("1.2.3.4");
    struct limit_ticket t = limits_ticket(l, &ip, SPAN("g"), SPAN("u"));
    uint32_t retry = 0;
    int begun = 0;
    while (begun < 100 && limits_begin(l, t, 1, &retry) == LIMIT_OK)
        begun++;
    assert_int_equal(begun, 16);
    limits_end(l, t, ATTEMPT_VOID, 1); /* makes room for one, and the others stay counted */
    assert_int_equal(limits_begin(l, t, 1, &retry), LIMIT_OK);
    assert_int_equal(limits_begin(l, t, 1, &retry), LIMIT_BUSY);
    assert_int_equal(retry, 1);
    assert_int_equal(limits_peek(l, t, 1, &retry), LIMIT_OK); /* who only waits takes no place */
    for (int i = 0; i < begun; i++)
        limits_end(l, t, i < 2 ? ATTEMPT_WRONG : ATTEMPT_VOID, 1);
    assert_int_equal(limits_begin(l, t, 1, &retry), LIMIT_OK); /* two failures: one more at a time */
    assert_int_equal(limits_begin(l, t, 1, &retry), LIMIT_BUSY);
    limits_end(l, t, ATTEMPT_WRONG, 1);
    assert_int_equal(limits_begin(l, t, 1, &retry), LIMIT_OVER);
    assert_int_equal(limits_peek(l, t, 1, &retry), LIMIT_OVER);
    limits_free(l);
}

/* Neither many addresses with a failure each nor many that are locked themselves push a locked one out. */
static void test_flood_unlocks_nobody(void **state)
{
    static const struct attempt wrong = WRONG("1.2.3.4", "g", "u"), right = RIGHT("1.2.3.4", "g", "u");
    for (unsigned failures = 1; failures <= 3; failures += 2) {
        struct limits *l = limits_new(&standard);
        uint32_t retry = 0;
        for (int i = 0; i < 3; i++)
            assert_int_equal(attempt(l, &wrong, 1000, &retry), LIMIT_OK);
        for (unsigned i = 0; i < 60000 * failures; i++) {
            unsigned n = i / failures;
            char text[48];
            struct attempt other = {.gate = "g", .user = "u", .ip = text, .outcome = ATTEMPT_WRONG};
            snprintf(text, sizeof(text), "10.%u.%u.%u", n >> 16, n >> 8 & 255, n & 255);
            attempt(l, &other, 2000, &retry);
        }
        assert_int_equal(attempt(l, &right, 3000, &retry), LIMIT_OVER);
        limits_free(l);
    }
}

/* Each way counts for itself: whichever limit is the lower one locks, and it unlocks only what it locked. */
static void test_address_below_user(void **state)
{
    static const struct gate_limits strict = {.failures_per_user = 6, .failures_per_address = 2, .window_s = 60};
    static const struct attempt wrong = WRONG("1.2.3.4", "g", "u"), other = RIGHT("1.2.3.5", "g", "u");
    struct limits *l = limits_new(&strict);
    uint32_t retry = 0;
    assert_int_equal(attempt(l, &wrong, 1, &retry), LIMIT_OK);
    assert_int_equal(attempt(l, &wrong, 1, &retry), LIMIT_OK);
    assert_int_equal(attempt(l, &wrong, 1, &retry), LIMIT_OVER);
    assert_int_equal(attempt(l, &other, 1, &retry), LIMIT_OK);
    limits_free(l);
}

/* As many at once as a high limit allows. */
static void test_many_at_once(void **state)
{
    static const struct gate_limits wide = {.failures_per_user = 40, .failures_per_address = 50, .window_s = 60};
    struct limits *l = limits_new(&wide);
    struct addr ip = address("1.2.3.4");
    struct limit_ticket t = limits_ticket(l, &ip, SPAN("g"), SPAN("u"));
    uint32_t retry = 0;
    unsigned begun = 0;
    while (begun < 100 && limits_begin(l, t, 1, &retry) == LIMIT_OK)
        begun++;
    assert_int_equal(begun, 40);
    limits_free(l);
}

/* Names beyond any that can be signed in with are cut, not overrun, and stay apart as far as that. */
static void test_long_names(void **state)
{
    struct limits *l = limits_new(&standard);
    struct addr ip = address("1.2.3.4");
    char name[400];
    memset(name, 'n', sizeof(name));
    struct limit_ticket a = limits_ticket(l, &ip, span_make(name, 400), span_make(name, 400));
    struct limit_ticket b = limits_ticket(l, &ip, span_make(name, 400), span_make(name, 254));
    assert_true(a.user != b.user && a.address == b.address);
    limits_free(l);
}

/* A made-up ticket: the table has 1024 sets of 8, and a key's bits from 8 on choose one. */
static struct limit_ticket ticket_in(uint64_t address_set, uint64_t user_set, uint64_t n)
{
    return (struct limit_ticket){.address = address_set << 8 | n, .user = user_set << 8 | n};
}

static void fail_times(struct limits *l, struct limit_ticket t, unsigned times)
{
    uint32_t retry = 0;
    for (unsigned i = 0; i < times; i++) {
        assert_int_equal(limits_begin(l, t, 1000, &retry), LIMIT_OK);
        limits_end(l, t, ATTEMPT_WRONG, 1000);
    }
}

/* Attempts under way hold their places: who finds none has to wait. All of it ends with the window. */
static void test_full_set(void **state)
{
    struct limits *l = limits_new(&standard);
    uint32_t retry = 0;
    for (uint64_t i = 1; i <= 8; i++)
        assert_int_equal(limits_begin(l, ticket_in(7, 100 + i, i), 1000, &retry), LIMIT_OK);
    assert_int_equal(limits_begin(l, ticket_in(7, 200, 9), 1000, &retry), LIMIT_OVER);
    assert_int_equal(retry, 60);
    limits_end(l, ticket_in(7, 101, 1), ATTEMPT_VOID, 1000);
    assert_int_equal(limits_begin(l, ticket_in(7, 200, 9), 1000, &retry), LIMIT_OK);
    limits_free(l);
}

/* The failures of a user find no place: then the address has none under way either, and no failure. */
static void test_both_or_none(void **state)
{
    struct limits *l = limits_new(&standard);
    struct limit_ticket t = ticket_in(200, 7, 9);
    uint32_t retry = 0;
    unsigned begun = 0;
    for (uint64_t i = 1; i <= 8; i++)
        assert_int_equal(limits_begin(l, ticket_in(100 + i, 7, i), 1000, &retry), LIMIT_OK);
    assert_int_equal(limits_begin(l, t, 1000, &retry), LIMIT_OVER);
    limits_end(l, ticket_in(101, 7, 1), ATTEMPT_VOID, 1000);
    while (begun < 100 && limits_begin(l, t, 1000, &retry) == LIMIT_OK)
        begun++;
    assert_int_equal(begun, 16);
    limits_free(l);
}

/* Locks keep their places too, by whichever limit, until their window is over. */
static void test_locks_stay(void **state)
{
    static const struct gate_limits both[] = {
        {.failures_per_user = 9, .failures_per_address = 2, .window_s = 60},
        {.failures_per_user = 2, .failures_per_address = 9, .window_s = 60},
    };
    for (size_t k = 0; k < COUNT(both); k++) {
        struct limits *l = limits_new(&both[k]);
        uint32_t retry = 0;
        for (uint64_t i = 1; i <= 8; i++)
            fail_times(l, ticket_in(k ? 100 + i : 7, k ? 7 : 100 + i, i), 2);
        struct limit_ticket t = ticket_in(k ? 200 : 7, k ? 7 : 200, 9);
        assert_int_equal(limits_begin(l, t, 2000, &retry), LIMIT_OVER);
        assert_int_equal(limits_begin(l, ticket_in(k ? 101 : 7, k ? 7 : 101, 1), 2000, &retry), LIMIT_OVER);
        assert_int_equal(limits_begin(l, t, 61000, &retry), LIMIT_OK);
        limits_free(l);
    }
}

/* Who comes new takes the place of the one with the fewest failures. */
static void test_fewest_failures_go(void **state)
{
    for (uint64_t few = 1; few <= 8; few++) {
        struct limits *l = limits_new(&standard);
        uint32_t retry = 0;
        for (uint64_t i = 1; i <= 8; i++)
            fail_times(l, ticket_in(100 + i, 7, i), i == few ? 1 : 2);
        fail_times(l, ticket_in(200, 7, 9), 1);
        for (uint64_t i = 1; i <= 8; i++) {
            if (i == few)
                continue;
            fail_times(l, ticket_in(100 + i, 7, i), 1); /* the third */
            assert_int_equal(limits_begin(l, ticket_in(100 + i, 7, i), 1000, &retry), LIMIT_OVER);
        }
        limits_free(l);
    }
}

/* Nothing configured is one failure in one second, and as many at once as ever. */
static void test_nothing_configured(void **state)
{
    struct limits *l = limits_new(&(struct gate_limits){0});
    struct limit_ticket t = ticket_in(1, 2, 1);
    uint32_t retry = 0;
    assert_int_equal(limits_begin(l, t, 1000, &retry), LIMIT_OK);
    assert_int_equal(limits_begin(l, t, 1000, &retry), LIMIT_OK);
    limits_end(l, t, ATTEMPT_WRONG, 1000);
    limits_end(l, t, ATTEMPT_VOID, 1000);
    assert_int_equal(limits_begin(l, t, 1999, &retry), LIMIT_OVER);
    assert_int_equal(limits_begin(l, t, 2000, &retry), LIMIT_OK);
    limits_free(l);
}

/* An end too many, or of what never began, counts for nothing. */
static void test_end_alone(void **state)
{
    struct limits *l = limits_new(&standard);
    struct limit_ticket t = ticket_in(1, 2, 1);
    uint32_t retry = 0;
    limits_end(l, t, ATTEMPT_WRONG, 1000);
    fail_times(l, t, 1);
    limits_end(l, t, ATTEMPT_VOID, 1000);
    assert_int_equal(limits_begin(l, t, 1000, &retry), LIMIT_OK);
    limits_free(l);
    limits_free(NULL);
}

static void test_set(void **state)
{
    static const struct attempt wrong = WRONG("1.2.3.4", "g", "u");
    struct limits *l = limits_new(&standard);
    uint32_t retry = 0;
    attempt(l, &wrong, 1, &retry);
    limits_set(l, &(struct gate_limits){.failures_per_user = 1, .failures_per_address = 6, .window_s = 60});
    assert_int_equal(attempt(l, &wrong, 2, &retry), LIMIT_OVER);
    limits_set(l, &(struct gate_limits){0}); /* nothing configured is not "without limit" */
    assert_int_equal(attempt(l, &wrong, 2, &retry), LIMIT_OVER);
    limits_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_pending),
        cmocka_unit_test(test_flood_unlocks_nobody),
        cmocka_unit_test(test_address_below_user),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_full_set),
        cmocka_unit_test(test_both_or_none),
        cmocka_unit_test(test_locks_stay),
        cmocka_unit_test(test_fewest_failures_go),
        cmocka_unit_test(test_nothing_configured),
        cmocka_unit_test(test_end_alone),
        cmocka_unit_test(test_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

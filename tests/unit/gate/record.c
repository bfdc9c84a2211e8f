/* Records: what was put is taken, and nothing else. */
#include "gate/record.h"
#include "support.h"

static const struct identity anna = {.way = WAY_GITHUB,
                                     .gate = SPAN("g"),
                                     .subject = SPAN("4711"),
                                     .email = SPAN("a@b.c"),
                                     .login = SPAN("anna"),
                                     .groups = SPAN("o\n"),
                                     .scope = SPAN("/d/"),
                                     .proven_s = 5,
                                     .latest_s = 7};

static void put_all(struct record_out *o, const struct identity *who)
{
    record_put_byte(o, 0xfe);
    record_put_time(o, INT64_MAX);
    record_put_span(o, SPAN("text"));
    record_put_span(o, SPAN_NONE);
    record_put(o, "raw", 3);
    record_put_identity(o, who);
}

static bool take_all(struct record_in *in, struct identity *who)
{
    bool same = record_take_byte(in) == 0xfe;
    same = record_take_time(in) == INT64_MAX && same;
    same = span_eq(record_take_span(in), SPAN("text")) && same;
    same = record_take_span(in).n == 0 && same;
    same = span_eq(record_take(in, 3), SPAN("raw")) && same;
    *who = record_take_identity(in);
    return same;
}

static void check_identity(const struct identity *got, const struct identity *want)
{
    assert_int_equal(got->way, want->way);
    CHECK_SPAN("gate", got->gate, want->gate);
    CHECK_SPAN("subject", got->subject, want->subject);
    CHECK_SPAN("email", got->email, want->email);
    CHECK_SPAN("login", got->login, want->login);
    CHECK_SPAN("groups", got->groups, want->groups);
    CHECK_SPAN("scope", got->scope, want->scope);
    assert_int_equal(got->proven_s, want->proven_s);
    assert_int_equal(got->latest_s, want->latest_s);
}

/* Each way there and back, and each length of the room and of the record. */
static void round_trip(void **state)
{
    for (int way = WAY_NONE + 1; way < WAY_COUNT; way++) {
        uint8_t room[200];
        struct identity who = anna, got;
        struct record_out o = {.p = room, .cap = sizeof(room)};
        who.way = (enum identity_way)way;
        put_all(&o, &who);
        assert_false(o.full);
        struct record_in in = {.rest = span_make(room, o.n)};
        assert_true(take_all(&in, &got) && record_done(&in));
        check_identity(&got, &who);
        for (size_t cap = 0; cap <= o.n; cap++) {
            uint8_t *exact = malloc(cap + 1);
            struct record_out small = {.p = exact, .cap = cap};
            assert_non_null(exact);
            put_all(&small, &who);
            assert_int_equal(small.full, cap < o.n);
            assert_true(small.n <= cap);
            free(exact);
        }
    }
}

static void cut(void **state)
{
    uint8_t room[200];
    struct identity got;
    struct record_out o = {.p = room, .cap = sizeof(room)};
    put_all(&o, &anna);
    for (size_t n = 0; n < o.n; n++) {
        uint8_t *exact = malloc(n + 1);
        assert_non_null(exact);
        memcpy(exact, room, n);
        struct record_in in = {.rest = span_make(exact, n)};
        (void)take_all(&in, &got);
        assert_true(in.bad && !record_done(&in));
        assert_int_equal(got.way, WAY_NONE);
        assert_int_equal(got.gate.n + got.subject.n + got.scope.n, 0);
        free(exact);
    }
    struct record_in more = {.rest = span_make(room, o.n + 1)};
    assert_true(take_all(&more, &got));
    assert_false(record_done(&more));
}

/* Once it is wrong, nothing makes it right. */
static void stays_bad(void **state)
{
    static const uint8_t zeros[40];
    struct record_in in = {.rest = span_make(zeros, sizeof(zeros))};
    assert_null(record_take(&in, 41).p);
    assert_true(in.bad);
    assert_null(record_take(&in, 1).p);
    assert_int_equal(record_take_byte(&in), 0);
    assert_int_equal(record_take_time(&in), 0);
    assert_null(record_take_span(&in).p);
    assert_true(in.bad && !record_done(&in));
    struct record_in empty = {.rest = SPAN_NONE, .bad = true};
    assert_false(record_done(&empty));
}

static void stays_full(void **state)
{
    uint8_t room[20] = {0};
    for (int what = 0; what < 4; what++) {
        struct record_out o = {.p = room, .cap = 12};
        record_put(&o, room, 13);
        assert_true(o.full);
        if (what == 0)
            record_put_byte(&o, 1);
        if (what == 1)
            record_put_time(&o, 1);
        if (what == 2)
            record_put_span(&o, SPAN("x"));
        if (what == 3)
            record_put(&o, NULL, 0);
        assert_true(o.full);
        assert_int_equal(o.n, 0);
    }
}

static void extremes(void **state)
{
    static uint8_t room[0x10010], text[0x10000];
    struct record_out o = {.p = room, .cap = sizeof(room)};
    record_put_span(&o, span_make(text, 0xffff));
    assert_false(o.full);
    struct record_in in = {.rest = span_make(room, o.n)};
    assert_int_equal(record_take_span(&in).n, 0xffff);
    assert_true(record_done(&in));
    o = (struct record_out){.p = room, .cap = sizeof(room)};
    record_put_span(&o, span_make(text, 0x10000));
    assert_true(o.full);
    o = (struct record_out){.p = room, .cap = sizeof(room)};
    record_put_time(&o, -1);
    assert_true(o.full);
    static const uint8_t late[8] = {0x80};
    in = (struct record_in){.rest = span_make(late, sizeof(late))};
    assert_int_equal(record_take_time(&in), 0);
    assert_true(in.bad);
}

/* Nobody, and a way that there is not. */
static void no_identity(void **state)
{
    static const unsigned ways[] = {WAY_NONE, WAY_COUNT, 255};
    for (size_t i = 0; i < COUNT(ways); i++) {
        uint8_t room[200];
        struct record_out o = {.p = room, .cap = sizeof(room)};
        record_put_identity(&o, &anna);
        room[0] = (uint8_t)ways[i];
        struct record_in in = {.rest = span_make(room, o.n)};
        struct identity got = record_take_identity(&in);
        assert_true(got.way == WAY_NONE && got.gate.n == 0);
        assert_false(record_done(&in));
        in = (struct record_in){.rest = span_make(room, 1)};
        assert_int_equal(record_take_way(&in), WAY_NONE);
        assert_true(in.bad);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip), cmocka_unit_test(cut),      cmocka_unit_test(stays_bad),
        cmocka_unit_test(stays_full), cmocka_unit_test(extremes), cmocka_unit_test(no_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

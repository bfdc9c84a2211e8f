#include "base/span.h"

#include "alloc.h"
#include "check.h"

#include <stdlib.h>

static void equality(void **state)
{
    static const struct {
        const char *name, *a, *b;
        bool same, nocase;
    } cases[] = {
        {"equal", "abc", "abc", true, true},
        {"case", "aBc", "AbC", false, true},
        {"length", "abc", "abcd", false, false},
        {"empty", "", "", true, true},
        {"@ and ` are no letters", "@", "`", false, false},
        {"[ and { are no letters", "[", "{", false, false},
        {"beyond ASCII", "\xc4", "\xe4", false, false},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span a = span_of(cases[i].a), b = span_of(cases[i].b);

        CHECK(cases[i].name, span_eq(a, b) == cases[i].same);
        CHECK(cases[i].name, span_eq_nocase(a, b) == cases[i].nocase);
    }
    assert_true(span_eq(SPAN_NONE, SPAN("")));
    assert_int_equal(span_of(NULL).n, 0);
}

/* Words of eight bytes are compared at once: no byte, wherever it stands, is taken for another. */
static void case_of_every_byte(void **state)
{
    static const size_t lengths[] = {1, 7, 8, 9, 16, 19};
    uint8_t a[19], b[19];

    memset(a, 'q', sizeof(a));
    memset(b, 'Q', sizeof(b));
    for (size_t l = 0; l < COUNT(lengths); l++) {
        for (size_t at = 0; at < lengths[l]; at++) {
            for (int x = 0; x < 256 * 256; x++) {
                a[at] = (uint8_t)x;
                b[at] = (uint8_t)(x >> 8);
                bool same = ascii_lower(a[at]) == ascii_lower(b[at]);
                if (span_eq_nocase(span_make(a, lengths[l]), span_make(b, lengths[l])) != same)
                    fail_msg("%zu bytes, at %zu: %02x and %02x", lengths[l], at, a[at], b[at]);
            }
            a[at] = 'q';
            b[at] = 'Q';
        }
    }
}

static void order(void **state)
{
    static const struct {
        const char *name, *a, *b;
        int want;
    } cases[] = {
        {"equal", "abc", "abc", 0}, {"less", "abc", "abd", -1}, {"prefix first", "ab", "abc", -1},
        {"longer", "abc", "ab", 1}, {"empty", "", "a", -1},     {"unsigned bytes", "\x80", "\x7f", 1},
        {"both empty", "", "", 0},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        int got = span_cmp(span_of(cases[i].a), span_of(cases[i].b));

        CHECK(cases[i].name, (got > 0) - (got < 0) == cases[i].want);
    }
    assert_int_equal(span_cmp(SPAN_NONE, SPAN_NONE), 0);
}

static void prefix_and_suffix(void **state)
{
    static const struct {
        const char *name, *s, *part;
        bool prefix, suffix;
    } cases[] = {
        {"both", "aba", "a", true, true},        {"prefix", "abc", "ab", true, false},
        {"suffix", "abc", "bc", false, true},    {"whole", "abc", "abc", true, true},
        {"longer", "abc", "abcd", false, false}, {"empty part", "abc", "", true, true},
        {"empty both", "", "", true, true},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        CHECK(cases[i].name, span_has_prefix(span_of(cases[i].s), span_of(cases[i].part)) == cases[i].prefix);
        CHECK(cases[i].name, span_has_suffix(span_of(cases[i].s), span_of(cases[i].part)) == cases[i].suffix);
    }
    assert_true(span_has_suffix(SPAN_NONE, SPAN_NONE));
}

static void cutting(void **state)
{
    static const struct {
        const char *name, *s, *head, *tail;
        bool found;
    } cases[] = {
        {"in the middle", "a=b", "a", "b", true}, {"first of two", "a=b=c", "a", "b=c", true},
        {"at the start", "=b", "", "b", true},    {"at the end", "a=", "a", "", true},
        {"none", "ab", "ab", "", false},          {"empty", "", "", "", false},
        {"only it", "=", "", "", true},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span head, tail;

        CHECK(cases[i].name, span_cut(span_of(cases[i].s), '=', &head, &tail) == cases[i].found);
        CHECK(cases[i].name, span_eq(head, span_of(cases[i].head)));
        CHECK(cases[i].name, span_eq(tail, span_of(cases[i].tail)));
    }
    assert_int_equal(span_find(SPAN("abc"), 'c'), 2);
    assert_int_equal(span_find(SPAN("abc"), 'x'), 3);
    assert_int_equal(span_find(SPAN_NONE, 'x'), 0);
    assert_int_equal(span_from(SPAN("abc"), 4).n, 0);
    assert_true(span_eq(span_from(SPAN("abc"), 1), SPAN("bc")));
    assert_int_equal(span_from(SPAN_NONE, 0).n, 0);
}

static void trimming(void **state)
{
    static const struct {
        const char *name, *s, *want;
    } cases[] = {
        {"nothing to do", "a b", "a b"},    {"both ends", " \t a \t", "a"}, {"all", " \t ", ""}, {"empty", "", ""},
        {"not CR or LF", "\ra\n", "\ra\n"},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(cases[i].name, span_eq(span_trim(span_of(cases[i].s)), span_of(cases[i].want)));
}

static void controls(void **state)
{
    static const struct {
        const char *name;
        struct span s;
        bool has;
    } cases[] = {
        {"none", {(const uint8_t *)"a ~\x80\xff", 5}, false},
        {"empty", {NULL, 0}, false},
        {"NUL", {(const uint8_t *)"a\0", 2}, true},
        {"line feed", {(const uint8_t *)"a\nb", 3}, true},
        {"last below a space", {(const uint8_t *)"\x1f", 1}, true},
        {"DEL", {(const uint8_t *)"a\x7f", 2}, true},
        {"HTAB too", {(const uint8_t *)"\t", 1}, true},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(cases[i].name, span_has_control(cases[i].s) == cases[i].has);
}

static void numbers(void **state)
{
    static const struct {
        const char *name, *s;
        uint64_t max;
        bool ok;
        uint64_t want;
    } cases[] = {
        {"zero", "0", 10, true, 0},
        {"leading zeros", "007", 10, true, 7},
        {"at the maximum", "65535", 65535, true, 65535},
        {"above the maximum", "65536", 65535, false, 0},
        {"largest", "18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"overflow by one", "18446744073709551616", UINT64_MAX, false, 0},
        {"overflow by a digit", "184467440737095516150", UINT64_MAX, false, 0},
        {"empty", "", 10, false, 0},
        {"plus", "+1", 10, false, 0},
        {"minus", "-1", 10, false, 0},
        {"space before", " 1", 10, false, 0},
        {"space behind", "1 ", 10, false, 0},
        {"hex", "0x1", 10, false, 0},
        {"below 0", "/", 100, false, 0},
        {"above 9", ":", 100, false, 0},
        {"not ASCII", "\xb1", 1000, false, 0},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t got = 0;

        CHECK(cases[i].name, span_parse_u64(span_of(cases[i].s), cases[i].max, &got) == cases[i].ok);
        CHECK(cases[i].name, got == cases[i].want);
    }
}

static void decimals(void **state)
{
    static const struct {
        uint64_t value;
        const char *want;
    } cases[] = {{0, "0"}, {9, "9"}, {10, "10"}, {304, "304"}, {1000, "1000"}, {UINT64_MAX, "18446744073709551615"}};
    char room[SPAN_DECIMAL_MAX];

    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(cases[i].want, span_eq(span_decimal(cases[i].value, room), span_of(cases[i].want)));
}

static void duplicate(void **state)
{
    char *copy = span_dup(span_make("abcd", 3));

    assert_string_equal(copy, "abc");
    free(copy);
    copy = span_dup(SPAN_NONE);
    assert_string_equal(copy, "");
    free(copy);
    alloc_fail_after(0);
    assert_null(span_dup(SPAN("x")));
    alloc_fail_never();
    assert_null(span_dup(span_make("x", SIZE_MAX)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality), cmocka_unit_test(case_of_every_byte),
        cmocka_unit_test(order),    cmocka_unit_test(prefix_and_suffix),
        cmocka_unit_test(cutting),  cmocka_unit_test(trimming),
        cmocka_unit_test(controls), cmocka_unit_test(numbers),
        cmocka_unit_test(decimals), cmocka_unit_test(duplicate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

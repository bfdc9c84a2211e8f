#include "support.h"

#include "http/cookie.h"

#define NAME "__Host-tiergate"

#define V(name, found, first, left, bytes) {name, S(bytes), found, first, S(left)},
static const struct {
    const char *name;
    struct span value;
    size_t found;
    const char *first; /* value of the first one found */
    struct span stripped;
} cases[] = {
#include "../../vectors/cookies.inc"
};

static void test_table(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct memory m;
        struct headers h;
        struct span values[4];
        void *p;
        memory_init(&m);
        struct span value = exact(cases[i].value, &p);
        assert_true(headers_init(&h, &m.arena, 4));
        assert_true(headers_add(&h, &m.arena, SPAN("Cookie"), value));
        CHECK(cases[i].name, cookie_find(&h, SPAN(NAME), values, COUNT(values)) == cases[i].found);
        if (cases[i].found)
            CHECK_SPAN(cases[i].name, values[0], span_of(cases[i].first));
        struct span stripped = cookie_strip(&m.arena, value, SPAN(NAME));
        CHECK(cases[i].name, stripped.p != NULL);
        CHECK_SPAN(cases[i].name, stripped, cases[i].stripped);
        h.v[0].value = stripped;
        CHECK(cases[i].name, cookie_find(&h, SPAN(NAME), values, COUNT(values)) == 0);
        memory_fini(&m);
        free(p);
    }
}

static void test_find_over_fields(void **state)
{
    struct memory m;
    struct headers h;
    struct span values[2];
    memory_init(&m);
    assert_true(headers_init(&h, &m.arena, 4));
    assert_int_equal(cookie_find(&h, SPAN("g"), values, 2), 0);
    assert_true(headers_add(&h, &m.arena, SPAN("Cookie"), SPAN("g=1; g=2")));
    assert_true(headers_add(&h, &m.arena, SPAN("X"), SPAN("g=9")));
    assert_true(headers_add(&h, &m.arena, SPAN("cookie"), SPAN("g=3")));
    assert_int_equal(cookie_find(&h, SPAN("g"), values, 2), 3);
    CHECK_SPAN("in order", values[1], SPAN("2"));
    h.v[0].drop = 1;
    assert_int_equal(cookie_find(&h, SPAN("g"), values, 2), 1);
    CHECK_SPAN("not dropped", values[0], SPAN("3"));
    memory_fini(&m);
}

static const struct {
    const char *name;
    struct span value, want;
} set_cookies[] = {
    {"plain", S("a=1; Path=/"), S("a")},       {"white space", S(" \ta\t = 1"), S("a")},
    {"no value", S("a=; Path=/"), S("a")},     {"no equals sign", S("a; b=c"), S("a")},
    {"nameless", S("=a=1; Path=/"), S("a")},   {"nameless twice", S("= =a=1"), S("a")},
    {"only attributes", S("; Path=/"), S("")}, {"empty", S(""), S("")},
    {"equals signs only", S("=="), S("")},
};

static void test_set_cookie_name(void **state)
{
    for (size_t i = 0; i < COUNT(set_cookies); i++)
        CHECK_SPAN(set_cookies[i].name, set_cookie_name(set_cookies[i].value), set_cookies[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_find_over_fields),
                                       cmocka_unit_test(test_set_cookie_name)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

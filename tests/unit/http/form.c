#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/count.h"
#include "http/form.h"

static const struct {
    const char *fields;
    enum form_verdict verdict;
    const char *value;
} table[] = {
    {"", FORM_MISSING, ""},
    {"a", FORM_FOUND, ""},
    {"a=", FORM_FOUND, ""},
    {"a=b", FORM_FOUND, "b"},
    {"x=1&a=b&y=2", FORM_FOUND, "b"},
    {"aa=1&a=b", FORM_FOUND, "b"},
    {"a=b=c", FORM_FOUND, "b=c"},
    {"a=one+two%20three", FORM_FOUND, "one two three"},
    {"a=%C3%a4", FORM_FOUND, "\xc3\xa4"},
    {"a=%", FORM_BAD, ""},
    {"a=%4", FORM_BAD, ""},
    {"a=%4g", FORM_BAD, ""},
    {"a=%zz", FORM_BAD, ""},
    {"a=%00", FORM_BAD, ""},
    {"a=%0d%0a", FORM_BAD, ""},
    {"a=%7f", FORM_BAD, ""},
    {"a=1&a=2", FORM_TWICE, ""},
    {"a=1&a", FORM_TWICE, ""},
    {"A=1", FORM_MISSING, ""},
    {"%61=1", FORM_MISSING, ""},
};

static void test_table(void **state)
{
    struct slab blocks;
    struct arena a;
    slab_init(&blocks, 4096, 4);
    arena_init(&a, &blocks);
    for (size_t i = 0; i < COUNT(table); i++) {
        struct span value;
        enum form_verdict v = form_field(span_of(table[i].fields), SPAN("a"), &a, &value);
        if (v != table[i].verdict || (v == FORM_FOUND && !span_eq(value, span_of(table[i].value))))
            fail_msg("%s: %d \"%.*s\"", table[i].fields, v, SPAN_ARG(value));
    }
    arena_fini(&a);
    slab_fini(&blocks);
}

static void test_escape(void **state)
{
    struct slab blocks;
    struct arena a;
    uint8_t all[256];
    struct span value;
    slab_init(&blocks, 4096, 4);
    arena_init(&a, &blocks);
    for (size_t i = 0x20; i < 0x7f; i++)
        all[i - 0x20] = (uint8_t)i;
    struct span in = span_make(all, 0x7f - 0x20), text = form_escape(in, &a);
    const struct span parts[] = {SPAN("x=1&v="), text, SPAN("&y=2")};
    struct span fields = arena_join(&a, parts, 3);
    assert_int_equal(form_field(fields, SPAN("v"), &a, &value), FORM_FOUND);
    assert_true(span_eq(value, in));
    assert_true(span_eq(form_query(SPAN("/a?b=c?d")), SPAN("b=c?d")));
    assert_int_equal(form_query(SPAN("/a")).n, 0);
    arena_fini(&a);
    slab_fini(&blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_escape)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

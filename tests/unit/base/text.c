#include "base/text.h"

#include "alloc.h"
#include "check.h"

#include <stdio.h>

static void adds(void **state)
{
    struct text t;
    char want[3000] = "";

    text_init(&t);
    assert_int_equal(text_span(&t).n, 0);
    text_add(&t, SPAN_NONE);
    text_addf(&t, "%s", "");
    assert_int_equal(text_span(&t).n, 0);
    for (int i = 0; i < 500; i++) {
        text_add(&t, SPAN("ab"));
        text_addf(&t, "%03d", i);
        snprintf(want + 5 * i, 6, "ab%03d", i);
    }
    assert_false(t.failed);
    assert_int_equal(t.n, 2500);
    assert_string_equal(t.p, want);
    text_fini(&t);
    assert_null(t.p);
    text_fini(&t);
}

/* Text that just fits, and just does not, into what is allocated. */
static void grows_at_the_edge(void **state)
{
    char want[600];

    memset(want, 'x', sizeof(want));
    for (size_t n = 250; n < 520; n++) {
        struct text a, b;

        text_init(&a);
        text_init(&b);
        text_add(&a, span_make(want, n));
        text_addf(&b, "%.*s", (int)n, want);
        assert_true(span_eq(text_span(&a), text_span(&b)) && a.n == n);
        assert_int_equal(a.p[n], 0);
        assert_int_equal(b.p[n], 0);
        text_fini(&a);
        text_fini(&b);
    }
}

static void json(void **state)
{
    static const struct {
        const char *name, *in, *want;
    } cases[] = {
        {"plain", "a/b c", "a/b c"},
        {"quote and backslash", "\"\\", "\\\"\\\\"},
        {"named controls", "\n\r\t", "\\n\\r\\t"},
        {"other controls", "\x01\x1b\x7f", "\\u0001\\u001b\\u007f"},
        {"UTF-8 stays", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x99\x82", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x99\x82"},
        {"C1 control",
         "a\xc2\x9b"
         "b",
         "a\\u009bb"},
        {"first behind C1", "\xc2\xa0", "\xc2\xa0"},
        {"lone continuation", "\x80x", "\\u0080x"},
        {"overlong slash", "\xc0\xaf", "\\u00c0\\u00af"},
        {"overlong of three", "\xe0\x80\xaf", "\\u00e0\\u0080\\u00af"},
        {"surrogate", "\xed\xa0\x80", "\\u00ed\\u00a0\\u0080"},
        {"last before surrogates", "\xed\x9f\xbf", "\xed\x9f\xbf"},
        {"overlong of four", "\xf0\x8f\xbf\xbf", "\\u00f0\\u008f\\u00bf\\u00bf"},
        {"above U+10FFFF", "\xf4\x90\x80\x80", "\\u00f4\\u0090\\u0080\\u0080"},
        {"U+10FFFF", "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
        {"no such lead byte", "\xf5\xff", "\\u00f5\\u00ff"},
        {"cut short", "a\xe2\x82", "a\\u00e2\\u0082"},
        {"quote hidden behind a lead byte", "\xe2\"}", "\\u00e2\\\"}"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text t;

        text_init(&t);
        text_add_json(&t, span_of(cases[i].in));
        CHECK(cases[i].name, span_eq(text_span(&t), span_of(cases[i].want)));
        text_fini(&t);
    }
}

static void json_nul(void **state)
{
    struct text t;

    text_init(&t);
    text_add_json(&t, SPAN("a\0b"));
    assert_true(span_eq(text_span(&t), SPAN("a\\u0000b")));
    text_fini(&t);
}

static void html(void **state)
{
    struct text t;

    text_init(&t);
    text_add_html(&t, SPAN("<a href=\"x?y&z\" id='1'>\xc3\xa9"));
    assert_true(span_eq(text_span(&t), SPAN("&lt;a href=&quot;x?y&amp;z&quot; id=&#39;1&#39;&gt;\xc3\xa9")));
    text_add_html(&t, SPAN_NONE);
    assert_false(t.failed);
    text_fini(&t);
}

static void out_of_memory(void **state)
{
    struct text t;
    char big[300] = {0};

    text_init(&t);
    text_add(&t, SPAN("first"));
    alloc_fail_after(0);
    text_add(&t, SPAN(" fits"));
    assert_false(t.failed);
    text_add(&t, span_make(big, sizeof(big)));
    assert_true(t.failed);
    alloc_fail_never();
    text_add(&t, SPAN("more")); /* what is incomplete stays so */
    text_addf(&t, "%d", 1);
    assert_true(t.failed);
    assert_true(span_eq(text_span(&t), SPAN("first fits")));
    text_fini(&t);

    text_init(&t);
    text_add(&t, SPAN("x"));
    text_add(&t, span_make(big, SIZE_MAX - 1));
    assert_true(t.failed);
    text_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds), cmocka_unit_test(grows_at_the_edge), cmocka_unit_test(json), cmocka_unit_test(json_nul),
        cmocka_unit_test(html), cmocka_unit_test(out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

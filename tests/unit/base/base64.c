#include "base/crypto/base64.h"

#include "check.h"

static void vectors(void **state)
{
    static const struct {
        const char *name;
        struct span bytes;
        const char *standard, *url;
    } cases[] = {
        /* RFC 4648 §10 */
        {"empty", SPAN(""), "", ""},
        {"f", SPAN("f"), "Zg==", "Zg"},
        {"fo", SPAN("fo"), "Zm8=", "Zm8"},
        {"foo", SPAN("foo"), "Zm9v", "Zm9v"},
        {"foob", SPAN("foob"), "Zm9vYg==", "Zm9vYg"},
        {"fooba", SPAN("fooba"), "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", SPAN("foobar"), "Zm9vYmFy", "Zm9vYmFy"},
        {"the last two letters", SPAN("\xfb\xff\xbf"), "+/+/", "-_-_"},
        {"zeros", SPAN("\0\0"), "AAA=", "AAA"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[32];
        uint8_t bytes[32];
        size_t n = base64_encode(cases[i].bytes, text);

        CHECK(cases[i].name, span_eq(span_make(text, n), span_of(cases[i].standard)));
        CHECK(cases[i].name, n == BASE64_SIZE(cases[i].bytes.n));
        CHECK(cases[i].name, base64_decode(span_make(text, n), bytes, cases[i].bytes.n, &n));
        CHECK(cases[i].name, span_eq(span_make(bytes, n), cases[i].bytes));

        n = base64url_encode(cases[i].bytes, text);
        CHECK(cases[i].name, span_eq(span_make(text, n), span_of(cases[i].url)));
        CHECK(cases[i].name, base64url_decode(span_make(text, n), bytes, cases[i].bytes.n, &n));
        CHECK(cases[i].name, span_eq(span_make(bytes, n), cases[i].bytes));
    }
}

static void refusals(void **state)
{
    static const struct {
        const char *name;
        struct span text;
        bool standard, url;
    } cases[] = {
        {"no padding", SPAN("Zg"), false, true},
        {"half the padding", SPAN("Zg="), false, false},
        {"padding too long", SPAN("Zg==="), false, false},
        {"padding alone", SPAN("===="), false, false},
        {"two alone", SPAN("=="), false, false},
        {"padding in front", SPAN("=Zg="), false, false},
        {"padding inside", SPAN("Zg==Zg=="), false, false},
        {"padding of a whole group", SPAN("Zm9v===="), false, false},
        {"one character left", SPAN("Zm9vZ"), false, false},
        {"stray bits in two", SPAN("Zh=="), false, false},
        {"stray bits in three", SPAN("Zm9="), false, false},
        {"stray bits, URL", SPAN("Zh"), false, false},
        {"newline", SPAN("Zm9v\n"), false, false},
        {"space", SPAN("Zm 9v"), false, false},
        {"NUL", SPAN("Zm9\0"), false, false},
        {"other alphabet's letters", SPAN("-_-_"), false, true},
        {"and the other way", SPAN("+/+/"), true, false},
        {"beyond ASCII", SPAN("Zm9\xf6"), false, false},
        {"fits", SPAN("Zm9vYmFy"), true, true},
        {"does not fit", SPAN("Zm9vYmFyZm9v"), false, false},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t out[8] = {0};
        size_t n;

        CHECK(cases[i].name, base64_decode(cases[i].text, out, 6, &n) == cases[i].standard);
        CHECK(cases[i].name, base64url_decode(cases[i].text, out, 6, &n) == cases[i].url);
        CHECK(cases[i].name, out[6] == 0 && out[7] == 0);
    }
}

/* Every byte at every place, there and back; and of all texts of four letters with one byte changed, just those that
 * are an encoding are read. */
static void round_trips(void **state)
{
    uint8_t in[6] = {0}, out[6];
    char text[8];
    size_t n;

    for (size_t size = 0; size <= sizeof(in); size++) {
        for (size_t at = 0; at < size; at++) {
            for (unsigned c = 0; c < 256; c++) {
                in[at] = (uint8_t)c;
                assert_true(base64_decode(span_make(text, base64_encode(span_make(in, size), text)), out, 6, &n));
                assert_true(span_eq(span_make(out, n), span_make(in, size)));
                assert_true(base64url_decode(span_make(text, base64url_encode(span_make(in, size), text)), out, 6, &n));
                assert_true(span_eq(span_make(out, n), span_make(in, size)));
            }
        }
    }
    for (unsigned c = 0; c < 256; c++) {
        const char one[] = {'A', (char)c, 'A', 'A'};
        char again[4];

        if (base64_decode(span_make(one, 4), out, 6, &n))
            assert_true(span_eq(span_make(again, base64_encode(span_make(out, n), again)), span_make(one, 4)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(vectors), cmocka_unit_test(refusals),
                                       cmocka_unit_test(round_trips)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

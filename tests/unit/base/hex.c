#include "base/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/count.h"

static void test_digits(void **state)
{
    for (int c = 0; c < 256; c++) {
        const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *at = c ? strchr(digits, c) : NULL;
        int want = at ? (int)(at - digits) % 16 : -1;
        assert_int_equal(hex_digit((uint8_t)c), want);
    }
}

static void test_there_and_back(void **state)
{
    uint8_t bytes[256], back[256];
    char text[512 + 1] = "";
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    text[512] = '#';
    hex_put(bytes, sizeof(bytes), text);
    assert_memory_equal(text, "000102030405060708090a0b0c0d0e0f10", 34);
    assert_memory_equal(text + 506, "fdfeff#", 7);
    assert_true(hex_take(span_make(text, 512), back, sizeof(back)));
    assert_memory_equal(back, bytes, sizeof(bytes));
    hex_put(bytes, 0, text);
    assert_int_equal(text[0], '0');
}

static void test_what_is_taken(void **state)
{
    static const struct {
        const char *text;
        size_t n;
        bool good;
    } cases[] = {
        {"", 0, true},
        {"0aF9", 2, true},
        {"0aF", 2, false},
        {"0aF99", 2, false},
        {"0aF9", 1, false},
        {"0aF9", 3, false},
        {"g0", 1, false},
        {"0g", 1, false},
        {" 1", 1, false},
        {"0x", 1, false},
        {"-1", 1, false},
        {"\xff"
         "1",
         1, false},
        {"/0", 1, false},
        {"0:", 1, false},
        {"@0", 1, false},
        {"0`", 1, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t out[4];
        if (hex_take(span_of(cases[i].text), out, cases[i].n) != cases[i].good)
            fail_msg("\"%s\" as %zu bytes", cases[i].text, cases[i].n);
        if (cases[i].good && cases[i].n == 2)
            assert_memory_equal(out, "\x0a\xf9", 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_what_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

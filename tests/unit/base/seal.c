#include "base/crypto/seal.h"

#include "alloc.h"
#include "base/crypto/base64.h"
#include "check.h"

#include <stdlib.h>

static const uint8_t key[SEAL_KEY] = "0123456789abcdef0123456789abcde";
static const uint8_t other_key[SEAL_KEY] = "0123456789abcdef0123456789abcdf";
static const struct span purpose = SPAN("way back");
static const struct span plain = SPAN("https://dev.example.org/a?b=c");

#define ROOM 64

static size_t seal_it(struct span text, char *out)
{
    size_t n = 0;
    assert_true(res_ok(seal_make(key, purpose, text, out, &n)));
    assert_true(n <= SEAL_TEXT_SIZE(text.n));
    return n;
}

static bool opens(const uint8_t *with, struct span what_for, struct span text)
{
    uint8_t out[ROOM];
    size_t n = 77;
    bool ok = seal_open(with, what_for, text, out, sizeof(out), &n);
    if (!ok)
        assert_int_equal(n, 0);
    return ok;
}

static void round_trips(void **state)
{
    char text[SEAL_TEXT_SIZE(ROOM)];
    uint8_t out[ROOM], bytes[ROOM];
    for (size_t n = 0; n <= ROOM; n++) {
        memset(bytes, (int)n, sizeof(bytes));
        size_t text_n = seal_it(span_make(bytes, n), text), got = 0;
        assert_true(seal_open(key, purpose, span_make(text, text_n), out, n, &got));
        assert_int_equal(got, n);
        assert_memory_equal(out, bytes, n);
        assert_true(n == 0 || !seal_open(key, purpose, span_make(text, text_n), out, n - 1, &got));
    }
}

/* Its nonce is new each time: the same text is never to be recognised. */
static void never_the_same(void **state)
{
    char one[SEAL_TEXT_SIZE(ROOM)], two[SEAL_TEXT_SIZE(ROOM)];
    size_t n = seal_it(plain, one);
    assert_int_equal(seal_it(plain, two), n);
    assert_memory_not_equal(one, two, 16);
    assert_memory_not_equal(one + 16, two + 16, n - 16);
}

static void each_bit_counts(void **state)
{
    char text[SEAL_TEXT_SIZE(ROOM)];
    uint8_t raw[SEAL_EXTRA + ROOM];
    size_t n = seal_it(plain, text), raw_n = 0;
    assert_true(base64url_decode(span_make(text, n), raw, sizeof(raw), &raw_n));
    assert_int_equal(raw_n, plain.n + SEAL_EXTRA);
    for (size_t i = 0; i < raw_n * 8; i++) {
        raw[i / 8] ^= (uint8_t)(1u << i % 8);
        size_t forged_n = base64url_encode(span_make(raw, raw_n), text);
        raw[i / 8] ^= (uint8_t)(1u << i % 8);
        if (opens(key, purpose, span_make(text, forged_n)))
            fail_msg("bit %zu flipped, and it opens", i);
    }
    for (size_t cut = 0; cut < raw_n; cut++)
        if (opens(key, purpose, span_make(text, base64url_encode(span_make(raw, cut), text))))
            fail_msg("cut to %zu bytes, and it opens", cut);
    assert_true(opens(key, purpose, span_make(text, base64url_encode(span_make(raw, raw_n), text))));
}

static void of_nobody_else(void **state)
{
    char text[SEAL_TEXT_SIZE(ROOM)];
    struct span sealed = span_make(text, seal_it(plain, text));
    assert_true(opens(key, purpose, sealed));
    assert_false(opens(other_key, purpose, sealed));
    assert_false(opens(key, SPAN("way"), sealed));
    assert_false(opens(key, SPAN("way back "), sealed));
    assert_false(opens(key, SPAN_NONE, sealed));
    assert_false(opens(key, purpose, SPAN("not base64!")));
    assert_false(opens(key, purpose, SPAN_NONE));
}

static void memory_ends(void **state)
{
    char text[SEAL_TEXT_SIZE(ROOM)];
    uint8_t out[ROOM];
    size_t n = 1;
    struct span sealed = span_make(text, seal_it(plain, text));
    alloc_fail_after(0);
    assert_false(seal_open(key, purpose, sealed, out, sizeof(out), &n));
    char again[SEAL_TEXT_SIZE(ROOM)];
    assert_false(res_ok(seal_make(key, purpose, plain, again, &n)));
    assert_int_equal(n, 0);
    alloc_fail_never();
    assert_true(seal_open(key, purpose, sealed, out, sizeof(out), &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),    cmocka_unit_test(never_the_same), cmocka_unit_test(each_bit_counts),
        cmocka_unit_test(of_nobody_else), cmocka_unit_test(memory_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

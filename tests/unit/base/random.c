#include "base/crypto/random.h"

#include "check.h"

#include <string.h>

static void fills(void **state)
{
    uint8_t a[64] = {0}, b[64] = {0}, guard[66];

    assert_true(res_ok(random_bytes(a, sizeof(a))));
    assert_true(res_ok(random_bytes(b, sizeof(b))));
    assert_true(memcmp(a, b, sizeof(a)) != 0);
    assert_true(res_ok(random_bytes(a, 0)));

    memset(guard, 0x5a, sizeof(guard));
    assert_true(res_ok(random_bytes(guard + 1, 64)));
    assert_int_equal(guard[0], 0x5a);
    assert_int_equal(guard[65], 0x5a);
}

static void no_byte_stands_still(void **state)
{
    uint8_t seen[32] = {0}, now[32];

    for (int i = 0; i < 100; i++) {
        assert_true(res_ok(random_bytes(now, sizeof(now))));
        for (size_t k = 0; k < sizeof(now); k++)
            seen[k] |= now[k];
    }
    for (size_t k = 0; k < sizeof(seen); k++)
        assert_int_equal(seen[k], 0xff);
}

static void refuses_what_cannot_be(void **state)
{
    uint8_t one;

    assert_false(res_ok(random_bytes(&one, (size_t)1 << 40)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fills), cmocka_unit_test(no_byte_stands_still),
                                       cmocka_unit_test(refuses_what_cannot_be)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

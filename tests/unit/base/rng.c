#include "base/rng.h"

#include "check.h"

/* xoshiro256** from the state 1, 2, 3, 4. */
static void sequence(void **state)
{
    static const uint64_t want[] = {11520, 0, 1509978240, 1215971899390074240u, 1216172134540287360u};
    struct rng r = {{1, 2, 3, 4}};

    for (size_t i = 0; i < COUNT(want); i++)
        assert_true(rng_u64(&r) == want[i]);
}

static void seeds_differ(void **state)
{
    struct rng a, b;
    uint64_t ones = 0, zeros = 0;

    rng_init(&a);
    rng_init(&b);
    assert_true(rng_u64(&a) != rng_u64(&b));
    for (int i = 0; i < 200; i++) {
        uint64_t x = rng_u64(&a);

        ones |= x;
        zeros |= ~x;
    }
    assert_true(ones == UINT64_MAX && zeros == UINT64_MAX); /* no bit stands still */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sequence), cmocka_unit_test(seeds_differ)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

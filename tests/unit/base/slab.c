#include "base/slab.h"

#include "alloc.h"
#include "check.h"

#include <string.h>

static void counts_and_limit(void **state)
{
    struct slab s;
    void *blocks[5];

    slab_init(&s, 64, 3);
    for (size_t i = 0; i < COUNT(blocks); i++) {
        blocks[i] = slab_take(&s);
        assert_non_null(blocks[i]);
        memset(blocks[i], 0xa5, 64);
    }
    assert_int_equal(s.used, 5);
    for (size_t i = 0; i < COUNT(blocks); i++)
        slab_give(&s, blocks[i]);
    assert_int_equal(s.used, 0);
    assert_true(s.kept <= 3);
    assert_int_equal(s.kept, s.keep);
    slab_give(&s, NULL);
    assert_int_equal(s.used, 0);
    slab_fini(&s);
    assert_int_equal(s.kept, 0);
    assert_null(s.list);
}

static void reuses_without_allocating(void **state)
{
    struct slab s;

    slab_init(&s, 64, 1);
    if (!s.keep)
        skip(); /* under AddressSanitizer nothing is kept */

    void *first = slab_take(&s);

    slab_give(&s, first);
    alloc_fail_after(0);
    assert_ptr_equal(slab_take(&s), first);
    assert_null(slab_take(&s));
    assert_int_equal(s.used, 1);
    alloc_fail_never();
    slab_give(&s, first);
    slab_fini(&s);
}

static void out_of_memory(void **state)
{
    struct slab s;

    slab_init(&s, 64, 4);
    alloc_fail_after(0);
    assert_null(slab_take(&s));
    alloc_fail_never();
    assert_int_equal(s.used, 0);

    void *block = slab_take(&s);

    assert_non_null(block);
    slab_give(&s, block);
    slab_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_and_limit),
        cmocka_unit_test(reuses_without_allocating),
        cmocka_unit_test(out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

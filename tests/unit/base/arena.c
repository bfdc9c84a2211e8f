#include "base/arena.h"

#include "alloc.h"
#include "check.h"

#define BLOCK 1024

struct fixture {
    struct slab slab;
    struct arena arena;
};

static void open_arena(struct fixture *f)
{
    slab_init(&f->slab, BLOCK, 4);
    arena_init(&f->arena, &f->slab);
}

static void close_arena(struct fixture *f)
{
    arena_fini(&f->arena);
    assert_int_equal(f->slab.used, 0);
    slab_fini(&f->slab);
}

static void takes_memory_late(void **state)
{
    struct fixture f;

    alloc_fail_after(0);
    open_arena(&f);
    assert_int_equal(alloc_count(), 0);
    alloc_fail_never();
    assert_non_null(arena_alloc(&f.arena, 1));
    assert_int_equal(f.slab.used, 1);
    close_arena(&f);
}

static void joins(void **state)
{
    struct fixture f;
    const struct span parts[] = {SPAN("ab"), SPAN_NONE, SPAN(":"), SPAN("c")};

    open_arena(&f);
    assert_true(span_eq(arena_join(&f.arena, parts, 4), SPAN("ab:c")));
    assert_non_null(arena_join(&f.arena, parts, 0).p);
    alloc_fail_after(0);
    const struct span large[] = {span_make(f.slab.list, 0), span_make("x", 1)};
    while (arena_join(&f.arena, large, 2).p)
        ;
    alloc_fail_never();
    close_arena(&f);
}

static void aligned_and_apart(void **state)
{
    static const size_t sizes[] = {0,          1,     15,        16,     17, 100, BLOCK - 16,
                                   BLOCK - 15, BLOCK, BLOCK + 1, 100000, 3,  900, 500};
    struct fixture f;
    uint8_t *p[COUNT(sizes)];

    open_arena(&f);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        p[i] = arena_alloc(&f.arena, sizes[i]);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        memset(p[i], (int)i, sizes[i]);
    }
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(p[i][k], i);
    close_arena(&f);
}

static void fills_a_block_before_the_next(void **state)
{
    struct fixture f;

    open_arena(&f);
    for (size_t i = 0; i < (BLOCK - 16) / 16; i++)
        assert_non_null(arena_alloc(&f.arena, 16));
    assert_int_equal(f.slab.used, 1);
    assert_non_null(arena_alloc(&f.arena, 1));
    assert_int_equal(f.slab.used, 2);
    close_arena(&f);
}

static void large_block_keeps_the_current_one(void **state)
{
    struct fixture f;

    open_arena(&f);

    uint8_t *before = arena_alloc(&f.arena, 16);

    assert_non_null(arena_alloc(&f.arena, 10 * BLOCK));
    assert_int_equal(f.slab.used, 1);
    assert_ptr_equal(arena_alloc(&f.arena, 16), before + 16);
    close_arena(&f);
}

static void zeroed(void **state)
{
    struct fixture f;

    open_arena(&f);
    memset(arena_alloc(&f.arena, 512), 0xff, 512);
    arena_reset(&f.arena);
    assert_int_equal(f.slab.used, 0);

    const uint8_t *p = arena_zalloc(&f.arena, 512);

    for (size_t i = 0; i < 512; i++)
        assert_int_equal(p[i], 0);
    close_arena(&f);
}

static void copies(void **state)
{
    struct fixture f;
    struct span s;

    open_arena(&f);
    s = arena_copy(&f.arena, SPAN("hello"));
    assert_true(span_eq(s, SPAN("hello")));
    s = arena_copy(&f.arena, SPAN_NONE);
    assert_non_null(s.p);
    assert_int_equal(s.n, 0);
    close_arena(&f);
}

/* Each length, so that the text ends before, at and behind the end of a block. */
static void formats(void **state)
{
    struct fixture f;
    char want[2 * BLOCK];

    memset(want, 'x', sizeof(want));
    open_arena(&f);
    for (int n = 0; n < (int)sizeof(want); n++) {
        struct span s = arena_printf(&f.arena, "%.*s", n, want);

        assert_int_equal(s.n, n);
        assert_memory_equal(s.p, want, n);
        assert_int_equal(s.p[n], '\0');
    }
    close_arena(&f);
}

static void out_of_memory(void **state)
{
    struct fixture f;

    open_arena(&f);
    alloc_fail_after(0);
    assert_null(arena_alloc(&f.arena, 1));
    assert_null(arena_zalloc(&f.arena, 1));
    assert_null(arena_alloc(&f.arena, 10 * BLOCK));
    assert_null(arena_copy(&f.arena, SPAN("x")).p);
    assert_null(arena_printf(&f.arena, "%d", 1).p);
    assert_null(arena_alloc(&f.arena, SIZE_MAX));
    assert_null(arena_alloc(&f.arena, SIZE_MAX - 8));
    alloc_fail_never();

    uint8_t *p = arena_alloc(&f.arena, BLOCK - 64);

    assert_non_null(p);
    memset(p, 1, BLOCK - 64);
    alloc_fail_after(0);
    assert_non_null(arena_alloc(&f.arena, 16));        /* the rest of the block needs no memory */
    assert_null(arena_printf(&f.arena, "%080d", 1).p); /* a text that does not fit does */
    assert_non_null(arena_printf(&f.arena, "%d", 1).p);
    alloc_fail_never();
    assert_int_equal(p[BLOCK - 65], 1);
    close_arena(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_memory_late),
        cmocka_unit_test(joins),
        cmocka_unit_test(aligned_and_apart),
        cmocka_unit_test(fills_a_block_before_the_next),
        cmocka_unit_test(large_block_keeps_the_current_one),
        cmocka_unit_test(zeroed),
        cmocka_unit_test(copies),
        cmocka_unit_test(formats),
        cmocka_unit_test(out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

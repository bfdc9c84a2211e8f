#include "base/table.h"

#include "alloc.h"
#include "check.h"

#include <stdlib.h>

#define MANY 10000

struct member {
    struct table_link link;
    unsigned name;
};

static struct span name_of(const struct member *m)
{
    return span_make(&m->name, sizeof(m->name));
}

static struct member *find(const struct table *t, unsigned name)
{
    struct table_link *l = table_find(t, table_hash(t, span_make(&name, sizeof(name))));
    while (l && ((struct member *)l)->name != name)
        l = table_again(l);
    return (struct member *)l;
}

static void test_many(void **state)
{
    struct table t;
    struct member *all = calloc(MANY, sizeof(*all));
    unsigned seen = 0;
    (void)state;
    assert_non_null(all);
    table_init(&t);
    assert_null(table_next(&t, NULL));
    for (unsigned i = 0; i < MANY; i++) {
        all[i].name = i;
        assert_null(find(&t, i));
        table_put(&t, &all[i].link, table_hash(&t, name_of(&all[i])));
    }
    assert_true(t.size >= MANY / 4);
    for (unsigned i = 0; i < MANY; i += 2)
        table_remove(&t, &all[i].link);
    for (unsigned i = 0; i < MANY; i++)
        assert_ptr_equal(find(&t, i), i % 2 ? &all[i] : NULL);
    assert_int_equal(t.count, MANY / 2);
    for (struct table_link *l = table_next(&t, NULL), *next; l; l = next, seen++) {
        next = table_next(&t, l);
        table_remove(&t, l);
    }
    assert_int_equal(seen, MANY / 2);
    assert_int_equal(t.count, 0);
    table_fini(&t);
    free(all);
}

/* Two with one hash are both found. */
static void test_same_hash(void **state)
{
    struct table t;
    struct member a = {.name = 1}, b = {.name = 2};
    (void)state;
    table_init(&t);
    table_put(&t, &a.link, 7);
    table_put(&t, &b.link, 7);
    struct table_link *first = table_find(&t, 7);
    assert_ptr_equal(first, &b);
    assert_ptr_equal(table_again(first), &a);
    assert_null(table_again(&a.link));
    assert_null(table_find(&t, 7 + TABLE_FIRST));
    table_fini(&t);
}

/* Without memory it stays small, and all are found all the same; with memory it grows again. */
static void test_no_memory(void **state)
{
    struct table t;
    struct member *all = calloc(MANY, sizeof(*all));
    (void)state;
    assert_non_null(all);
    table_init(&t);
    for (unsigned i = 0; i < 1001; i++) {
        all[i].name = i;
        if (i == TABLE_FIRST)
            alloc_fail_after(0);
        if (i == 1000) {
            assert_int_equal(t.size, TABLE_FIRST);
            alloc_fail_never();
        }
        table_put(&t, &all[i].link, table_hash(&t, name_of(&all[i])));
    }
    assert_true(t.size > TABLE_FIRST);
    for (unsigned i = 0; i < 1001; i++)
        assert_ptr_equal(find(&t, i), &all[i]);
    assert_int_equal(t.count, 1001);
    table_fini(&t);
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_same_hash),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

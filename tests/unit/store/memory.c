/* Memory ends at each allocation in turn, SQLite's own among them: every question is answered once, and what was answered is true. */
#include "store/store.h"

#include "../base/alloc.h"
#include "base/clock.h"
#include "kit.h"

#include <sqlite3.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#define LATER (clock_wall_s() + 1000)
#define OPEN_STRIDE 5 /* opening makes many, nearly all of them SQLite's */

/* As malloc and realloc, but through the calls that fail on demand. */
static void *sql_malloc(int n)
{
    size_t *p = malloc(sizeof(size_t) * 2 + (size_t)n);
    if (!p)
        return NULL;
    p[0] = (size_t)n;
    return p + 2;
}

static void sql_free(void *p)
{
    free(p ? (size_t *)p - 2 : NULL);
}

static int sql_size(void *p)
{
    return p ? (int)((size_t *)p)[-2] : 0;
}

static void *sql_realloc(void *p, int n)
{
    void *q = sql_malloc(n);
    if (!q)
        return NULL;
    memcpy(q, p, (size_t)(sql_size(p) < n ? sql_size(p) : n));
    sql_free(p);
    return q;
}

static int sql_round_up(int n)
{
    return (n + 7) & ~7;
}

static int sql_begin(void *arg)
{
    (void)arg;
    return SQLITE_OK;
}

static void sql_end(void *arg)
{
    (void)arg;
}

static int setup(void **state)
{
    sqlite3_mem_methods m = {sql_malloc, sql_free, sql_realloc, sql_size, sql_round_up, sql_begin, sql_end, NULL};
    (void)sqlite3_shutdown();
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &m), SQLITE_OK);
    assert_int_equal(sqlite3_initialize(), SQLITE_OK);
    struct kit *k = malloc(sizeof(*k));
    assert_non_null(k);
    kit_make(k);
    *state = k;
    return 0;
}

static int teardown(void **state)
{
    alloc_fail_never();
    kit_remove(*state);
    free(*state);
    return 0;
}

/* False: memory was out, which it must say, or that it could not open its files. */
static bool opens(struct kit *k)
{
    struct res why = RES_OK;
    k->store = store_open(k->folder, k->loop, NULL, NULL, &why);
    bool told =
        why.err && (strstr(why.err, "memory") || strstr(why.err, "cannot be opened") || strstr(why.err, "thread"));
    if (!k->store && !told)
        fail_msg("%s", why.err ? why.err : "no reason");
    return k->store != NULL;
}

static void test_opening(void **state)
{
    struct kit *k = *state;
    bool failed = true;
    for (long n = 0; failed; n += OPEN_STRIDE) {
        struct kit_answer a;
        alloc_fail_one(n);
        bool open = opens(k);
        failed = alloc_refused() > 0;
        alloc_fail_never();
        kit_close(k);
        kit_open(k); /* whatever it left behind */
        assert_int_equal(kit_get(k, STORE_REVOKED, "a", &a), n == 0 ? STORE_NONE : STORE_OK);
        if (n == 0)
            assert_int_equal(kit_put(k, STORE_REVOKED, "a", "x", LATER), STORE_OK);
        kit_close(k);
        assert_true(open || failed);
    }
}

static void add_one(void *arg, struct span key, struct span value, int64_t ends_s)
{
    (void)arg;
    (void)key;
    (void)value;
    (void)ends_s;
}

enum { PUT = 0, TAKE, ONCE, COUNT_UP, LIST, ASKED };

static void ask_all(struct kit *k, struct kit_answer *a)
{
    char big[9000];
    unsigned left = 0;
    memset(big, 'b', sizeof(big));
    for (unsigned i = 0; i < ASKED; i++)
        kit_expect(k, &a[i], &left);
    store_put(k->store, STORE_REVOKED, SPAN("put"), span_make(big, sizeof(big)), LATER, kit_take_down, &a[PUT]);
    store_take(k->store, STORE_CODES, SPAN("code"), kit_take_down, &a[TAKE]);
    store_once(k->store, STORE_USED, SPAN("once"), SPAN("x"), LATER, kit_take_down, &a[ONCE]);
    store_count(k->store, STORE_COUNTS, SPAN("count"), 1000, 10000, kit_take_down, &a[COUNT_UP]);
    store_list(k->store, STORE_REVOKED, add_one, kit_take_down, &a[LIST]);
    kit_wait(k, &left);
}

static void reset(struct kit *k)
{
    assert_int_equal(kit_put(k, STORE_CODES, "code", "who", LATER), STORE_OK);
    assert_int_equal(kit_delete(k, STORE_REVOKED, "put"), STORE_OK);
    assert_int_equal(kit_delete(k, STORE_USED, "once"), STORE_OK);
}

/* Is it so as it was answered? */
static void check(struct kit *k, const struct kit_answer *a, uint64_t *count)
{
    struct kit_answer is;
    assert_int_equal(kit_get(k, STORE_REVOKED, "put", &is), a[PUT].outcome == STORE_OK ? STORE_OK : STORE_NONE);
    assert_int_equal(kit_get(k, STORE_CODES, "code", &is), a[TAKE].outcome == STORE_OK ? STORE_NONE : STORE_OK);
    assert_int_equal(kit_get(k, STORE_USED, "once", &is), a[ONCE].outcome == STORE_OK ? STORE_OK : STORE_NONE);
    *count += a[COUNT_UP].outcome == STORE_OK;
    assert_int_equal(kit_count(k, "count", 1000, 10000, &is), STORE_OK);
    assert_int_equal(is.count, ++*count);
    for (unsigned i = 0; i < ASKED; i++) {
        assert_int_equal(a[i].times, 1);
        assert_true(a[i].outcome == STORE_OK || (a[i].outcome == STORE_FAILED && a[i].detail));
    }
}

static void test_asking(void **state)
{
    struct kit *k = *state;
    bool failed = true;
    uint64_t count = 0;
    kit_open(k);
    for (long n = 0; failed; n++) {
        struct kit_answer a[ASKED];
        reset(k);
        alloc_fail_few(n, 1 + n % 3);
        ask_all(k, a);
        failed = alloc_refused() > 0;
        alloc_fail_never();
        check(k, a, &count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_opening, setup, teardown),
        cmocka_unit_test_setup_teardown(test_asking, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

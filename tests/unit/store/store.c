/* What is asked of the store, and what it answers. */
#include "store/store.h"

#include "base/clock.h"
#include "base/count.h"
#include "kit.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#define LATER (clock_wall_s() + 1000)
#define BEFORE (clock_wall_s() - 1)

static int setup(void **state)
{
    struct kit *k = malloc(sizeof(*k));
    assert_non_null(k);
    kit_make(k);
    kit_open(k);
    *state = k;
    return 0;
}

static int teardown(void **state)
{
    kit_remove(*state);
    free(*state);
    return 0;
}

static void test_put_and_get(void **state)
{
    struct kit *k = *state;
    struct kit_answer a;
    int64_t ends_s = LATER;
    assert_int_equal(kit_get(k, STORE_PINS, "a", &a), STORE_NONE);
    assert_int_equal(kit_put(k, STORE_PINS, "a", "one", ends_s), STORE_OK);
    assert_int_equal(kit_get(k, STORE_PINS, "a", &a), STORE_OK);
    assert_memory_equal(a.value, "one", a.n);
    assert_int_equal(a.n, 3);
    assert_int_equal(a.ends_s, ends_s);
    assert_int_equal(kit_put(k, STORE_PINS, "a", "another", ends_s + 1), STORE_OK);
    assert_int_equal(kit_get(k, STORE_PINS, "a", &a), STORE_OK);
    assert_memory_equal(a.value, "another", a.n);
    assert_int_equal(a.ends_s, ends_s + 1);
    assert_int_equal(kit_get(k, STORE_CODES, "a", &a), STORE_NONE); /* tables are apart */
    assert_int_equal(kit_get(k, STORE_PINS, "A", &a), STORE_NONE);  /* keys are bytes */
    assert_int_equal(kit_delete(k, STORE_PINS, "a"), STORE_OK);
    assert_int_equal(kit_get(k, STORE_PINS, "a", &a), STORE_NONE);
    assert_int_equal(kit_delete(k, STORE_PINS, "a"), STORE_OK);
}

static void test_any_bytes(void **state)
{
    struct kit *k = *state;
    struct kit_answer a;
    static const uint8_t key[] = {0, 'k', 0xff, 0, '\''}, value[] = {0, 1, 0, 255};
    unsigned left = 0;
    kit_expect(k, &a, &left);
    store_put(k->store, STORE_PEOPLE, span_make(key, sizeof(key)), span_make(value, sizeof(value)), LATER,
              kit_take_down, &a);
    kit_wait(k, &left);
    assert_int_equal(a.outcome, STORE_OK);
    kit_expect(k, &a, &left);
    store_get(k->store, STORE_PEOPLE, span_make(key, sizeof(key)), kit_take_down, &a);
    kit_wait(k, &left);
    assert_int_equal(a.n, sizeof(value));
    assert_memory_equal(a.value, value, sizeof(value));
    assert_int_equal(kit_put(k, STORE_PEOPLE, "", "", LATER), STORE_OK); /* an empty key is one as well */
    assert_int_equal(kit_get(k, STORE_PEOPLE, "", &a), STORE_OK);
    assert_int_equal(a.n, 0);
}

static void test_ends(void **state)
{
    struct kit *k = *state;
    struct kit_answer a;
    char all[200];
    assert_int_equal(kit_put(k, STORE_PINS, "over", "x", BEFORE), STORE_OK);
    assert_int_equal(kit_put(k, STORE_PINS, "now", "x", clock_wall_s()), STORE_OK);
    assert_int_equal(kit_put(k, STORE_PINS, "never", "x", INT64_MAX), STORE_OK);
    assert_int_equal(kit_get(k, STORE_PINS, "over", &a), STORE_NONE);
    assert_int_equal(kit_get(k, STORE_PINS, "now", &a), STORE_NONE);
    assert_int_equal(kit_get(k, STORE_PINS, "never", &a), STORE_OK);
    assert_int_equal(kit_take(k, STORE_PINS, "over", &a), STORE_NONE);
    assert_int_equal(kit_list(k, STORE_PINS, all, sizeof(all)), STORE_OK);
    assert_string_equal(all, "never=x@9223372036854775807 ");
}

static void test_take(void **state)
{
    struct kit *k = *state;
    struct kit_answer a;
    assert_int_equal(kit_put(k, STORE_CODES, "c", "who", LATER), STORE_OK);
    assert_int_equal(kit_take(k, STORE_CODES, "c", &a), STORE_OK);
    assert_memory_equal(a.value, "who", 3);
    assert_int_equal(kit_take(k, STORE_CODES, "c", &a), STORE_NONE);
    assert_int_equal(a.n, 0);
    assert_int_equal(kit_get(k, STORE_CODES, "c", &a), STORE_NONE);
}

static void test_once(void **state)
{
    struct kit *k = *state;
    struct kit_answer a;
    assert_int_equal(kit_once(k, STORE_USED, "n", "first", LATER), STORE_OK);
    assert_int_equal(kit_once(k, STORE_USED, "n", "second", LATER), STORE_THERE);
    assert_int_equal(kit_get(k, STORE_USED, "n", &a), STORE_OK);
    assert_memory_equal(a.value, "first", a.n);
    assert_int_equal(kit_put(k, STORE_USED, "old", "x", BEFORE), STORE_OK);
    assert_int_equal(kit_once(k, STORE_USED, "old", "new", LATER), STORE_OK); /* what has ended is not there */
    assert_int_equal(kit_get(k, STORE_USED, "old", &a), STORE_OK);
    assert_memory_equal(a.value, "new", a.n);
}

static void test_count(void **state)
{
    struct kit *k = *state;
    struct kit_answer a;
    int64_t first_ends;
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(kit_count(k, "ip", 1000, 3, &a), STORE_OK);
        assert_int_equal(a.count, i);
        if (i == 1)
            first_ends = a.ends_s;
        assert_int_equal(a.ends_s, first_ends); /* the window began with the first */
    }
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(kit_count(k, "ip", 1000, 3, &a), STORE_OVER);
        assert_int_equal(a.count, 3);
        assert_int_equal(a.ends_s, first_ends);
    }
    assert_int_equal(kit_count(k, "other", 1000, 3, &a), STORE_OK);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.n, 0);
    assert_int_equal(kit_count(k, "none", 1000, 0, &a), STORE_OVER);
    /* A window that has ended, and one that a wrong clock made endless. */
    assert_int_equal(kit_put(k, STORE_COUNTS, "ended", "\0\0\0\0\0\0\0\3", BEFORE), STORE_OK);
    assert_int_equal(kit_count(k, "ended", 1000, 3, &a), STORE_OK);
    assert_int_equal(a.count, 1);
    assert_int_equal(kit_count(k, "ip", 10, 3, &a), STORE_OVER);
    assert_true(a.ends_s <= clock_wall_s() + 10);
}

/* What is no number must not begin anew at zero. */
static void test_count_of_what_is_none(void **state)
{
    struct kit *k = *state;
    struct kit_answer a;
    assert_int_equal(kit_put(k, STORE_COUNTS, "odd", "seven", LATER), STORE_OK);
    assert_int_equal(kit_count(k, "odd", 1000, 3, &a), STORE_FAILED);
    assert_string_equal(a.detail, "the store is damaged");
    assert_int_equal(kit_get(k, STORE_COUNTS, "odd", &a), STORE_OK);
}

static void test_list(void **state)
{
    struct kit *k = *state;
    char all[400], wanted[400];
    long long ends_s = LATER;
    static const char *const keys[] = {"b", "a", "ab", "c"};
    for (size_t i = 0; i < COUNT(keys); i++)
        assert_int_equal(kit_put(k, STORE_REVOKED, keys[i], "v", ends_s), STORE_OK);
    assert_int_equal(kit_put(k, STORE_PEOPLE, "aa", "of another table", ends_s), STORE_OK);
    (void)snprintf(wanted, sizeof(wanted), "a=v@%lld ab=v@%lld b=v@%lld c=v@%lld ", ends_s, ends_s, ends_s, ends_s);
    assert_int_equal(kit_list(k, STORE_REVOKED, all, sizeof(all)), STORE_OK);
    assert_string_equal(all, wanted);
    assert_int_equal(kit_list(k, STORE_TOKENS, all, sizeof(all)), STORE_OK);
    assert_string_equal(all, "");
}

static void test_too_long(void **state)
{
    struct kit *k = *state;
    struct kit_answer a;
    static const uint8_t bytes[STORE_VALUE_MAX + 1];
    static const struct {
        size_t key_n, value_n;
        unsigned table;
        enum store_outcome wants;
    } rows[] = {
        {STORE_KEY_MAX, STORE_VALUE_MAX, STORE_PINS, STORE_OK},
        {STORE_KEY_MAX + 1, 1, STORE_PINS, STORE_FAILED},
        {1, STORE_VALUE_MAX + 1, STORE_PINS, STORE_FAILED},
        {1, 1, STORE_TABLES, STORE_FAILED},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        unsigned left = 0;
        kit_expect(k, &a, &left);
        store_put(k->store, (enum store_table)rows[i].table, span_make(bytes, rows[i].key_n),
                  span_make(bytes, rows[i].value_n), LATER, kit_take_down, &a);
        assert_int_equal(a.times, 0);
        kit_wait(k, &left);
        assert_int_equal(a.outcome, rows[i].wants);
    }
}

/* --- many at once ------------------------------------------------------------------------------------------------- */

static void note_order(void *arg, const struct store_reply *r)
{
    char **at = arg;
    *(*at)++ = (char)('0' + r->outcome);
}

static void test_order(void **state)
{
    struct kit *k = *state;
    struct kit_answer last;
    char order[10] = "", *at = order;
    unsigned left = 0;
    store_once(k->store, STORE_USED, SPAN("x"), SPAN("1"), LATER, note_order, &at);
    store_once(k->store, STORE_USED, SPAN("x"), SPAN("2"), LATER, note_order, &at);
    store_take(k->store, STORE_USED, SPAN("x"), note_order, &at);
    store_get(k->store, STORE_USED, SPAN("x"), note_order, &at);
    store_put(k->store, STORE_USED, SPAN("x"), SPAN("3"), LATER, NULL, NULL); /* who does not ask is not told */
    store_take(k->store, STORE_USED, SPAN("x"), note_order, &at);
    kit_expect(k, &last, &left);
    store_get(k->store, STORE_USED, SPAN("x"), kit_take_down, &last);
    kit_wait(k, &left);
    assert_string_equal(order, "02010"); /* OK THERE OK NONE OK */
}

struct tally {
    struct loop *loop;
    unsigned left, good, refused;
};

static void count_up(void *arg, const struct store_reply *r)
{
    struct tally *t = arg;
    t->good += r->outcome == STORE_OK;
    t->refused += r->outcome == STORE_FAILED;
    if (--t->left == 0)
        loop_stop(t->loop);
}

static void put_many_into(struct kit *k, struct tally *t, enum store_table table, unsigned n, size_t size)
{
    static const uint8_t bytes[STORE_VALUE_MAX];
    t->loop = k->loop;
    t->left += n;
    for (unsigned i = 0; i < n; i++)
        store_put(k->store, table, span_make(&i, sizeof(i)), span_make(bytes, size), LATER, count_up, t);
}

static void put_many(struct kit *k, struct tally *t, unsigned n, size_t size)
{
    put_many_into(k, t, STORE_PINS, n, size);
}

static void test_full_queue(void **state)
{
    struct kit *k = *state;
    struct tally t = {.left = 0};
    put_many(k, &t, STORE_QUEUE, 1); /* an eighth is kept for what takes sessions back */
    put_many_into(k, &t, STORE_REVOKED, STORE_QUEUE / 8 + 100, 1);
    assert_int_equal(t.refused, 0); /* never from inside the call */
    loop_run(k->loop);
    assert_int_equal(t.left, 0);
    assert_int_equal(t.good, STORE_QUEUE);
    assert_int_equal(t.refused, STORE_QUEUE / 8 + 100);
    memset(&t, 0, sizeof(t)); /* and room again */
    put_many(k, &t, 10, 1);
    loop_run(k->loop);
    assert_int_equal(t.good, 10);
    memset(&t, 0, sizeof(t)); /* bytes count, too */
    put_many(k, &t, STORE_QUEUE_BYTES / STORE_VALUE_MAX + 10, STORE_VALUE_MAX);
    loop_run(k->loop);
    assert_in_range(t.refused, STORE_QUEUE_BYTES / 8 / STORE_VALUE_MAX + 10,
                    STORE_QUEUE_BYTES / 8 / STORE_VALUE_MAX + 50);
    memset(&t, 0, sizeof(t));
    put_many(k, &t, STORE_QUEUE_BYTES / STORE_VALUE_MAX, STORE_VALUE_MAX);
    t.refused = 0;
    put_many_into(k, &t, STORE_REVOKED, 100, 1);
    loop_run(k->loop);
    assert_in_range(t.refused, STORE_QUEUE_BYTES / 8 / STORE_VALUE_MAX, STORE_QUEUE_BYTES / 8 / STORE_VALUE_MAX + 50);
}

static void test_close_under_load(void **state)
{
    struct kit *k = *state;
    struct kit_answer a;
    struct tally t = {.left = 0};
    put_many(k, &t, 2000, 100);
    kit_close(k);
    kit_idle(k, 10); /* what lay in the mailbox */
    assert_int_equal(t.left, 2000);
    kit_open(k);
    unsigned last = 1999, left = 0;
    kit_expect(k, &a, &left);
    store_get(k->store, STORE_PINS, span_make(&last, sizeof(last)), kit_take_down, &a);
    kit_wait(k, &left);
    assert_int_equal(a.outcome, STORE_OK); /* it was finished all the same */
}

static void close_it(void *arg, const struct store_reply *r)
{
    struct kit *k = arg;
    (void)r;
    kit_close(k);
    loop_stop(k->loop);
}

static void test_close_from_within(void **state)
{
    struct kit *k = *state;
    struct tally t = {.loop = k->loop, .left = 3};
    store_put(k->store, STORE_PINS, SPAN("a"), SPAN("a"), LATER, count_up, &t);
    store_put(k->store, STORE_PINS, SPAN("b"), SPAN("b"), LATER, close_it, k);
    store_put(k->store, STORE_PINS, SPAN("c"), SPAN("c"), LATER, count_up, &t);
    loop_run(k->loop);
    assert_int_equal(t.left, 2);
    kit_open(k);
    store_put(k->store, (enum store_table)99, SPAN("b"), SPAN("b"), LATER, close_it, k);
    store_put(k->store, (enum store_table)99, SPAN("c"), SPAN("c"), LATER, count_up, &t);
    loop_run(k->loop);
    assert_int_equal(t.left, 2);
}

/* What has ended goes away, a bite at a time. */
static void test_purge(void **state)
{
    struct kit *k = *state;
    struct kit_answer a;
    kit_close(k);
    kit_sql(k, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200) "
               "INSERT INTO record SELECT 3, CAST(i AS BLOB), x'00', 1000 + i FROM n");
    kit_open(k);
    assert_int_equal(kit_put(k, STORE_PINS, "stays", "x", LATER), STORE_OK);
    for (unsigned i = 0; i < 200 && kit_records(k) > 1; i++)
        kit_idle(k, 50);
    assert_int_equal(kit_records(k), 1);
    assert_int_equal(kit_get(k, STORE_PINS, "stays", &a), STORE_OK);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_put_and_get),
        TEST(test_any_bytes),
        TEST(test_ends),
        TEST(test_take),
        TEST(test_once),
        TEST(test_count),
        TEST(test_count_of_what_is_none),
        TEST(test_list),
        TEST(test_too_long),
        TEST(test_order),
        TEST(test_full_queue),
        TEST(test_close_under_load),
        TEST(test_close_from_within),
        TEST(test_purge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "support.h"

#include "gate/cache.h"

#include "base/hash.h"

static struct span number(char *room, int i)
{
    return span_make(room, (size_t)snprintf(room, 16, "key-%d", i));
}

static void test_values(void **state)
{
    struct cache *c = cache_new(64, 65536);
    struct span v = SPAN_NONE;
    assert_false(cache_get(c, SPAN("a"), 1, &v));
    cache_put(c, SPAN("a"), SPAN("one"), 1, 100);
    cache_put(c, SPAN("b"), SPAN_NONE, 1, 100);
    assert_true(cache_get(c, SPAN("a"), 1, &v));
    CHECK_SPAN("value", v, SPAN("one"));
    assert_true(cache_get(c, SPAN("b"), 1, &v));
    assert_int_equal(v.n, 0);
    assert_false(cache_get(c, SPAN("ao"), 1, &v)); /* key and value lie side by side: the border counts */
    cache_put(c, SPAN("a"), SPAN("two"), 1, 100);
    assert_true(cache_get(c, SPAN("a"), 1, &v));
    CHECK_SPAN("replaced", v, SPAN("two"));
    cache_free(c);
}

static void test_expiry(void **state)
{
    struct cache *c = cache_new(64, 65536);
    struct span v;
    cache_put(c, SPAN("a"), SPAN("one"), 1, 100);
    assert_true(cache_get(c, SPAN("a"), 99, &v));
    assert_false(cache_get(c, SPAN("a"), 100, &v));
    assert_false(cache_get(c, SPAN("a"), 99, &v)); /* gone for good */
    cache_free(c);
}

static void test_is_bounded(void **state)
{
    struct cache *c = cache_new(64, 65536);
    struct span v;
    char room[16];
    int kept = 0;
    for (int i = 0; i < 10000; i++)
        cache_put(c, number(room, i), SPAN("x"), 1, 100);
    for (int i = 0; i < 10000; i++)
        kept += cache_get(c, number(room, i), 1, &v);
    assert_in_range(kept, 32, 64);
    assert_true(cache_get(c, number(room, 9999), 1, &v));
    cache_free(c);
}

/* Who shares a set that is too small is forgotten at every turn: of ten thousand sessions that would be hundreds. */
static void test_hardly_a_set_is_full(void **state)
{
    enum { ENTRIES = 32768, KEYS = 10000, FEW = 25 }; /* 5 are to be expected; 82 in sets of four */
    struct cache *c = cache_new(ENTRIES, 1 << 20);
    struct span v;
    char room[16];
    int kept = 0;
    for (int i = 0; i < KEYS; i++)
        cache_put(c, number(room, i), SPAN("x"), 1, 100);
    for (int i = 0; i < KEYS; i++)
        kept += cache_get(c, number(room, i), 1, &v);
    assert_in_range(kept, KEYS - FEW, KEYS);
    cache_free(c);
}

/* What is in use stays while others come and go. */
static void test_used_ones_stay(void **state)
{
    struct cache *c = cache_new(64, 65536);
    struct span v;
    char room[16];
    cache_put(c, SPAN("mine"), SPAN("x"), 1, 100);
    for (int i = 0; i < 10000; i++) {
        cache_put(c, number(room, i), SPAN("x"), 1, 100);
        assert_true(cache_get(c, SPAN("mine"), 1, &v));
    }
    cache_free(c);
}

/* Whatever their number, of bytes there are no more than it may hold, and the newest are among them. */
static void test_bytes_are_bounded(void **state)
{
    enum { BYTES = 10000, VALUE = 990 };
    static const char value[BYTES];
    struct cache *c = cache_new(4096, BYTES);
    struct span v;
    char room[16];
    size_t kept = 0;
    for (int i = 0; i < 1000; i++) {
        cache_put(c, number(room, i), span_make(value, VALUE), 1, 100);
        assert_true(cache_get(c, number(room, i), 1, &v));
        assert_int_equal(v.n, VALUE);
    }
    for (int i = 0; i < 1000; i++)
        if (cache_get(c, number(room, i), 1, &v))
            kept += number(room, i).n + v.n;
    assert_in_range(kept, BYTES - 2 * VALUE, BYTES);
    cache_put(c, SPAN("all"), span_make(value, BYTES - 3), 1, 100);
    assert_true(cache_get(c, SPAN("all"), 1, &v));
    assert_false(cache_get(c, number(room, 999), 1, &v));
    cache_put(c, SPAN("more"), span_make(value, BYTES - 3), 1, 100);
    assert_false(cache_get(c, SPAN("more"), 1, &v));
    assert_true(cache_get(c, SPAN("all"), 1, &v));
    cache_free(c);
}

/* One that is put again takes the room that it had, and may be what the cache itself holds. */
static void test_put_again(void **state)
{
    enum { MANY = 100, ONE = 10 };
    struct cache *c = cache_new(4096, MANY * ONE);
    struct span v;
    char room[16];
    for (int i = 0; i < MANY; i++)
        cache_put(c, number(room, 100 + i), SPAN("abc"), 1, 100);
    for (int i = 0; i < MANY; i++) {
        assert_true(cache_get(c, number(room, 100 + i), 1, &v));
        cache_put(c, number(room, 100 + i), v, 1, 200);
    }
    for (int i = 0; i < MANY; i++) {
        assert_true(cache_get(c, number(room, 100 + i), 150, &v));
        CHECK_SPAN("put again", v, SPAN("abc"));
    }
    cache_free(c);
}

void __real_wipe(void *p, size_t n);
void __wrap_wipe(void *p, size_t n);

static size_t wiped;

void __wrap_wipe(void *p, size_t n)
{
    wiped += n;
    __real_wipe(p, n);
}

/* Nobody asks for them again: they go as new ones come, and what still holds stays. */
static void test_expired_ones_go(void **state)
{
    enum { TURNS = 3000 }; /* enough to come round */
    struct cache *c = cache_new(16384, 65536);
    struct span v;
    char room[16];
    cache_put(c, SPAN("mine"), SPAN("x"), 1, 1000);
    for (int i = 0; i < 100; i++)
        cache_put(c, number(room, 10 + i % 90), SPAN("x"), 1, 100);
    wiped = 0;
    for (int i = 0; i < TURNS; i++)
        cache_put(c, SPAN("new"), SPAN("x"), 99, 1000);
    assert_int_equal(wiped, (TURNS - 1) * 4); /* itself */
    wiped = 0;
    for (int i = 0; i < TURNS; i++)
        cache_put(c, SPAN("new"), SPAN("x"), 100, 1000);
    assert_int_equal(wiped, TURNS * 4 + 90 * 7);
    assert_true(cache_get(c, SPAN("mine"), 100, &v));
    cache_free(c);
}

uint64_t __real_hash_span(struct hash_key key, struct span s);
uint64_t __wrap_hash_span(struct hash_key key, struct span s);

static bool all_alike;

uint64_t __wrap_hash_span(struct hash_key key, struct span s)
{
    return all_alike ? 7 : __real_hash_span(key, s);
}

/* The hash finds them; who they are is told by the keys alone. */
static void test_keys_of_one_hash(void **state)
{
    struct cache *c = cache_new(16, 65536);
    struct span v;
    all_alike = true;
    cache_put(c, SPAN("one"), SPAN("1"), 1, 100);
    assert_false(cache_get(c, SPAN("two"), 1, &v));
    cache_put(c, SPAN("two"), SPAN("2"), 1, 100);
    assert_true(cache_get(c, SPAN("one"), 1, &v) && span_eq(v, SPAN("1")));
    assert_true(cache_get(c, SPAN("two"), 1, &v) && span_eq(v, SPAN("2")));
    assert_false(cache_get(c, SPAN("on"), 1, &v));
    assert_false(cache_get(c, SPAN("ones"), 1, &v));
    all_alike = false;
    cache_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),           cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_is_bounded),       cmocka_unit_test(test_hardly_a_set_is_full),
        cmocka_unit_test(test_used_ones_stay),   cmocka_unit_test(test_bytes_are_bounded),
        cmocka_unit_test(test_put_again),        cmocka_unit_test(test_expired_ones_go),
        cmocka_unit_test(test_keys_of_one_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

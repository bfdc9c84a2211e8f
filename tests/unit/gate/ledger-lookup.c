/* The ledger where names are told apart by nothing but themselves: all hashes are alike. And what its records' keys hold. */
#include "support.h"

#include "../base/alloc.h"
#include "base/hash.h"
#include "gate/ledger.h"

#define NOW 1800000000

uint64_t __real_hash_span(struct hash_key key, struct span s);
uint64_t __wrap_hash_span(struct hash_key key, struct span s);

static bool alike;
static unsigned hashed;

uint64_t __wrap_hash_span(struct hash_key key, struct span s)
{
    hashed++;
    return alike ? 0 : __real_hash_span(key, s);
}

#define NAMED(k, w, g, n)                                                                                              \
    ((struct ledger_entry){.kind = (k), .way = (w), .gate = SPAN(g), .name = SPAN(n), .at_s = NOW})

static struct session session_with(enum identity_way way, const char *gate, const char *subject)
{
    return (struct session){
        .who = {.way = way, .gate = span_of(gate), .subject = span_of(subject)}, .id = {1, 2, 3}, .issued = NOW};
}

static bool is_revoked(const struct ledger *l, struct session s)
{
    return ledger_judge(l, &s, SPAN("a.test"), NOW) == LEDGER_REVOKED;
}

/* Others that begin with the same bucket, or differ in one thing, are others. */
static void test_alike(void **state)
{
    const struct ledger_entry entries[] = {
        NAMED(LEDGER_IDENTITY, WAY_BASIC, "g", "anna"), NAMED(LEDGER_IDENTITY, WAY_GITHUB, "g", "bob"),
        NAMED(LEDGER_IDENTITY, WAY_BASIC, "h", "bob"),  NAMED(LEDGER_IDENTITY, WAY_BASIC, "g", "carl"),
        NAMED(LEDGER_HOST, WAY_NONE, "", "b.test"),     NAMED(LEDGER_SESSION, WAY_NONE, "", "0123456789abcdef"),
        NAMED(LEDGER_EMAIL, WAY_NONE, "", "bob"),       NAMED(LEDGER_FACTS, WAY_GITHUB, "g", "4711"),
    };
    static const struct {
        enum identity_way way;
        const char *gate, *subject;
        bool revoked;
    } rows[] = {
        {WAY_BASIC, "g", "anna", true},    {WAY_BASIC, "g", "carl", true},   {WAY_BASIC, "g", "bob", false},
        {WAY_GITHUB, "g", "anna", false},  {WAY_BASIC, "h", "anna", false},  {WAY_BASIC, "h", "bob", true},
        {WAY_GITHUB, "g", "bob", true},    {WAY_EMAIL, "g", "bob", true},    {WAY_SERVICE_TOKEN, "g", "anna", false},
        {WAY_BASIC, "g", "b.test", false}, {WAY_GITHUB, "g", "4711", false},
    };
    alike = true;
    for (size_t first = 0; first < COUNT(entries); first++) {
        struct ledger *l = ledger_new(1);
        assert_non_null(l);
        for (size_t i = 0; i < 2 * COUNT(entries); i++) /* each twice: in place of itself */
            assert_true(ledger_add(l, &entries[(first + i) % COUNT(entries)]));
        for (size_t i = 0; i < COUNT(rows); i++)
            CHECK(rows[i].subject,
                  is_revoked(l, session_with(rows[i].way, rows[i].gate, rows[i].subject)) == rows[i].revoked);
        ledger_unref(l);
    }
    alike = false;
}

/* Of two that mean the same the later stays, and those behind it in the bucket do. */
static void test_in_place(void **state)
{
    alike = true;
    struct ledger *l = ledger_new(3);
    assert_non_null(l);
    struct ledger_entry e[] = {NAMED(LEDGER_IDENTITY, WAY_BASIC, "g", "a"), NAMED(LEDGER_IDENTITY, WAY_BASIC, "g", "b"),
                               NAMED(LEDGER_IDENTITY, WAY_BASIC, "g", "c")};
    for (size_t i = 0; i < COUNT(e); i++) {
        e[i].at_s = NOW - 1;
        assert_true(ledger_add(l, &e[i]));
    }
    assert_false(is_revoked(l, session_with(WAY_BASIC, "g", "a")));
    for (size_t i = 0; i < COUNT(e); i++) {
        e[i].at_s = NOW;
        assert_true(ledger_add(l, &e[i]));
        for (size_t k = 0; k < COUNT(e); k++) {
            static const char *const names[] = {"a", "b", "c"};
            assert_int_equal(is_revoked(l, session_with(WAY_BASIC, "g", names[k])), k <= i);
        }
    }
    assert_int_equal(ledger_number(l), 3);
    ledger_unref(l);
    alike = false;
}

/* Users are told apart by the case of their names, addresses are not. */
static void test_case(void **state)
{
    struct ledger *l = ledger_new(1);
    assert_non_null(l);
    const struct ledger_entry user = NAMED(LEDGER_IDENTITY, WAY_BASIC, "g", "Anna");
    assert_true(ledger_add(l, &user));
    assert_true(is_revoked(l, session_with(WAY_BASIC, "g", "Anna")));
    assert_false(is_revoked(l, session_with(WAY_BASIC, "g", "anna")));
    ledger_unref(l);
}

/* Who has no address is not meant by an entry that names none. */
static void test_no_address(void **state)
{
    struct ledger *l = ledger_new(1);
    assert_non_null(l);
    const struct ledger_entry none = NAMED(LEDGER_EMAIL, WAY_NONE, "", ""),
                              here = NAMED(LEDGER_EMAIL, WAY_NONE, "g", "");
    assert_true(ledger_add(l, &none) && ledger_add(l, &here));
    assert_false(is_revoked(l, session_with(WAY_BASIC, "g", "anna")));
    ledger_unref(l);
}

/* What GitHub says of one is not said of somebody else who has the same name in another way. */
static void test_facts_of_others(void **state)
{
    struct ledger *l = ledger_new(1);
    assert_non_null(l);
    struct ledger_entry facts = NAMED(LEDGER_FACTS, WAY_GITHUB, "g", "4711");
    facts.groups = SPAN("acme\n");
    facts.must_sign_in = true;
    assert_true(ledger_add(l, &facts));
    assert_true(is_revoked(l, session_with(WAY_GITHUB, "g", "4711")));
    for (int way = WAY_NONE; way < WAY_COUNT; way++) {
        struct session s = session_with((enum identity_way)way, "g", "4711");
        assert_int_equal(ledger_judge(l, &s, SPAN("a.test"), NOW), way == WAY_GITHUB ? LEDGER_REVOKED : LEDGER_HOLDS);
        assert_int_equal(s.who.groups.n, 0);
    }
    ledger_unref(l);
}

/* It grows by four each time that it is full: a bucket holds one. */
static void test_growth(void **state)
{
    struct ledger *l = ledger_new(1);
    char name[16];
    assert_non_null(l);
    alloc_fail_never();
    for (int i = 0; i < 1025; i++) {
        struct ledger_entry e = NAMED(LEDGER_IDENTITY, WAY_BASIC, "g", "");
        e.name = span_make(name, (size_t)snprintf(name, sizeof(name), "%d", i));
        assert_true(ledger_add(l, &e));
    }
    assert_int_equal(alloc_count(), 1025 + 3); /* at 64, 256 and 1024 */
    ledger_unref(l);
}

/* Whichever allocation fails, what was taken is found, and what was not was told. */
static void test_growth_without_memory(void **state)
{
    for (long fails = 0; fails < 140; fails++) {
        struct ledger *l = ledger_new(1);
        char name[16];
        bool added[130];
        assert_non_null(l);
        alloc_fail_one(fails);
        for (int i = 0; i < 130; i++) {
            struct ledger_entry e = NAMED(LEDGER_IDENTITY, WAY_BASIC, "g", "");
            e.name = span_make(name, (size_t)snprintf(name, sizeof(name), "%d", i));
            added[i] = ledger_add(l, &e);
        }
        alloc_fail_never();
        for (int i = 0; i < 130; i++) {
            (void)snprintf(name, sizeof(name), "%d", i);
            assert_int_equal(is_revoked(l, session_with(WAY_BASIC, "g", name)), added[i]);
        }
        ledger_unref(l);
    }
}

/* A gate has one such time, and the last one counts. */
static void test_one_per_gate(void **state)
{
    struct ledger *l = ledger_new(1);
    struct session s = session_with(WAY_GITHUB, "g", "4711");
    assert_non_null(l);
    alloc_fail_never();
    for (int64_t at = NOW; at < NOW + 5; at++)
        assert_true(ledger_set_checked(l, SPAN("g"), at));
    assert_int_equal(alloc_count(), 1);
    assert_int_equal(ledger_facts_end(l, &s), NOW + 4 + LEDGER_STALE_S);
    ledger_unref(l);
}

/* What is not there costs nothing: each request asks. */
static void test_nothing_there(void **state)
{
    struct ledger *l = ledger_new(1);
    assert_non_null(l);
    struct session s = session_with(WAY_EMAIL, "g", "a@b.c");
    s.who.email = s.who.subject;
    hashed = 0;
    assert_false(is_revoked(l, s));
    assert_int_equal(hashed, 0);
    ledger_unref(l);
}

/* Of its two allocations either may fail. */
static void test_none_without_memory(void **state)
{
    for (long fails = 0; fails < 2; fails++) {
        alloc_fail_one(fails);
        struct ledger *l = ledger_new(1);
        alloc_fail_never();
        assert_null(l);
    }
}

/* --- keys of records ---------------------------------------------------------------------------------------------- */

static bool key_of(const struct ledger_entry *e, uint8_t key[LEDGER_KEY])
{
    uint8_t value[200];
    size_t key_n, n;
    return ledger_encode(e, key, &key_n, value, sizeof(value), &n) && key_n == LEDGER_KEY;
}

static void test_case_in_keys(void **state)
{
    const struct ledger_entry rows[][2] = {
        {NAMED(LEDGER_IDENTITY, WAY_BASIC, "g", "Anna"), NAMED(LEDGER_IDENTITY, WAY_BASIC, "g", "anna")},
        {NAMED(LEDGER_EMAIL, WAY_NONE, "G", "a@b.c"), NAMED(LEDGER_EMAIL, WAY_NONE, "g", "a@b.c")},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t one[LEDGER_KEY], two[LEDGER_KEY];
        assert_true(key_of(&rows[i][0], one) && key_of(&rows[i][1], two));
        assert_memory_not_equal(one, two, LEDGER_KEY);
    }
}

/* Kinds and ways that there are not, also under a key that fits. */
static void test_kinds_and_ways(void **state)
{
    for (int kind = 0; kind <= LEDGER_FACTS + 1; kind++) {
        for (int way = WAY_NONE; way <= WAY_COUNT; way++) {
            const struct ledger_entry e = NAMED((enum ledger_kind)kind, (enum identity_way)way, "g", "n");
            struct ledger_entry got;
            uint8_t key[LEDGER_KEY], value[100];
            size_t key_n, n;
            assert_true(ledger_encode(&e, key, &key_n, value, sizeof(value), &n));
            bool good = kind >= LEDGER_SESSION && kind <= LEDGER_FACTS && way < WAY_COUNT;
            assert_int_equal(ledger_decode(span_make(key, key_n), span_make(value, n), 0, &got), good);
            assert_false(ledger_decode(SPAN_NONE, span_make(value, n), 0, &got));
            assert_false(ledger_decode(span_make(key, key_n - 1), span_make(value, n), 0, &got));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alike),
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_case),
        cmocka_unit_test(test_no_address),
        cmocka_unit_test(test_facts_of_others),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_growth_without_memory),
        cmocka_unit_test(test_one_per_gate),
        cmocka_unit_test(test_nothing_there),
        cmocka_unit_test(test_none_without_memory),
        cmocka_unit_test(test_case_in_keys),
        cmocka_unit_test(test_kinds_and_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

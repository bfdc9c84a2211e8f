#include "support.h"

#include "../base/alloc.h"

#include "gate/ledger.h"

#include <pthread.h>

#define NOW 1800000000
#define ID(c)                                                                                                          \
    {                                                                                                                  \
        c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c                                                                 \
    }

static const struct session anna = {.who = {.way = WAY_GITHUB,
                                            .gate = SPAN("g"),
                                            .subject = SPAN("4711"),
                                            .email = SPAN("anna@example.org"),
                                            .login = SPAN("anna"),
                                            .groups = SPAN("acme\nacme/core\n"),
                                            .proven_s = NOW},
                                    .id = ID('a'),
                                    .issued = NOW,
                                    .active = NOW};

static struct ledger *ledger_of(const struct ledger_entry *e)
{
    struct ledger *l = ledger_new(1);
    assert_non_null(l);
    assert_true(!e || ledger_add(l, e));
    return l;
}

static enum ledger_verdict judge(const struct ledger_entry *e, const struct session *s, const char *host)
{
    struct ledger *l = ledger_of(e);
    struct session copy = *s;
    enum ledger_verdict v = ledger_judge(l, &copy, span_of(host), NOW + 10);
    ledger_unref(l);
    return v;
}

/* --- what is taken back ------------------------------------------------------------------------------------------- */

#define TEXT(s)                                                                                                        \
    {                                                                                                                  \
        (const uint8_t *)(s), sizeof(s) - 1                                                                            \
    }

static const struct {
    const char *name;
    struct ledger_entry entry;
    enum ledger_verdict verdict;
} revocations[] = {
    {"all", {.kind = LEDGER_ALL, .at_s = NOW}, LEDGER_REVOKED},
    {"all, long ago", {.kind = LEDGER_ALL, .at_s = NOW - 1}, LEDGER_HOLDS},
    {"all, with what that does not use",
     {.kind = LEDGER_ALL, .name = TEXT("x"), .gate = TEXT("h"), .at_s = NOW},
     LEDGER_REVOKED},
    {"the session", {.kind = LEDGER_SESSION, .name = TEXT("aaaaaaaaaaaaaaaa"), .at_s = NOW}, LEDGER_REVOKED},
    {"the session, whatever its way",
     {.kind = LEDGER_SESSION, .way = WAY_BASIC, .name = TEXT("aaaaaaaaaaaaaaaa"), .at_s = NOW},
     LEDGER_REVOKED},
    {"another session", {.kind = LEDGER_SESSION, .name = TEXT("aaaaaaaaaaaaaaab"), .at_s = NOW}, LEDGER_HOLDS},
    {"the session as logs show it", {.kind = LEDGER_SESSION, .name = TEXT("aaaa"), .at_s = NOW}, LEDGER_REVOKED},
    {"another as logs show it", {.kind = LEDGER_SESSION, .name = TEXT("aaab"), .at_s = NOW}, LEDGER_HOLDS},
    {"the session's beginning", {.kind = LEDGER_SESSION, .name = TEXT("aaaaaaaaaaaaaaa"), .at_s = NOW}, LEDGER_HOLDS},
    {"the identity",
     {.kind = LEDGER_IDENTITY, .way = WAY_GITHUB, .gate = TEXT("g"), .name = TEXT("4711"), .at_s = NOW},
     LEDGER_REVOKED},
    {"of another way",
     {.kind = LEDGER_IDENTITY, .way = WAY_EMAIL, .gate = TEXT("g"), .name = TEXT("4711"), .at_s = NOW},
     LEDGER_HOLDS},
    {"of another gate",
     {.kind = LEDGER_IDENTITY, .way = WAY_GITHUB, .gate = TEXT("h"), .name = TEXT("4711"), .at_s = NOW},
     LEDGER_HOLDS},
    {"of no gate", {.kind = LEDGER_IDENTITY, .way = WAY_GITHUB, .name = TEXT("4711"), .at_s = NOW}, LEDGER_HOLDS},
    {"another's",
     {.kind = LEDGER_IDENTITY, .way = WAY_GITHUB, .gate = TEXT("g"), .name = TEXT("471"), .at_s = NOW},
     LEDGER_HOLDS},
    {"gate and name run together",
     {.kind = LEDGER_IDENTITY, .way = WAY_GITHUB, .gate = TEXT("g4"), .name = TEXT("711"), .at_s = NOW},
     LEDGER_HOLDS},
    {"the identity, before it signed in again",
     {.kind = LEDGER_IDENTITY, .way = WAY_GITHUB, .gate = TEXT("g"), .name = TEXT("4711"), .at_s = NOW - 1},
     LEDGER_HOLDS},
    {"the address", {.kind = LEDGER_EMAIL, .name = TEXT("anna@example.org"), .at_s = NOW}, LEDGER_REVOKED},
    {"the address as somebody typed it",
     {.kind = LEDGER_EMAIL, .way = WAY_EMAIL, .name = TEXT("Anna@Example.Org"), .at_s = NOW},
     LEDGER_REVOKED},
    {"the address at the gate",
     {.kind = LEDGER_EMAIL, .gate = TEXT("g"), .name = TEXT("anna@example.org"), .at_s = NOW},
     LEDGER_REVOKED},
    {"the address at another gate",
     {.kind = LEDGER_EMAIL, .gate = TEXT("h"), .name = TEXT("anna@example.org"), .at_s = NOW},
     LEDGER_HOLDS},
    {"another address", {.kind = LEDGER_EMAIL, .name = TEXT("bob@example.org"), .at_s = NOW}, LEDGER_HOLDS},
    {"no address", {.kind = LEDGER_EMAIL, .at_s = NOW}, LEDGER_HOLDS},
    {"the host", {.kind = LEDGER_HOST, .name = TEXT("a.test"), .at_s = NOW}, LEDGER_REVOKED},
    {"another host", {.kind = LEDGER_HOST, .name = TEXT("b.test"), .at_s = NOW}, LEDGER_HOLDS},
    {"must sign in",
     {.kind = LEDGER_FACTS,
      .way = WAY_GITHUB,
      .gate = TEXT("g"),
      .name = TEXT("4711"),
      .at_s = NOW,
      .must_sign_in = true},
     LEDGER_REVOKED},
    {"had to sign in",
     {.kind = LEDGER_FACTS,
      .way = WAY_GITHUB,
      .gate = TEXT("g"),
      .name = TEXT("4711"),
      .at_s = NOW - 1,
      .must_sign_in = true},
     LEDGER_HOLDS},
    {"others must",
     {.kind = LEDGER_FACTS,
      .way = WAY_GITHUB,
      .gate = TEXT("g"),
      .name = TEXT("4712"),
      .at_s = NOW,
      .must_sign_in = true},
     LEDGER_HOLDS},
};

static void test_revoked(void **state)
{
    for (size_t i = 0; i < COUNT(revocations); i++)
        CHECK(revocations[i].name, judge(&revocations[i].entry, &anna, "a.test") == revocations[i].verdict);
    assert_int_equal(judge(NULL, &anna, "a.test"), LEDGER_HOLDS);
    struct session s = anna;
    assert_int_equal(ledger_judge(NULL, &s, SPAN("a.test"), NOW), LEDGER_HOLDS);
    assert_int_equal(ledger_number(NULL), 0);
}

/* Who came by a PIN is named by the address itself. */
static void test_address_as_subject(void **state)
{
    struct session s = {.who = {.way = WAY_EMAIL, .gate = SPAN("g"), .subject = SPAN("anna@example.org")},
                        .issued = NOW};
    const struct ledger_entry e = {.kind = LEDGER_EMAIL, .name = SPAN("anna@example.org"), .at_s = NOW};
    assert_int_equal(judge(&e, &s, "a.test"), LEDGER_REVOKED);
    s.who.way = WAY_BASIC; /* a user of that name is no address */
    assert_int_equal(judge(&e, &s, "a.test"), LEDGER_HOLDS);
}

/* --- what is known better ----------------------------------------------------------------------------------------- */

static const struct ledger_entry facts = {.kind = LEDGER_FACTS,
                                          .way = WAY_GITHUB,
                                          .gate = TEXT("g"),
                                          .name = TEXT("4711"),
                                          .at_s = NOW,
                                          .email = TEXT("new@example.org"),
                                          .login = TEXT("renamed"),
                                          .groups = TEXT("acme\n")};

static void test_facts(void **state)
{
    struct ledger *l = ledger_of(&facts);
    struct session s = anna, later = anna;
    later.issued = NOW + 1;
    assert_int_equal(ledger_judge(l, &s, SPAN("a.test"), NOW + 10), LEDGER_HOLDS);
    CHECK_SPAN("email", s.who.email, SPAN("new@example.org"));
    CHECK_SPAN("login", s.who.login, SPAN("renamed"));
    CHECK_SPAN("groups", s.who.groups, SPAN("acme\n"));
    assert_int_equal(ledger_judge(l, &later, SPAN("a.test"), NOW + 10), LEDGER_HOLDS);
    CHECK_SPAN("who signed in since knows better", later.who.login, SPAN("anna"));
    /* The new address may be one that is taken back. */
    const struct ledger_entry e = {.kind = LEDGER_EMAIL, .name = SPAN("new@example.org"), .at_s = NOW};
    assert_true(ledger_add(l, &e));
    s = anna;
    assert_int_equal(ledger_judge(l, &s, SPAN("a.test"), NOW + 10), LEDGER_REVOKED);
    ledger_unref(l);
}

/* What GitHub said is believed for an hour, from when it was said last. */
static void test_stale(void **state)
{
    static const struct {
        const char *name;
        int64_t issued, facts_at, checked, now; /* 0: none */
        bool believed;
    } ages[] = {
        {"just proven", NOW, 0, 0, NOW, true},
        {"within the hour", NOW, 0, 0, NOW + 3599, true},
        {"after it", NOW, 0, 0, NOW + 3600, false},
        {"everybody was looked at", NOW, 0, NOW + 3000, NOW + 6599, true},
        {"too long ago", NOW, 0, NOW + 3000, NOW + 6600, false},
        {"this one was looked at", NOW, NOW + 1000, 0, NOW + 4599, true},
        {"this one, too long ago", NOW, NOW + 1000, 0, NOW + 4600, false},
        {"proven since the last look", NOW, 0, NOW - 5000, NOW + 3599, true},
    };
    for (size_t i = 0; i < COUNT(ages); i++) {
        struct ledger *l = ledger_of(NULL);
        struct session s = anna;
        struct ledger_entry known = facts;
        s.issued = ages[i].issued;
        known.at_s = ages[i].facts_at;
        assert_true(!ages[i].facts_at || ledger_add(l, &known));
        assert_true(ledger_set_checked(l, SPAN("other"), NOW + 100000));
        assert_true(!ages[i].checked || ledger_set_checked(l, SPAN("g"), ages[i].checked));
        CHECK(ages[i].name, (ages[i].now < ledger_facts_end(l, &s)) == ages[i].believed);
        CHECK(ages[i].name, ledger_judge(l, &s, SPAN("a.test"), ages[i].now) == LEDGER_HOLDS);
        CHECK(ages[i].name, (s.who.login.n > 0) == ages[i].believed && (s.who.groups.n > 0) == ages[i].believed);
        CHECK(ages[i].name, s.who.email.n > 0);
        ledger_unref(l);
    }
    struct session s = anna;
    assert_int_equal(ledger_facts_end(NULL, &s), NOW + LEDGER_STALE_S);
    assert_int_equal(ledger_judge(NULL, &s, SPAN("a.test"), NOW + LEDGER_STALE_S), LEDGER_HOLDS);
    assert_int_equal(s.who.groups.n, 0);
    s.who.way = WAY_BASIC;
    assert_true(ledger_facts_end(NULL, &s) == INT64_MAX);
}

static void test_checked_again(void **state)
{
    struct ledger *l = ledger_of(NULL);
    struct session s = anna;
    assert_true(ledger_set_checked(l, SPAN("g"), NOW + 50));
    assert_true(ledger_set_checked(l, SPAN("g"), NOW + 70));
    assert_int_equal(ledger_facts_end(l, &s), NOW + 70 + LEDGER_STALE_S);
    ledger_unref(l);
}

/* Of a session from before the list was begun nothing is known by that. */
static void test_checked_since(void **state)
{
    struct ledger *l = ledger_of(NULL);
    struct session s = anna;
    assert_true(ledger_set_checked(l, SPAN("g"), NOW + 70));
    ledger_set_since(l, SPAN("g"), NOW + 10);
    ledger_set_since(l, SPAN("other"), NOW + 100);
    for (int64_t later = 9; later <= 11; later++) {
        s.issued = NOW + later;
        assert_int_equal(ledger_facts_end(l, &s), (later <= 10 ? NOW + later : NOW + 70) + LEDGER_STALE_S);
    }
    ledger_unref(l);
}

/* --- many --------------------------------------------------------------------------------------------------------- */

static void test_later_one_stays(void **state)
{
    for (int order = 0; order < 2; order++) {
        struct ledger *l = ledger_of(NULL);
        struct ledger_entry e = {.kind = LEDGER_ALL};
        struct session s = anna;
        for (int i = 0; i < 2; i++) {
            e.at_s = i == order ? NOW : NOW - 100;
            assert_true(ledger_add(l, &e));
        }
        assert_int_equal(ledger_judge(l, &s, SPAN("a.test"), NOW), LEDGER_REVOKED);
        ledger_unref(l);
    }
}

static void test_latest(void **state)
{
    struct ledger_entry e = {.kind = LEDGER_HOST, .name = SPAN("h.example"), .at_s = NOW};
    struct ledger_entry news = {.kind = LEDGER_FACTS, .way = WAY_GITHUB, .name = SPAN("4711"), .at_s = NOW + 5};
    struct ledger *l = ledger_new(1);
    assert_non_null(l);
    assert_true(ledger_latest(NULL) == INT64_MIN && ledger_latest(l) == INT64_MIN);
    assert_true(ledger_add(l, &news));
    assert_true(ledger_latest(l) == INT64_MIN); /* takes nothing back */
    assert_true(ledger_add(l, &e));
    e.at_s = NOW - 1;
    assert_true(ledger_add(l, &e));
    assert_true(ledger_latest(l) == NOW);
    ledger_unref(l);
}

static void test_thousands(void **state)
{
    struct ledger *l = ledger_of(NULL);
    char name[16];
    for (int i = 0; i < 5000; i++) {
        int n = snprintf(name, sizeof(name), "%d", i);
        const struct ledger_entry e = {.kind = LEDGER_IDENTITY,
                                       .way = WAY_GITHUB,
                                       .gate = SPAN("g"),
                                       .name = span_make(name, (size_t)n),
                                       .at_s = NOW};
        assert_true(i % 2 || ledger_add(l, &e));
    }
    for (int i = 0; i < 5000; i++) {
        int n = snprintf(name, sizeof(name), "%d", i);
        struct session s = anna;
        s.who.subject = span_make(name, (size_t)n);
        assert_int_equal(ledger_judge(l, &s, SPAN("a.test"), NOW), i % 2 ? LEDGER_HOLDS : LEDGER_REVOKED);
    }
    ledger_unref(l);
}

static void test_refused(void **state)
{
    struct ledger *l = ledger_of(NULL);
    char text[LEDGER_FACTS_MAX + 1];
    memset(text, 'x', sizeof(text));
    struct ledger_entry e = {.kind = 0};
    assert_false(ledger_add(l, &e));
    e.kind = LEDGER_FACTS + 1;
    assert_false(ledger_add(l, &e));
    e = facts;
    e.groups = span_make(text, LEDGER_FACTS_MAX - e.email.n - e.login.n);
    assert_true(ledger_add(l, &e));
    e.groups.n++;
    assert_false(ledger_add(l, &e));
    ledger_unref(l);
}

/* What a ledger says is all of it. */
static void test_memory_ends(void **state)
{
    bool whole = false;
    for (long allowed = 0; allowed < 10 && !whole; allowed++) {
        alloc_fail_after(allowed);
        struct ledger *l = ledger_new(1);
        whole = l && ledger_add(l, &facts) && ledger_set_checked(l, SPAN("g"), NOW);
        assert_int_equal(whole, alloc_refused() == 0);
        ledger_unref(l);
        alloc_fail_never();
    }
    assert_true(whole);
}

static void *judge_on_thread(void *arg)
{
    struct ledger *l = arg;
    struct session s = anna;
    if (ledger_judge(l, &s, SPAN("a.test"), NOW) != LEDGER_HOLDS || s.who.groups.n != 5)
        abort();
    ledger_unref(l);
    return NULL;
}

/* One ledger for all threads, whichever lets go last. */
static void test_handed_over(void **state)
{
    pthread_t threads[8];
    struct ledger *l = ledger_of(&facts);
    for (size_t i = 0; i < COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, judge_on_thread, ledger_ref(l)), 0);
    ledger_unref(l);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    ledger_unref(NULL);
}

/* --- records ------------------------------------------------------------------------------------------------------ */

static void test_records(void **state)
{
    for (size_t i = 0; i <= COUNT(revocations); i++) {
        const struct ledger_entry *e = i < COUNT(revocations) ? &revocations[i].entry : &facts;
        const char *name = i < COUNT(revocations) ? revocations[i].name : "facts";
        uint8_t key[LEDGER_KEY], value[512];
        size_t key_n, n;
        struct ledger_entry got;
        CHECK(name, ledger_encode(e, key, &key_n, value, sizeof(value), &n) && key_n == LEDGER_KEY);
        CHECK(name, ledger_decode(span_make(key, key_n), span_make(value, n), NOW + 5, &got));
        CHECK(name, got.kind == e->kind && got.way == e->way && got.at_s == e->at_s && got.ends_s == NOW + 5);
        CHECK(name, got.must_sign_in == e->must_sign_in);
        CHECK_SPAN(name, got.gate, e->gate);
        CHECK_SPAN(name, got.name, e->name);
        CHECK_SPAN(name, got.email, e->email);
        CHECK_SPAN(name, got.login, e->login);
        CHECK_SPAN(name, got.groups, e->groups);
        for (size_t cap = 0; cap < n; cap++)
            CHECK(name, !ledger_encode(e, key, &key_n, value, cap, &n));
        assert_true(ledger_encode(e, key, &key_n, value, sizeof(value), &n));
        for (size_t cut = 0; cut < n; cut++)
            CHECK(name, !ledger_decode(span_make(key, key_n), span_make(value, cut), 0, &got));
        for (size_t at = 0; at < key_n; at++) {
            key[at] ^= 0x40;
            CHECK(name, !ledger_decode(span_make(key, key_n), span_make(value, n), 0, &got));
            key[at] ^= 0x40;
        }
        CHECK(name, !ledger_decode(span_make(key, key_n - 1), span_make(value, n), 0, &got));
        value[n] = 0;
        CHECK(name, !ledger_decode(span_make(key, key_n), span_make(value, n + 1), 0, &got));
        value[0] = 2;
        CHECK(name, !ledger_decode(span_make(key, key_n), span_make(value, n), 0, &got));
        value[0] = 1;
        value[9] = 2;
        CHECK(name, !ledger_decode(span_make(key, key_n), span_make(value, n), 0, &got));
        value[9] = 0;
        value[1] = 0xff;
        CHECK(name, !ledger_decode(span_make(key, key_n), span_make(value, n), 0, &got));
    }
}

/* Entries with the same meaning share their key, others do not. */
static void test_record_keys(void **state)
{
    struct ledger_entry a = revocations[0].entry, b = a;
    uint8_t ka[LEDGER_KEY], kb[LEDGER_KEY], value[512];
    size_t key_n, n;
    const struct ledger_entry upper = {.kind = LEDGER_EMAIL, .name = SPAN("A@B.C"), .at_s = 1},
                              lower = {.kind = LEDGER_EMAIL, .name = SPAN("a@b.c"), .at_s = 2},
                              left = {.kind = LEDGER_IDENTITY, .way = WAY_BASIC, .gate = SPAN("ab"), .name = SPAN("c")},
                              right = {
                                  .kind = LEDGER_IDENTITY, .way = WAY_BASIC, .gate = SPAN("a"), .name = SPAN("bc")};
    b.at_s++;
    assert_true(ledger_encode(&a, ka, &key_n, value, sizeof(value), &n));
    assert_true(ledger_encode(&b, kb, &key_n, value, sizeof(value), &n));
    assert_memory_equal(ka, kb, LEDGER_KEY);
    assert_true(ledger_encode(&upper, ka, &key_n, value, sizeof(value), &n));
    assert_true(ledger_encode(&lower, kb, &key_n, value, sizeof(value), &n));
    assert_memory_equal(ka, kb, LEDGER_KEY);
    assert_true(ledger_encode(&left, ka, &key_n, value, sizeof(value), &n));
    assert_true(ledger_encode(&right, kb, &key_n, value, sizeof(value), &n));
    assert_memory_not_equal(ka, kb, LEDGER_KEY);
    a.at_s = -1;
    assert_false(ledger_encode(&a, ka, &key_n, value, sizeof(value), &n));
    char text[600];
    memset(text, 'x', sizeof(text));
    a = (struct ledger_entry){.kind = LEDGER_IDENTITY, .way = WAY_GITHUB, .gate = SPAN("g")};
    a.name = span_make(text, 515);
    uint8_t large[1024];
    assert_true(ledger_encode(&a, ka, &key_n, large, sizeof(large), &n));
    a.name = span_make(text, 516);
    assert_false(ledger_encode(&a, ka, &key_n, large, sizeof(large), &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_revoked),         cmocka_unit_test(test_address_as_subject),
        cmocka_unit_test(test_facts),           cmocka_unit_test(test_stale),
        cmocka_unit_test(test_checked_again),   cmocka_unit_test(test_checked_since),
        cmocka_unit_test(test_later_one_stays), cmocka_unit_test(test_latest),
        cmocka_unit_test(test_thousands),       cmocka_unit_test(test_refused),
        cmocka_unit_test(test_handed_over),     cmocka_unit_test(test_records),
        cmocka_unit_test(test_record_keys),     cmocka_unit_test(test_memory_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What takes sessions back, as the service keeps it. */
#include "signin_anna.h"

#include "base/clock.h"
#include "gate/signin/impl.h"

#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

static struct ledger_entry of_session(const char *id, int64_t at_s, int64_t ends_s)
{
    return (struct ledger_entry){
        .kind = LEDGER_SESSION, .name = span_make(id, SESSION_ID), .at_s = at_s, .ends_s = ends_s};
}

static enum ledger_verdict judge(const struct service_kit *k, const char *id, int64_t issued)
{
    struct session s = {.who = {.way = WAY_EMAIL, .gate = SPAN("g"), .subject = SPAN("a@app.test")},
                        .issued = issued,
                        .active = issued};
    memcpy(s.id, id, sizeof(s.id));
    return ledger_judge(k->ledger, &s, SPAN("stg.app.test"), issued + 10);
}

static void put(struct service_kit *k, const struct ledger_entry *e)
{
    book_put(k->signin, e, NULL, NULL);
    service_settle(k);
}

/* The clock is set back, and somebody signs out again: what was taken back before stays so, here and in the store. */
static void test_clock_set_back(void **state)
{
    static const char id[SESSION_ID + 1] = "session-session-";
    struct service_kit k;
    (void)state;
    service_open(&k, by_org, COUNT(by_org));
    int64_t now = clock_wall_s(), end = now + 1000;
    const struct ledger_entry later = of_session(id, now, end), earlier = of_session(id, now - 500, end);
    put(&k, &later);
    put(&k, &earlier);
    assert_int_equal(judge(&k, id, now - 10), LEDGER_REVOKED);
    service_restart(&k);
    service_settle(&k);
    assert_int_equal(judge(&k, id, now - 10), LEDGER_REVOKED);
    assert_int_equal(judge(&k, id, now + 1), LEDGER_HOLDS);
    service_close(&k);
}

/* Of facts the last are the true ones. */
static void test_facts_of_a_clock_set_back(void **state)
{
    struct service_kit k;
    (void)state;
    service_open(&k, by_org, COUNT(by_org));
    int64_t now = clock_wall_s();
    struct ledger_entry e = {.kind = LEDGER_FACTS,
                             .way = WAY_GITHUB,
                             .gate = SPAN("g"),
                             .name = SPAN("4711"),
                             .at_s = now,
                             .ends_s = now + 1000,
                             .groups = SPAN("acme\n")};
    put(&k, &e);
    e.at_s = now - 100;
    e.groups = SPAN_NONE;
    put(&k, &e);
    struct session s = {
        .who = {.way = WAY_GITHUB, .gate = SPAN("g"), .subject = SPAN("4711"), .groups = SPAN("acme\n")},
        .issued = now - 200,
        .active = now - 200};
    assert_int_equal(ledger_judge(k.ledger, &s, SPAN("stg.app.test"), now), LEDGER_HOLDS);
    assert_int_equal(s.who.groups.n, 0);
    service_close(&k);
}

#define MANY 200000
#define HURRY_S 20 /* it takes about a second; what grows with the square took many minutes */

/* More than people of a large house leave behind in a year. What the store has no room for in one turn holds all the same. */
static void test_many(void **state)
{
    struct service_kit k;
    char id[40];
    (void)state;
    service_open(&k, by_org, COUNT(by_org));
    int64_t now = clock_wall_s();
    clock_t begin = clock();
    for (unsigned i = 0; i < MANY; i++) {
        (void)snprintf(id, sizeof(id), "%016x", i);
        const struct ledger_entry e = of_session(id, now, now + 1000);
        book_put(k.signin, &e, NULL, NULL);
    }
    service_settle(&k);
    assert_int_equal(judge(&k, "0000000000000001", now), LEDGER_REVOKED);
    assert_int_equal(judge(&k, "000000000003ffff", now), LEDGER_HOLDS);
    assert_true((clock() - begin) / CLOCKS_PER_SEC < HURRY_S);
    service_close(&k);
}

/* --- what anybody can fill the store with ------------------------------------------------------------------------- */

static struct answered ask(struct service_kit *k, enum signin_kind kind, unsigned i, uint8_t client)
{
    static const char browser[33] = "browser-a-browser-a-browser-a-br";
    const struct signin_question q = {.kind = kind,
                                      .gate = SPAN("g"),
                                      .host = SPAN("far.test"),
                                      .browser = span_make(browser, 32),
                                      .client = {.family = AF_INET6, .ip = {0x20, 1, client}},
                                      .nonce = span_make(&i, sizeof(i)),
                                      .nonce_ends_s = clock_wall_s() + 600,
                                      .who = {.way = WAY_EMAIL, .gate = SPAN("g"), .subject = SPAN("a@app.test")}};
    struct answered a;
    service_ask(k, &q, &a);
    while (a.times == 0)
        kit_idle(&k->base, 1);
    return a;
}

/* Of one client: the others go on. */
static void test_records_of_one_client(void **state)
{
    static const struct {
        enum signin_kind kind;
        unsigned most;
    } rows[] = {{SIGNIN_ONCE, 120}, {SIGNIN_CODE_MAKE, 300}};
    for (size_t r = 0; r < COUNT(rows); r++) {
        struct service_kit k;
        (void)state;
        service_open(&k, by_org, COUNT(by_org));
        for (unsigned i = 0; i < rows[r].most; i++)
            assert_int_equal(ask(&k, rows[r].kind, i, 1).outcome, SIGNIN_OK);
        struct answered a = ask(&k, rows[r].kind, 1000, 1);
        assert_int_equal(a.outcome, SIGNIN_LIMITED);
        assert_in_range(a.retry_after_s, 1, 600);
        assert_int_equal(ask(&k, rows[r].kind, 1000, 2).outcome, SIGNIN_OK);
        assert_int_equal(kit_records(&k.base), rows[r].most + 1 + 2);
        service_close(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock_set_back),
        cmocka_unit_test(test_facts_of_a_clock_set_back),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_records_of_one_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

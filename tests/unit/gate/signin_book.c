/* What takes sessions back, as the service keeps it. */
#include "signin_anna.h"

#include "base/clock.h"
#include "gate/signin/impl.h"

#include <stdio.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock_set_back),
        cmocka_unit_test(test_facts_of_a_clock_set_back),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

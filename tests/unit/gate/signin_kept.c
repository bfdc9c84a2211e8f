/* What takes sessions back, from the asking to the receipt: when it is published, and what happens without memory or when a clock goes
 * forward. */
#include "signin_kept.h"

/* --- receipts ----------------------------------------------------------------------------------------------------- */

/* Each comes when all threads have the ledger that says it, or a later one. */
static void test_receipts(void **state)
{
    struct service_kit k;
    struct receipt_of a, b, c;
    (void)state;
    open_kit(&k);
    uint64_t n = k.signin->ledger_number;
    put(&k, ID_A, &a);
    settle(&k);
    put(&k, ID_B, &b);
    settle(&k);
    assert_int_equal(published, 2);
    assert_int_equal(ledger_number(k.ledger), n + 2);
    put(&k, ID_C, &c); /* not published yet */
    signin_ledger_taken(k.signin, n, 9);
    assert_int_equal(a.times + b.times + c.times, 0);
    signin_ledger_taken(k.signin, n + 1, 3);
    assert_int_equal(a.times, 1);
    assert_int_equal(a.ended, 3);
    assert_true(a.ok && !a.detail);
    assert_int_equal(b.times + c.times, 0);
    signin_ledger_taken(k.signin, n + 2, 4);
    assert_int_equal(b.times, 1);
    assert_int_equal(b.ended, 4);
    assert_int_equal(c.times, 0);
    settle(&k);
    signin_ledger_taken(k.signin, n + 3, 5);
    assert_int_equal(c.times, 1);
    assert_int_equal(c.ended, 5);
    assert_int_equal(a.times + b.times, 2);
    assert_null(k.signin->receipts);
    close_kit(&k);
}

static void take_twice(struct service_kit *k)
{
    assert_int_equal(published, 1);
    signin_ledger_taken(k->signin, k->signin->ledger_number, 1);
    signin_ledger_taken(k->signin, k->signin->ledger_number + 1, 7);
}

/* Taken before it is on the disk: then it is told when it is, with what the first ledger ended. */
static void test_taken_before_it_is_kept(void **state)
{
    struct service_kit k;
    struct receipt_of a;
    (void)state;
    open_kit(&k);
    trial_meanwhile(TRIAL_PUT, 0, take_twice, &k);
    put(&k, ID_A, &a);
    publish(&k);
    settle(&k);
    assert_true(trial_was_hit());
    assert_int_equal(a.times, 1);
    assert_int_equal(a.ended, 1);
    assert_true(a.ok);
    close_kit(&k);
}

/* Receipts leave in whatever order: the one that the store had first lies between those that it had not. */
static void test_order_of_receipts(void **state)
{
    struct service_kit k;
    (void)state;
    for (unsigned first = 0; first < 3; first++) {
        struct receipt_of r[3];
        open_kit(&k);
        for (unsigned i = 0; i < 3; i++) {
            k.signin->c.store = i == first ? NULL : k.base.store; /* without one it is settled at once */
            put(&k, i == 0 ? ID_A : i == 1 ? ID_B : ID_C, &r[i]);
        }
        k.signin->c.store = k.base.store;
        publish(&k);
        assert_int_equal(published, 1);
        signin_ledger_taken(k.signin, k.signin->ledger_number, 2);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(r[i].times, i == first);
        settle(&k);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(r[i].times, 1);
            assert_int_equal(r[i].ended, 2);
            assert_int_equal(r[i].ok, i != first);
        }
        assert_null(k.signin->receipts);
        close_kit(&k);
    }
}

/* Nobody has to wait for one. */
static void test_nobody_waits(void **state)
{
    static const char name[600];
    struct service_kit k;
    (void)state;
    open_kit(&k);
    struct ledger_entry e = of_session(ID_A, clock_wall_s(), INT64_MAX);
    book_put(k.signin, &e, NULL, NULL);
    settle(&k);
    signin_ledger_taken(k.signin, k.signin->ledger_number, 0);
    assert_null(k.signin->receipts);
    e = (struct ledger_entry){.kind = LEDGER_EMAIL, .name = span_make(name, sizeof(name))};
    book_put(k.signin, &e, NULL, NULL);
    assert_null(k.signin->receipts);
    put(&k, ID_B, &(struct receipt_of){.times = 0}); /* the service ends before */
    close_kit(&k);
}

/* --- what cannot be kept ------------------------------------------------------------------------------------------ */

static void test_too_long(void **state)
{
    static const char name[600];
    struct service_kit k;
    struct receipt_of r = {.times = 0};
    (void)state;
    open_kit(&k);
    const struct ledger_entry e = {.kind = LEDGER_EMAIL, .name = span_make(name, sizeof(name)), .ends_s = INT64_MAX};
    assert_false(book_put(k.signin, &e, on_done, &r));
    assert_int_equal(r.times, 1);
    assert_false(r.ok);
    assert_string_equal(r.detail, "out of memory, or a name that is too long");
    assert_null(k.signin->receipts);
    assert_string_equal(trial_heard(), "");
    turn(&k);
    assert_int_equal(published, 0);
    close_kit(&k);
}

/* Who asks without memory is told so, at once. */
static void test_no_memory_for_an_entry(void **state)
{
    struct service_kit k;
    struct receipt_of r;
    unsigned skip = 0;
    (void)state;
    open_kit(&k);
    k.signin->c.store = NULL;
    put(&k, ID_A, &r);
    turn(&k);
    for (bool hit = true; hit; skip++) {
        struct ledger_entry e = of_session(ID_A, clock_wall_s() + 1 + skip, INT64_MAX);
        trial_fail(TRIAL_MEMORY, skip);
        book_put(k.signin, &e, on_done, memset(&r, 0, sizeof(r)));
        hit = trial_was_hit();
        assert_int_equal(r.times, hit);
        assert_true(!hit || (!r.ok && strcmp(r.detail, "out of memory, or a name that is too long") == 0));
    }
    assert_true(skip > 2);
    trial_begin();
    turn(&k);
    assert_int_equal(published, 2);
    k.signin->c.store = k.base.store;
    close_kit(&k);
}

/* Not a part of it: all, or nothing and again in a second. */
static void test_no_memory_for_the_ledger(void **state)
{
    struct service_kit k;
    struct receipt_of r, other;
    unsigned skip = 0;
    (void)state;
    open_kit(&k);
    k.signin->c.store = NULL;
    for (bool hit = true; hit; skip++) {
        unsigned before = published;
        put(&k, ID_A, &other);
        put(&k, ID_B, &r);
        assert_true(left_ms(&k) > 1000);
        trial_fail(TRIAL_MEMORY, skip);
        publish(&k);
        hit = trial_was_hit();
        trial_begin();
        assert_int_equal(published, before + !hit);
        assert_true((left_ms(&k) <= 1000) == hit);
        signin_ledger_taken(k.signin, k.signin->ledger_number, 0);
        assert_int_equal(r.times, !hit);
        wake(&k);
        assert_int_equal(published, before + 1);
        assert_true(left_ms(&k) > 1000);
        assert_int_equal(judge(&k, ID_A, clock_wall_s() - 10), LEDGER_REVOKED);
        assert_int_equal(judge(&k, ID_B, clock_wall_s() - 10), LEDGER_REVOKED);
        signin_ledger_taken(k.signin, k.signin->ledger_number, 0);
        assert_int_equal(r.times, 1);
        wake(&k);
        assert_int_equal(published, before + 1);
    }
    assert_true(skip > 2);
    k.signin->c.store = k.base.store;
    close_kit(&k);
}

/* --- the end of it ------------------------------------------------------------------------------------------------ */

/* What has ended is in no ledger any more, and later forgotten. */
static void test_what_has_ended(void **state)
{
    struct service_kit k;
    (void)state;
    open_kit(&k);
    int64_t now = clock_wall_s();
    const struct ledger_entry a = of_session(ID_A, now, now + 100), b = of_session(ID_B, now, now + 1000);
    book_put(k.signin, &a, NULL, NULL);
    book_put(k.signin, &b, NULL, NULL);
    settle(&k);
    assert_int_equal(judge(&k, ID_A, now - 10), LEDGER_REVOKED);
    service_set_clock(now + 200);
    book_publish(k.signin);
    turn(&k);
    assert_int_equal(judge(&k, ID_A, now - 10), LEDGER_HOLDS);
    assert_int_equal(judge(&k, ID_B, now - 10), LEDGER_REVOKED);
    wake(&k);
    const struct table_link *one = table_next(&k.signin->book, NULL);
    assert_non_null(one);
    assert_null(table_next(&k.signin->book, one));
    book_publish(k.signin);
    turn(&k);
    assert_int_equal(judge(&k, ID_B, now - 10), LEDGER_REVOKED);
    close_kit(&k);
}

/* The same again with another end: the later word counts. */
static void test_another_end(void **state)
{
    struct service_kit k;
    (void)state;
    open_kit(&k);
    int64_t now = clock_wall_s();
    const struct ledger_entry a = of_session(ID_A, now, now + 10), b = of_session(ID_A, now, now + 1000);
    book_put(k.signin, &a, NULL, NULL);
    book_put(k.signin, &b, NULL, NULL);
    settle(&k);
    service_set_clock(now + 200);
    book_publish(k.signin);
    turn(&k);
    assert_int_equal(judge(&k, ID_A, now - 10), LEDGER_REVOKED);
    close_kit(&k);
}

static void test_taken_back_again(void **state)
{
    struct service_kit k;
    (void)state;
    open_kit(&k);
    int64_t now = clock_wall_s();
    const struct ledger_entry a = of_session(ID_A, now - 500, now + 1000), b = of_session(ID_A, now, now + 1000);
    book_put(k.signin, &a, NULL, NULL);
    book_put(k.signin, &b, NULL, NULL);
    settle(&k);
    assert_int_equal(judge(&k, ID_A, now - 10), LEDGER_REVOKED);
    close_kit(&k);
}

/* --- who was looked at -------------------------------------------------------------------------------------------- */

static int64_t believed_until(const struct service_kit *k, const char *gate, int64_t issued)
{
    const struct session s = {
        .who = {.way = WAY_GITHUB, .gate = span_of(gate), .subject = SPAN("4711")}, .issued = issued, .active = issued};
    return ledger_facts_end(k->ledger, &s) - LEDGER_STALE_S;
}

/* Each gate's people for themselves, as it was told last. */
static void test_looked_at(void **state)
{
    static const struct {
        const char *gate;
        int64_t at, g, h; /* after the session began */
    } rows[] = {{"x", 10, 0, 0},   {"g", 20, 20, 0},  {"h", 30, 20, 30},
                {"g", 40, 40, 30}, {"h", 25, 40, 25}, {"g", 10, 10, 25}};
    struct service_kit k;
    unsigned n = 0;
    (void)state;
    open_kit(&k);
    int64_t begin = clock_wall_s() - 1000;
    for (size_t i = 0; i < COUNT(rows); i++) {
        book_checked(k.signin, span_of(rows[i].gate), 0, begin + rows[i].at);
        turn(&k);
        assert_int_equal(published, i + 1);
        assert_int_equal(believed_until(&k, "g", begin), begin + rows[i].g);
        assert_int_equal(believed_until(&k, "h", begin), begin + rows[i].h);
    }
    for (const struct book_checked *c = k.signin->checked; c; c = c->next)
        n++;
    assert_int_equal(n, 3);
    close_kit(&k);
}

/* Without memory for it nobody is believed because of it. */
static void test_no_memory_for_looks(void **state)
{
    struct service_kit k;
    (void)state;
    open_kit(&k);
    int64_t begin = clock_wall_s() - 1000;
    trial_fail(TRIAL_MEMORY, 0);
    book_checked(k.signin, SPAN("g"), 0, begin + 20);
    assert_true(trial_was_hit());
    publish(&k);
    assert_int_equal(believed_until(&k, "g", begin), begin);
    book_checked(k.signin, SPAN("g"), 0, begin + 20);
    book_checked(k.signin, SPAN("h"), 0, begin + 20);
    unsigned before = published, skip = 0;
    for (bool hit = true; hit; skip++) {
        trial_fail(TRIAL_MEMORY, skip);
        publish(&k);
        hit = trial_was_hit();
        trial_begin();
        assert_int_equal(published, before + !hit);
    }
    assert_true(skip > 2);
    assert_int_equal(believed_until(&k, "g", begin), begin + 20);
    assert_int_equal(believed_until(&k, "h", begin), begin + 20);
    close_kit(&k);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_receipts),
        cmocka_unit_test(test_taken_before_it_is_kept),
        cmocka_unit_test(test_order_of_receipts),
        cmocka_unit_test(test_nobody_waits),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_no_memory_for_an_entry),
        cmocka_unit_test(test_no_memory_for_the_ledger),
        cmocka_unit_test(test_what_has_ended),
        cmocka_unit_test(test_another_end),
        cmocka_unit_test(test_taken_back_again),
        cmocka_unit_test(test_looked_at),
        cmocka_unit_test(test_no_memory_for_looks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

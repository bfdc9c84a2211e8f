/* What takes sessions back, as it is read from the store: what others wrote, what was written meanwhile, and what cannot be read. */
#include "signin_kept.h"

#include <stdio.h>
#include <unistd.h>

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* As another process does it. */
static void write_past_it(struct service_kit *k, const struct ledger_entry *e)
{
    uint8_t key[LEDGER_KEY], value[500];
    size_t key_n, n;
    assert_true(ledger_encode(e, key, &key_n, value, sizeof(value), &n));
    store_put(k->base.store, STORE_REVOKED, span_make(key, key_n), span_make(value, n), e->ends_s, NULL, NULL);
}

/* Only what is new makes a new ledger. */
static void test_read_again(void **state)
{
    struct service_kit k;
    (void)state;
    open_kit(&k);
    int64_t now = clock_wall_s();
    const struct ledger_entry before = of_session(ID_A, now - 500, now + 1000),
                              after = of_session(ID_A, now, now + 1000);
    book_put(k.signin, &before, NULL, NULL);
    settle(&k);
    assert_int_equal(published, 1);
    book_load(k.signin);
    settle(&k);
    assert_int_equal(published, 1);
    assert_int_equal(judge(&k, ID_A, now - 10), LEDGER_HOLDS);
    write_past_it(&k, &after);
    book_load(k.signin);
    settle(&k);
    assert_int_equal(published, 2);
    assert_int_equal(judge(&k, ID_A, now - 10), LEDGER_REVOKED);
    close_kit(&k);
}

/* Written while it is being read: it is read once more, and only then. */
static void test_written_meanwhile(void **state)
{
    struct service_kit k;
    (void)state;
    open_kit(&k);
    int64_t now = clock_wall_s();
    const struct ledger_entry a = of_session(ID_A, now, now + 1000);
    k.times_listed = 0;
    book_load(k.signin);
    write_past_it(&k, &a);
    book_load(k.signin);
    book_load(k.signin);
    assert_int_equal(k.times_listed, 1);
    settle(&k);
    assert_int_equal(k.times_listed, 2);
    assert_int_equal(judge(&k, ID_A, now - 10), LEDGER_REVOKED);
    wake(&k);
    assert_int_equal(k.times_listed, 2);
    close_kit(&k);
}

/* What the store could not keep is newer than what it has. */
static void test_facts_that_were_not_kept(void **state)
{
    static const struct store_reply failed = {.outcome = STORE_FAILED};
    struct service_kit k;
    (void)state;
    open_kit(&k);
    int64_t now = clock_wall_s();
    struct ledger_entry e = {.kind = LEDGER_FACTS,
                             .way = WAY_GITHUB,
                             .gate = SPAN("g"),
                             .name = SPAN("4711"),
                             .at_s = now - 100,
                             .ends_s = now + 1000,
                             .login = SPAN("before")};
    book_put(k.signin, &e, NULL, NULL);
    settle(&k);
    e.at_s = now;
    e.must_sign_in = true;
    trial_answer(TRIAL_PUT, 0, &failed);
    book_put(k.signin, &e, NULL, NULL);
    settle(&k);
    book_load(k.signin);
    settle(&k);
    struct session s = {.who = {.way = WAY_GITHUB, .gate = SPAN("g"), .subject = SPAN("4711")},
                        .issued = now - 200,
                        .active = now - 200};
    assert_int_equal(ledger_judge(k.ledger, &s, SPAN("stg.app.test"), now), LEDGER_REVOKED);
    close_kit(&k);
}

/* --- what cannot be read ------------------------------------------------------------------------------------------ */

/* What it says on stderr, kept. */
struct said {
    int before;
    FILE *file;
};

static void hear(struct said *s)
{
    (void)fflush(stderr);
    s->before = dup(2);
    s->file = tmpfile();
    assert_true(s->before >= 0 && s->file && dup2(fileno(s->file), 2) == 2);
}

static bool was_said(struct said *s, const char *what, const char *unsaid)
{
    char line[1000] = "";
    (void)fflush(stderr);
    assert_true(dup2(s->before, 2) == 2 && close(s->before) == 0);
    rewind(s->file);
    size_t n = fread(line, 1, sizeof(line) - 1, s->file);
    line[n] = '\0';
    (void)fclose(s->file);
    return strstr(line, what) && !strstr(line, unsaid);
}

static const struct {
    const char *broken, *mended, *said, *unsaid;
} unreadable[] = {
    {"UPDATE record SET value = x'00' WHERE kind = 0", "DELETE FROM record WHERE kind = 0", "a record is damaged",
     "(null)"},
    {"UPDATE record SET value = x'' WHERE kind = 0", "DELETE FROM record WHERE kind = 0", "a record is damaged",
     "(null)"},
    {"ALTER TABLE record RENAME TO away", "ALTER TABLE away RENAME TO record", "cannot be read: ", "damaged"},
};

/* Then nothing is published, what waits for it waits, and it is tried again. */
static void test_cannot_be_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(unreadable); i++) {
        struct service_kit k;
        struct said said;
        struct receipt_of r;
        open_kit(&k);
        put(&k, ID_A, &r);
        settle(&k);
        hear(&said);
        kit_sql(&k.base, unreadable[i].broken);
        k.signin->loaded = false;
        published = 0;
        book_load(k.signin);
        settle(&k);
        bool told = was_said(&said, unreadable[i].said, unreadable[i].unsaid);
        CHECK(unreadable[i].broken, told);
        book_publish(k.signin);
        settle(&k);
        assert_int_equal(published, 0);
        assert_true(left_ms(&k) <= 1000);
        kit_sql(&k.base, unreadable[i].mended);
        wake(&k);
        assert_int_equal(published, 1);
        assert_true(left_ms(&k) > 1000);
        k.times_listed = 0;
        wake(&k);
        assert_int_equal(k.times_listed, 0);
        close_kit(&k);
    }
}

static void test_no_memory_for_what_is_read(void **state)
{
    struct service_kit k;
    struct receipt_of r;
    unsigned skip = 0;
    (void)state;
    open_kit(&k);
    put(&k, ID_A, &r);
    put(&k, ID_B, &r);
    settle(&k);
    for (bool hit = true; hit; skip++) {
        trial_end();
        service_restart(&k);
        k.signin->c.publish = on_publish;
        published = 0;
        trial_begin();
        trial_fail(TRIAL_MEMORY, skip);
        settle(&k);
        hit = trial_was_hit();
        trial_begin();
        assert_true(published == 0 || k.ledger);
        if (!published)
            wake(&k);
        assert_true(published > 0);
        assert_int_equal(judge(&k, ID_A, clock_wall_s() - 10), LEDGER_REVOKED);
        assert_int_equal(judge(&k, ID_B, clock_wall_s() - 10), LEDGER_REVOKED);
    }
    assert_true(skip > 2);
    close_kit(&k);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_again),
        cmocka_unit_test(test_written_meanwhile),
        cmocka_unit_test(test_facts_that_were_not_kept),
        cmocka_unit_test(test_cannot_be_read),
        cmocka_unit_test(test_no_memory_for_what_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

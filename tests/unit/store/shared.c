/* One file, many stores: the workers that part and the one that follows them, or many at once. */
#include "store/store.h"

#include "base/clock.h"
#include "kit.h"

#include <sqlite3.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#define LATER (clock_wall_s() + 1000)
#define STORES 50

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

struct race {
    struct loop *loop;
    unsigned left, won, lost, other;
};

static void on_race(void *arg, const struct store_reply *r)
{
    struct race *race = arg;
    race->won += r->outcome == STORE_OK;
    race->lost += r->outcome == STORE_NONE || r->outcome == STORE_THERE || r->outcome == STORE_OVER;
    race->other += r->outcome == STORE_FAILED;
    if (--race->left == 0)
        loop_stop(race->loop);
}

static void finish(struct race *r, struct store *const *all)
{
    loop_run(r->loop);
    for (unsigned i = 0; i < STORES; i++)
        store_close(all[i]);
    assert_int_equal(r->left, 0);
    assert_int_equal(r->other, 0);
}

static void open_all(struct kit *k, struct store **all)
{
    struct res why = RES_OK;
    for (unsigned i = 0; i < STORES; i++) {
        all[i] = store_open(k->folder, k->loop, NULL, NULL, &why);
        assert_non_null(all[i]);
    }
}

static void test_take_by_fifty(void **state)
{
    struct kit *k = *state;
    struct store *all[STORES];
    struct race r = {.loop = k->loop, .left = STORES};
    open_all(k, all);
    assert_int_equal(kit_put(k, STORE_CODES, "code", "who", LATER), STORE_OK);
    for (unsigned i = 0; i < STORES; i++)
        store_take(all[i], STORE_CODES, SPAN("code"), on_race, &r);
    finish(&r, all);
    assert_int_equal(r.won, 1);
    assert_int_equal(r.lost, STORES - 1);
}

static void test_once_and_count_by_fifty(void **state)
{
    struct kit *k = *state;
    struct store *all[STORES];
    struct race once = {.loop = k->loop, .left = STORES}, count = {.loop = k->loop, .left = STORES * 2};
    open_all(k, all);
    for (unsigned i = 0; i < STORES; i++)
        store_once(all[i], STORE_USED, SPAN("nonce"), SPAN("x"), LATER, on_race, &once);
    loop_run(k->loop);
    assert_int_equal(once.left, 0);
    for (unsigned i = 0; i < STORES * 2; i++)
        store_count(all[i / 2], STORE_COUNTS, SPAN("tries"), 1000, 5, on_race, &count);
    finish(&count, all);
    assert_int_equal(once.won, 1);
    assert_int_equal(once.other, 0);
    assert_int_equal(count.won, 5);
    assert_int_equal(count.lost, STORES * 2 - 5);
}

/* --- another process ---------------------------------------------------------------------------------------------- */

static int other_puts(const char *folder, const char *key)
{
    struct kit other = {.changes = 0};
    (void)snprintf(other.folder, sizeof(other.folder), "%s", folder);
    other.loop = loop_new();
    kit_open(&other);
    bool good = kit_put(&other, STORE_REVOKED, key, "x", LATER) == STORE_OK;
    kit_close(&other);
    loop_free(other.loop);
    return good ? 0 : 1;
}

/* Started before any thread is, for sanitizers; puts when it is told so. */
static pid_t start_other(const struct kit *k, const char *key, int *go)
{
    int told[2];
    char byte;
    assert_int_equal(pipe(told), 0);
    pid_t p = fork();
    assert_true(p >= 0);
    if (p == 0)
        _exit(read(told[0], &byte, 1) == 1 ? other_puts(k->folder, key) : 2);
    (void)close(told[0]);
    *go = told[1];
    return p;
}

static void let_go(pid_t p, int go)
{
    int status;
    assert_int_equal(write(go, "", 1), 1);
    (void)close(go);
    assert_int_equal(waitpid(p, &status, 0), p);
    assert_int_equal(status, 0);
}

static void test_change_by_another(void **state)
{
    struct kit *k = *state;
    struct kit_answer a;
    int go;
    kit_close(k);
    pid_t other = start_other(k, "theirs", &go);
    kit_open(k);
    assert_int_equal(kit_put(k, STORE_REVOKED, "own", "x", LATER), STORE_OK);
    kit_idle(k, 600);
    assert_int_equal(k->changes, 0); /* what we write ourselves is no news */
    let_go(other, go);
    for (unsigned i = 0; i < 100 && k->changes == 0; i++)
        kit_idle(k, 100);
    assert_int_equal(k->changes, 1);
    assert_int_equal(kit_get(k, STORE_REVOKED, "theirs", &a), STORE_OK);
    assert_int_equal(kit_put(k, STORE_REVOKED, "after", "x", LATER), STORE_OK); /* theirs has closed, ours goes on */
    kit_idle(k, 600);
    assert_int_equal(k->changes, 1);
}

#define PROCESSES 4
#define KEYS 100

struct own_wins {
    struct loop *loop;
    unsigned left, won, failed;
};

static void on_own(void *arg, const struct store_reply *r)
{
    struct own_wins *w = arg;
    w->won += r->outcome == STORE_OK;
    w->failed += r->outcome == STORE_FAILED;
    if (--w->left == 0)
        loop_stop(w->loop);
}

/* Its exit status: how many it got; 255: something failed. */
static int wins(const char *folder, int go)
{
    struct res why = RES_OK;
    char byte;
    struct own_wins w = {.loop = loop_new(), .left = KEYS};
    struct store *s = w.loop ? store_open(folder, w.loop, NULL, NULL, &why) : NULL;
    if (!s || read(go, &byte, 1) != 0) /* they all begin when nobody holds the other end any more */
        return 255;
    for (unsigned i = 0; i < KEYS; i++)
        store_once(s, STORE_USED, span_make(&i, sizeof(i)), SPAN("x"), LATER, on_own, &w);
    loop_run(w.loop);
    store_close(s);
    loop_free(w.loop);
    return w.failed > 0 ? 255 : (int)w.won;
}

static void test_once_by_processes(void **state)
{
    struct kit *k = *state;
    pid_t all[PROCESSES];
    int go[2], status, won = 0;
    kit_close(k);
    assert_int_equal(pipe(go), 0);
    for (unsigned i = 0; i < PROCESSES; i++) {
        all[i] = fork();
        assert_true(all[i] >= 0);
        if (all[i] == 0) {
            (void)close(go[1]);
            _exit(wins(k->folder, go[0]));
        }
    }
    (void)close(go[1]);
    for (unsigned i = 0; i < PROCESSES; i++) {
        assert_int_equal(waitpid(all[i], &status, 0), all[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= KEYS);
        won += WEXITSTATUS(status);
    }
    (void)close(go[0]);
    assert_int_equal(won, KEYS);
}

/* It waits a while for who keeps it locked, then refuses, then works again. */
static void test_locked(void **state)
{
    struct kit *k = *state;
    struct kit_answer a;
    sqlite3 *db = kit_file(k);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(kit_put(k, STORE_REVOKED, "a", "x", LATER), STORE_FAILED);
    assert_int_equal(kit_take(k, STORE_CODES, "a", &a), STORE_FAILED);
    assert_string_equal(a.detail, "another process keeps the store locked");
    assert_int_equal(kit_get(k, STORE_REVOKED, "a", &a), STORE_NONE); /* reading goes on */
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(kit_put(k, STORE_REVOKED, "a", "x", LATER), STORE_OK);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_take_by_fifty),
        TEST(test_once_and_count_by_fifty),
        TEST(test_once_by_processes),
        TEST(test_change_by_another),
        TEST(test_locked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

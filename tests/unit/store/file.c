/* The file: refused when it is not what it should be, whole after a kill, and a disk that is full ends nothing for good. */
#include "store/store.h"

#include "base/clock.h"
#include "base/count.h"
#include "kit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#define LATER (clock_wall_s() + 1000)

static int setup(void **state)
{
    struct kit *k = malloc(sizeof(*k));
    assert_non_null(k);
    kit_make(k);
    *state = k;
    return 0;
}

static int teardown(void **state)
{
    kit_remove(*state);
    free(*state);
    return 0;
}

static void must_say(const char *said, const char *part)
{
    if (strstr(said, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", said, part);
}

/* What was written is there again, and the folder holds nothing else. */
static void test_again(void **state)
{
    struct kit *k = *state;
    struct kit_answer a;
    char path[128];
    assert_false(store_exists(k->folder));
    for (unsigned i = 0; i < 3; i++) {
        kit_open(k);
        assert_int_equal(kit_once(k, STORE_REVOKED, "a", "x", LATER), i == 0 ? STORE_OK : STORE_THERE);
        assert_int_equal(kit_get(k, STORE_REVOKED, "a", &a), STORE_OK);
        kit_close(k);
        assert_true(store_exists(k->folder));
        kit_path(k, "making", path);
        assert_int_equal(access(path, F_OK), -1);
    }
}

/* --- files that are refused, and stay as they are ----------------------------------------------------------------- */

static void write_at(const struct kit *k, const char *file, off_t at, const char *bytes)
{
    char path[128];
    kit_path(k, file, path);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, strlen(bytes), at), (ssize_t)strlen(bytes));
    assert_int_equal(close(fd), 0);
}

static void shorten(const struct kit *k, off_t to)
{
    char path[128];
    kit_path(k, "tiergate.db", path);
    assert_int_equal(truncate(path, to), 0);
}

static void no_sqlite(struct kit *k)
{
    write_at(k, "tiergate.db", 0, "this is a letter to my aunt and no database at all");
}

static void broken_page(struct kit *k)
{
    char noise[4096];
    memset(noise, 0x5a, sizeof(noise));
    noise[sizeof(noise) - 1] = '\0';
    write_at(k, "tiergate.db", 4096, noise);
}

static void cut_off(struct kit *k)
{
    shorten(k, 4096);
}

static void emptied(struct kit *k)
{
    shorten(k, 0);
}

static void newer(struct kit *k)
{
    kit_sql(k, "PRAGMA user_version = 2");
}

static void of_somebody_else(struct kit *k)
{
    kit_sql(k, "PRAGMA user_version = 0");
}

static void with_more_in_it(struct kit *k)
{
    kit_sql(k, "CREATE TABLE more (x)");
}

static void with_a_trigger(struct kit *k)
{
    kit_sql(k, "CREATE TRIGGER t AFTER INSERT ON record BEGIN DELETE FROM record; END");
}

static void with_another_table(struct kit *k)
{
    kit_sql(k, "DROP TABLE record; CREATE TABLE record (kind, key, value, ends); CREATE INDEX ending ON record (ends)");
}

static void a_folder(struct kit *k)
{
    char path[128];
    kit_path(k, "tiergate.db", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void a_link(struct kit *k)
{
    char path[128], other[128];
    kit_path(k, "tiergate.db", path);
    kit_path(k, "elsewhere.db", other);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(symlink(other, path), 0);
}

static const struct {
    const char *name;
    void (*spoil)(struct kit *k);
    const char *says;
} spoiled[] = {
    {"no SQLite", no_sqlite, "is damaged"},
    {"a broken page", broken_page, "is damaged"},
    {"cut off", cut_off, "is damaged"},
    {"emptied", emptied, "is empty, and was not"},
    {"a newer one", newer, "newer tiergate"},
    {"no version", of_somebody_else, "is no store of tiergate's"},
    {"one more table", with_more_in_it, "is damaged"},
    {"a trigger", with_a_trigger, "is damaged"},
    {"another table", with_another_table, "is damaged"},
    {"a folder", a_folder, "is no plain file"},
    {"a link", a_link, "cannot be opened"},
};

/* Everything in the file itself. */
static void fill(struct kit *k)
{
    kit_open(k);
    assert_int_equal(kit_put(k, STORE_REVOKED, "a", "x", LATER), STORE_OK);
    kit_close(k);
    kit_sql(k, "PRAGMA wal_checkpoint(TRUNCATE)");
}

static void begin_anew(struct kit *k)
{
    char path[128];
    kit_path(k, "tiergate.db", path);
    if (unlink(path) != 0)
        assert_int_equal(rmdir(path), 0);
    kit_path(k, "tiergate.db-wal", path);
    (void)unlink(path);
    kit_path(k, "tiergate.db-shm", path);
    (void)unlink(path);
}

static void test_spoiled(void **state)
{
    struct kit *k = *state;
    for (size_t i = 0; i < COUNT(spoiled); i++) {
        struct kit_answer a;
        fill(k);
        spoiled[i].spoil(k);
        const char *said = kit_refused(k);
        if (strstr(said, spoiled[i].says) == NULL)
            fail_msg("%s: %s", spoiled[i].name, said);
        must_say(kit_refused(k), spoiled[i].says); /* it did not mend itself */
        assert_true(store_exists(k->folder));
        begin_anew(k);
        kit_open(k);
        assert_int_equal(kit_get(k, STORE_REVOKED, "a", &a), STORE_NONE);
        kit_close(k);
        begin_anew(k);
    }
}

/* Nothing stops root, so a child becomes nobody. */
static int refuses_as_nobody(struct kit *k)
{
    struct res why = RES_OK;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 1;
    struct store *s = store_open(k->folder, k->loop, NULL, NULL, &why);
    return s == NULL && strstr(why.err, "cannot be opened") != NULL ? 0 : 2;
}

static void test_unwritable(void **state)
{
    struct kit *k = *state;
    char path[128];
    int status;
    fill(k);
    kit_path(k, "tiergate.db", path);
    assert_int_equal(chmod(path, 0444), 0); /* may be read: SQLite would be content with that */
    assert_int_equal(chmod(k->folder, 0777), 0);
    pid_t p = fork();
    assert_true(p >= 0);
    if (p == 0)
        _exit(refuses_as_nobody(k));
    assert_int_equal(waitpid(p, &status, 0), p);
    assert_int_equal(status, 0);
}

static void test_no_folder(void **state)
{
    struct kit *k = *state;
    struct res why = RES_OK;
    assert_null(store_open("/nowhere/at/all", k->loop, NULL, NULL, &why));
    must_say(why.err, "no file can be made");
    assert_false(store_exists("/nowhere/at/all"));
}

/* It was ended while it was made for the first time. */
static void test_half_made(void **state)
{
    struct kit *k = *state;
    write_at(k, "making", 0, "");
    write_at(k, "tiergate.db", 0, "");
    assert_false(store_exists(k->folder));
    kit_open(k);
    assert_int_equal(kit_put(k, STORE_REVOKED, "a", "x", LATER), STORE_OK);
}

static size_t read_helper(const struct kit *k, uint8_t *out, size_t cap)
{
    char path[128];
    kit_path(k, "tiergate.db-shm", path);
    FILE *f = fopen(path, "rbe");
    assert_non_null(f);
    size_t n = fread(out, 1, cap, f);
    assert_int_equal(fclose(f), 0);
    return n;
}

/* An index of the log from before, as a machine that lost its power may leave it: it is made anew by whoever is the first. */
static void test_stale_index(void **state)
{
    struct kit *k = *state;
    struct kit_answer a;
    uint8_t old[33000];
    char path[128];
    kit_open(k);
    assert_int_equal(kit_put(k, STORE_REVOKED, "a", "x", LATER), STORE_OK);
    size_t n = read_helper(k, old, sizeof(old));
    assert_int_equal(kit_put(k, STORE_REVOKED, "b", "x", LATER), STORE_OK);
    kit_close(k);
    kit_path(k, "tiergate.db-shm", path);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0 && pwrite(fd, old, n, 0) == (ssize_t)n && close(fd) == 0);
    kit_open(k);
    assert_int_equal(kit_get(k, STORE_REVOKED, "b", &a), STORE_OK);
}

static void test_taken_away(void **state)
{
    struct kit *k = *state;
    struct kit_answer a;
    char path[128];
    kit_open(k);
    assert_int_equal(kit_put(k, STORE_REVOKED, "a", "x", LATER), STORE_OK);
    kit_path(k, "tiergate.db", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(kit_put(k, STORE_REVOKED, "b", "x", LATER), STORE_FAILED); /* nobody would ever read it */
    assert_int_equal(kit_get(k, STORE_REVOKED, "a", &a), STORE_FAILED);
    must_say(a.detail, "removed or replaced");
}

/* --- full, slow, locked ------------------------------------------------------------------------------------------- */

static char *grow(struct kit *k, const char *prefix, enum store_outcome *out)
{
    static char value[STORE_VALUE_MAX];
    static char key[32];
    memset(value, 'x', sizeof(value) - 1);
    *out = STORE_OK;
    for (unsigned i = 0; i < 200 && *out == STORE_OK; i++) {
        (void)snprintf(key, sizeof(key), "%s%u", prefix, i);
        *out = kit_put(k, STORE_PEOPLE, key, value, LATER);
    }
    return key;
}

static void limit_files(rlim_t n)
{
    struct rlimit l = {n, RLIM_INFINITY};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void test_full_disk(void **state)
{
    struct kit *k = *state;
    struct kit_answer a;
    enum store_outcome out;
    kit_open(k);
    assert_int_equal(kit_put(k, STORE_REVOKED, "a", "x", LATER), STORE_OK);
    (void)signal(SIGXFSZ, SIG_IGN);
    limit_files(200000);
    char *refused = grow(k, "k", &out);
    assert_int_equal(out, STORE_FAILED);
    assert_int_equal(kit_get(k, STORE_PEOPLE, refused, &a), STORE_NONE);
    assert_int_equal(kit_get(k, STORE_PEOPLE, "k0", &a), STORE_OK);
    assert_int_equal(kit_once(k, STORE_USED, "n", "x", LATER), STORE_FAILED);
    assert_int_equal(kit_get(k, STORE_REVOKED, "a", &a), STORE_OK); /* what is known stays known */
    limit_files(RLIM_INFINITY);
    assert_int_equal(kit_once(k, STORE_USED, "n", "x", LATER), STORE_OK); /* and it goes on by itself */
    kit_close(k);
    kit_open(k);
    assert_int_equal(kit_get(k, STORE_USED, "n", &a), STORE_OK);
    assert_int_equal(kit_get(k, STORE_PEOPLE, refused, &a), STORE_NONE);
}

/* The last eighth is for what takes sessions back: a flood of everything else does not keep anybody from that. */
static void test_largest_size(void **state)
{
    struct kit *k = *state;
    struct kit_answer a;
    kit_open(k);
    kit_sql(k, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 225) "
               "INSERT INTO record SELECT 5, CAST('f' || i AS BLOB), zeroblob(1048576), 9000000000 FROM n");
    assert_int_equal(kit_once(k, STORE_USED, "n", "x", LATER), STORE_OK); /* what lies on a page that is there */
    enum store_outcome out;
    (void)grow(k, "k", &out);
    assert_int_equal(out, STORE_FAILED);
    for (unsigned i = 0; i < 100; i++) {
        char key[8];
        (void)snprintf(key, sizeof(key), "r%u", i);
        assert_int_equal(kit_put(k, STORE_REVOKED, key, "x", LATER), STORE_OK);
    }
    (void)grow(k, "k", &out);
    assert_int_equal(out, STORE_FAILED);
    kit_sql(k, "DELETE FROM record WHERE kind = 5");
    (void)grow(k, "k", &out);
    assert_int_equal(out, STORE_OK);
    assert_int_equal(kit_get(k, STORE_REVOKED, "r99", &a), STORE_OK);
}

/* The helpers' room is kept: what is known can be read at a start, too. */
static void test_start_on_a_full_disk(void **state)
{
    struct kit *k = *state;
    struct kit_answer a;
    kit_open(k);
    assert_int_equal(kit_put(k, STORE_REVOKED, "a", "x", LATER), STORE_OK);
    kit_close(k);
    (void)signal(SIGXFSZ, SIG_IGN);
    struct res why = RES_OK;
    /* Just so much as the helpers have already. */
    limit_files(33000);
    k->store = store_open(k->folder, k->loop, NULL, NULL, &why);
    limit_files(RLIM_INFINITY);
    if (k->store == NULL)
        fail_msg("%s", why.err);
    assert_int_equal(kit_get(k, STORE_REVOKED, "a", &a), STORE_OK);
}

/* --- killed ------------------------------------------------------------------------------------------------------- */

struct writer {
    struct kit *kit;
    unsigned next;
    int told; /* a pipe: one number for each that was answered STORE_OK */
};

static void write_on(struct writer *w);

static void on_written(void *arg, const struct store_reply *r)
{
    struct writer *w = arg;
    unsigned n = w->next++;
    if (r->outcome != STORE_OK || write(w->told, &n, sizeof(n)) != (ssize_t)sizeof(n))
        _exit(1);
    write_on(w);
}

static void write_on(struct writer *w)
{
    char value[700];
    memset(value, 'v', sizeof(value));
    store_put(w->kit->store, STORE_REVOKED, span_make(&w->next, sizeof(w->next)), span_make(value, sizeof(value)),
              LATER, on_written, w);
}

/* In a child; some are always under way besides, so that a kill finds it in the middle of something. */
static _Noreturn void write_for_ever(struct kit *k, unsigned first, int told)
{
    struct writer w = {.kit = k, .next = first, .told = told};
    struct res why = RES_OK;
    k->loop = loop_new();
    k->store = k->loop != NULL ? store_open(k->folder, k->loop, NULL, NULL, &why) : NULL;
    if (k->store == NULL)
        _exit(2);
    write_on(&w);
    loop_run(k->loop);
    _exit(3);
}

static unsigned last_told(int from, unsigned before)
{
    unsigned n;
    while (read(from, &n, sizeof(n)) == (ssize_t)sizeof(n))
        before = n + 1;
    return before;
}

static void check_all(struct kit *k, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct kit_answer a;
        unsigned left = 0;
        kit_expect(k, &a, &left);
        store_get(k->store, STORE_REVOKED, span_make(&i, sizeof(i)), kit_take_down, &a);
        kit_wait(k, &left);
        if (a.outcome != STORE_OK || a.n != 700)
            fail_msg("%u of %u: %u", i, n, (unsigned)a.outcome);
    }
}

static void test_killed(void **state)
{
    struct kit *k = *state;
    unsigned done = 0;
    for (unsigned round = 0; round < 6; round++) {
        int told[2];
        unsigned first;
        assert_int_equal(pipe(told), 0);
        pid_t p = fork();
        assert_true(p >= 0);
        if (p == 0)
            write_for_ever(k, done, told[1]);
        (void)close(told[1]);
        assert_int_equal(read(told[0], &first, sizeof(first)), (ssize_t)sizeof(first));
        (void)usleep(20000 + round * 7001);
        (void)kill(p, SIGKILL);
        done = last_told(told[0], first + 1);
        (void)close(told[0]);
        int status;
        assert_int_equal(waitpid(p, &status, 0), p);
        assert_true(WIFSIGNALED(status));
        kit_open(k); /* which looks whether it is whole */
        check_all(k, done);
        kit_close(k);
    }
    print_message("%u were told, and are there\n", done);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_again),        TEST(test_spoiled),
        TEST(test_unwritable),   TEST(test_no_folder),
        TEST(test_half_made),    TEST(test_stale_index),
        TEST(test_taken_away),   TEST(test_full_disk),
        TEST(test_largest_size), TEST(test_start_on_a_full_disk),
        TEST(test_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "kit.h"

#include <sqlite3.h>

#include <dirent.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#define LIMIT_S 240 /* a test that hangs ends */

void kit_make(struct kit *k)
{
    memset(k, 0, sizeof(*k));
    /* In memory where that is a folder: stores that fight for the lock wait for the disk at each turn, and some disks are slow. */
    const char *where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(k->folder, sizeof(k->folder), "%s/tiergate-store-XXXXXX", where);
    assert_non_null(mkdtemp(k->folder));
    k->loop = loop_new();
    assert_non_null(k->loop);
    (void)alarm(LIMIT_S);
}

static void on_change(void *arg)
{
    struct kit *k = arg;
    k->changes++;
}

void kit_open(struct kit *k)
{
    struct res why = RES_OK;
    k->store = store_open(k->folder, k->loop, on_change, k, &why);
    if (!k->store)
        fail_msg("store_open: %s", why.err);
}

const char *kit_refused(struct kit *k)
{
    struct res why = RES_OK;
    k->store = store_open(k->folder, k->loop, NULL, NULL, &why);
    assert_null(k->store);
    assert_non_null(why.err);
    return why.err;
}

void kit_close(struct kit *k)
{
    store_close(k->store);
    k->store = NULL;
}

void kit_path(const struct kit *k, const char *file, char out[128])
{
    (void)snprintf(out, 128, "%s/%s", k->folder, file);
}

void kit_remove(struct kit *k)
{
    char path[400];
    DIR *d;
    kit_close(k);
    loop_free(k->loop);
    d = opendir(k->folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        (void)snprintf(path, sizeof(path), "%s/%s", k->folder, e->d_name);
        (void)unlink(path);
    }
    (void)closedir(d);
    assert_int_equal(rmdir(k->folder), 0);
}

/* --- waiting ------------------------------------------------------------------------------------------------------ */

void kit_take_down(void *arg, const struct store_reply *r)
{
    struct kit_answer *a = arg;
    a->times++;
    a->outcome = r->outcome;
    a->count = r->count;
    a->ends_s = r->ends_s;
    a->detail = r->detail;
    a->n = r->value.n;
    assert_true(r->value.n <= sizeof(a->value));
    if (r->value.n > 0)
        memcpy(a->value, r->value.p, r->value.n);
    if (--*a->left == 0)
        loop_stop(a->loop);
}

void kit_expect(struct kit *k, struct kit_answer *a, unsigned *left)
{
    memset(a, 0, offsetof(struct kit_answer, value));
    a->loop = k->loop;
    a->left = left;
    ++*left;
}

void kit_wait(struct kit *k, const unsigned *left)
{
    while (*left > 0)
        loop_run(k->loop);
}

static void stop(void *arg)
{
    loop_stop(arg);
}

void kit_idle(struct kit *k, unsigned ms)
{
    struct timer t;
    timer_init(&t, k->loop, stop, k->loop);
    assert_true(timer_set(&t, ms));
    loop_run(k->loop);
    timer_fini(&t);
}

/* --- one question, one answer ------------------------------------------------------------------------------------- */

#define ASK(k, call)                                                                                                   \
    struct kit_answer own, *to = &own;                                                                                 \
    unsigned left = 0;                                                                                                 \
    kit_expect(k, to, &left);                                                                                          \
    call;                                                                                                              \
    assert_int_equal(to->times, 0);                                                                                    \
    kit_wait(k, &left);                                                                                                \
    return to->outcome

enum store_outcome kit_put(struct kit *k, enum store_table t, const char *key, const char *value, int64_t ends_s)
{
    ASK(k, store_put(k->store, t, span_of(key), span_of(value), ends_s, kit_take_down, to));
}

enum store_outcome kit_once(struct kit *k, enum store_table t, const char *key, const char *value, int64_t ends_s)
{
    ASK(k, store_once(k->store, t, span_of(key), span_of(value), ends_s, kit_take_down, to));
}

enum store_outcome kit_delete(struct kit *k, enum store_table t, const char *key)
{
    ASK(k, store_delete(k->store, t, span_of(key), kit_take_down, to));
}

#define ASK_INTO(k, a, call)                                                                                           \
    unsigned left = 0;                                                                                                 \
    kit_expect(k, a, &left);                                                                                           \
    call;                                                                                                              \
    kit_wait(k, &left);                                                                                                \
    return (a)->outcome

enum store_outcome kit_get(struct kit *k, enum store_table t, const char *key, struct kit_answer *a)
{
    ASK_INTO(k, a, store_get(k->store, t, span_of(key), kit_take_down, a));
}

enum store_outcome kit_take(struct kit *k, enum store_table t, const char *key, struct kit_answer *a)
{
    ASK_INTO(k, a, store_take(k->store, t, span_of(key), kit_take_down, a));
}

enum store_outcome kit_count(struct kit *k, const char *key, uint32_t window_s, uint64_t limit, struct kit_answer *a)
{
    ASK_INTO(k, a, store_count(k->store, STORE_COUNTS, span_of(key), window_s, limit, kit_take_down, a));
}

struct listing {
    struct kit_answer answer; /* first: store_list has one arg for both */
    char *out;
    size_t cap;
};

static void add_line(void *arg, struct span key, struct span value, int64_t ends_s)
{
    struct listing *l = arg;
    size_t n = strlen(l->out);
    (void)snprintf(l->out + n, l->cap - n, "%.*s=%.*s@%lld ", SPAN_ARG(key), SPAN_ARG(value), (long long)ends_s);
}

enum store_outcome kit_list(struct kit *k, enum store_table t, char *out, size_t cap)
{
    struct listing l = {.out = out, .cap = cap};
    unsigned left = 0;
    out[0] = '\0';
    kit_expect(k, &l.answer, &left);
    store_list(k->store, t, add_line, kit_take_down, &l);
    kit_wait(k, &left);
    return l.answer.outcome;
}

/* The store's own thread may be at it still. */
sqlite3 *kit_file(const struct kit *k)
{
    char path[128];
    sqlite3 *db = NULL;
    kit_path(k, "tiergate.db", path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_busy_timeout(db, 10000), SQLITE_OK);
    return db;
}

void kit_sql(const struct kit *k, const char *sql)
{
    char *why = NULL;
    sqlite3 *db = kit_file(k);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

unsigned kit_records(const struct kit *k)
{
    sqlite3 *db = kit_file(k);
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM record", -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    unsigned n = (unsigned)sqlite3_column_int(s, 0);
    assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return n;
}

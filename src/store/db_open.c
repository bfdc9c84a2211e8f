/* Opening the store: what is there is either ours and whole, or refused with what to do. Nothing in the file is believed: a worker that was
 * taken over may have written it, and the next one reads it. */
#include "store/db_impl.h"

#include "base/count.h"
#include "store/vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE_MS 2000
#define WHERE "store/" DB_FILE " in the state folder "
#define TO_BEGIN_ANEW "(with it goes who was revoked, so change session.secret or remove session.key as well)"

/* The whole of what may be in it. */
static const char *const schema[] = {
    "CREATE INDEX ending ON record (ends)",
    "CREATE TABLE record (kind INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, ends INTEGER NOT NULL, "
    "PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID",
};

struct paths {
    char file[PATH_MAX];
    char making[PATH_MAX]; /* is there while the file is made: an empty one without it has lost what was in it */
};

static bool make_paths(const char *folder, struct paths *p)
{
    int n = snprintf(p->file, sizeof(p->file), "%s/" DB_FILE, folder);
    int m = snprintf(p->making, sizeof(p->making), "%s/making", folder);
    return n > 0 && m > 0 && (size_t)n < sizeof(p->file) && (size_t)m < sizeof(p->making);
}

static bool is_there(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 || errno != ENOENT;
}

bool store_exists(const char *folder)
{
    struct paths p;
    return !make_paths(folder, &p) || (is_there(p.file) && !is_there(p.making));
}

static struct res begin_making(const struct paths *p)
{
    int fd = open(p->making, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd == -1)
        return res_err(errno == ENOSPC ? "the store cannot be made: the disk is full"
                                       : "the store cannot be made: no file can be made in its folder");
    (void)close(fd);
    return RES_OK;
}

static struct res look_before(const struct paths *p, bool *make)
{
    struct stat st;
    *make = false;
    if (stat(p->file, &st) != 0) {
        *make = errno == ENOENT;
        return *make ? begin_making(p) : res_err(WHERE "cannot be looked at");
    }
    if (!S_ISREG(st.st_mode))
        return res_err(WHERE "is no plain file");
    *make = is_there(p->making);
    return *make || st.st_size > 0
               ? RES_OK
               : res_err(WHERE "is empty, and was not: bring it back, or remove it to begin anew " TO_BEGIN_ANEW);
}

static struct res failure(int code)
{
    switch (db_fault_of(code)) {
    case DB_CORRUPT:
        return res_err(WHERE "is damaged: bring one back that is whole, or remove it, its -wal and its -shm "
                             "to begin anew " TO_BEGIN_ANEW);
    case DB_LOCKED:
        return res_err(WHERE "is kept locked by another process");
    case DB_NO_MEMORY:
        return res_err("out of memory");
    case DB_FULL:
        return res_err(WHERE "cannot be used: the disk is full");
    default:
        return res_err(WHERE "cannot be opened for reading and writing: see whom it and its folder belong to");
    }
}

/* --- asking the file ---------------------------------------------------------------------------------------------- */

/* The first column of the first row. */
static int ask(sqlite3 *sql, const char *text, char *out, size_t cap)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(sql, text, -1, &s, NULL);
    if (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        const char *said = (const char *)sqlite3_column_text(s, 0);
        (void)snprintf(out, cap, "%s", said ? said : "");
    }
    (void)sqlite3_finalize(s);
    return code == SQLITE_DONE ? SQLITE_OK : code == SQLITE_ROW ? SQLITE_OK : code;
}

/* SQLITE_CORRUPT when it says something else. */
static int must_say(sqlite3 *sql, const char *text, const char *wanted)
{
    char said[400] = "";
    int code = ask(sql, text, said, sizeof(said));
    return code == SQLITE_OK && strcmp(said, wanted) != 0 ? SQLITE_CORRUPT : code;
}

static int check_schema(sqlite3 *sql)
{
    char text[100];
    int code = must_say(sql, "SELECT count(*) FROM sqlite_schema", "2");
    for (size_t i = 0; i < COUNT(schema) && code == SQLITE_OK; i++) {
        (void)snprintf(text, sizeof(text), "SELECT sql FROM sqlite_schema ORDER BY name LIMIT 1 OFFSET %zu", i);
        code = must_say(sql, text, schema[i]);
    }
    return code;
}

static int version_of(sqlite3 *sql, int *version)
{
    char said[16] = "";
    uint64_t n = 0;
    int code = ask(sql, "PRAGMA user_version", said, sizeof(said));
    bool is_number = span_parse_u64(span_of(said), INT_MAX, &n);
    *version = is_number ? (int)n : -1;
    return code;
}

static int run_all(sqlite3 *sql, const char *const *texts, size_t n)
{
    int code = SQLITE_OK;
    for (size_t i = 0; i < n && code == SQLITE_OK; i++)
        code = sqlite3_exec(sql, texts[i], NULL, NULL, NULL);
    return code;
}

/* --- making and taking -------------------------------------------------------------------------------------------- */

static int make_tables(sqlite3 *sql)
{
    static const char *const texts[] = {"PRAGMA application_id = 1952932724", "PRAGMA user_version = 1"};
    int version = 0, code = sqlite3_exec(sql, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = version_of(sql, &version);
    if (code == SQLITE_OK && version == 0) { /* else another process was faster */
        code = sqlite3_exec(sql, schema[1], NULL, NULL, NULL);
        if (code == SQLITE_OK)
            code = sqlite3_exec(sql, schema[0], NULL, NULL, NULL);
        if (code == SQLITE_OK)
            code = run_all(sql, texts, COUNT(texts));
    }
    return code == SQLITE_OK ? sqlite3_exec(sql, "COMMIT", NULL, NULL, NULL) : code;
}

static int set_up(sqlite3 *sql)
{
    static const char *const texts[] = {
        "PRAGMA trusted_schema = OFF", "PRAGMA cell_size_check = ON",       "PRAGMA mmap_size = 0",
        "PRAGMA temp_store = MEMORY",  "PRAGMA cache_size = -512",          "PRAGMA synchronous = FULL",
        "PRAGMA secure_delete = FAST", "PRAGMA max_page_count = " DB_PAGES,
    };
    (void)sqlite3_extended_result_codes(sql, 1);
    (void)sqlite3_busy_timeout(sql, PATIENCE_MS);
    (void)sqlite3_db_config(sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(sql, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    (void)sqlite3_db_config(sql, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    (void)sqlite3_limit(sql, SQLITE_LIMIT_ATTACHED, 0);
    (void)sqlite3_limit(sql, SQLITE_LIMIT_LENGTH, 1 << 20);
    return run_all(sql, texts, COUNT(texts));
}

/* -wal and -shm stay when the last one closes: on a disk that is full there would be no room to make them again. */
static int keep_helpers(sqlite3 *sql)
{
    int on = 1;
    return sqlite3_file_control(sql, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
}

static struct res take(sqlite3 *sql, bool make)
{
    int version = 0, code = set_up(sql);
    if (code == SQLITE_OK)
        code = version_of(sql, &version);
    if (code == SQLITE_OK && version > DB_VERSION)
        return res_err(WHERE "was written by a newer tiergate: run that one, or bring back an older copy");
    if (code == SQLITE_OK && version != DB_VERSION && !(version == 0 && make))
        return res_err(WHERE "is no store of tiergate's: move it away");
    if (code == SQLITE_OK && sqlite3_db_readonly(sql, "main") != 0)
        code = SQLITE_READONLY;
    if (code == SQLITE_OK)
        code = must_say(sql, "PRAGMA quick_check(1)", "ok");
    if (code == SQLITE_OK && (code = must_say(sql, "PRAGMA journal_mode = WAL", "wal")) == SQLITE_CORRUPT)
        return res_err(WHERE "lies where two processes cannot share memory: no network file system");
    if (code == SQLITE_OK)
        code = keep_helpers(sql);
    if (code == SQLITE_OK && make)
        code = make_tables(sql);
    if (code == SQLITE_OK)
        code = check_schema(sql);
    return code == SQLITE_OK ? RES_OK : failure(code);
}

/* The file as it stands on the disk, in this process's hands. */
static struct res open_file(struct db *d, const struct paths *p, bool make)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    const char *vfs = store_vfs();
    if (!vfs)
        return res_err("out of memory");
    int code = sqlite3_open_v2(p->file, &d->sql, flags | (make ? SQLITE_OPEN_CREATE : 0), vfs);
    if (code != SQLITE_OK)
        return failure(code);
    struct res r = take(d->sql, make);
    if (res_ok(r) && !db_prepare(d))
        r = res_err("out of memory");
    if (res_ok(r) && is_there(p->making))
        (void)unlink(p->making); /* one that stays behind does no harm: the file is not empty any more */
    return r;
}

struct db *db_open(const char *folder, struct res *why)
{
    struct paths p;
    bool make = false;
    struct db *d = calloc(1, sizeof(*d));
    *why = !d                       ? res_err("out of memory")
           : make_paths(folder, &p) ? look_before(&p, &make)
                                    : res_err("the store's path is too long");
    if (res_ok(*why))
        *why = open_file(d, &p, make);
    if (!res_ok(*why)) {
        db_close(d);
        return NULL;
    }
    (void)db_changed(d); /* what it says from now on is news */
    return d;
}

void db_close(struct db *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < DB_STATEMENTS; i++)
        (void)sqlite3_finalize(d->statements[i]);
    (void)sqlite3_close(d->sql);
    free(d);
}

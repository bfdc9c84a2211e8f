#include "store/db.h"

#include "base/count.h"
#include "store/db_impl.h"

#define PURGE_BITE "500"
#define COUNT_BYTES 8

const char *db_fault_text(enum db_fault f)
{
    static const char *const texts[DB_FAULTS] = {
        [DB_FINE] = "",
        [DB_FULL] = "the disk is full, or the store has reached its largest size",
        [DB_READ_ONLY] = "the store cannot be written",
        [DB_BROKEN] = "reading or writing the store failed",
        [DB_LOCKED] = "another process keeps the store locked",
        [DB_CORRUPT] = "the store is damaged",
        [DB_GONE] = "the store's file was removed or replaced: restart to use the new one",
        [DB_NO_MEMORY] = "out of memory",
        [DB_OTHER] = "the store does not work",
    };
    return texts[f];
}

enum db_fault db_fault_of(int code)
{
    static const struct {
        int code;
        enum db_fault fault;
    } rows[] = {
        {SQLITE_OK, DB_FINE},        {SQLITE_ROW, DB_FINE},           {SQLITE_DONE, DB_FINE},
        {SQLITE_FULL, DB_FULL},      {SQLITE_READONLY, DB_READ_ONLY}, {SQLITE_PERM, DB_READ_ONLY},
        {SQLITE_IOERR, DB_BROKEN},   {SQLITE_CANTOPEN, DB_BROKEN},    {SQLITE_PROTOCOL, DB_LOCKED},
        {SQLITE_BUSY, DB_LOCKED},    {SQLITE_LOCKED, DB_LOCKED},      {SQLITE_CORRUPT, DB_CORRUPT},
        {SQLITE_NOTADB, DB_CORRUPT}, {SQLITE_NOMEM, DB_NO_MEMORY},    {SQLITE_SCHEMA, DB_CORRUPT},
    };
    if (code == SQLITE_IOERR_NOMEM)
        return DB_NO_MEMORY;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].code == (code & 0xff))
            return rows[i].fault;
    return DB_OTHER;
}

bool db_prepare(struct db *d)
{
    static const char *const texts[DB_STATEMENTS] = {
        [DB_BEGIN] = "BEGIN",
        [DB_BEGIN_WRITING] = "BEGIN IMMEDIATE",
        [DB_COMMIT] = "COMMIT",
        [DB_ROLLBACK] = "ROLLBACK",
        [DB_PUT] = "INSERT INTO record VALUES (?1, ?2, ?3, ?4) "
                   "ON CONFLICT DO UPDATE SET value = excluded.value, ends = excluded.ends",
        [DB_GET] = "SELECT value, ends FROM record WHERE kind = ?1 AND key = ?2 AND ends > ?5",
        [DB_ONCE] = "INSERT INTO record VALUES (?1, ?2, ?3, ?4) "
                    "ON CONFLICT DO UPDATE SET value = excluded.value, ends = excluded.ends WHERE record.ends <= ?5",
        [DB_DELETE] = "DELETE FROM record WHERE kind = ?1 AND key = ?2",
        [DB_LIST] = "SELECT key, value, ends FROM record WHERE kind = ?1 AND ends > ?5 ORDER BY key",
        [DB_PURGE] = "DELETE FROM record WHERE (kind, key) IN "
                     "(SELECT kind, key FROM record WHERE ends <= ?5 ORDER BY ends LIMIT " PURGE_BITE ")",
        [DB_DATA_VERSION] = "PRAGMA data_version",
        [DB_USE_ALL] = "PRAGMA max_page_count = " DB_PAGES,
        [DB_USE_LESS] = "PRAGMA max_page_count = " DB_PAGES_LESS,
    };
    for (size_t i = 0; i < DB_STATEMENTS; i++)
        if (sqlite3_prepare_v3(d->sql, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &d->statements[i], NULL) != SQLITE_OK)
            return false;
    return true;
}

/* --- statements --------------------------------------------------------------------------------------------------- */

/* Parameters have the same number everywhere: kind, key, value, ends, now. Those that a statement has not are refused, which is no fault. */
static sqlite3_stmt *bind(struct db *d, enum db_statement which, const struct op *o, struct span value, int64_t ends_s,
                          int64_t now_s)
{
    sqlite3_stmt *s = d->statements[which];
    struct span key = op_key(o);
    /* An empty one is no NULL. */
    (void)sqlite3_bind_int(s, 1, (int)o->table);
    (void)sqlite3_bind_blob64(s, 2, key.n > 0 ? (const void *)key.p : "", key.n, SQLITE_STATIC);
    (void)sqlite3_bind_blob64(s, 3, value.n > 0 ? (const void *)value.p : "", value.n, SQLITE_STATIC);
    (void)sqlite3_bind_int64(s, 4, ends_s);
    (void)sqlite3_bind_int64(s, 5, now_s);
    return s;
}

/* Ends it, and forgets what it borrowed. */
static enum db_fault finish(sqlite3_stmt *s, int code)
{
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s);
    return db_fault_of(code);
}

static enum db_fault once_through(sqlite3_stmt *s)
{
    int code;
    while ((code = sqlite3_step(s)) == SQLITE_ROW)
        ;
    return finish(s, code);
}

static struct span column(sqlite3_stmt *s, int i)
{
    const void *p = sqlite3_column_blob(s, i);
    return span_make(p, p ? (size_t)sqlite3_column_bytes(s, i) : 0);
}

/* --- transactions ------------------------------------------------------------------------------------------------- */

/* What is written to a file without a name nobody would ever read. */
static bool is_gone(struct db *d)
{
    int moved = 0;
    return sqlite3_file_control(d->sql, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0;
}

void db_undo(struct db *d)
{
    if (!sqlite3_get_autocommit(d->sql)) /* some faults undo by themselves */
        (void)once_through(d->statements[DB_ROLLBACK]);
}

/* It never fails; below the size that the file has, that is the limit. */
void db_use(struct db *d, bool all)
{
    (void)once_through(d->statements[all ? DB_USE_ALL : DB_USE_LESS]);
}

enum db_fault db_begin(struct db *d, bool writes)
{
    if (is_gone(d))
        return DB_GONE;
    db_undo(d); /* undoing needs memory, too, and may have found none */
    return once_through(d->statements[writes ? DB_BEGIN_WRITING : DB_BEGIN]);
}

enum db_fault db_commit(struct db *d)
{
    return once_through(d->statements[DB_COMMIT]);
}

/* --- operations --------------------------------------------------------------------------------------------------- */

static enum db_fault run_put(struct db *d, struct op *o, int64_t now_s)
{
    return once_through(bind(d, DB_PUT, o, op_value(o), o->ends_s, now_s));
}

static enum db_fault run_get(struct db *d, struct op *o, int64_t now_s)
{
    sqlite3_stmt *s = bind(d, DB_GET, o, SPAN_NONE, 0, now_s);
    int code = sqlite3_step(s);
    o->reply.outcome = STORE_NONE;
    if (code == SQLITE_ROW) {
        struct span value = column(s, 0);
        o->reply.outcome = STORE_OK;
        o->reply.ends_s = sqlite3_column_int64(s, 1);
        if (!found_add(&o->found, value.p, value.n))
            code = SQLITE_NOMEM;
    }
    return finish(s, code);
}

static enum db_fault run_delete(struct db *d, struct op *o, int64_t now_s)
{
    return once_through(bind(d, DB_DELETE, o, SPAN_NONE, 0, now_s));
}

static enum db_fault run_take(struct db *d, struct op *o, int64_t now_s)
{
    enum db_fault f = run_get(d, o, now_s);
    return f == DB_FINE && o->reply.outcome == STORE_OK ? run_delete(d, o, now_s) : f;
}

static enum db_fault run_once(struct db *d, struct op *o, int64_t now_s)
{
    enum db_fault f = once_through(bind(d, DB_ONCE, o, op_value(o), o->ends_s, now_s));
    o->reply.outcome = sqlite3_changes(d->sql) == 1 ? STORE_OK : STORE_THERE;
    return f;
}

/* Of a record that holds a number; anything else was not written by us. */
static bool number_of(const struct op *o, uint64_t *out)
{
    if (o->found.n != COUNT_BYTES)
        return false;
    *out = 0;
    for (size_t i = 0; i < COUNT_BYTES; i++)
        *out = *out << 8 | o->found.p[i];
    return true;
}

static enum db_fault put_number(struct db *d, struct op *o, int64_t now_s)
{
    uint8_t bytes[COUNT_BYTES];
    for (size_t i = 0; i < COUNT_BYTES; i++)
        bytes[i] = (uint8_t)(o->reply.count >> (8 * (COUNT_BYTES - 1 - i)));
    return once_through(bind(d, DB_PUT, o, span_make(bytes, COUNT_BYTES), o->reply.ends_s, now_s));
}

static enum db_fault run_count(struct db *d, struct op *o, int64_t now_s)
{
    int64_t latest = now_s + o->window_s; /* a clock that was wrong, or a longer window before */
    enum db_fault f = run_get(d, o, now_s);
    if (f != DB_FINE)
        return f;
    if (o->reply.outcome == STORE_OK && !number_of(o, &o->reply.count))
        return DB_CORRUPT;
    if (o->reply.outcome == STORE_NONE || o->reply.ends_s > latest)
        o->reply.ends_s = latest;
    o->found.n = 0;
    o->reply.outcome = o->reply.count < o->limit ? STORE_OK : STORE_OVER;
    if (o->reply.outcome == STORE_OVER)
        return DB_FINE;
    o->reply.count++;
    return put_number(d, o, now_s);
}

static enum db_fault run_list(struct db *d, struct op *o, int64_t now_s)
{
    sqlite3_stmt *s = bind(d, DB_LIST, o, SPAN_NONE, 0, now_s);
    int code;
    while ((code = sqlite3_step(s)) == SQLITE_ROW)
        if (!found_add_record(&o->found, column(s, 0), column(s, 1), sqlite3_column_int64(s, 2)))
            return finish(s, SQLITE_NOMEM);
    return finish(s, code);
}

enum db_fault db_run(struct db *d, struct op *o, int64_t now_s)
{
    static enum db_fault (*const run[OP_KINDS])(struct db * d, struct op * o, int64_t now_s) = {
        [OP_PUT] = run_put,     [OP_GET] = run_get,       [OP_TAKE] = run_take, [OP_ONCE] = run_once,
        [OP_COUNT] = run_count, [OP_DELETE] = run_delete, [OP_LIST] = run_list,
    };
    return run[o->kind](d, o, now_s);
}

/* --- now and then ------------------------------------------------------------------------------------------------- */

enum db_fault db_purge(struct db *d, int64_t now_s, bool *more)
{
    *more = false;
    if (is_gone(d))
        return DB_GONE;
    sqlite3_stmt *s = d->statements[DB_PURGE];
    (void)sqlite3_bind_int64(s, 5, now_s);
    enum db_fault f = once_through(s);
    *more = f == DB_FINE && sqlite3_changes(d->sql) > 0;
    return f;
}

bool db_changed(struct db *d)
{
    sqlite3_stmt *s = d->statements[DB_DATA_VERSION];
    int64_t before = d->data_version;
    int code = sqlite3_step(s);
    if (code == SQLITE_ROW)
        d->data_version = sqlite3_column_int64(s, 0);
    (void)finish(s, code);
    return d->data_version != before;
}

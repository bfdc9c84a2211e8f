/* What opening and running share. */
#ifndef TG_STORE_DB_IMPL_H
#define TG_STORE_DB_IMPL_H

#include <sqlite3.h>

#include "store/db.h"

enum db_statement {
    DB_BEGIN = 0,
    DB_BEGIN_WRITING,
    DB_COMMIT,
    DB_ROLLBACK,
    DB_PUT,
    DB_GET,
    DB_ONCE,
    DB_DELETE,
    DB_LIST,
    DB_PURGE,
    DB_DATA_VERSION,
    DB_USE_ALL,
    DB_USE_LESS,
    DB_STATEMENTS
};

/* 256 MiB: a flood must not fill the disk that others need. Seven eighths of it are for what anybody can cause. */
#define DB_PAGES "65536"
#define DB_PAGES_LESS "57344"

struct db {
    sqlite3 *sql;
    sqlite3_stmt *statements[DB_STATEMENTS];
    int64_t data_version;
};

/* Of an SQLite result code. */
enum db_fault db_fault_of(int code);
/* False: no memory, or the tables are not what they should be. */
bool db_prepare(struct db *d);

#endif

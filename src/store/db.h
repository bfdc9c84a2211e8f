/* The store's file: opened and checked, then operations one by one within transactions. Only src/store/ includes this.
 * thread: one at a time. */
#ifndef TG_STORE_DB_H
#define TG_STORE_DB_H

#include "store/op.h"

#define DB_FILE "tiergate.db"
#define DB_VERSION 1

struct db;

/* Why something could not be done. */
enum db_fault {
    DB_FINE = 0,
    DB_FULL,
    DB_READ_ONLY,
    DB_BROKEN, /* the disk, not what stands on it */
    DB_LOCKED,
    DB_CORRUPT,
    DB_GONE,
    DB_NO_MEMORY,
    DB_OTHER,
    DB_FAULTS
};

/* For store_reply.detail, and stderr. */
const char *db_fault_text(enum db_fault f);

/* NULL: *why. */
struct db *db_open(const char *folder, struct res *why);
void db_close(struct db *d);

/* The first fault undoes the whole transaction. */
enum db_fault db_begin(struct db *d, bool writes) MUSTUSE;
/* How large the file may become from now on: all of its size, or less, which leaves room for what takes sessions back. */
void db_use(struct db *d, bool all);
/* Fills o->reply and o->found, without `value`. */
enum db_fault db_run(struct db *d, struct op *o, int64_t now_s) MUSTUSE;
enum db_fault db_commit(struct db *d) MUSTUSE;
void db_undo(struct db *d);

/* Takes some of what has ended away: a transaction of its own. *more: there may be more of it. */
enum db_fault db_purge(struct db *d, int64_t now_s, bool *more) MUSTUSE;
/* Has another process, or another store, written since it was last asked? */
bool db_changed(struct db *d);

#endif

/* What must outlive a worker, or be one for all threads and machines: revocations, one-time codes, counts. Small records under
 * (table, key), each with an end. SQLite in the state folder, on a thread of its own; every answer comes by loop_post, in the order of
 * asking (a refusal for want of room or memory may come sooner). What was answered with STORE_OK is on the disk.
 * thread: the loop's that it was opened for; the record of what is under way is copied. */
#ifndef TG_STORE_STORE_H
#define TG_STORE_STORE_H

#include "base/res.h"
#include "base/span.h"
#include "net/loop.h"

/* The names stand in the file: never give one a new meaning. */
enum store_table {
    STORE_REVOKED = 0, /* what takes sessions back (gate/ledger.h) */
    STORE_PEOPLE,      /* who signed in with GitHub, with a sealed token to look again */
    STORE_LOGINS,      /* github login → the numeric id that first came with it */
    STORE_PINS,
    STORE_CODES,  /* hand-off */
    STORE_USED,   /* nonces that were used up */
    STORE_COUNTS, /* attempts within windows */
    STORE_TOKENS, /* service tokens: when last used */
    STORE_SINCE,  /* gate → since when STORE_PEOPLE names everybody */
    STORE_TABLES
};

#define STORE_KEY_MAX 256
#define STORE_VALUE_MAX 16384

enum store_outcome {
    STORE_OK = 0,
    STORE_NONE,  /* get, take: nothing there, or its end has come */
    STORE_THERE, /* once: somebody was first */
    STORE_OVER,  /* count: the limit was reached before */
    STORE_FAILED /* disk full, corrupt, no memory, too much under way: fail closed */
};

struct store_reply {
    enum store_outcome outcome;
    struct span value;  /* get, take: valid during the call */
    uint64_t count;     /* count: within the window, this one included */
    int64_t ends_s;     /* get, take: the record's end; count: when the window ends */
    const char *detail; /* STORE_FAILED: static */
};

typedef void (*store_done)(void *arg, const struct store_reply *r);

struct store;

/* folder: exists, private, ours; "." is the working directory. Opens (or makes) the file and checks it; blocks. NULL: *why, which tells what
 * to do. A file that is there but cannot be used is never replaced: it may say who is not to be let in. on_change (may be NULL) is called on
 * the loop when another process has written, within half a second. The first of a process is opened while no other is being opened. */
struct store *store_open(const char *folder, struct loop *loop, void (*on_change)(void *arg), void *arg,
                         struct res *why);
/* Is there a file, usable or not, that something was ever written to? */
bool store_exists(const char *folder);
/* Finishes what is under way; no answer is given any more. May be called from within an answer. */
void store_close(struct store *s);

/* So much may be under way; what is beyond it gets STORE_FAILED. An eighth of it, and of the file's size, is kept for STORE_REVOKED: who
 * floods the store must not keep anybody from taking back. */
#define STORE_QUEUE 4096u
#define STORE_QUEUE_BYTES (16u << 20)

/* All of them: done(arg, …) comes later exactly once, never from inside the call, unless the store is closed before; done may be NULL.
 * Ends are wall clock seconds. */
void store_put(struct store *s, enum store_table t, struct span key, struct span value, int64_t ends_s, store_done done,
               void *arg);
void store_get(struct store *s, enum store_table t, struct span key, store_done done, void *arg);
/* Get and delete in one: of many who take, one gets it. */
void store_take(struct store *s, enum store_table t, struct span key, store_done done, void *arg);
/* Put where nothing is: of many, one gets STORE_OK. */
void store_once(struct store *s, enum store_table t, struct span key, struct span value, int64_t ends_s,
                store_done done, void *arg);
/* Adds one within a window that begins with the first: STORE_OVER, and nothing added, when `limit` were counted already. A window never ends
 * later than window_s from now, whatever it was begun with. */
void store_count(struct store *s, enum store_table t, struct span key, uint32_t window_s, uint64_t limit,
                 store_done done, void *arg);
void store_delete(struct store *s, enum store_table t, struct span key, store_done done, void *arg);
/* each() for all live records of a table, in the order of keys, then done. All on the loop, in one go. */
typedef void (*store_each)(void *arg, struct span key, struct span value, int64_t ends_s);
void store_list(struct store *s, enum store_table t, store_each each, store_done done, void *arg);

/* Of the library that runs here. */
const char *store_sqlite_version(void);

#endif

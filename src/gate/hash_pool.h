/* One thread that checks password hashes, away from the loops. Its queue is bounded, with a share per address, so that
 * one client cannot make the others wait. Results come back by loop_post. thread: any, lock. */
#ifndef TG_GATE_HASH_POOL_H
#define TG_GATE_HASH_POOL_H

#include "gate/basic.h"
#include "gate/crypt_hash.h"
#include "net/loop.h"

struct hash_pool;

enum hash_state { HASH_QUEUED = 0, HASH_TAKEN };

/* Made by hash_job_new, the pool's from hash_pool_add on, until on_done runs (then it frees itself when
 * on_done returns) or the job is abandoned. */
struct hash_job {
    struct loop *loop;                     /* borrows: where on_done runs */
    void (*on_done)(struct hash_job *job); /* thread: the loop's */
    void *arg;
    enum crypt_verdict verdict; /* for on_done */
    /* the pool's */
    struct hash_job *next, *prev;
    enum hash_state state;
    bool abandoned;
    struct cidr bucket;
    char password[BASIC_PASSWORD_MAX + 1];
    char hash[CRYPT_HASH_MAX];
};

/* Starts the thread. NULL: no memory or thread. */
struct hash_pool *hash_pool_new(uint32_t queue, uint32_t per_address);
void hash_pool_set_limits(struct hash_pool *p, uint32_t queue, uint32_t per_address);
/* Ends the thread after the hash it is at. All jobs must be abandoned or done. */
void hash_pool_free(struct hash_pool *p);

/* Copies. NULL: no memory, or too long. */
struct hash_job *hash_job_new(struct span password, struct span hash, const struct addr *client);
void hash_job_free(struct hash_job *j); /* wipes; only before hash_pool_add */

/* False: the queue, or the share of the address, is full; the job stays the caller's. */
bool hash_pool_add(struct hash_pool *p, struct hash_job *j);
/* on_done will not be called any more, and the job is gone. thread: the loop's. */
void hash_pool_abandon(struct hash_pool *p, struct hash_job *j);
/* As hash_pool_abandon, but only when its hash was not begun (true); else nothing happens, and on_done will be called. */
bool hash_pool_withdraw(struct hash_pool *p, struct hash_job *j);

#endif

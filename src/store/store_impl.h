/* The inside of a store: the loop's side (store.c) and the thread's (writer.c). */
#ifndef TG_STORE_STORE_IMPL_H
#define TG_STORE_STORE_IMPL_H

#include <pthread.h>

#include "store/db.h"
#include "store/op.h"

#define STORE_SPARES 64

/* What a message in the loop's mailbox points to: it may still lie there when the store is gone. */
struct store_link {
    struct store *store; /* thread: the loop's; NULL: closed */
};

struct store {
    struct loop *loop;
    void (*on_change)(void *arg);
    void *arg;
    struct store_link *link;
    struct loop_task refusals; /* tells `refused` */
    struct op_list refused;
    struct op_list telling;  /* being told: what a callback that closes the store leaves over */
    bool *closed_meanwhile;  /* points into who is telling; NULL: nobody is */
    size_t under_way, bytes; /* not yet answered */
    struct op spares[STORE_SPARES];
    struct op_list free_spares;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake; /* monotonic */
    struct {             /* thread: any, lock */
        struct op_list queue;
        struct op_list finished;
        bool changed; /* to be told */
        bool posted;  /* the link is in the mailbox */
        bool stopping;
    } shared;
    struct { /* the thread's own */
        struct db *db;
        unsigned told; /* bits of enum db_fault */
        uint64_t fault_ms;
        uint64_t poll_ms, purge_ms; /* when next */
    } writer;
};

void *store_writer(void *store);
/* thread: the loop's; takes what is finished and tells it. */
void store_on_message(void *link);

#endif

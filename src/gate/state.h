/* Inside of gate/: what a worker and what a loop thread keep. */
#ifndef TG_GATE_STATE_H
#define TG_GATE_STATE_H

#include "base/crypto/mac.h"
#include "base/hash.h"
#include "gate/cache.h"
#include "gate/hash_pool.h"
#include "gate/limits.h"

struct shared_pairs;

struct gate_shared {
    struct limits *limits;      /* owns; thread: any */
    struct hash_pool *pool;     /* owns; thread: any */
    struct shared_pairs *pairs; /* owns; thread: any */
    uint8_t key[32];            /* of this process; immutable */
};

/* The name of a (gate, user, stored secret, password) without any of them: HMAC by the process's key. */
struct pair {
    uint8_t sum[MAC_SIZE];
};

struct gate_thread {
    struct gate_shared *shared; /* borrows */
    struct loop *loop;          /* borrows */
    struct mac *mac;            /* owns; keyed by shared->key */
    struct hash_key login_key;  /* of this thread */
    struct cache *logins;       /* owns; see logins.h */
    struct cache *sessions;     /* owns; verified tokens, see session.c */
    struct cache *assertions;   /* owns; for origins, see assertion.h */
    struct ledger *ledger;      /* owns a reference; NULL: nothing is taken back */
    struct flight *flights;     /* owns; list of the pairs being hashed for this thread */
};

#endif

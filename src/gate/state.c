#include "gate/state.h"

#include "base/crypto/random.h"
#include "gate/flight.h"
#include "gate/ledger.h"
#include "gate/pairs.h"

#include <stdlib.h>

#define MIB 1048576u
#define LOGINS 1024
/* A full set loses one each time, so that ten thousand sessions need many more places; an empty one costs nothing but address space. Of
 * bytes they have enough for twice as many: about 600 and 1,400 each. */
#define SESSIONS 32768
#define SESSIONS_BYTES (16 * MIB)
/* A new one costs a signature: tens of thousands of look-ups. */
#define ASSERTIONS 65536
#define ASSERTIONS_BYTES (32 * MIB)

struct gate_shared *gate_shared_new(const struct gate_limits *limits)
{
    struct gate_shared *g = calloc(1, sizeof(*g));
    if (!g)
        return NULL;
    g->limits = limits_new(limits);
    g->pool = hash_pool_new(limits->hash_queue, limits->hash_queue_per_address);
    g->pairs = shared_pairs_new();
    if (g->limits && g->pool && g->pairs && res_ok(random_bytes(g->key, sizeof(g->key))))
        return g;
    gate_shared_free(g);
    return NULL;
}

void gate_shared_set_limits(struct gate_shared *g, const struct gate_limits *limits)
{
    limits_set(g->limits, limits);
    hash_pool_set_limits(g->pool, limits->hash_queue, limits->hash_queue_per_address);
}

void gate_shared_free(struct gate_shared *g)
{
    if (!g)
        return;
    hash_pool_free(g->pool);
    limits_free(g->limits);
    shared_pairs_free(g->pairs);
    wipe(g->key, sizeof(g->key));
    free(g);
}

struct gate_thread *gate_thread_new(struct gate_shared *shared, struct loop *loop)
{
    struct gate_thread *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->shared = shared;
    t->loop = loop;
    t->mac = mac_new(span_make(shared->key, sizeof(shared->key)));
    t->login_key = hash_key_random();
    t->logins = cache_new(LOGINS, 2 * MIB);
    t->sessions = cache_new(SESSIONS, SESSIONS_BYTES);
    t->assertions = cache_new(ASSERTIONS, ASSERTIONS_BYTES);
    if (t->mac && t->logins && t->sessions && t->assertions)
        return t;
    gate_thread_free(t);
    return NULL;
}

void gate_thread_free(struct gate_thread *t)
{
    if (!t)
        return;
    flight_abandon_all(t);
    mac_free(t->mac);
    cache_free(t->logins);
    cache_free(t->sessions);
    cache_free(t->assertions);
    ledger_unref(t->ledger);
    free(t);
}

void gate_thread_set_ledger(struct gate_thread *t, struct ledger *l)
{
    struct ledger *old = t->ledger;
    t->ledger = l ? ledger_ref(l) : NULL;
    ledger_unref(old);
}

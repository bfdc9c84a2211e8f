/* Inside of edge/: the state of one loop thread and of the worker. */
#ifndef TG_EDGE_THREAD_H
#define TG_EDGE_THREAD_H

#include <stdatomic.h>

#include "base/budget.h"
#include "edge/edge.h"
#include "edge/places.h"
#include "net/listener.h"
#include "net/timer.h"

#define EDGE_SWEEP_MS 250u
#define EDGE_HIGH (64u * 1024) /* stop filling a queue here … */
#define EDGE_LOW (16u * 1024)  /* … and go on when it fell to this */
#define EDGE_READ_HIGH (64u * 1024)
#define EDGE_READ_LEAST (4u * 1024) /* room for less is not worth a read */
/* The same while memory is tight. */
#define EDGE_HIGH_TIGHT (20u * 1024)
_Static_assert(EDGE_HIGH_TIGHT >= EDGE_LOW + EDGE_READ_LEAST, "or nobody would be told that there is room again");

struct conn;
struct address_counts;
struct cache;
struct signin;

struct edge_shared {
    struct gate_shared *gate;         /* borrows */
    struct log *log;                  /* borrows */
    struct signin *signin;            /* borrows; NULL: there is none, and nobody can sign in but by Basic */
    atomic_uint_fast64_t connections; /* open now, all threads together */
    struct address_counts *addresses; /* owns; has its own lock */
    struct place_pool places[PLACE_KINDS];
    struct budget budget;   /* memory that connections hold */
    size_t memory;          /* the bound when the rules name none */
    atomic_uint level_told; /* enum budget_level of the last line in the log */
};

/* A thread's share of a snapshot: one atomic reference for all of its exchanges, counted here without atomics. */
struct snapshot_hold {
    struct snapshot *snapshot; /* owns a reference */
    unsigned refs;
};

struct edge_listener {
    struct edge_thread *thread; /* back */
    struct edge_listener *next;
    struct listener *listener; /* owns */
    int fd;                    /* borrows */
    struct addr address;
};

struct edge_thread {
    struct edge_shared *shared; /* borrows */
    struct loop *loop;          /* borrows */
    struct snapshot_hold *hold; /* the configuration for new exchanges; NULL before the first */
    struct gate_thread *gate;
    struct resolver *resolver;
    struct origin_thread *origins;
    struct proxy_acceptor *proxies;
    struct policy_scratch *scratch;
    struct cache *token_traces; /* service tokens that were seen lately */
    struct log_ring *ring;
    struct edge_listener *listeners;
    struct conn *conns; /* all open connections and tunnels */
    struct timer sweep;
    enum budget_level level; /* at the last sweep */
    unsigned guests;         /* see shed.h */
    char date[29];           /* IMF-fixdate of date_s */
    int64_t date_s;
    enum { EDGE_SERVING = 0, EDGE_DRAINING, EDGE_GONE } state;
    enum edge_drain drain;            /* while draining */
    uint64_t drain_ms, tunnel_cut_ms; /* loop times at which everything / tunnels end */
    void (*on_drained)(void *arg);
    void *drained_arg;
};

/* How much a queue of body bytes may hold now. */
static inline size_t edge_high(const struct edge_thread *t)
{
    return budget_level(&t->shared->budget) == BUDGET_CALM ? EDGE_HIGH : EDGE_HIGH_TIGHT;
}

struct snapshot_hold *snapshot_hold_take(struct edge_thread *t);
void snapshot_hold_give(struct snapshot_hold *h);

/* Called when a connection went: maybe the drain is over. */
void edge_thread_closed_one(struct edge_thread *t);
/* IMF-fixdate for our own answers, formatted once per second. */
struct span edge_thread_date(struct edge_thread *t);
/* arg: a struct edge_listener. May more peers come in now? */
bool edge_is_open(void *arg);
void edge_on_accept(void *arg, int fd, const struct addr *peer);

#endif

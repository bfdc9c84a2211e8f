/* The edge: listeners, connections and exchanges of one loop thread. This is all that control sees of it. */
#ifndef TG_EDGE_EDGE_H
#define TG_EDGE_EDGE_H

#include "base/log.h"
#include "config/snapshot.h"
#include "gate/gate.h"
#include "net/loop.h"

/* Per worker: what all loop threads share. thread: any (atomics). */
struct edge_shared;

/* Is this path one of ours, whatever the rules say? Of a canonical path, decoded. */
bool edge_answers_itself(struct span decoded_path);

/* `memory`: how much connections may hold when the rules do not say, in bytes. */
struct edge_shared *edge_shared_new(struct gate_shared *gate, struct log *log, size_t memory);
struct signin; /* gate/signin.h */
/* Before the first edge_thread; it outlives them all. */
void edge_shared_set_signin(struct edge_shared *s, struct signin *signin);
/* What all threads have open and hold now. thread: any. */
struct edge_load {
    uint64_t connections;
    const char *memory_level; /* static */
    size_t memory_held, memory_limit;
};
struct edge_load edge_shared_load(const struct edge_shared *s);
/* All edge_threads must be gone. */
void edge_shared_free(struct edge_shared *s);

struct edge_thread; /* thread: the loop's */

/* `resolver_servers`: as resolver_new. NULL: no memory. */
struct edge_thread *edge_thread_new(struct edge_shared *s, struct loop *loop, const char *resolver_servers);
/* Everything must be closed (edge_thread_drain said so, or edge_thread_abort was called). */
void edge_thread_free(struct edge_thread *t);

/* A bound socket and which listen[] entry it serves. */
struct edge_listen {
    int fd;              /* borrowed: owned by the process, not by the snapshot */
    struct addr address; /* equals snapshot->listen[i].address */
};

/* Commits a configuration: the thread takes its own reference. Listeners that stay keep their queues; new ones start, others stop.
 * Exchanges that run keep the snapshot they began with, but those that the new rules would not admit end. A thread
 * that drains takes the rules for what is open, and no listeners. False: no memory, and nothing changed. */
bool edge_thread_set(struct edge_thread *t, struct snapshot *snapshot, const struct edge_listen *listens,
                     size_t count) MUSTUSE;

struct ledger; /* gate/ledger.h */
/* From now on sessions are judged by l (the thread takes its own reference), and what is open with one that it takes back ends: WebSockets
 * with 4401. Returns how many exchanges and tunnels that were. Also while the thread drains. */
unsigned edge_thread_set_ledger(struct edge_thread *t, struct ledger *l);

enum edge_drain {
    EDGE_DRAIN_END = 0,
    EDGE_DRAIN_HAND_OVER /* another worker listens on the same sockets: who came here with his first request still gets it answered */
};

/* Stops accepting; idle connections close at once, open exchanges end with Connection: close, tunnels are cut after the snapshot's
 * tunnel grace, everything after its drain timeout. on_done is called once when nothing is left. */
void edge_thread_drain(struct edge_thread *t, enum edge_drain how, void (*on_done)(void *arg), void *arg);
/* Cuts everything now. */
void edge_thread_abort(struct edge_thread *t);

#endif

/* Inside of edge/: places at the origins, so that who asks for much at once takes them from himself (ADR 0013).
 *
 * A connection brings one place with it: what descriptors it may need was reckoned with when it was let in. What is beyond
 * that comes out of pools, and goes back when the exchange ends:
 *
 *   PLACE_STRANGER        any exchange without an identity, for the memory that it may come to hold
 *   PLACE_STRANGER_MORE   one of them beside another of its connection, for the descriptor that it may come to need
 *   PLACE_SIGNED_IN_MORE  the same of somebody who is signed in
 *
 * So strangers take nothing from those who are signed in, and who is signed in and has one request at a time touches no
 * pool at all. An address has at most as many places of a pool as are free in it: alone, half of them; and whatever some
 * addresses do, the next one finds as many as each of them has. */
#ifndef TG_EDGE_PLACES_H
#define TG_EDGE_PLACES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum place_kind { PLACE_STRANGER = 0, PLACE_STRANGER_MORE, PLACE_SIGNED_IN_MORE, PLACE_KINDS };

/* thread: any. Touched by exchanges that need one of its kind, and those touch all of it: one cache line. */
struct place_pool {
    atomic_uint taken, limit;
    _Atomic uint64_t wanted_ms, full_ms; /* loop times of the last refusals: any, and because all were taken */
    char apart[64];
};

enum place_answer {
    PLACE_TAKEN = 0,
    PLACE_TAKEN_LATE, /* so many are taken that its queues should fill less */
    PLACE_NONE,       /* all are taken */
    PLACE_ENOUGH      /* the address has as many as are free */
};

/* `of_address`: how many of this pool its address has; NULL: nobody knows whose it is, and only the pool counts. */
enum place_answer place_take(struct place_pool *p, atomic_uint *of_address);
void place_give(struct place_pool *p, atomic_uint *of_address);
/* How many strangers' exchanges may be under way when all connections together may hold so many bytes. */
unsigned places_for_memory(size_t bytes);

struct edge_shared;
struct edge_thread;
struct exchange;
struct limits_config;

/* What an exchange has. */
struct place {
    uint8_t kinds;                 /* a bit for each enum place_kind */
    bool of_conn;                  /* the one that its connection brought */
    bool modest;                   /* its queues fill less, whatever the level */
    struct address_count *address; /* counted there; NULL: nowhere. Alive while the exchange has a place … */
    bool held;                     /* … because it holds it, not its connection */
};

/* The rules changed, or are the first. `memory`: in bytes. */
void places_configure(struct edge_shared *s, const struct limits_config *l, size_t memory);
/* x is to go to its origin. NULL: it may, and has its places (an exchange that asks again keeps them); else why not: static text. */
const char *places_enter(struct exchange *x);
/* Its origin is asked on a connection that others use too: what it took for a descriptor goes back. */
void places_share(struct exchange *x);
/* No effect when it has none. */
void places_leave(struct exchange *x);
/* Did strangers come lately who found no place? */
bool places_are_wanted(const struct edge_thread *t);
/* … who could have had this one? */
bool places_is_wanted(const struct exchange *x);
#define PLACES_STREAMS_MOST 100u
/* How many requests at a time a connection with HTTP/2 is told to have: as many as one alone finds places for. */
unsigned places_streams(const struct edge_thread *t);

#endif

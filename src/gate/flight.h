/* Pairs whose hash is being checked for this thread: whoever brings the same pair meanwhile waits for the same result,
 * so that a page with twenty requests costs one hash. thread: the loop's. */
#ifndef TG_GATE_FLIGHT_H
#define TG_GATE_FLIGHT_H

#include "gate/state.h"

struct flight;

/* One check that waits, in the exchange's arena. */
struct gate_wait {
    struct gate_check *check; /* back */
    struct flight *flight;
    struct gate_wait *next, *prev;
    const struct basic_user *user; /* of the check's own gate; NULL: no such user */
};

struct attempt {
    struct pair pair;
    struct limit_ticket ticket;
    const struct basic_user *user; /* NULL: no such user */
    struct span hash;              /* what the password is checked against; empty: the plain secret has been already */
    struct span password;
    bool plain_wrong; /* a plain secret that did not fit: hashed all the same, for equal times */
};

struct flight *flight_find(struct gate_thread *t, const struct pair *pair);
/* GATE_PENDING, GATE_BUSY or GATE_FAILED. limits_begin() has been called; limits_end()
 * follows with the result, or here. */
enum gate_result flight_start(struct gate_thread *t, struct gate_check *c, const struct attempt *a);
/* Waits for a flight under way. */
enum gate_result flight_join(struct flight *f, struct gate_check *c, const struct attempt *a);
/* The check is no longer interested. */
void flight_leave(struct gate_thread *t, struct gate_wait *w);
/* The thread ends: nobody waits any more. */
void flight_abandon_all(struct gate_thread *t);

#endif

/* Good pairs of name and password, remembered as keyed hashes only: each thread has its own table, and one of the worker stands behind
 * them, so that a pair verified on one thread is neither hashed nor limited again on another. */
#ifndef TG_GATE_PAIRS_H
#define TG_GATE_PAIRS_H

#include "gate/state.h"

#define PAIR_TTL_MS 300000u /* a remembered pair is verified again after this */

/* The shared table; its lock is taken only when a thread meets a pair that it does not know. NULL: no memory. */
struct shared_pairs *shared_pairs_new(void);
void shared_pairs_free(struct shared_pairs *s);

bool pairs_know(struct gate_thread *t, const struct pair *pair);
void pairs_remember(struct gate_thread *t, const struct pair *pair);

#endif

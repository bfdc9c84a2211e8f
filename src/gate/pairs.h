/* Good pairs of name and password, remembered as keyed hashes only, for all threads of the worker: a pair verified on one is neither
 * hashed nor limited again on another. One lock, taken only for a login that the thread does not know (logins.h). */
#ifndef TG_GATE_PAIRS_H
#define TG_GATE_PAIRS_H

#include "gate/state.h"

#define PAIR_TTL_MS 300000u /* a remembered pair is verified again after this */

/* NULL: no memory. */
struct shared_pairs *shared_pairs_new(void);
void shared_pairs_free(struct shared_pairs *s);

/* When the pair is to be verified again (loop time); 0: it is not known. */
uint64_t pairs_find(const struct gate_thread *t, const struct pair *pair);
/* From now on; returns the same. */
uint64_t pairs_remember(const struct gate_thread *t, const struct pair *pair);

#endif

/* Fast per-thread random numbers for request ids and jitter: never for secrets (base/crypto/random.h). */
#ifndef TG_BASE_RNG_H
#define TG_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_init(struct rng *r); /* seeded from the kernel */
uint64_t rng_u64(struct rng *r);

#endif

/* Keyed, non-cryptographic hash (SipHash-1-3) for tables whose keys come from peers. */
#ifndef TG_BASE_HASH_H
#define TG_BASE_HASH_H

#include "base/span.h"

struct hash_key {
    uint64_t k0, k1;
};

/* A key from the kernel's random source. */
struct hash_key hash_key_random(void);
uint64_t hash_span(struct hash_key key, struct span s);

#endif

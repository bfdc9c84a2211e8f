/* Keyed hashes (SipHash) for tables whose keys come from peers. */
#ifndef TG_BASE_HASH_H
#define TG_BASE_HASH_H

#include "base/span.h"

struct hash_key {
    uint64_t k0, k1;
};

/* A key from the kernel's random source. */
struct hash_key hash_key_random(void);
uint64_t hash_span(struct hash_key key, struct span s);

#define HASH_TAG 16
/* SipHash-2-4 with 128 bits: a pseudo-random function, so a tag can't be found without the key. For names in tables of this process that
 * must be right and quick; what leaves the process gets base/crypto/mac.h. The parts are taken one behind the other: callers see to
 * it that they can't run into each other. */
void hash_tag(struct hash_key key, const struct span *parts, size_t count, uint8_t out[HASH_TAG]);

#endif

#include "base/rng.h"

#include <stdlib.h>
#include <sys/random.h>

void rng_init(struct rng *r)
{
    /* As for hash_key_random(): a request this small cannot fail on a booted kernel. */
    if (getrandom(r->s, sizeof(r->s), 0) != (ssize_t)sizeof(r->s))
        abort();
    r->s[0] |= 1; /* the all-zero state would stay zero for ever */
}

static inline uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

/* xoshiro256** */
uint64_t rng_u64(struct rng *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

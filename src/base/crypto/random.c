#include "base/crypto/random.h"

#include <limits.h>

#include <openssl/rand.h>

/* The generator kept for secrets alone: nobody has ever seen its output. */
struct res random_bytes(uint8_t *out, size_t n)
{
    if (n > INT_MAX || RAND_priv_bytes(out, (int)n) != 1)
        return res_err("no random bytes");
    return RES_OK;
}

/* Authenticated encryption of short texts that travel by the client and come back: AES-256-GCM with a random nonce, base64url outside.
 * Pure but for the nonce. */
#ifndef TG_BASE_CRYPTO_SEAL_H
#define TG_BASE_CRYPTO_SEAL_H

#include "base/res.h"
#include "base/span.h"

#define SEAL_KEY 32
#define SEAL_EXTRA (12 + 16)
#define SEAL_TEXT_SIZE(n) (((n) + SEAL_EXTRA + 2) / 3 * 4)

/* `purpose` is authenticated, not contained: what was sealed for one opens for no other. out: SEAL_TEXT_SIZE(plain.n) bytes; *n = written. */
struct res seal_make(const uint8_t key[SEAL_KEY], struct span purpose, struct span plain, char *out, size_t *n) MUSTUSE;
/* False: not by this key and purpose, altered, or more than cap bytes. */
bool seal_open(const uint8_t key[SEAL_KEY], struct span purpose, struct span text, uint8_t *out, size_t cap, size_t *n);

#endif

/* RFC 4648: standard alphabet with padding, URL alphabet without. Strict: no white space, no
 * stray bits, no wrong padding. */
#ifndef TG_BASE_CRYPTO_BASE64_H
#define TG_BASE_CRYPTO_BASE64_H

#include "base/span.h"

#define BASE64_SIZE(n) (((n) + 2) / 3 * 4)

/* Returns bytes written to out (room for BASE64_SIZE(s.n)). */
size_t base64_encode(struct span s, char *out);
size_t base64url_encode(struct span s, char *out);
/* False when s is not exactly one encoding, or would exceed cap. *n = bytes written. */
bool base64_decode(struct span s, uint8_t *out, size_t cap, size_t *n);
bool base64url_decode(struct span s, uint8_t *out, size_t cap, size_t *n);

#endif

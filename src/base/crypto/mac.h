/* HMAC-SHA-256, HKDF-SHA-256, SHA-256 and constant-time comparison. A struct mac is made once per key and thread and
 * used again for every message without allocation. */
#ifndef TG_BASE_CRYPTO_MAC_H
#define TG_BASE_CRYPTO_MAC_H

#include "base/res.h"
#include "base/span.h"

#define MAC_SIZE 32

struct mac; /* thread: the one that made it */

/* NULL: no memory, or an empty key (a secret that was never set must not sign). */
struct mac *mac_new(struct span key);
void mac_free(struct mac *m);
/* One message in `count` parts; each part is preceded by its length (8 bytes), so parts cannot run into each other. */
struct res mac_sum(struct mac *m, const struct span *parts, size_t count, uint8_t out[MAC_SIZE]) MUSTUSE;

/* RFC 5869; 1 <= `out_n` <= 255 * 32; an empty secret is refused. */
struct res hkdf_sha256(struct span secret, struct span salt, struct span info, uint8_t *out, size_t out_n) MUSTUSE;
struct res sha256(struct span s, uint8_t out[32]) MUSTUSE;
/* For RFC 6455 §4.2.2 alone. */
struct res sha1(struct span s, uint8_t out[20]) MUSTUSE;
/* Time depends on n alone. */
bool equal_const_time(const uint8_t *a, const uint8_t *b, size_t n);
/* Overwrites and is not optimised away. */
void wipe(void *p, size_t n);

#endif

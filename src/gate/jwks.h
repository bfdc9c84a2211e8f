/* Sets of public keys (RFC 7517): read from an issuer, written for verifiers. RSA for RS256 alone. */
#ifndef TG_GATE_JWKS_H
#define TG_GATE_JWKS_H

#include "base/crypto/rsa.h"

#define JWKS_KEYS_MAX 32u

struct jwks; /* immutable */

/* Keys of other kinds and uses, and those without a name, are left out; of two with one name none counts. NULL: no set, too many keys, or
 * no memory. */
struct jwks *jwks_parse(struct span text);
void jwks_free(struct jwks *s);
size_t jwks_count(const struct jwks *s);
/* NULL: not among them. */
const struct rsa_key *jwks_find(const struct jwks *s, struct span kid);

#define JWKS_KID 64
/* A name made of the key itself: its thumbprint (RFC 7638) in hex. False: no memory. */
bool jwks_kid(const struct rsa_key *key, char kid[JWKS_KID]);
/* The key's public parts as one JWK. */
void jwks_add(struct text *out, const struct rsa_key *key, struct span kid);

#endif

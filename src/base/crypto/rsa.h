/* RSA 2048 with SHA-256 (RS256, RFC 7518 §3.3): our own keys for assertions, and foreign public keys that come as JWK. */
#ifndef TG_BASE_CRYPTO_RSA_H
#define TG_BASE_CRYPTO_RSA_H

#include "base/res.h"
#include "base/text.h"

#define RSA_SIGNATURE 256 /* bytes, of our own keys */
#define RSA_BYTES_MAX 512 /* of any modulus or signature here */

struct rsa_key; /* thread: any, once made */

/* A new key as PEM (PKCS #8), added to *out. It takes tens to hundreds of milliseconds: not for a loop's thread. */
struct res rsa_make_pem(struct text *out) MUSTUSE;
/* NULL: not an unencrypted RSA key of 2048 to 4096 bits, or no memory. */
struct rsa_key *rsa_from_pem(struct span pem);
/* A foreign public key. n, e: big-endian, without leading zeros (RFC 7518 §2). NULL: no key of 2048 to 4096 bits that is safe to use
 * (even modulus; exponent even, 1, or longer than 8 bytes), or no memory. */
struct rsa_key *rsa_from_parts(struct span n, struct span e);
void rsa_key_free(struct rsa_key *k);
/* Bytes of modulus and exponent, for a JWK; the lengths hold the room before. False: they do not fit. */
bool rsa_parts(const struct rsa_key *k, uint8_t *n, size_t *n_len, uint8_t *e, size_t *e_len);
/* RSASSA-PKCS1-v1_5 with SHA-256. Fails with a public key, or when `cap` is too small. */
struct res rsa_sign(const struct rsa_key *k, struct span message, uint8_t *signature, size_t cap, size_t *len) MUSTUSE;
bool rsa_verify(const struct rsa_key *k, struct span message, struct span signature);
/* A self-signed certificate of the key in PEM, as Access serves beside its keys; added to *out. common_name: 1 to 64 bytes, UTF-8. */
struct res rsa_certificate_pem(const struct rsa_key *k, struct span common_name, struct text *out) MUSTUSE;

#endif

/* Password hashes of crypt(3): which kinds are taken, how one is checked and how a new one is made.
 * All of libcrypt is in crypt_hash.c. */
#ifndef TG_GATE_CRYPT_HASH_H
#define TG_GATE_CRYPT_HASH_H

#include "base/res.h"
#include "base/span.h"

enum crypt_kind { CRYPT_KIND_NONE = 0, CRYPT_KIND_BCRYPT, CRYPT_KIND_YESCRYPT, CRYPT_KIND_SHA512, CRYPT_KIND_SHA256 };

#define CRYPT_HASH_MAX 384 /* longest hash that is taken */

/* CRYPT_KIND_NONE: not a hash that is taken (unknown, malformed, or so costly that one
 * check would take many seconds). */
enum crypt_kind crypt_hash_kind(struct span hash);
/* Estimate of what one check costs, in microseconds; for comparing kinds. */
uint64_t crypt_hash_cost(struct span hash);

/* Room that crypt_hash_check works in: tens of KiB, so on the heap. thread: one at a time. */
struct crypt_room;
struct crypt_room *crypt_room_new(void);
void crypt_room_free(struct crypt_room *r); /* wipes */

enum crypt_verdict {
    CRYPT_FAILED = 0, /* no memory, or not a hash: says nothing about the password */
    CRYPT_MISMATCH,
    CRYPT_MATCH
};
/* Slow by design: never on a loop thread. Both NUL-terminated. */
enum crypt_verdict crypt_hash_check(struct crypt_room *r, const char *password, const char *hash);

/* A new hash with a fresh salt; out gets a NUL. cost 0: the default of the kind (bcrypt 4–17: rounds = 2^cost;
 * yescrypt 1–11). Only bcrypt and yescrypt. */
struct res crypt_hash_make(enum crypt_kind kind, unsigned cost, const char *password, char out[CRYPT_HASH_MAX]) MUSTUSE;

#endif

/* JSON Web Tokens in the compact form of RFC 7515, signed with RS256 and nothing else: what the token says about how it is to be verified
 * is compared with that, never obeyed. First the key's name is read, then the signature is verified, and only what somebody with the key
 * has written is parsed any further. Pure but for the memory of the claims. */
#ifndef TG_GATE_JWT_H
#define TG_GATE_JWT_H

#include "base/crypto/rsa.h"
#include "base/json.h"

#define JWT_MAX 16384 /* bytes of a token */
#define JWT_HEAD_MAX 1024
#define JWT_KID_MAX 256
#define JWT_SKEW_S 60 /* clocks differ */

/* `claims`: a JSON object. kid: visible ASCII without quotes or backslashes, 1 to JWT_KID_MAX bytes. Added to *out. */
struct res jwt_make(const struct rsa_key *key, struct span kid, struct span claims, struct text *out) MUSTUSE;

struct jwt {
    struct span said;      /* header and claims, as they are signed */
    struct span claims;    /* base64url, not yet to be believed */
    struct span signature; /* the same */
    char kid[JWT_KID_MAX]; /* which key must have signed it … */
    size_t kid_n;
};

/* Three parts, and a header that says RS256 and names a key. Spans borrow from text. NULL: read; else why it is refused, static. */
const char *jwt_read(struct span text, struct jwt *out);

struct jwt_expect {
    struct span issuer;
    struct span audience; /* aud is this text, or a list that holds it */
    int64_t now_s;
};

/* By the key of that name, from and for whom is expected, and within its times (exp must be there)? Then the claims, which are the
 * caller's to free; NULL: *why, static. */
struct json_doc *jwt_open(const struct jwt *t, const struct rsa_key *key, const struct jwt_expect *e, const char **why);
/* A claim that is a text of 1 to `max` bytes without controls; else empty. */
struct span jwt_text(const struct json_doc *claims, const char *name, size_t max);

#endif

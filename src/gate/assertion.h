/* What origins are told of who asks, in a form that they can verify: a token as Cloudflare Access makes it (docs/access.md). Signed once per
 * session, or credential, and host, and remembered by the thread for minutes. thread: the loop's. */
#ifndef TG_GATE_ASSERTION_H
#define TG_GATE_ASSERTION_H

#include "gate/gate.h"

struct rsa_key;

/* Part of a snapshot. */
struct assertion_keys {
    const struct rsa_key *key; /* signs; NULL: nothing is asserted */
    struct span kid;
    uint8_t subject[32]; /* makes `sub` of an identity: stays the same when keys change */
    struct span certs;   /* the body of /cdn-cgi/access/certs */
};

struct assertion {
    const struct assertion_keys *keys;
    const struct gate_check *check; /* identified */
    struct span audience;           /* visible ASCII without quotes or backslashes */
    int port;                       /* as the client asked for it; -1: none */
};

#define ASSERTION_SUB 36

/* The value for Cf-Access-Jwt-Assertion, in the check's arena. p == NULL: no memory, or it could not be signed. */
struct span assertion_of(struct gate_thread *t, const struct assertion *a);
/* The UUID-shaped `sub` of somebody: the same for the same gate, way and subject. False: no memory. */
bool assertion_sub(const struct assertion_keys *keys, const struct identity *who, char out[ASSERTION_SUB]);
/* A job or a script, which Access tells by common_name: that; of people: empty. */
struct span assertion_common_name(const struct gate_config *gate, const struct identity *who);

#endif

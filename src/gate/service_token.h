/* Service tokens: for machines. CF-Access-Client-Id and -Secret, or both as JSON in Authorization where the gate says so; and the
 * secret alone as x-vercel-protection-bypass, in a field or in the query. Pure. */
#ifndef TG_GATE_SERVICE_TOKEN_H
#define TG_GATE_SERVICE_TOKEN_H

#include "gate/gate.h"

#include "base/arena.h"

#define SERVICE_TOKEN_SECRET_MAX 512

/* Does the request try to prove itself by one, rightly or not? Fields that were dropped count too. */
bool service_token_is_there(const struct gate_config *gate, const struct headers *h);
/* Whose it is; NULL: of none, incomplete, there twice, or in both ways. An unknown id costs as much as a known one. */
const struct service_token *service_token_check(const struct gate_config *gate, const struct headers *h);
/* Is this value of Authorization a service token of this gate's fashion? */
bool service_token_is_json(const struct gate_config *gate, struct span authorization);

enum bypass_cookie { BYPASS_COOKIE_NONE = 0, BYPASS_COOKIE_LAX, BYPASS_COOKIE_CROSS_SITE };

struct bypass {
    const struct service_token *token; /* NULL: none, or a wrong one */
    enum bypass_cookie wants;
    struct span
        clean_target; /* the target without the parameters, when they are there and a cookie is wanted; else empty */
};

/* False: no memory. */
bool bypass_find(const struct gate_config *gate, const struct http_request *r, struct arena *a, struct bypass *out);
/* Is it one of the two fields? */
bool bypass_is_field(struct span name);
/* The target (or a whole address) without the two parameters, all other bytes as they are; the same span when they are not there. p == NULL:
 * no memory. */
struct span bypass_clean(struct span target, struct arena *a);

#endif

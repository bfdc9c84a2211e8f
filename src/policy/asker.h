/* Who asks, as far as selectors see it. Used by the policy's own files alone. */
#ifndef TG_POLICY_ASKER_H
#define TG_POLICY_ASKER_H

#include "policy/policy.h"

struct asker {
    const struct identity *who; /* NULL: nobody that this host's gate knows */
    struct addr client;         /* family 0: unknown */
    bool anywhere;              /* the address does not matter: it fits whatever is asked of it */
};

/* doubt: what an unanswerable question (an unknown address, what GitHub could not be asked, a selector that this code does not know) counts
 * as: false where holding admits, true where it excludes. */
bool selectors_any(const struct selectors *s, const struct asker *a, bool doubt);
/* What is in doubt does not hold. */
bool selectors_all(const struct selectors *s, const struct asker *a);

/* who, when it is an identity that `gate` proved; else NULL. One of another gate, or of a way this code does not know, is nobody. */
const struct identity *identity_of_gate(const struct identity *who, struct span gate);
/* Longer ago than lifetime_s (0: never too long)? When that is not known, or lies in the future, it was. */
bool identity_is_too_old(const struct identity *who, uint32_t lifetime_s, int64_t now_s);

#endif

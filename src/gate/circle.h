/* The circle that a session holds on: all hosts of a gate at or below its
 * session domain, or one host. Pure. */
#ifndef TG_GATE_CIRCLE_H
#define TG_GATE_CIRCLE_H

#include "gate/gate.h"

enum circle_kind { CIRCLE_HOST = 'h', CIRCLE_DOMAIN = 'd' };

struct circle {
    enum circle_kind kind;
    struct span name;
    struct span host; /* the host that was asked for; empty: unknown */
};

/* host: normal form. A host outside the session domain is a circle of its own. */
struct circle circle_of(const struct session_config *s, struct span host);
/* The circle of sessions of this way: some are good on the one host alone, whatever domain it is in. An unknown host: a circle without a
 * name, where no session holds. */
struct circle circle_for(const struct gate_config *gate, enum identity_way way, const struct circle *c);

#endif

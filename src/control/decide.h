/* From a request's URL to its decision, by the code that serves: what `explain` shows and what
 * `expect` entries are held against. */
#ifndef TG_CONTROL_DECIDE_H
#define TG_CONTROL_DECIDE_H

#include "config/as.h"
#include "config/snapshot.h"
#include "http/host.h"

struct question {
    struct span method;
    struct span url;    /* http:// or https:// */
    struct span as;     /* as config/as.h says; "basic:USER" is of the host's own gate */
    struct addr client; /* family 0: unknown */
};

enum answered_by {
    ANSWERED_BY_NOBODY = 0, /* 421: no host of that name */
    ANSWERED_BY_REFUSAL,    /* 400: the path is malformed */
    ANSWERED_BY_ENDPOINT,   /* tiergate's own, no rule is asked */
    ANSWERED_BY_RULES
};

struct decided {
    enum answered_by by;
    bool is_http; /* a plain http:// URL */
    struct host name;
    const struct host_config *host;     /* borrows; NULL: none */
    const struct host_pattern *pattern; /* borrows; that the name matched */
    struct span captured;
    struct path path;
    struct identity who; /* way WAY_NONE: anonymous; its gate is empty when the host's has no such way */
    struct as_room as;   /* of who */
    struct policy_trace trace;
    struct decision decision;  /* for who */
    struct decision anonymous; /* for somebody without an identity */
    uint8_t *room;             /* owns: of path */
};

/* The spans of *q must outlive *out, which must not be moved. An error says what is wrong with the question; *out must be
 * given to decided_fini then, too. */
struct res decide(const struct snapshot *s, const struct question *q, struct decided *out) MUSTUSE;
void decided_fini(struct decided *d);

#endif

/* The one parse of a request target's path: malformed | ambiguous | canonical. The same object serves
 * matching, logs, `explain` and the origin's request line. Pure; needs `n` bytes of room, allocates nothing. */
#ifndef TG_HTTP_PATH_H
#define TG_HTTP_PATH_H

#include "base/span.h"

enum path_kind { PATH_MALFORMED = 0, PATH_AMBIGUOUS, PATH_CANONICAL };

struct path {
    enum path_kind kind;
    const char *why;     /* static: what made it malformed or ambiguous; "" when canonical */
    struct span raw;     /* path as received, without query: the bytes forwarded */
    struct span query;   /* with its '?', may be empty */
    struct span decoded; /* canonical only: percent-decoded, what rules match; in the room given, or == raw */
};

/* path_query: origin-form target, as received. room: at least path_query.n bytes, may be NULL when n == 0. */
void path_parse(struct span path_query, uint8_t *room, struct path *out);

#endif

/* All that servers may make of one request path: every step that some server takes on the way from the bytes to a
 * resource, in every order. Knows nothing of tiergate's parser. Pure. */
#ifndef TG_PROVE_READINGS_H
#define TG_PROVE_READINGS_H

#include <stdio.h>

#include "base/span.h"

#define READING_BYTES 64
#define READINGS_MAX 512

struct reading {
    uint8_t p[READING_BYTES];
    size_t n;
    size_t from, step; /* which reading it was made of, by which step; the first is the path itself */
};

struct readings {
    size_t n;
    bool is_full; /* there are more than fit */
    struct reading v[READINGS_MAX];
};

/* raw: at most READING_BYTES bytes, beginning with a slash; v[0] is raw itself. */
void readings_find(struct span raw, struct readings *out);
struct span reading_text(const struct reading *r);
/* "/open/%2e%2e -> percent-decoded /open/.. -> dots resolved /" */
void readings_print_chain(FILE *to, const struct readings *all, size_t index);

#endif

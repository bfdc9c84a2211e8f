/* The known word that somebody probably meant. */
#ifndef TG_CONFIG_NEAREST_H
#define TG_CONFIG_NEAREST_H

#include "base/span.h"

/* Keeps the best candidate seen; fill `word` and begin with best.n == 0. */
struct nearest {
    struct span word;
    struct span best; /* empty: nothing is near enough */
    size_t distance;
};

struct nearest nearest_to(struct span word);
/* A candidate counts when at most a third of its letters (one at least) differ; case is folded. */
void nearest_offer(struct nearest *n, struct span candidate);

#endif

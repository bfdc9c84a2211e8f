/* One run over all short strings: each goes to a judge, and what passes is held against the rules' meaning in every
 * reading. On all processors. */
#ifndef TG_PROVE_RUN_H
#define TG_PROVE_RUN_H

#include <pthread.h>
#include <stdatomic.h>

#include "judge.h"
#include "readings.h"

#define PREFIXES_MAX 16
#define SETS_MAX 16

extern const char *const run_prefixes[];
extern const size_t run_prefix_count;

struct counts {
    uint64_t tried, bypassed, readings, checks;
};

void counts_add(struct counts *to, const struct counts *c);

/* A way in. */
struct leak {
    uint64_t job; /* UINT64_MAX: none was found */
    uint8_t target[READING_BYTES];
    size_t n;
    const struct prove_set *set;
    size_t eyes, rule, reading; /* rule: what names the reading; prove_rule_count(): none */
    enum verdict verdict;
    struct readings readings;
};

/* One run over all strings. A job is a length, a prefix and the first symbols. */
struct run {
    const struct judge *judge;
    const struct prove_policy *policies; /* one for each set */
    uint64_t jobs, strings;
    atomic_uint_fast64_t next; /* job */
    atomic_uint_fast64_t done; /* strings of the jobs that are over */
    pthread_mutex_t lock;      /* of all below */
    struct counts counts[PREFIXES_MAX];
    struct leak leak; /* the first in order of the jobs, and in that one the first */
};

/* Ends the program when there is no memory. length: of the longest string behind a prefix. */
struct run *run_new(const struct judge *judge, const struct prove_policy *policies, size_t length);
void run_free(struct run *run);
/* Goes over all strings, or up to the first leak. */
void run_go(struct run *run);
double run_clock(void);

#endif

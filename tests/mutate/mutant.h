/* Forced into every instrumented file: each expression that decides passes through one of these, with the numbers of the
 * mutants that live there. One of them at most is active in a process; it is picked by an environment variable. */
#ifndef TG_MUTANT_H
#define TG_MUTANT_H

#include <stdbool.h>

extern unsigned mutant_active; /* 0: none */
extern unsigned char *mutant_seen;

static inline bool mutant_is(unsigned id)
{
    mutant_seen[id] = 1;
    return id != 0 && id == mutant_active;
}

/* Two mutants, either of which may be 0 for none: `x` taken as false, `x` taken as true. */
static inline bool mutant_bool(unsigned as_false, unsigned as_true, bool x)
{
    bool is_false = mutant_is(as_false), is_true = mutant_is(as_true);
    return !is_false && (is_true || x);
}

/* n mutants from `first` on: `x` replaced by each of the values. */
static inline int mutant_value(unsigned first, unsigned n, const int *values, int x)
{
    for (unsigned i = 0; i < n; i++) {
        if (mutant_is(first + i))
            x = values[i];
    }
    return x;
}

/* n mutants from `first` on: a switch that overlooks the case of that value. */
static inline int mutant_case(unsigned first, unsigned n, const int *values, int x)
{
    for (unsigned i = 0; i < n; i++) {
        if (mutant_is(first + i) && x == values[i])
            return 0x5eed5eed;
    }
    return x;
}

#endif

/* The rule sets of the proof, and what they mean in plain words: an oracle that shares nothing with src/policy. */
#ifndef TG_PROVE_RULES_H
#define TG_PROVE_RULES_H

#include "base/span.h"
#include "policy/policy.h"

#define PROVE_RULES 4
#define PROVE_PATHS 3

/* A path of a rule: NULL names: `text` says itself what it names, one path or a tree ending in a slash and a star.
 * any_case: does it name this path or one that differs from it in case alone? */
struct prove_path {
    const char *text;
    bool (*names)(struct span path, bool any_case);
};

struct prove_rule {
    enum action action;
    struct prove_path paths[PROVE_PATHS];
    const char *method; /* NULL: all */
};

struct prove_set {
    const char *name;
    const char *method; /* of the requests */
    struct prove_rule rules[PROVE_RULES];
};

extern const struct prove_set prove_sets[];
extern const size_t prove_set_count;

size_t prove_rule_count(const struct prove_set *s);

/* Which spellings an origin holds for one and the same resource. */
struct prove_eyes {
    const char *name;
    bool any_case, any_slash; /* case does not count; a slash at the end does not count */
};

extern const struct prove_eyes prove_eyes[];
extern const size_t prove_eyes_count;

/* The first rule that names, with such eyes, the resource; prove_rule_count() when none does. */
size_t prove_first_rule(const struct prove_set *s, struct span path, const struct prove_eyes *eyes);

#endif

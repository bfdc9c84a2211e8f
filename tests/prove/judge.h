/* Who is asked whether a request passes without identity: tiergate's own parser and policy, or, to see that the proof
 * can fail, the same with one safeguard taken out. */
#ifndef TG_PROVE_JUDGE_H
#define TG_PROVE_JUDGE_H

#include "rules.h"

/* A rule set, compiled. */
struct prove_policy {
    const struct policy *whole;              /* owns */
    const struct policy *alone[PROVE_RULES]; /* own; each rule as the only one, as a bypass */
    struct rule_spec specs[PROVE_RULES];     /* what the policies borrow from */
    struct span paths[PROVE_RULES][PROVE_PATHS];
    struct span methods[PROVE_RULES];
};

struct judge {
    const char *name;
    void (*parse)(const struct judge *j, struct span target, uint8_t *room, struct path *out);
    enum verdict (*decide)(const struct prove_set *set, const struct prove_policy *p, const struct path *path,
                           struct policy_scratch *s);
    const char *blind_to; /* a weak parser: the path_parse() reason that it takes no notice of */
};

extern const struct judge judge_tiergate;
extern const struct judge judge_weak[];
extern const size_t judge_weak_count;

/* False: the policy does not take the rules. */
bool prove_policy_init(struct prove_policy *p, const struct prove_set *set);
void prove_policy_fini(struct prove_policy *p);

#endif

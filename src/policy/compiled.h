/* The compiled form of a host's rules. Used by the policy's own files alone. */
#ifndef TG_POLICY_COMPILED_H
#define TG_POLICY_COMPILED_H

#include "policy/pattern.h"
#include "policy/policy.h"

struct rule {
    const struct rule_spec *spec; /* back: the policy's own copy, its pointers borrow from config */
    struct pattern *patterns;     /* owns; presets expanded */
    size_t pattern_count;
};

struct policy {
    struct rule_spec *specs; /* owns */
    struct rule *rules;      /* owns */
    size_t count;
    size_t first_guard; /* the first rule that is no bypass, or count */
    bool passes_all;    /* the exemption of §3a */
};

struct policy_scratch {
    struct regex_room *regex;           /* owns */
    uint8_t *toggled, *spelled, *cased; /* own; SCRATCH_PATH bytes each: variants of a path */
};

/* Longer paths than any header limit admits; what does not fit is taken as ambiguous. */
#define SCRATCH_PATH (64 * 1024)

enum match rule_match_path(const struct rule *r, struct span path, struct policy_scratch *s);
bool rule_has_method(const struct rule *r, struct span method);

/* Would an allow or block among the first `before` rules match this canonical path with case folded, or with a slash
 * added or removed at its end? Their methods do not matter. True on any doubt. */
bool policy_path_is_guarded(const struct policy *p, size_t before, const struct path *path, struct policy_scratch *s);

#endif

#include "policy/compiled.h"

/* The path with its trailing slash removed, or with one added. False: it does not fit. An empty span: there is no such path. */
static bool toggle_slash(struct span path, struct policy_scratch *s, struct span *out)
{
    *out = SPAN_NONE;
    if (path.n > 0 && path.p[path.n - 1] == '/') {
        *out = span_make(path.p, path.n - 1);
        return true;
    }
    if (path.n + 1 > SCRATCH_PATH)
        return false;
    memcpy(s->toggled, path.p, path.n);
    s->toggled[path.n] = '/';
    *out = span_make(s->toggled, path.n + 1);
    return true;
}

static bool matches_folded(const struct rule *r, struct subject path, struct policy_scratch *s)
{
    if (path.text.n == 0)
        return false;
    for (size_t i = 0; i < r->pattern_count; i++) {
        if (pattern_match_folded(&r->patterns[i], path, s->regex, s->cased) != MATCH_NO)
            return true;
    }
    return false;
}

static bool rule_guards(const struct rule *r, struct span path, struct span toggled, struct policy_scratch *s)
{
    if (r->spec->action == ACTION_BYPASS)
        return false;
    /* A rule that takes this very path was tried in its turn, and its methods did not fit. That was no doubtful reading. */
    if (rule_match_path(r, path, s) == MATCH_YES)
        return false;
    /* Folded holds every path that matches unfolded, but expressions need not: `(?-i:…)` keeps case. */
    return matches_folded(r, subject_of(path), s) || matches_folded(r, subject_of(toggled), s) ||
           (toggled.n > 0 && rule_match_path(r, toggled, s) != MATCH_NO);
}

bool policy_path_is_guarded(const struct policy *p, size_t before, struct span path, struct policy_scratch *s)
{
    struct span toggled = SPAN_NONE;
    if (before <= p->first_guard)
        return false;
    if (path.n > SCRATCH_PATH || !toggle_slash(path, s, &toggled))
        return true;
    for (size_t i = p->first_guard; i < before; i++) {
        if (rule_guards(&p->rules[i], path, toggled, s))
            return true;
    }
    return false;
}

#include "policy/compiled.h"

enum match rule_match_path(const struct rule *r, struct span path, struct policy_scratch *s)
{
    enum match found = MATCH_NO;
    for (size_t i = 0; i < r->pattern_count; i++) {
        enum match m = pattern_match(&r->patterns[i], path, s->regex);
        if (m == MATCH_YES)
            return MATCH_YES;
        if (m != MATCH_NO)
            found = MATCH_ERROR;
    }
    return found;
}

bool rule_has_method(const struct rule *r, struct span method)
{
    for (size_t i = 0; i < r->spec->method_count; i++) {
        if (span_eq(r->spec->methods[i], method))
            return true;
    }
    return r->spec->method_count == 0;
}

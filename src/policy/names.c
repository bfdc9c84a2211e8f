#include "policy/compiled.h"

size_t policy_rule_count(const struct policy *p)
{
    return p->count;
}

const struct rule_spec *policy_rule_spec(const struct policy *p, size_t rule)
{
    return &p->specs[rule];
}

struct span policy_rule_name(const struct policy *p, size_t rule)
{
    return rule < p->count ? p->specs[rule].name : SPAN_NONE;
}

const char *action_name(enum action a)
{
    switch (a) {
    case ACTION_BLOCK:
        return "block";
    case ACTION_BYPASS:
        return "bypass";
    case ACTION_ALLOW:
        return "allow";
    }
    return "unknown";
}

const char *verdict_name(enum verdict v)
{
    switch (v) {
    case VERDICT_BLOCK:
        return "block";
    case VERDICT_BYPASS:
        return "bypass";
    case VERDICT_GATE:
        return "gate";
    case VERDICT_ALLOW:
        return "allow";
    }
    return "unknown";
}

const char *rule_outcome_name(enum rule_outcome o)
{
    switch (o) {
    case RULE_SKIPPED:
        return "not tried";
    case RULE_PATH_MISS:
        return "path does not match";
    case RULE_METHOD_MISS:
        return "method does not match";
    case RULE_CONDITION_MISS:
        return "conditions do not hold";
    case RULE_MATCHED:
        return "decides";
    case RULE_REFUSED:
        return "refuses";
    case RULE_SATISFIED:
        return "is satisfied";
    case RULE_NEEDS_IDENTITY:
        return "needs an identity";
    case RULE_TOO_OLD:
        return "proven too long ago";
    }
    return "unknown";
}

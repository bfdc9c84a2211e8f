/* What can be told before a whole request is there. */
#include "policy/asker.h"
#include "policy/compiled.h"

static bool asks_identity(const struct selector *sel)
{
    if (sel->kind != SEL_GROUP)
        return sel->kind != SEL_IP;
    for (size_t i = 0; i < sel->member_count; i++) {
        if (sel->members[i].kind != SEL_IP)
            return true;
    }
    return false;
}

bool policy_admits_address(const struct policy *p, size_t rule, struct addr client)
{
    const struct rule_spec *r = p->rules[rule].spec;
    const struct asker nobody = {.client = client};
    for (size_t i = 0; i < r->require.n; i++) {
        const struct selectors one = {&r->require.v[i], 1};
        if (!asks_identity(one.v) && !selectors_all(&one, &nobody))
            return false;
    }
    return !selectors_any(&r->except, &nobody, true);
}

/* Nothing is decided by the address here: it counts as one that fits. */
static bool could_fit(const struct rule_spec *r, const struct asker *a)
{
    const struct asker anywhere = {.who = a->who, .anywhere = true};
    if (r->action != ACTION_ALLOW)
        return false;
    /* A share link is a `who` of its own, on paths that are not known here. */
    if (r->who.n > 0 && a->who->way != WAY_SHARE_LINK && !selectors_any(&r->who, a, false))
        return false;
    return selectors_all(&r->require, &anywhere) && !selectors_any(&r->except, &anywhere, true);
}

bool policy_could_admit(const struct policy *p, struct span gate, const struct identity *who)
{
    const struct asker a = {.who = identity_of_gate(who, gate)};
    for (size_t i = 0; a.who && i < p->count; i++) {
        if (could_fit(p->rules[i].spec, &a))
            return true;
    }
    return false;
}

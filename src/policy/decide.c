#include "policy/policy.h"

#include <stdlib.h>

#include "policy/compiled.h"

/* One decision on its way. */
struct ask {
    const struct policy *policy;
    const struct policy_query *query;
    const struct identity *who; /* NULL: nobody that this host's gate knows */
    struct policy_scratch *scratch;
    struct policy_trace *trace; /* may be NULL */
};

static const char reason_rule[] = "rule";
static const char reason_ambiguous[] = "ambiguous-path";

static struct decision decide(enum verdict v, int rule, const char *reason)
{
    return (struct decision){v, rule, reason};
}

static void note(const struct ask *a, const char *text)
{
    if (a->trace)
        a->trace->note = text;
}

static void mark(const struct ask *a, size_t rule, enum rule_outcome outcome)
{
    if (a->trace)
        a->trace->outcome[rule] = outcome;
}

static void start_trace(const struct ask *a)
{
    note(a, NULL);
    for (size_t i = 0; i < a->policy->count; i++)
        mark(a, i, RULE_SKIPPED);
}

/* Only an identity of the host's own gate counts; one of another gate, or of a way this
 * code does not know, is nobody. */
static const struct identity *proven(const struct policy_query *q)
{
    const struct identity *who = q->who;
    if (!who || who->way != WAY_BASIC || who->subject.n == 0)
        return NULL;
    return q->gate.n > 0 && span_eq(who->gate, q->gate) ? who : NULL;
}

static bool is_user(const struct selector *sel, const struct identity *who)
{
    return who && who->way == WAY_BASIC && span_eq(sel->subject, who->subject) &&
           (sel->gate.n == 0 || span_eq(sel->gate, who->gate));
}

/* doubt: what an unanswerable question counts as: false where holding admits, true where it excludes. */
static bool simple_selector_holds(const struct selector *sel, const struct ask *a, bool doubt)
{
    switch (sel->kind) {
    case SEL_NOBODY:
        return false;
    case SEL_EVERYONE:
        return a->who != NULL;
    case SEL_BASIC:
        return is_user(sel, a->who);
    case SEL_IP:
        return a->query->client.family == 0 ? doubt : cidr_has(&sel->range, &a->query->client);
    case SEL_GROUP:
        break;
    }
    return doubt;
}

static bool selector_holds(const struct selector *sel, const struct ask *a, bool doubt)
{
    if (sel->kind != SEL_GROUP)
        return simple_selector_holds(sel, a, doubt);
    for (size_t i = 0; i < sel->member_count; i++) {
        if (simple_selector_holds(&sel->members[i], a, doubt))
            return true;
    }
    return false;
}

static bool any_holds(const struct selectors *s, const struct ask *a, bool doubt)
{
    for (size_t i = 0; i < s->n; i++) {
        if (selector_holds(&s->v[i], a, doubt))
            return true;
    }
    return false;
}

static bool all_hold(const struct selectors *s, const struct ask *a)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!selector_holds(&s->v[i], a, false))
            return false;
    }
    return true;
}

static bool conditions_hold(const struct rule_spec *r, const struct ask *a)
{
    return all_hold(&r->require, a) && !any_holds(&r->except, a, true);
}

static bool allow_is_satisfied(const struct rule_spec *r, const struct ask *a)
{
    if (!a->who)
        return false;
    return (r->who.n == 0 || any_holds(&r->who, a, false)) && conditions_hold(r, a);
}

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
    const struct policy_query q = {.client = client};
    const struct ask a = {.policy = p, .query = &q};
    for (size_t i = 0; i < r->require.n; i++) {
        if (!asks_identity(&r->require.v[i]) && !selector_holds(&r->require.v[i], &a, false))
            return false;
    }
    return !any_holds(&r->except, &a, true);
}

/* One rule's part in a decision by all rules; false: it refuses. */
static enum rule_outcome judge_ambiguous(const struct rule_spec *r, const struct ask *a)
{
    if (r->action == ACTION_BYPASS)
        return RULE_SKIPPED;
    if (r->action != ACTION_ALLOW)
        return RULE_REFUSED;
    if (!a->who)
        return RULE_NEEDS_IDENTITY;
    return allow_is_satisfied(r, a) ? RULE_SATISFIED : RULE_REFUSED;
}

/* Design §3a: no bypass applies, any block refuses, every allow must be satisfied and there must be one. Methods and
 * paths do not matter, since nobody can say which path the origin will read. */
static struct decision decide_by_all(const struct ask *a, const char *why)
{
    bool refused = false, needs_identity = false, satisfied = false;
    note(a, why);
    for (size_t i = 0; i < a->policy->count; i++) {
        enum rule_outcome outcome = judge_ambiguous(a->policy->rules[i].spec, a);
        mark(a, i, outcome);
        refused = refused || outcome == RULE_REFUSED;
        needs_identity = needs_identity || outcome == RULE_NEEDS_IDENTITY;
        satisfied = satisfied || outcome == RULE_SATISFIED;
    }
    if (refused || !(needs_identity || satisfied))
        return decide(VERDICT_BLOCK, -1, reason_ambiguous);
    return decide(needs_identity ? VERDICT_GATE : VERDICT_ALLOW, -1, reason_ambiguous);
}

static struct decision decide_allow(const struct ask *a, size_t rule)
{
    if (!a->who) {
        mark(a, rule, RULE_NEEDS_IDENTITY);
        return decide(VERDICT_GATE, (int)rule, "needs-identity");
    }
    if (!allow_is_satisfied(a->policy->rules[rule].spec, a)) {
        mark(a, rule, RULE_REFUSED);
        return decide(VERDICT_BLOCK, (int)rule, "not-allowed");
    }
    mark(a, rule, RULE_MATCHED);
    return decide(VERDICT_ALLOW, (int)rule, reason_rule);
}

static struct decision decide_block(const struct ask *a, size_t rule)
{
    mark(a, rule, RULE_MATCHED);
    return decide(VERDICT_BLOCK, (int)rule, reason_rule);
}

static struct decision decide_bypass(const struct ask *a, size_t rule)
{
    if (policy_path_is_guarded(a->policy, rule, a->query->path, a->scratch))
        return decide_by_all(a,
                             "an earlier rule may take this path in another case, in its raw bytes, or with or without "
                             "its last slash: judged by all rules at once");
    mark(a, rule, RULE_MATCHED);
    return decide(VERDICT_BYPASS, (int)rule, reason_rule);
}

/* Does the rule at all take part in this request? */
static enum rule_outcome try_rule(const struct ask *a, const struct rule *r, enum match m)
{
    if (m == MATCH_NO)
        return RULE_PATH_MISS;
    if (!rule_has_method(r, a->query->method))
        return RULE_METHOD_MISS;
    if (r->spec->action == ACTION_BYPASS && (m != MATCH_YES || !conditions_hold(r->spec, a)))
        return RULE_CONDITION_MISS;
    return RULE_MATCHED;
}

static struct decision decide_in_order(const struct ask *a)
{
    for (size_t i = 0; i < a->policy->count; i++) {
        const struct rule *r = &a->policy->rules[i];
        enum match m = rule_match_path(r, a->query->path->decoded, a->scratch);
        enum rule_outcome outcome = try_rule(a, r, m);
        mark(a, i, outcome);
        if (outcome != RULE_MATCHED)
            continue;
        if (r->spec->action == ACTION_BYPASS)
            return decide_bypass(a, i);
        if (r->spec->action != ACTION_ALLOW)
            return decide_block(a, i);
        /* Whether this allow is the one that decides is not known: then all must be satisfied. */
        if (m != MATCH_YES)
            return decide_by_all(a, "an expression reached its limits: judged by all rules at once");
        return decide_allow(a, i);
    }
    return decide(VERDICT_BLOCK, -1, "no-rule");
}

struct decision policy_decide(const struct policy *p, const struct policy_query *q, struct policy_scratch *s,
                              struct policy_trace *trace)
{
    struct ask a = {p, q, proven(q), s, trace};
    start_trace(&a);
    switch (q->path->kind) {
    case PATH_CANONICAL:
        return decide_in_order(&a);
    case PATH_AMBIGUOUS:
        if (!p->passes_all)
            return decide_by_all(&a, "the path is ambiguous: judged by all rules at once");
        mark(&a, 0, RULE_MATCHED);
        return decide(VERDICT_BYPASS, 0, reason_rule);
    case PATH_MALFORMED:
        break;
    }
    return decide(VERDICT_BLOCK, -1, "malformed-path");
}

struct policy_scratch *policy_scratch_new(void)
{
    struct policy_scratch *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->regex = regex_room_new();
    s->toggled = malloc(SCRATCH_PATH);
    s->spelled = malloc(SCRATCH_PATH);
    s->cased = malloc(SCRATCH_PATH);
    if (s->regex && s->toggled && s->spelled && s->cased)
        return s;
    policy_scratch_free(s);
    return NULL;
}

void policy_scratch_free(struct policy_scratch *s)
{
    if (!s)
        return;
    regex_room_free(s->regex);
    free(s->toggled);
    free(s->spelled);
    free(s->cased);
    free(s);
}

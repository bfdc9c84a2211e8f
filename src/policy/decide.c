#include "policy/policy.h"

#include <stdlib.h>

#include "policy/asker.h"
#include "policy/compiled.h"

/* One decision on its way. */
struct ask {
    const struct policy *policy;
    const struct policy_query *query;
    struct asker asker;
    struct policy_scratch *scratch;
    struct policy_trace *trace; /* may be NULL */
};

static const char reason_rule[] = "rule";
static const char reason_ambiguous[] = "ambiguous-path";
static const char reason_too_old[] = "session-too-old";

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

/* --- one allow ---------------------------------------------------------------------------------------------------- */

enum fit {
    FIT_NO = 0, /* is not whom the rule means */
    FIT_OUTSIDE_LINK,
    FIT_TOO_OLD,
    FIT_YES
};

/* A share link stands for the rule's `who` where it leads, and for nobody elsewhere. */
static enum fit fits_who(const struct rule_spec *r, const struct ask *a)
{
    if (a->asker.who->way == WAY_SHARE_LINK)
        return share_link_covers(a->asker.who->scope, a->query->path) ? FIT_YES : FIT_OUTSIDE_LINK;
    return r->who.n == 0 || selectors_any(&r->who, &a->asker, false) ? FIT_YES : FIT_NO;
}

static bool conditions_hold(const struct rule_spec *r, const struct ask *a)
{
    return selectors_all(&r->require, &a->asker) && !selectors_any(&r->except, &a->asker, true);
}

/* Only who would be let in is asked to prove himself anew. */
static enum fit fit_of(const struct rule_spec *r, const struct ask *a)
{
    enum fit fit = fits_who(r, a);
    if (fit != FIT_YES)
        return fit;
    if (!conditions_hold(r, a))
        return FIT_NO;
    return identity_is_too_old(a->asker.who, r->lifetime_s, a->query->now_s) ? FIT_TOO_OLD : FIT_YES;
}

/* --- all rules at once -------------------------------------------------------------------------------------------- */

/* One rule's part in a decision by all rules. */
static enum rule_outcome judge_ambiguous(const struct rule_spec *r, const struct ask *a)
{
    if (r->action == ACTION_BYPASS)
        return RULE_SKIPPED;
    if (r->action != ACTION_ALLOW)
        return RULE_REFUSED;
    if (!a->asker.who)
        return RULE_NEEDS_IDENTITY;
    /* Nobody can say whether the path lies where the link leads. */
    if (a->asker.who->way == WAY_SHARE_LINK)
        return RULE_REFUSED;
    switch (fit_of(r, a)) {
    case FIT_YES:
        return RULE_SATISFIED;
    case FIT_TOO_OLD:
        return RULE_TOO_OLD;
    case FIT_NO:
    case FIT_OUTSIDE_LINK:
        break;
    }
    return RULE_REFUSED;
}

/* Design §3a: no bypass applies, any block refuses, every allow must be satisfied and there must be one. Methods and
 * paths do not matter, since nobody can say which path the origin will read. */
static struct decision decide_by_all(const struct ask *a, const char *why)
{
    size_t count[RULE_TOO_OLD + 1] = {0};
    note(a, why);
    for (size_t i = 0; i < a->policy->count; i++) {
        enum rule_outcome outcome = judge_ambiguous(a->policy->rules[i].spec, a);
        mark(a, i, outcome);
        count[outcome]++;
    }
    if (count[RULE_REFUSED])
        return decide(VERDICT_BLOCK, -1, reason_ambiguous);
    if (count[RULE_NEEDS_IDENTITY])
        return decide(VERDICT_GATE, -1, reason_ambiguous);
    if (count[RULE_TOO_OLD])
        return decide(VERDICT_GATE, -1, reason_too_old);
    return decide(count[RULE_SATISFIED] ? VERDICT_ALLOW : VERDICT_BLOCK, -1, reason_ambiguous);
}

/* --- the first rule that matches ---------------------------------------------------------------------------------- */

static struct decision decide_allow(const struct ask *a, size_t rule)
{
    if (!a->asker.who) {
        mark(a, rule, RULE_NEEDS_IDENTITY);
        return decide(VERDICT_GATE, (int)rule, "needs-identity");
    }
    switch (fit_of(a->policy->rules[rule].spec, a)) {
    case FIT_YES:
        mark(a, rule, RULE_MATCHED);
        return decide(VERDICT_ALLOW, (int)rule, reason_rule);
    case FIT_TOO_OLD:
        mark(a, rule, RULE_TOO_OLD);
        return decide(VERDICT_GATE, (int)rule, reason_too_old);
    case FIT_OUTSIDE_LINK:
        mark(a, rule, RULE_REFUSED);
        return decide(VERDICT_BLOCK, (int)rule, "outside-share-link");
    case FIT_NO:
        break;
    }
    mark(a, rule, RULE_REFUSED);
    return decide(VERDICT_BLOCK, (int)rule, "not-allowed");
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
    struct ask a = {.policy = p,
                    .query = q,
                    .asker = {.who = identity_of_gate(q->who, q->gate), .client = q->client},
                    .scratch = s,
                    .trace = trace};
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

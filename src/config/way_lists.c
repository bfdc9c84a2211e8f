/* What the rules of all hosts with a gate have in common: which organisations, teams and logins they name (GitHub is asked for those
 * alone), and the rules themselves, for whether anybody could be let in at all. */
#include "config/build.h"

#include <stdlib.h>

struct name_list {
    enum selector_kind kind, other; /* of one or the other */
    bool excepted;                  /* those in an `except` alone */
    struct span *names;
    size_t n;
};

static void add_name(struct name_list *l, const struct selector *s)
{
    if (s->kind != l->kind && s->kind != l->other)
        return;
    for (size_t i = 0; i < l->n; i++) {
        if (span_eq(l->names[i], s->subject))
            return;
    }
    l->names[l->n++] = s->subject;
}

static void add_selectors(struct name_list *l, const struct selectors *s)
{
    for (size_t i = 0; i < s->n; i++) {
        add_name(l, &s->v[i]);
        for (size_t k = 0; s->v[i].kind == SEL_GROUP && k < s->v[i].member_count; k++)
            add_name(l, &s->v[i].members[k]);
    }
}

static size_t count_in(const struct selectors *s)
{
    size_t n = s->n;

    for (size_t i = 0; i < s->n; i++)
        n += s->v[i].kind == SEL_GROUP ? s->v[i].member_count : 0;
    return n;
}

static size_t count_rule(const struct rule_spec *r)
{
    return count_in(&r->who) + count_in(&r->require) + count_in(&r->except);
}

static void add_rule(struct name_list *l, const struct rule_spec *r)
{
    if (!l->excepted) {
        add_selectors(l, &r->who);
        add_selectors(l, &r->require);
    }
    add_selectors(l, &r->except);
}

/* Each name once; room for all of them first. */
static struct span *collect(struct build *b, const struct gate_config *gate, struct name_list l, size_t *count)
{
    size_t room = 0;

    for (size_t i = 0; i < gate->policy_count; i++)
        for (size_t k = 0; k < policy_rule_count(gate->policies[i]); k++)
            room += count_rule(policy_rule_spec(gate->policies[i], k));
    l.names = build_alloc(b, room, sizeof(*l.names));
    for (size_t i = 0; l.names && i < gate->policy_count; i++)
        for (size_t k = 0; k < policy_rule_count(gate->policies[i]); k++)
            add_rule(&l, policy_rule_spec(gate->policies[i], k));
    *count = l.n;
    return l.names;
}

static struct span *collect_kind(struct build *b, const struct gate_config *gate, enum selector_kind kind,
                                 size_t *count)
{
    return collect(b, gate, (struct name_list){.kind = kind, .other = kind}, count);
}

static int by_name(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    return span_cmp(*x, *y);
}

/* In whatever order the rules have them. */
static struct span *collect_excepted(struct build *b, const struct gate_config *gate, size_t *count)
{
    struct name_list l = {.kind = SEL_GITHUB_ORG, .other = SEL_GITHUB_TEAM, .excepted = true};
    struct span *names = collect(b, gate, l, count);

    if (*count)
        qsort(names, *count, sizeof(*names), by_name);
    return names;
}

static bool has_policy(const struct policy *const *all, size_t n, const struct policy *p)
{
    for (size_t i = 0; i < n; i++) {
        if (all[i] == p)
            return true;
    }
    return false;
}

static void collect_policies(struct build *b, struct gate_config *gate)
{
    const struct policy **all = build_alloc(b, b->raw->hosts.n, sizeof(*all));
    size_t n = 0;

    for (size_t i = 0; all && i < b->raw->hosts.n; i++) {
        const struct policy *p = b->hosts[i].policy;

        if (b->hosts[i].gate == gate && p && !has_policy(all, n, p))
            all[n++] = p;
    }
    gate->policies = all;
    gate->policy_count = n;
}

void build_way_lists(struct build *b, struct build_gate *g, struct gate_config *gate)
{
    collect_policies(b, gate);
    if (!g->github || !gate->policies)
        return;
    g->github->orgs = collect_kind(b, gate, SEL_GITHUB_ORG, &g->github->org_count);
    g->github->teams = collect_kind(b, gate, SEL_GITHUB_TEAM, &g->github->team_count);
    g->github->logins = collect_kind(b, gate, SEL_GITHUB, &g->github->login_count);
    g->github->excepted = collect_excepted(b, gate, &g->github->excepted_count);
}

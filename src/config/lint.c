/* What is allowed but was hardly meant. */
#include "config/build.h"

static void unused(struct build *b, const struct objects_field *map, size_t size, const bool *used, const char *what)
{
    for (size_t i = 0; used && i < map->n; i++) {
        const struct entry *e = (const struct entry *)((const char *)map->v + i * size);

        if (!used[i])
            place_warning(b->d, e->at, "no %s uses this", what);
    }
}

/* Rules of unused rulesets are judged, too: they will be used one day. */
static void unused_rulesets(struct build *b)
{
    for (size_t i = 0; i < b->ruleset_count; i++)
        if (!b->rulesets[i].used) {
            place_warning(b->d, b->rulesets[i].at, "no host uses this");
            build_rules_policy(b, &b->rulesets[i], false);
        }
}

static void shadowed(struct build *b, const struct build_rules *r)
{
    const struct policy *p = r->made[0].policy ? r->made[0].policy : r->made[1].policy;
    size_t from = 0, by = 0;
    int i;

    while (p && (i = policy_find_shadowed(p, from, &by)) >= 0) {
        place_warning(b->d, r->raw[i].e.at,
                      "can never decide: %s (line %u) takes all of its paths and methods before it",
                      r->raw[by].e.at.path, r->raw[by].e.at.line);
        from = (size_t)i + 1;
    }
}

/* Safe, but hardly meant: the bypass looks open and is not. */
static void doubtful(struct build *b, const struct build_rules *r)
{
    const struct policy *p = r->made[0].policy ? r->made[0].policy : r->made[1].policy;
    size_t from = 0, bypass = 0;
    int i;

    while (p && (i = policy_find_doubtful(p, from, &bypass)) >= 0) {
        place_warning(
            b->d, r->raw[i].e.at,
            "its expression says what must not stand there ([^…], (?…), \\p), so a path with a letter in it may be "
            "one of its own in other case, and no bypass behind it takes such a path (the first: %s, line %u): put "
            "the bypass before it, or write what this takes without excluding",
            r->raw[bypass].e.at.path, r->raw[bypass].e.at.line);
        from = (size_t)i + 1;
    }
}

static void each_list(struct build *b, void (*judge)(struct build *b, const struct build_rules *r))
{
    for (size_t i = 0; i < b->ruleset_count; i++)
        judge(b, &b->rulesets[i]);
    for (size_t i = 0; i < b->raw->hosts.n; i++)
        if (b->build_hosts[i].rules && !b->build_hosts[i].rules->name.n)
            judge(b, b->build_hosts[i].rules);
}

static bool listens_on(const struct build *b, uint16_t port)
{
    for (size_t i = 0; i < b->snapshot->listen_count; i++)
        if (b->snapshot->listen[i].address.port == port)
            return true;
    return false;
}

/* A request that comes back to us would go round until a limit ends it. */
static void loops(struct build *b)
{
    const struct raw_origin *raw = b->raw->origins.v;

    for (size_t i = 0; i < b->raw->origins.n; i++) {
        const struct origin_config *o = &b->origins[i];
        struct host_match m;

        if (!o->host_before.n || o->has_capture || !listens_on(b, o->port) ||
            !host_table_find(b->snapshot->table, o->host_before, &m))
            continue;
        if (b->patterns[m.index].kind != HOST_WILDCARD)
            place_warning(b->d, raw[i].url.f.at,
                          "is a host of these rules (%s): if that name leads here, requests go round in circles",
                          b->pattern_places[m.index].path);
    }
}

static bool asks_passwords(const struct build *b)
{
    for (size_t i = 0; i < b->raw->gates.n; i++)
        if (b->gates[i].basic)
            return true;
    return false;
}

/* Who comes through a plain listener has the address that the header says, and none without one. */
static void shared_limit(struct build *b)
{
    const struct raw_listen *raw = b->raw->listen.v;

    for (size_t i = 0; i < b->snapshot->listen_count && asks_passwords(b); i++) {
        const struct listen_config *l = &b->snapshot->listen[i];

        if (l->kind == LISTEN_SERVE && l->plain && !l->proxy_protocol && !b->snapshot->client_address.header.n)
            place_warning(
                b->d, raw[i].plain.f.at,
                "without \"client_address\": {\"header\": …} all who come this way are one unknown address: they share "
                "one limit of wrong passwords, so that one guesser keeps everybody else from signing in");
    }
}

void build_lint(struct build *b)
{
    loops(b);
    unused(b, &b->raw->gates, sizeof(struct raw_gate), b->gate_used, "host");
    unused(b, &b->raw->origins, sizeof(struct raw_origin), b->origin_used, "host");
    unused(b, &b->raw->groups, sizeof(struct named_texts), b->group_used, "rule");
    unused_rulesets(b);
    each_list(b, shadowed);
    each_list(b, doubtful);
    shared_limit(b);
}

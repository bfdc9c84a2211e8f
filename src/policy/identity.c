#include "policy/identity.h"

#include "policy/asker.h"

/* Of machines that stand side by side: one may have proven what another sees a moment before. */
#define SKEW_S 60

const char *identity_way_name(enum identity_way way)
{
    switch (way) {
    case WAY_BASIC:
        return "basic";
    case WAY_GITHUB:
        return "github";
    case WAY_EMAIL:
        return "email";
    case WAY_SERVICE_TOKEN:
        return "service-token";
    case WAY_ACTIONS:
        return "github-actions";
    case WAY_SHARE_LINK:
        return "share-link";
    case WAY_NONE:
    case WAY_COUNT:
        break;
    }
    return "none";
}

/* A link without a scope would lead nowhere or everywhere; nobody else has one. */
static bool is_whole(const struct identity *who)
{
    if (who->way <= WAY_NONE || who->way >= WAY_COUNT || who->subject.n == 0)
        return false;
    return (who->way == WAY_SHARE_LINK) == (who->scope.n > 0);
}

const struct identity *identity_of_gate(const struct identity *who, struct span gate)
{
    if (!who || !is_whole(who))
        return NULL;
    return gate.n > 0 && span_eq(who->gate, gate) ? who : NULL;
}

bool identity_is_too_old(const struct identity *who, uint32_t lifetime_s, int64_t now_s)
{
    if (lifetime_s == 0)
        return false;
    if (who->proven_s <= 0 || who->proven_s > now_s + SKEW_S)
        return true;
    return now_s - who->proven_s >= lifetime_s;
}

bool share_link_covers(struct span scope, const struct path *path)
{
    struct span p = path->decoded;
    if (path->kind != PATH_CANONICAL || scope.n == 0 || !span_has_prefix(p, scope))
        return false;
    return p.n == scope.n || scope.p[scope.n - 1] == '/' || p.p[scope.n] == '/';
}

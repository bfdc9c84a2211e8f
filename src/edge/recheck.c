/* New rules reach what is under way: each exchange and tunnel that they would not admit ends at the reload. */
#include "edge/conn.h"
#include "edge/tunnel.h"

enum standing {
    NOT_ALLOWED = 0,
    SESSION_GONE, /* the gate, the user, the password or the session's key is not what it was */
    STANDS
};

static enum standing standing_of(const struct exchange *x, const struct snapshot *now)
{
    struct span captured;
    const struct host_config *site = snapshot_find_host(now, host_span(&x->host), &captured);
    if (!site)
        return NOT_ALLOWED;
    if (x->who && !gate_still_proves(&x->check, site->gate))
        return SESSION_GONE;
    struct policy_query q = {
        .path = &x->path,
        .method = x->req.method_name,
        .client = x->client_addr,
        .who = x->who,
        .gate = site->gate ? site->gate->name : SPAN_NONE,
    };
    struct decision d = policy_decide(site->policy, &q, x->thread->scratch, NULL);
    bool may = d.verdict == VERDICT_BYPASS || (d.verdict == VERDICT_ALLOW && x->who) ||
               (d.verdict == VERDICT_GATE && x->preflight_to_origin && d.rule >= 0 &&
                policy_admits_address(site->policy, (size_t)d.rule, x->client_addr));
    return may ? STANDS : NOT_ALLOWED;
}

bool exchange_still_stands(const struct exchange *x)
{
    return x->hold == x->thread->hold || standing_of(x, x->thread->hold->snapshot) == STANDS;
}

void exchange_recheck(struct exchange *x)
{
    if (x->state < EX_CONNECT || x->state == EX_DONE)
        return; /* before that the new rules are still to come: exchange_connect asks */
    enum standing s = standing_of(x, x->thread->hold->snapshot);
    if (s == STANDS)
        return;
    if (x->state == EX_TUNNEL)
        tunnel_close(x->tunnel, s == SESSION_GONE ? TUNNEL_SESSION_ENDED : TUNNEL_RULES_CHANGED);
    else
        exchange_refuse(x, 403, "rules-changed");
}

void conn_recheck(struct conn *c)
{
    for (struct exchange *x = c->exchanges, *next; x; x = next) {
        next = x->next;
        exchange_recheck(x);
    }
}

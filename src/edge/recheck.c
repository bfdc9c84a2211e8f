/* New rules, and what takes sessions back, reach what is under way: each exchange and tunnel that they would not admit ends
 * at once. */
#include "edge/conn.h"
#include "edge/tunnel.h"

enum standing {
    NOT_ALLOWED = 0,
    SESSION_GONE, /* the gate, the user, the password or the session's key is not what it was */
    STANDS
};

static enum standing standing_of(struct exchange *x, const struct snapshot *now)
{
    struct span captured;
    const struct host_config *site = snapshot_find_host(now, host_span(&x->host), &captured);
    if (!site)
        return NOT_ALLOWED;
    if (x->who && !gate_still_proves(x->thread->gate, &x->check, site->gate))
        return SESSION_GONE;
    struct policy_query q = {
        .path = &x->path,
        .method = x->req.method_name,
        .client = x->client_addr,
        .who = x->who,
        .gate = site->gate ? site->gate->name : SPAN_NONE,
        /* Times admit requests, and this one was in time: as gate_still_proves() asks of the session. */
        .now_s = x->who ? x->who->proven_s : 0,
    };
    struct decision d = policy_decide(site->policy, &q, x->thread->scratch, NULL);
    bool may = d.verdict == VERDICT_BYPASS || (d.verdict == VERDICT_ALLOW && x->who) ||
               (d.verdict == VERDICT_GATE && x->preflight_to_origin && d.rule >= 0 &&
                policy_admits_address(site->policy, (size_t)d.rule, x->client_addr));
    return may ? STANDS : NOT_ALLOWED;
}

bool exchange_still_stands(struct exchange *x)
{
    return x->hold == x->thread->hold || standing_of(x, x->thread->hold->snapshot) == STANDS;
}

/* Ends x if the thread's rules or its ledger would not admit it; it may be gone afterwards. True: it was not ending before. */
static bool exchange_recheck(struct exchange *x)
{
    if (x->state < EX_CONNECT || x->state == EX_DONE)
        return false; /* before that the new rules are still to come: exchange_connect asks */
    enum standing s = standing_of(x, x->thread->hold->snapshot);
    if (s == STANDS)
        return false;
    bool is_new = x->state != EX_TUNNEL || tunnel_is_open(x->tunnel);
    if (x->state == EX_TUNNEL)
        tunnel_close(x->tunnel, s == SESSION_GONE ? TUNNEL_SESSION_ENDED : TUNNEL_RULES_CHANGED);
    else
        exchange_refuse(x, 403, s == SESSION_GONE ? "session-ended" : "rules-changed");
    return is_new;
}

unsigned conn_recheck(struct conn *c)
{
    unsigned ended = 0;
    for (struct exchange *x = c->exchanges, *next; x; x = next) {
        next = x->next;
        ended += exchange_recheck(x);
    }
    return ended;
}

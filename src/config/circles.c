/* Which hosts a gate's cookie reaches: those of its circle, and never another gate's. */
#include "config/build.h"

static bool is_below(struct span name, struct span domain)
{
    if (!span_has_suffix(name, domain))
        return false;
    return name.n == domain.n || name.p[name.n - domain.n - 1] == '.';
}

/* A session domain holds no '*' and no brace, so what lies behind the fixed end of a pattern decides. */
static bool pattern_is_below(const struct host_pattern *p, struct span domain)
{
    return is_below(p->text, domain);
}

static void check_host(struct build *b, const struct build_host *h)
{
    struct span domain = h->gate ? h->gate->session.domain : SPAN_NONE;

    /* People come back from the sign-in page to a host elsewhere by a hand-off, and have a session of its own there. */
    if (!domain.n || build_is_interactive(h->raw_gate))
        return;
    for (size_t i = h->first_pattern; i < h->first_pattern + h->pattern_count; i++)
        if (!pattern_is_below(&b->patterns[i], domain))
            place_error(b->d, b->pattern_places[i],
                        "is not %.*s and does not lie below it, where the session of gate %.*s lives: its cookie would "
                        "never get here; give this host another gate, or that gate another \"domain\"",
                        SHOW(domain), SHOW(h->gate->name));
}

static bool hosts_meet(const struct build *b, const struct gate_config *gate, struct span domain)
{
    for (size_t i = 0; i < b->raw->hosts.n; i++) {
        const struct build_host *h = &b->build_hosts[i];

        for (size_t k = 0; h->gate == gate && k < h->pattern_count; k++)
            if (pattern_is_below(&b->patterns[h->first_pattern + k], domain))
                return true;
    }
    return false;
}

/* Does the cookie of one of both reach hosts of the other? */
static bool meet(const struct build *b, const struct gate_config *x, const struct gate_config *y)
{
    struct span dx = x->session.domain, dy = y->session.domain;

    if (dx.n && dy.n && (is_below(dx, dy) || is_below(dy, dx)))
        return true;
    /* A gate's hosts may lie outside its own domain. */
    return (dx.n && hosts_meet(b, y, dx)) || (dy.n && hosts_meet(b, x, dy));
}

static void check_gates(struct build *b, size_t i, size_t k)
{
    const struct gate_config *x = &b->gates[i], *y = &b->gates[k];
    const struct raw_gate *raw = b->raw->gates.v;

    if (!span_eq(x->session.cookie, y->session.cookie) || !meet(b, x, y))
        return;
    place_error(b->d, raw[k].e.at,
                "the cookie \"%.*s\" of this gate and of gate %.*s (%s:%u) would meet on the same hosts, as their "
                "session domains overlap: write \"session\": {\"cookie\": \"%s%.*s\"} here, or give the gates domains "
                "apart",
                SHOW(y->session.cookie), SHOW(x->name), raw[i].e.at.file, raw[i].e.at.line,
                y->session.domain.n ? "__Secure-" : "__Host-", SHOW(y->name));
}

void build_circles(struct build *b)
{
    for (size_t i = 0; i < b->raw->hosts.n; i++)
        check_host(b, &b->build_hosts[i]);
    for (size_t k = 1; k < b->raw->gates.n; k++)
        for (size_t i = 0; i < k; i++)
            check_gates(b, i, k);
}

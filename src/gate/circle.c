#include "gate/circle.h"

static bool is_within(struct span host, struct span domain)
{
    if (domain.n == 0 || host.n < domain.n)
        return false;
    if (!span_eq_nocase(span_from(host, host.n - domain.n), domain))
        return false;
    return host.n == domain.n || host.p[host.n - domain.n - 1] == '.';
}

/* A `__Host-` cookie cannot have a domain, whatever is configured. */
static bool is_host_only(struct span cookie)
{
    struct span prefix = SPAN("__Host-");
    return cookie.n >= prefix.n && span_eq_nocase(span_make(cookie.p, prefix.n), prefix);
}

struct circle circle_of(const struct session_config *s, struct span host)
{
    if (is_within(host, s->domain) && !is_host_only(s->cookie))
        return (struct circle){CIRCLE_DOMAIN, s->domain, host};
    return (struct circle){CIRCLE_HOST, host, host};
}

/* A share link opens one host, and a job that may reach its own preview alone must not take its session to the next one. */
static bool is_narrow(const struct gate_config *gate, enum identity_way way)
{
    return way == WAY_SHARE_LINK || (way == WAY_ACTIONS && gate->actions && gate->actions->own_preview_only);
}

struct circle circle_for(const struct gate_config *gate, enum identity_way way, const struct circle *c)
{
    return is_narrow(gate, way) ? (struct circle){CIRCLE_HOST, c->host, c->host} : *c;
}

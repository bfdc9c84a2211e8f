/* Who asks: the TCP peer, or what a trusted proxy says of it. Missing or unreadable → unknown, never the proxy's own
 * address: then no `ip:` condition that admits holds. */
#include "edge/conn.h"
#include "edge/exchange.h"

static bool trusted(const struct client_address_config *c, const struct addr *a)
{
    for (size_t i = 0; i < c->trusted_count; i++)
        if (cidr_has(&c->trusted[i], a))
            return true;
    return false;
}

/* The right-most address that is not one of ours; SPAN_NONE when a list element can't be read. */
static struct addr rightmost_untrusted(const struct client_address_config *c, struct span list)
{
    struct addr a = {.family = 0};
    while (list.n > 0) {
        size_t cut = list.n;
        while (cut > 0 && list.p[cut - 1] != ',')
            cut--;
        if (!addr_parse_ip(span_trim(span_from(list, cut)), &a))
            return (struct addr){.family = 0};
        if (!trusted(c, &a))
            return a;
        list.n = cut > 0 ? cut - 1 : 0;
    }
    return a;
}

static const struct header *only_field(const struct headers *h, struct span name)
{
    const struct header *found = NULL;
    for (size_t i = 0; i < h->n; i++) {
        if (!span_eq_nocase(h->v[i].name, name))
            continue;
        if (found)
            return NULL;
        found = &h->v[i];
    }
    return found;
}

/* Whom we see is the proxy, by the very kind of the listener. `counted` is what the PROXY header said. */
static bool peer_is_proxy(const struct conn *c)
{
    return c->listen.proxy_protocol ? c->counted.family == 0 : c->listen.plain;
}

struct addr exchange_client_address(const struct exchange *x)
{
    const struct client_address_config *c = &x->snapshot->client_address;
    struct addr unknown = {.family = 0}, a;
    if (c->header.n == 0 || !trusted(c, &x->conn->peer))
        return peer_is_proxy(x->conn) ? unknown : x->conn->peer;
    const struct header *h = only_field(&x->req.headers, c->header);
    if (!h)
        return unknown;
    if (span_eq(c->header, SPAN("x-forwarded-for")))
        return rightmost_untrusted(c, h->value);
    return addr_parse_ip(h->value, &a) ? a : unknown;
}

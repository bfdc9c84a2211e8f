/* Pages of which origins belong to the circle of this request, and which may read our answers. */
#include "edge/exchange.h"

static int port_or_default(int port)
{
    return port < 0 ? 443 : port;
}

/* Circles are https: a page that came by plain http is nobody's. The port must be the one that was asked for, so that
 * another server on the same name and another port is outside. */
bool exchange_origin_in_circle(const struct exchange *x)
{
    struct span origin = headers_only(&x->req.headers, H_ORIGIN);
    struct host page;
    if (!x->site || !span_has_prefix(origin, SPAN("https://")) || !host_parse(span_from(origin, 8), &page))
        return false;
    return port_or_default(page.port) == port_or_default(x->host.port) &&
           snapshot_same_circle(x->snapshot, x->site, host_span(&x->host), host_span(&page));
}

struct cors_grant exchange_cors_grant(const struct exchange *x)
{
    struct cors_grant none = {SPAN_NONE};
    struct span origin = headers_only(&x->req.headers, H_ORIGIN);
    if (!x->site || origin.n == 0)
        return none;
    for (size_t i = 0; i < x->site->cors_origin_count; i++)
        if (span_eq(origin, x->site->cors_origins[i]))
            return (struct cors_grant){origin};
    return exchange_origin_in_circle(x) ? (struct cors_grant){origin} : none;
}

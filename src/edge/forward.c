/* The request as the origin gets it: hop-by-hop fields off the client's copy first, then what clients may not say, then ours
 * (design §5 To the origin). */
#include <stdio.h>

#include "edge/exchange.h"
#include "edge/strip.h"

#define OUR_FIELDS 8

static bool drop_credentials(struct exchange *x)
{
    headers_drop(&x->req.headers, H_COOKIE);
    headers_drop(&x->req.headers, H_AUTHORIZATION);
    return true;
}

bool forward_prepare(struct exchange *x)
{
    struct headers *h = &x->req.headers;
    struct gate_list gates = {x->snapshot->gates, x->snapshot->gate_count};
    x->origin_host_name = origin_host(x->site->origin, x->captured, &x->arena);
    if (!x->origin_host_name.p)
        return false;
    headers_drop_hop_by_hop(h);
    headers_drop(h, H_EXPECT); /* answered here */
    if (!gate_strip_request(x->site->gate, gates, &x->req, &x->arena))
        return false;
    strip_request(h, x->site->origin, x->who != NULL);
    return !x->preflight_to_origin || drop_credentials(x);
}

/* W3C trace context: a client's well-formed trace goes on, with our span as the parent; else ours begins. */
static struct span traceparent(struct exchange *x)
{
    struct span in = headers_only(&x->req.headers, H_TRACEPARENT);
    struct span trace = x->request_id, flags = SPAN("00");
    bool ok = in.n == 55 && in.p[0] == '0' && in.p[1] == '0' && in.p[2] == '-' && in.p[35] == '-' && in.p[52] == '-';
    for (size_t i = 0; ok && i < in.n; i++)
        ok = i == 2 || i == 35 || i == 52 || (in.p[i] >= '0' && in.p[i] <= '9') || (in.p[i] >= 'a' && in.p[i] <= 'f');
    if (ok) {
        trace = span_make(in.p + 3, 32);
        flags = span_make(in.p + 53, 2);
    }
    return arena_printf(&x->arena, "00-%.*s-%016llx-%.*s", SPAN_ARG(trace),
                        (unsigned long long)(rng_u64(&x->thread->loop->rng) | 1), SPAN_ARG(flags));
}

static bool add_identity(struct exchange *x, struct headers *extra)
{
    return !x->who || headers_add(extra, &x->arena, SPAN("X-Forwarded-User"), x->who->subject);
}

static bool add_ours(struct exchange *x, struct headers *extra)
{
    char ip[ADDR_TEXT];
    struct span from = arena_copy(&x->arena, span_make(ip, addr_format_ip(&x->client_addr, ip)));
    struct span trace = traceparent(x);
    struct arena *a = &x->arena;
    headers_drop(&x->req.headers, H_TRACEPARENT);
    if (!from.p || !trace.p || !headers_add(extra, a, SPAN("X-Forwarded-For"), from) ||
        !headers_add(extra, a, SPAN("X-Forwarded-Proto"), SPAN("https")) ||
        !headers_add(extra, a, SPAN("X-Forwarded-Host"), x->req.authority) ||
        !headers_add(extra, a, SPAN("traceparent"), trace) || !add_identity(x, extra))
        return false;
    const struct origin_config *o = x->site->origin;
    for (size_t i = 0; i < o->header_count; i++)
        if (!headers_add(extra, a, o->headers[i].name, o->headers[i].value))
            return false;
    return true;
}

/* The name that the origin is asked by (design §5 The origin's name); a port that is not the scheme's own belongs to it. */
static struct span host_field(struct exchange *x)
{
    const struct origin_config *o = x->site->origin;
    switch (o->host_mode) {
    case ORIGIN_NAME_CLIENT:
        return x->req.authority;
    case ORIGIN_NAME_FIXED:
        return o->host_fixed;
    case ORIGIN_NAME_OWN:
        break;
    }
    if (o->port == (o->tls ? 443 : 80))
        return x->origin_host_name;
    return arena_printf(&x->arena, "%.*s:%u", SPAN_ARG(x->origin_host_name), (unsigned)o->port);
}

bool forward_write_request(struct exchange *x, struct chunkq *out)
{
    struct headers extra;
    struct span host = host_field(x);
    return host.p && headers_init(&extra, &x->arena, OUR_FIELDS + x->site->origin->header_count) &&
           add_ours(x, &extra) &&
           h1_write_request(out, &x->req, host, &extra, x->req.websocket ? SPAN("upgrade") : SPAN_NONE);
}

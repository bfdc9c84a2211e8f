/* The request as the origin gets it: hop-by-hop fields off the client's copy first, then what clients may not say, then ours. */
#include "edge/exchange.h"
#include "edge/names.h"
#include "edge/strip.h"
#include "gate/assertion.h"

#define OUR_FIELDS 8

static void drop_credentials(struct exchange *x)
{
    headers_drop(&x->req.headers, H_COOKIE);
    headers_drop(&x->req.headers, H_AUTHORIZATION);
}

/* The name that the origin is asked by; a port that is not the scheme's own belongs to it. */
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
    const struct span parts[] = {x->origin_host_name, o->port_suffix};
    return o->port_suffix.n ? arena_join(&x->arena, parts, 2) : x->origin_host_name;
}

/* NULL: nothing is to be translated, or no memory (then *ok is false). */
static const struct names *names_of(struct exchange *x, bool *ok)
{
    const struct origin_config *o = x->site->origin;
    *ok = true;
    if (x->names || o->host_mode == ORIGIN_NAME_CLIENT)
        return x->names;
    struct names *n = arena_alloc(&x->arena, sizeof *n);
    *ok = n && names_init(n, &x->host, x->host_field, o->tls != NULL, &x->arena);
    x->names = *ok ? n : NULL;
    return x->names;
}

static bool has_any(const struct headers *h, const enum header_id *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (headers_find(h, ids[i]))
            return true;
    return false;
}

static bool translate_request(struct exchange *x)
{
    static const enum header_id ids[] = {H_ORIGIN, H_REFERER};
    bool ok = true;
    if (!has_any(&x->req.headers, ids, sizeof ids / sizeof ids[0]))
        return true;
    const struct names *n = names_of(x, &ok);
    return n ? names_to_origin(n, &x->req.headers, &x->arena) : ok;
}

bool forward_translate_response(struct exchange *x)
{
    static const enum header_id ids[] = {H_LOCATION, H_CONTENT_LOCATION, H_REFRESH, H_ACCESS_CONTROL_ALLOW_ORIGIN,
                                         H_SET_COOKIE};
    bool ok = true;
    if (!has_any(&x->resp.headers, ids, sizeof ids / sizeof ids[0]))
        return true;
    const struct names *n = names_of(x, &ok);
    return n ? names_to_client(n, &x->resp.headers, &x->arena) : ok;
}

bool forward_prepare(struct exchange *x)
{
    struct headers *h = &x->req.headers;
    struct gate_list gates = {x->snapshot->gates, x->snapshot->gate_count};
    x->origin_host_name = origin_host(x->site->origin, x->captured, &x->arena);
    if (!x->origin_host_name.p)
        return false;
    x->host_field = host_field(x);
    x->te_trailers = x->req.version == HTTP_2 && headers_has_token(h, H_TE, SPAN("trailers"));
    headers_drop_hop_by_hop(h);
    headers_drop(h, H_EXPECT); /* answered here */
    if (!x->host_field.p || !gate_strip_request(x->site->gate, gates, &x->req, &x->arena))
        return false;
    strip_request(h, x->site->origin, x->who != NULL);
    if (x->preflight_to_origin)
        drop_credentials(x);
    return translate_request(x);
}

static void put_hex(char *out, uint64_t v)
{
    for (size_t i = 16; i-- > 0; v >>= 4)
        out[i] = "0123456789abcdef"[v & 15];
}

static bool is_trace(struct span s)
{
    if (s.n != 55 || s.p[0] != '0' || s.p[1] != '0' || s.p[2] != '-' || s.p[35] != '-' || s.p[52] != '-')
        return false;
    for (size_t i = 3; i < s.n; i++)
        if (i != 35 && i != 52 && !((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
            return false;
    return true;
}

/* W3C trace context: a client's well-formed trace goes on, with our span as the parent; else ours begins, not sampled. */
static struct span traceparent(struct exchange *x)
{
    struct span in = headers_only(&x->req.headers, H_TRACEPARENT);
    char *out = arena_alloc(&x->arena, 55);
    if (!out)
        return SPAN_NONE;
    bool goes_on = is_trace(in);
    memcpy(out, "00-", 3);
    memcpy(out + 3, goes_on ? in.p + 3 : x->request_id.p, 32);
    out[35] = '-';
    put_hex(out + 36, rng_u64(&x->thread->loop->rng) | 1);
    memcpy(out + 52, goes_on ? (const char *)in.p + 52 : "-00", 3);
    return span_make(out, 55);
}

/* What origins can verify. Without keys (no state folder) there is none, and who asks for it lets nobody in. */
static bool add_assertion(struct exchange *x, struct headers *extra)
{
    const struct assertion a = {
        .keys = &x->snapshot->access, .check = &x->check, .audience = x->site->access_aud, .port = x->host.port};
    if (!a.keys->key)
        return true;
    struct span token = assertion_of(x->thread->gate, &a);
    return token.p && headers_add(extra, &x->arena, SPAN("Cf-Access-Jwt-Assertion"), token);
}

static bool add_identity(struct exchange *x, struct headers *extra)
{
    struct arena *a = &x->arena;
    if (!x->who)
        return true;
    if (!headers_add(extra, a, SPAN("X-Forwarded-User"), x->who->subject) || !add_assertion(x, extra))
        return false;
    return !x->who->email.n || headers_add(extra, a, SPAN("Cf-Access-Authenticated-User-Email"), x->who->email);
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

bool forward_send_head(struct exchange *x)
{
    struct headers extra;
    return headers_init(&extra, &x->arena, OUR_FIELDS + x->site->origin->header_count) && add_ours(x, &extra) &&
           x->via->send_head(x, &extra);
}

/* The origin's answer as the client gets it: hop-by-hop fields off, nothing that looks like ours, and no shared cache may keep what
 * stands behind a gate. */
#include "base/clock.h"
#include "edge/exchange.h"

static bool is_shared_cache_field(struct span name)
{
    static const struct span suffix = {(const uint8_t *)"-cdn-cache-control", 18};
    return name.n > suffix.n && span_eq_nocase(span_from(name, name.n - suffix.n), suffix);
}

/* What an origin may not say in our name. */
static void drop_forged(struct exchange *x)
{
    struct headers *h = &x->resp.headers;
    struct gate_list gates = {x->snapshot->gates, x->snapshot->gate_count};
    for (size_t i = 0; i < h->n; i++) {
        struct header *f = &h->v[i];
        if (header_name_alias(f->name, SPAN("tiergate")))
            f->drop = 1;
        else if (f->id == H_SET_COOKIE && gate_owns_cookie(gates, f->value))
            f->drop = 1;
    }
}

static bool directive_is(struct span directive, struct span name)
{
    struct span head, tail;
    span_cut(directive, '=', &head, &tail);
    return span_eq_nocase(span_trim(head), name);
}

/* Appends the directives that may stay, and "private". Quoted commas (private="a, b") only ever split into directives that no one knows. */
static struct span private_cache_control(struct exchange *x)
{
    const struct headers *h = &x->resp.headers;
    struct span out = SPAN("private");
    for (size_t i = 0; i < h->n && out.p; i++) {
        struct span rest = h->v[i].value, one;
        if (h->v[i].drop || h->v[i].id != H_CACHE_CONTROL)
            continue;
        for (bool more = true; more && out.p;) {
            more = span_cut(rest, ',', &one, &rest);
            one = span_trim(one);
            if (one.n == 0 || directive_is(one, SPAN("public")) || directive_is(one, SPAN("s-maxage")) ||
                directive_is(one, SPAN("private")))
                continue;
            const struct span parts[] = {out, SPAN(", "), one};
            out = arena_join(&x->arena, parts, 3);
        }
    }
    return out;
}

static bool make_private(struct exchange *x, struct headers *extra)
{
    struct headers *h = &x->resp.headers;
    struct span value = private_cache_control(x);
    headers_drop(h, H_CACHE_CONTROL);
    headers_drop(h, H_CDN_CACHE_CONTROL);
    headers_drop(h, H_SURROGATE_CONTROL);
    for (size_t i = 0; i < h->n; i++)
        if (is_shared_cache_field(h->v[i].name))
            h->v[i].drop = 1;
    return value.p && headers_add(extra, &x->arena, SPAN("Cache-Control"), value);
}

/* An origin without a CORS middleware of its own can be read by the pages of its circle; one that has it is never corrected. */
static bool add_cors(struct exchange *x, struct headers *extra)
{
    if (x->cors.origin.n == 0 || x->site->cors != CORS_EDGE ||
        headers_find(&x->resp.headers, H_ACCESS_CONTROL_ALLOW_ORIGIN) ||
        headers_find(&x->resp.headers, H_ACCESS_CONTROL_ALLOW_CREDENTIALS))
        return true;
    return headers_add(extra, &x->arena, SPAN("Access-Control-Allow-Origin"), x->cors.origin) &&
           headers_add(extra, &x->arena, SPAN("Access-Control-Allow-Credentials"), SPAN("true")) &&
           headers_add(extra, &x->arena, SPAN("Vary"), SPAN("Origin"));
}

bool respond_clears_cache(const struct exchange *x)
{
    const struct gate_check *c = &x->check;
    bool first =
        x->who ? c->set_cookie.n && !c->by_cookie : x->asker == ASKER_NAVIGATION || x->asker == ASKER_POST_NAVIGATION;
    return first && x->site->clear_cache_until_s && clock_wall_s() < x->site->clear_cache_until_s;
}

static bool add_cookies(struct exchange *x, struct headers *extra)
{
    const struct gate_check *c = &x->check;
    if (c->set_cookie.n && !headers_add(extra, &x->arena, SPAN("Set-Cookie"), c->set_cookie))
        return false;
    for (size_t i = 0; i < 2; i++)
        if (c->clear_cookies[i].n && !headers_add(extra, &x->arena, SPAN("Set-Cookie"), c->clear_cookies[i]))
            return false;
    return !respond_clears_cache(x) || headers_add(extra, &x->arena, SPAN("Clear-Site-Data"), SPAN("\"cache\""));
}

bool respond_prepare(struct exchange *x, struct headers *extra)
{
    headers_drop_hop_by_hop(&x->resp.headers);
    drop_forged(x);
    if (!headers_init(extra, &x->arena, 8) || !forward_translate_response(x))
        return false;
    if (x->site->noindex && !headers_add(extra, &x->arena, SPAN("X-Robots-Tag"), SPAN("noindex")))
        return false;
    if (x->who && (!make_private(x, extra) || !add_cookies(x, extra)))
        return false;
    return add_cors(x, extra);
}

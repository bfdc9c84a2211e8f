#include "edge/names.h"

enum scheme { SCHEME_NONE = 0, SCHEME_HTTP, SCHEME_HTTPS, SCHEME_SAME /* "//host/…" */ };

/* An absolute URL, cut. */
struct url {
    enum scheme scheme;
    struct host host;
    struct span rest; /* from the path, query or fragment on */
};

static enum scheme take_scheme(struct span *s)
{
    static const struct {
        struct span text;
        enum scheme scheme;
    } schemes[] = {
        {{(const uint8_t *)"https://", 8}, SCHEME_HTTPS},
        {{(const uint8_t *)"http://", 7}, SCHEME_HTTP},
        {{(const uint8_t *)"//", 2}, SCHEME_SAME},
    };
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        struct span text = schemes[i].text;
        if (s->n < text.n || !span_eq_nocase(span_make(s->p, text.n), text))
            continue;
        *s = span_from(*s, text.n);
        return schemes[i].scheme;
    }
    return SCHEME_NONE;
}

/* False: not absolute, or its authority is no plain `host[:port]`. */
static bool url_cut(struct span s, struct url *out)
{
    size_t n = 0;
    out->scheme = take_scheme(&s);
    if (out->scheme == SCHEME_NONE)
        return false;
    while (n < s.n && s.p[n] != '/' && s.p[n] != '?' && s.p[n] != '#')
        n++;
    out->rest = span_make(s.p + n, s.n - n);
    return host_parse(span_make(s.p, n), &out->host);
}

static int port_of(const struct host *h, bool tls)
{
    return h->port >= 0 ? h->port : tls ? 443 : 80;
}

static bool is_public(const struct names *n, const struct url *u)
{
    return u->scheme == SCHEME_HTTPS && port_of(&u->host, true) == port_of(&n->public_host, true) &&
           span_eq(host_span(&u->host), host_span(&n->public_host));
}

/* The port must be the origin's, or the default one of the scheme that the app believes in. */
static bool is_own(const struct names *n, const struct url *u)
{
    bool port_fits = u->host.port < 0 || u->host.port == port_of(&n->own_host, n->own_tls);
    if (n->own_host.port >= 0 && u->host.port < 0)
        port_fits = false; /* another server on the same name */
    return port_fits && span_eq(host_span(&u->host), host_span(&n->own_host));
}

static struct span root_of(const struct host *h, const char *scheme, struct arena *a)
{
    struct span name = host_span(h);
    return h->port < 0 ? arena_printf(a, "%s://%.*s", scheme, SPAN_ARG(name))
                       : arena_printf(a, "%s://%.*s:%d", scheme, SPAN_ARG(name), h->port);
}

bool names_init(struct names *n, const struct host *asked, struct span own, bool own_tls, struct arena *a)
{
    n->public_host = *asked;
    n->own_tls = own_tls;
    if (n->public_host.port == 443)
        n->public_host.port = -1;
    if (!host_parse(own, &n->own_host))
        return false;
    if (n->own_host.port == (own_tls ? 443 : 80))
        n->own_host.port = -1;
    n->public_root = root_of(&n->public_host, "https", a);
    n->own_root = root_of(&n->own_host, own_tls ? "https" : "http", a);
    return n->public_root.p && n->own_root.p;
}

static bool replace_root(struct header *f, struct span root, struct span rest, struct arena *a)
{
    const struct span parts[] = {root, rest};
    struct span value = arena_join(a, parts, 2);
    if (!value.p)
        return false;
    f->value = value;
    return true;
}

bool names_to_origin(const struct names *n, struct headers *request, struct arena *a)
{
    struct url u;
    for (size_t i = 0; i < request->n; i++) {
        struct header *f = &request->v[i];
        bool serialised = f->id == H_ORIGIN; /* no path */
        if (f->drop || (f->id != H_ORIGIN && f->id != H_REFERER) || !url_cut(f->value, &u) || !is_public(n, &u))
            continue;
        if (!(serialised && u.rest.n) && !replace_root(f, n->own_root, u.rest, a))
            return false;
    }
    return true;
}

/* --- responses ---------------------------------------------------------------------------------------------------------- */

static bool translate_url(const struct names *n, struct header *f, struct arena *a)
{
    struct url u;
    return !url_cut(f->value, &u) || !is_own(n, &u) || replace_root(f, n->public_root, u.rest, a);
}

/* `5; url=https://…`, quotes allowed (HTML §4.2.5.3 as browsers read the field). */
static bool translate_refresh(const struct names *n, struct header *f, struct arena *a)
{
    struct url u;
    for (size_t at = 0; at + 4 <= f->value.n; at++) {
        if (!span_eq_nocase(span_make(f->value.p + at, 4), SPAN("url=")))
            continue;
        size_t from = at + 4;
        if (from < f->value.n && (f->value.p[from] == '"' || f->value.p[from] == '\''))
            from++;
        struct span before = span_make(f->value.p, from);
        return !url_cut(span_from(f->value, from), &u) || !is_own(n, &u) ||
               replace_root(f, arena_printf(a, "%.*s%.*s", SPAN_ARG(before), SPAN_ARG(n->public_root)), u.rest, a);
    }
    return true;
}

static bool is_domain(struct span attribute, struct span *value)
{
    struct span name;
    span_cut(attribute, '=', &name, value);
    return span_eq_nocase(span_trim(name), SPAN("domain"));
}

static bool is_own_name(const struct names *n, struct span domain)
{
    struct host h;
    domain = span_trim(domain);
    if (domain.n && domain.p[0] == '.')
        domain = span_from(domain, 1);
    return host_parse(domain, &h) && span_eq(host_span(&h), host_span(&n->own_host));
}

/* Of several Domains a browser takes the last (RFC 6265 §5.3). */
static bool has_own_domain(const struct names *n, struct span set_cookie)
{
    struct span rest, one, value;
    bool own = false, more = span_cut(set_cookie, ';', &one, &rest);
    while (more) {
        more = span_cut(rest, ';', &one, &rest);
        if (is_domain(one, &value))
            own = is_own_name(n, value);
    }
    return own;
}

/* Without any Domain when that is the origin's name: the browser would refuse it for the public one. */
static bool translate_cookie(const struct names *n, struct header *f, struct arena *a)
{
    struct span rest = f->value, one, value, out = SPAN_NONE;
    bool more = has_own_domain(n, f->value);
    if (!more)
        return true;
    while (more) {
        more = span_cut(rest, ';', &one, &rest);
        if (out.p && is_domain(one, &value))
            continue;
        const struct span parts[] = {out, SPAN(";"), one};
        out = out.p ? arena_join(a, parts, 3) : arena_copy(a, one);
        if (!out.p)
            return false;
    }
    f->value = out;
    return true;
}

static bool has_domain(struct span value)
{
    for (size_t i = 0; i + 6 <= value.n; i++)
        if (span_eq_nocase(span_make(value.p + i, 6), SPAN("domain")))
            return true;
    return false;
}

bool names_to_client(const struct names *n, struct headers *response, struct arena *a)
{
    for (size_t i = 0; i < response->n; i++) {
        struct header *f = &response->v[i];
        bool ok = true;
        if (f->drop)
            continue;
        if (f->id == H_LOCATION || f->id == H_CONTENT_LOCATION || f->id == H_ACCESS_CONTROL_ALLOW_ORIGIN)
            ok = translate_url(n, f, a);
        else if (f->id == H_REFRESH)
            ok = translate_refresh(n, f, a);
        else if (f->id == H_SET_COOKIE && has_domain(f->value))
            ok = translate_cookie(n, f, a);
        if (!ok)
            return false;
    }
    return true;
}

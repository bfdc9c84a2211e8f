#include "config/build.h"

#include "base/clock.h"
#include "base/crypto/mac.h"
#include "base/crypto/x509.h"

static const struct key keys[] = {
    KEY(struct raw_certificate, cert, KEY_FILE, .required = true),
    KEY(struct raw_certificate, key, KEY_FILE, .required = true),
};

const struct section section_certificate = SECTION(struct raw_certificate, keys);

#define DAY 86400

struct covering {
    struct x509_info *infos; /* of those that could be read */
    size_t count;
    bool blind; /* some could not be read: what they cover is unknown */
};

static void check_dates(struct build *b, struct place at, const struct x509_info *info)
{
    int64_t now = clock_wall_s();

    if (info->not_after <= now)
        place_warning(b->d, at, "the certificate has expired: clients will refuse it; renew it");
    else if (info->not_before > now)
        place_warning(b->d, at, "the certificate is not valid yet: is the clock of this machine right?");
    else if (info->not_after - now < 14 * DAY)
        place_warning(b->d, at, "the certificate expires in %d days", (int)((info->not_after - now) / DAY));
}

static void read_one(struct build *b, const struct raw_certificate *raw, struct covering *c)
{
    if (raw->cert.missing || !raw->cert.v.p || raw->cert.f.bad || !raw->cert.f.given) {
        c->blind = true;
        return;
    }
    struct res r = x509_info_parse(raw->cert.v, &c->infos[c->count]);

    if (!res_ok(r)) {
        c->blind = true;
        place_error(b->d, raw->cert.f.at, "%s", r.err);
        return;
    }
    check_dates(b, raw->cert.f.at, &c->infos[c->count++]);
    if (raw->key.missing || !raw->key.v.p)
        return;
    r = x509_key_matches(raw->cert.v, raw->key.v);
    if (!res_ok(r))
        place_error(b->d, raw->key.f.at, "%s", r.err);
}

/* A template can be any label, so it needs the wildcard; so does `*.x` itself. */
static struct span needed_name(struct build *b, const struct host_pattern *p)
{
    struct span label, rest;

    if (p->kind != HOST_TEMPLATE)
        return p->text;
    span_cut(p->text, '.', &label, &rest);
    return arena_printf(b->arena, "*.%.*s", SPAN_ARG(rest));
}

static bool is_covered(const struct covering *c, struct span name)
{
    for (size_t i = 0; i < c->count; i++)
        if (x509_covers(&c->infos[i], name))
            return true;
    return false;
}

/* A certificate's `*` stands for the whole first label only. */
static bool is_coverable(const struct host_pattern *p)
{
    return p->kind != HOST_TEMPLATE || span_find(p->before, '.') == p->before.n;
}

static void check_cover(struct build *b, const struct covering *c)
{
    for (size_t i = 0; i < b->pattern_count && !c->blind; i++) {
        struct span name = needed_name(b, &b->patterns[i]);

        if (!is_coverable(&b->patterns[i]))
            place_error(b->d, b->pattern_places[i],
                        "no certificate can cover this: let the capture stand in the first label");
        else if (!is_covered(c, name))
            place_error(b->d, b->pattern_places[i],
                        "no certificate covers this: one must hold the name %.*s (add it to \"certificates\")",
                        SHOW(name));
    }
}

static bool wants_tls(const struct build *b)
{
    for (size_t i = 0; i < b->snapshot->listen_count; i++)
        if (b->snapshot->listen[i].kind == LISTEN_SERVE && !b->snapshot->listen[i].plain)
            return true;
    return false;
}

static void unref_tls(const void *p)
{
    tls_server_unref((struct tls_server *)(uintptr_t)p); /* const for config_memory_defer alone */
}

/* Tickets hold across restarts and threads, as their key comes from the session's secret, with a purpose of its own. */
static void make_server(struct build *b, const struct raw_certificate *raw, size_t n)
{
    static const struct span info = {(const uint8_t *)"tiergate tls tickets v1", 23};
    struct tls_pair *pairs = build_alloc(b, n, sizeof(*pairs));
    uint8_t secret[48];

    for (size_t i = 0; pairs && i < n; i++)
        pairs[i] = (struct tls_pair){raw[i].cert.v, raw[i].key.v};
    if (!pairs || !b->secret_count || !res_ok(hkdf_sha256(b->secrets[0], SPAN_NONE, info, secret, sizeof(secret)))) {
        b->failed = true;
        return;
    }
    struct res r =
        tls_server_new(pairs, n, span_make(secret, sizeof(secret)), TLS_ALPN_HTTP1 | TLS_ALPN_HTTP2, &b->snapshot->tls);

    wipe(secret, sizeof(secret));
    if (!res_ok(r))
        place_error(b->d, b->raw->certificates.f.at, "%s", r.err);
    else if (!config_memory_defer(b->mem, unref_tls, b->snapshot->tls)) {
        tls_server_unref(b->snapshot->tls);
        b->failed = true;
    }
}

static void read_all(struct build *b, const struct raw_certificate *raw, size_t n)
{
    struct covering c = {.infos = build_alloc(b, n, sizeof(*c.infos))};

    for (size_t i = 0; c.infos && i < n; i++)
        read_one(b, &raw[i], &c);
    if (c.infos && wants_tls(b))
        check_cover(b, &c);
    for (size_t i = 0; i < c.count; i++)
        x509_info_fini(&c.infos[i]);
}

static bool all_here(const struct raw_certificate *raw, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!raw[i].cert.v.n || !raw[i].key.v.n)
            return false;
    return true;
}

void build_tls(struct build *b)
{
    const struct objects_field *list = &b->raw->certificates;
    const struct raw_certificate *raw = list->v;
    bool wanted = wants_tls(b);

    if (list->f.bad)
        return;
    if (wanted && !list->n && !b->raw->e.later)
        place_error(b->d, list->f.at,
                    "\"certificates\" is missing: write \"certificates\": [{\"cert\": \"FILE\", \"key\": \"FILE\"}] "
                    "(`tiergate cert dev NAME` makes one to try with), or \"plain\": true where TLS ends before us");
    if (!wanted && list->n)
        place_warning(b->d, list->f.at, "no listener speaks TLS, so the certificates have no effect");
    if (!list->n)
        return;
    read_all(b, raw, list->n);
    if (wanted && all_here(raw, list->n) && diags_ok(b->d))
        make_server(b, raw, list->n);
}

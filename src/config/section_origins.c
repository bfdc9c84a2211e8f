#include "config/build.h"

#include "config/origin_url.h"

#include "base/crypto/mac.h"
#include "http/headers.h"
#include "http/host.h"

#define MS(n) (uint64_t)(n)

static const char *const verify_choices[] = {[TLS_VERIFY_FULL] = "full", [TLS_VERIFY_OFF] = "off", NULL};

static const struct key tls_keys[] = {
    KEY(struct raw_origin_tls, verify, KEY_CHOICE, .choices = verify_choices),
    KEY(struct raw_origin_tls, ca, KEY_FILE),
    KEY_NOT_YET("client_cert"),
};

const struct section section_origin_tls = SECTION(struct raw_origin_tls, tls_keys);

static const char *const http_choices[] = {
    [ORIGIN_HTTP_1] = "1.1", [ORIGIN_HTTP_2] = "2", [ORIGIN_HTTP_AUTO] = "auto", NULL};

static const struct key keys[] = {
    KEY(struct raw_origin, url, KEY_TEXT, .required = true),
    KEY(struct raw_origin, host, KEY_TEXT, .depends = true),
    KEY(struct raw_origin, headers, KEY_SECRET_MAP),
    KEY(struct raw_origin, http, KEY_CHOICE, .choices = http_choices),
    KEY(struct raw_origin, tls, KEY_OBJECT, .sub = &section_origin_tls),
    KEY(struct raw_origin, connect_timeout, KEY_DURATION, .def = SECONDS(10), .min = MS(100), .max = SECONDS(300)),
    KEY(struct raw_origin, first_byte_timeout, KEY_DURATION, .def = SECONDS(60), .min = MS(100), .max = HOURS(1)),
    /* Server-sent events and long polls are silent for minutes. */
    KEY(struct raw_origin, idle_timeout, KEY_DURATION, .def = SECONDS(600), .min = 0, .max = HOURS(24)),
    KEY(struct raw_origin, pool_idle, KEY_DURATION, .def = SECONDS(30), .min = SECONDS(1), .max = HOURS(1)),
    KEY(struct raw_origin, pool_size, KEY_INT, .def = 256, .min = 0, .max = 1024),
};

const struct section section_origin = SECTION(struct raw_origin, keys);

/* --- headers ------------------------------------------------------------------------------------------------------ */

/* Framing, hop-by-hop and what the gate itself decides. A name that ends in '*' stands for all that begin so. */
static const char *const reserved[] = {
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "http2-settings",
    "expect",
    "proxy-authenticate",
    "cookie",
    "proxy-authorization",
    "forwarded",
    "x-forwarded-*",
    "x-real-ip",
    "tiergate*",
    "traceparent",
    "cf-access-*",
    "sec-websocket-*",
    NULL,
};

/* Origins may read '_' and '.' as '-'. */
static bool is_reserved(struct span name)
{
    for (size_t i = 0; reserved[i]; i++) {
        struct span r = span_of(reserved[i]);
        bool open = r.p[r.n - 1] == '*';

        if (open)
            r.n--;
        if (header_name_alias(open && name.n > r.n ? span_make(name.p, r.n) : name, r))
            return true;
    }
    return false;
}

static bool is_field_value(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
            return false;
    return span_trim(s).n == s.n && s.n <= 8192;
}

static void check_header(struct build *b, const struct named_secret *all, size_t i)
{
    const struct named_secret *h = &all[i];
    struct span name = h->e.name.v;

    if (!http_is_token(name) || name.n > 128)
        place_error(b->d, h->e.at, "no header name: write for example \"X-Origin-Key\"");
    else if (is_reserved(name))
        place_error(b->d, h->e.at,
                    "%.*s is set by tiergate or by HTTP itself: choose a name of your own, for example "
                    "\"X-Origin-Key\"",
                    SHOW(name));
    for (size_t k = 0; k < i; k++)
        if (header_name_alias(name, all[k].e.name.v))
            place_error(b->d, h->e.at, "the same header as %.*s (origins may read them as one): keep one of both",
                        SHOW(all[k].e.name.v));
    if (!is_field_value(h->secret.v))
        place_error(b->d, h->secret.f.at,
                    "the value holds control characters or blanks at an end, or is longer than 8 KiB");
}

static void read_headers(struct build *b, const struct raw_origin *raw, struct origin_config *o)
{
    const struct named_secret *all = raw->headers.v;
    struct origin_header *out = build_alloc(b, raw->headers.n, sizeof(*out));

    if (!out)
        return;
    for (size_t i = 0; i < raw->headers.n; i++) {
        check_header(b, all, i);
        out[i] = (struct origin_header){all[i].e.name.v, build_secret(b, all[i].secret.v)};
    }
    o->headers = out;
    o->header_count = raw->headers.n;
}

/* --- TLS ---------------------------------------------------------------------------------------------------------- */

static void unref_tls(const void *p)
{
    tls_client_unref((struct tls_client *)(uintptr_t)p); /* const for config_memory_defer alone */
}

static void make_tls(struct build *b, const struct tls_client_config *config, struct place at, struct origin_config *o)
{
    struct res r = tls_client_new(config, &o->tls);

    if (!res_ok(r))
        place_error(b->d, at, "%s", r.err);
    else if (!config_memory_defer(b->mem, unref_tls, o->tls)) {
        tls_client_unref(o->tls);
        b->failed = true;
    }
}

static void read_tls(struct build *b, const struct raw_origin *raw, struct origin_config *o)
{
    const struct raw_origin_tls *t = raw->tls.v;
    struct tls_client_config config = {
        .verify = t ? (enum tls_verify)t->verify.v : TLS_VERIFY_FULL,
        .ca_pem = t ? t->ca.v : SPAN_NONE,
    };

    if (config.verify == TLS_VERIFY_OFF)
        place_warning(b->d, t->verify.f.at,
                      "NO VERIFICATION: whoever stands between here and the origin reads and changes everything, the "
                      "origin's secret headers included; use \"ca\" for an authority of your own");
    if (t && t->ca.f.given && !t->ca.missing && !t->ca.v.n)
        place_error(b->d, t->ca.f.at, "the file is empty: it must hold one PEM certificate or more");
    else if (t && t->ca.f.given && t->verify.v == TLS_VERIFY_OFF)
        place_error(b->d, t->ca.f.at, "has no effect with \"verify\": \"off\": remove one of both");
    /* Without its file the origin must not fall back to the system's authorities. */
    else if (!(t && t->ca.f.given && t->ca.missing))
        make_tls(b, &config, t && t->ca.f.given ? t->ca.f.at : raw->url.f.at, o);
}

/* --- url and name ------------------------------------------------------------------------------------------------- */

static void read_host(struct build *b, const struct text_field *t, struct origin_config *o)
{
    struct host h;

    if (!t->v.p)
        return;
    if (span_eq(t->v, SPAN("client"))) {
        o->host_mode = ORIGIN_NAME_CLIENT;
        return;
    }
    o->host_mode = ORIGIN_NAME_FIXED;
    o->host_fixed = t->v;
    if (!host_parse(t->v, &h) || h.port >= 0 || !span_eq(host_span(&h), t->v))
        place_error(b->d, t->f.at,
                    "\"%.*s\" must be \"client\" (the name that the client asked for) or a host name in lower "
                    "case without port",
                    SHOW(t->v));
}

static void warn_plain(struct build *b, const struct raw_origin *raw, const struct origin_url *u)
{
    if (!origin_url_is_loopback(u))
        place_warning(
            b->d, raw->url.f.at,
            "http:// is not encrypted: everything, the secret headers too, can be read and changed on the way; "
            "fine within one machine or a private network only");
    if (raw->tls.f.given)
        place_error(b->d, raw->tls.f.at, "has no effect on http://: write https:// or remove \"tls\"");
}

static void set_port_suffix(struct build *b, struct origin_config *o, const struct origin_url *u)
{
    if (u->port == (u->tls ? 443 : 80))
        return;
    o->port_suffix = arena_printf(b->arena, ":%u", (unsigned)u->port);
    if (!o->port_suffix.p)
        b->failed = true;
}

static void read_url(struct build *b, const struct raw_origin *raw, struct origin_config *o, struct text_field *capture)
{
    struct origin_url u = {0};
    const char *problem;

    if (!raw->url.v.p)
        return;
    problem = origin_url_parse(raw->url.v, &u);
    if (problem) {
        place_error(b->d, raw->url.f.at, "%s", problem);
        return;
    }
    o->host_before = u.before;
    o->host_after = u.after;
    o->has_capture = u.capture.n > 0;
    o->port = u.port;
    set_port_suffix(b, o, &u);
    *capture = (struct text_field){raw->url.f, u.capture};
    o->http = (enum origin_http)raw->http.v;
    if (!u.tls && o->http == ORIGIN_HTTP_AUTO)
        o->http = ORIGIN_HTTP_1; /* nothing to choose by */
    if (u.tls)
        read_tls(b, raw, o);
    else
        warn_plain(b, raw, &u);
}

/* Two origins share connections only when all of this is the same. */
static uint64_t sharing_key(struct build *b, const struct raw_origin *raw)
{
    const struct raw_origin_tls *t = raw->tls.v;
    uint8_t digest[3][32], whole[32];
    uint64_t key = 0;
    char how[3] = {t && t->verify.v == TLS_VERIFY_OFF ? '0' : '1', t && t->ca.f.given ? '1' : '0', (char)raw->http.v};
    struct span parts[3] = {raw->url.v, t ? t->ca.v : SPAN_NONE, raw->host.v};

    for (size_t i = 0; i < 3; i++)
        if (!res_ok(sha256(parts[i], digest[i])))
            b->failed = true;
    digest[0][0] ^= (uint8_t)how[0];
    digest[1][0] ^= (uint8_t)how[1];
    digest[2][0] ^= (uint8_t)how[2];
    if (!res_ok(sha256(span_make(digest, sizeof(digest)), whole)))
        b->failed = true;
    memcpy(&key, whole, sizeof(key));
    return key;
}

static void build_one(struct build *b, const struct raw_origin *raw, size_t i)
{
    struct origin_config *o = &b->origins[i];

    o->name = raw->e.name.v;
    o->connect_timeout_ms = (uint32_t)raw->connect_timeout.v;
    o->first_byte_timeout_ms = (uint32_t)raw->first_byte_timeout.v;
    o->idle_timeout_ms = (uint32_t)raw->idle_timeout.v;
    o->pool_idle_ms = (uint32_t)raw->pool_idle.v;
    o->pool_size = (uint32_t)raw->pool_size.v;
    read_url(b, raw, o, &b->origin_captures[i]);
    read_host(b, &raw->host, o);
    read_headers(b, raw, o);
    o->key = sharing_key(b, raw);
}

void build_origins(struct build *b)
{
    const struct objects_field *map = &b->raw->origins;

    b->origins = build_alloc(b, map->n, sizeof(*b->origins));
    b->origin_captures = build_alloc(b, map->n, sizeof(*b->origin_captures));
    b->origin_used = build_alloc(b, map->n, sizeof(*b->origin_used));
    if (!b->origins || !b->origin_captures || !b->origin_used)
        return;
    b->snapshot->origins = b->origins;
    b->snapshot->origin_count = map->n;
    build_check_names(b, map, sizeof(struct raw_origin), "an origin");
    for (size_t i = 0; i < map->n && !b->failed; i++)
        build_one(b, (const struct raw_origin *)map->v + i, i);
}

/* Sessions, and the circles that they make: which hosts a cookie reaches. */
#include "config/build.h"

#include "http/headers.h"
#include "http/host.h"

#include <libpsl.h>

#define SECRET_MIN 32

static const struct key keys[] = {
    KEY(struct raw_session, domain, KEY_TEXT),
    KEY(struct raw_session, lifetime, KEY_DURATION, .def = DAYS(1), .min = SECONDS(60), .max = DAYS(400)),
    KEY(struct raw_session, idle, KEY_DURATION, .def = 0, .min = 0, .max = DAYS(400)),
    KEY(struct raw_session, cookie, KEY_TEXT, .depends = true),
    KEY(struct raw_session, secret, KEY_SECRETS),
    KEY(struct raw_session, sign_in_host, KEY_TEXT, .depends = true),
};

const struct section section_session = SECTION(struct raw_session, keys);

/* --- domain ------------------------------------------------------------------------------------------------------- */

static bool is_host_name(struct span s)
{
    struct host h;

    return host_parse(s, &h) && h.port < 0 && span_eq(host_span(&h), s) && s.p[0] != '[';
}

static bool is_address(struct span s)
{
    struct addr a;

    return addr_parse_ip(s, &a);
}

/* The list compiled into libpsl, not one that lies on this machine: the same file must mean the same everywhere. */
static bool is_public_suffix(struct span s)
{
    const psl_ctx_t *psl = psl_builtin();

    return !psl || psl_is_public_suffix(psl, (const char *)s.p);
}

static void check_domain(struct build *b, const struct text_field *t)
{
    struct span s = t->v;

    if (s.n && s.p[0] == '.')
        place_error(b->d, t->f.at, "write \"%.*s\" without the dot in front: the hosts below are meant anyway",
                    SHOW(span_from(s, 1)));
    else if (is_address(s) || !is_host_name(s))
        place_error(b->d, t->f.at,
                    "\"%.*s\" is no domain: write a host name in lower case, for example "
                    "\"staging.example.com\"",
                    SHOW(s));
    else if (is_public_suffix(s))
        place_error(b->d, t->f.at,
                    "\"%.*s\" is a public suffix, under which strangers have names: write your own domain below it",
                    SHOW(s));
}

/* --- cookie ------------------------------------------------------------------------------------------------------- */

static bool has_prefix_nocase(struct span s, struct span prefix)
{
    return s.n >= prefix.n && span_eq_nocase(span_make(s.p, prefix.n), prefix);
}

/* Browsers refuse cookies that break the promise of their prefix (RFC 6265bis §4.1.3), whatever its case. */
static void check_cookie(struct build *b, const struct text_field *t, struct span domain)
{
    if (!http_is_token(t->v) || t->v.n > 64)
        place_error(b->d, t->f.at, "\"%.*s\" is no cookie name: 1 to 64 letters, digits, '-' and '_'", SHOW(t->v));
    else if (has_prefix_nocase(t->v, SPAN("__Host-")) && domain.n)
        place_error(b->d, t->f.at, "a cookie with a domain cannot be called __Host-…: write \"__Secure-%.*s\"",
                    SHOW(span_from(t->v, 7)));
    else if (has_prefix_nocase(t->v, SPAN("__Http-")) || has_prefix_nocase(t->v, SPAN("__Host-Http-")))
        place_error(b->d, t->f.at, "the prefix __Http- is not supported: write \"__Secure-…\"");
}

/* --- secrets ------------------------------------------------------------------------------------------------------ */

static size_t given_secrets(struct build *b, const struct secrets_field *list, struct span out[SESSION_KEYS])
{
    size_t n = 0;

    if (!list->n || list->n > SESSION_KEYS) {
        place_error(b->d, list->f.at, "takes 1 to %d secrets, the newest first", SESSION_KEYS);
        return 0;
    }
    for (size_t i = 0; i < list->n; i++) {
        const struct secret_field *s = &list->v[i];

        if (s->v.n && s->v.n < SECRET_MIN)
            place_error(b->d, s->f.at,
                        "the secret has %zu bytes and needs 32 or more: make one with `openssl rand -base64 33`",
                        s->v.n);
        for (size_t k = 0; k < i; k++)
            if (s->v.n && span_eq(s->v, list->v[k].v))
                place_error(b->d, s->f.at, "the same secret as session.secret[%zu]: remove one", k);
        out[n++] = s->v.n >= SECRET_MIN ? build_secret(b, s->v) : build_unusable_secret(b);
    }
    return n;
}

/* The state folder's key; check makes none. */
static size_t state_secret(struct build *b, struct span out[SESSION_KEYS])
{
    struct span key;

    if (bundle_find(b->bundle, BLOB_STATE, SPAN("session.key"), &key) && key.n >= SECRET_MIN) {
        out[0] = build_secret(b, key);
        return 1;
    }
    if (b->check) {
        out[0] = build_unusable_secret(b);
        return 1;
    }
    if (!diags_mentions(b->d, "session.key")) /* the loader has said why it is not there */
        place_error(b->d, b->raw->session.f.at,
                    "there is no session secret and no state folder to keep one in: write \"session\": {\"secret\": "
                    "\"env:NAME\"}");
    return 0;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

/* The gate's own where it says something, else the one at the top, else NULL: the default. */
#define PICK(own, top, field) ((own) && (own)->field.f.given ? &(own)->field : (top) ? &(top)->field : NULL)

static void set_cookie(struct build *b, struct gate_config *gate, const struct text_field *cookie)
{
    struct session_config *s = &gate->session;

    if (cookie && cookie->v.p) {
        s->cookie = cookie->v;
        check_cookie(b, cookie, s->domain);
        return;
    }
    s->cookie = s->domain.n ? SPAN("__Secure-tiergate") : SPAN("__Host-tiergate");
}

static void set_times(struct build *b, struct gate_config *gate, const struct num_field *lifetime,
                      const struct num_field *idle)
{
    gate->session.lifetime_s = (uint32_t)((lifetime ? lifetime->v : DAYS(1)) / 1000);
    gate->session.idle_s = (uint32_t)((idle ? idle->v + 999 : 0) / 1000);
    if (idle && gate->session.idle_s > gate->session.lifetime_s)
        place_error(b->d, idle->f.at,
                    "is longer than the session's lifetime, so it never counts: shorten it or leave it out");
    else if (idle && idle->v && idle->v < SECONDS(60))
        place_error(b->d, idle->f.at, "must be \"0\" (none) or at least \"1m\"");
}

static void set_secrets(struct build *b, const struct raw_session *own, struct build_gate *g)
{
    if (own && own->secret.f.given) {
        g->secret_count = own->secret.v ? given_secrets(b, &own->secret, g->secrets) : 0;
        return;
    }
    memcpy(g->secrets, b->secrets, sizeof(g->secrets));
    g->secret_count = b->secret_count;
}

/* What a part of the gate is refused for was told with its place; sealing would only repeat it. */
void build_session_seal(struct build *b, const struct build_gate *g, struct gate_config *gate)
{
    struct res r = RES_OK;

    if (g->secret_count && !b->failed && diags_ok(b->d))
        r = gate_config_seal(gate, g->secrets, g->secret_count, b->arena);
    if (!res_ok(r))
        place_error(b->d, b->raw->gates.f.at, "gate %.*s: %s", SHOW(gate->name), r.err);
}

void build_session_top(struct build *b)
{
    const struct raw_session *top = b->raw->session.v;

    if (top && top->domain.v.p)
        check_domain(b, &top->domain);
    if (top && top->secret.f.given)
        b->secret_count = top->secret.v ? given_secrets(b, &top->secret, b->secrets) : 0;
    else
        b->secret_count = state_secret(b, b->secrets);
}

void build_session(struct build *b, struct build_gate *g, struct gate_config *gate)
{
    const struct raw_session *own = g->raw->session.v, *top = b->raw->session.v;
    const struct text_field *domain = PICK(own, top, domain);

    if (domain && domain->v.p)
        gate->session.domain = domain->v;
    /* In a gate "" takes the domain at the top back. */
    if (own && own->domain.v.n)
        check_domain(b, &own->domain);
    set_cookie(b, gate, PICK(own, top, cookie));
    set_times(b, gate, PICK(own, top, lifetime), PICK(own, top, idle));
    set_secrets(b, own, g);
}

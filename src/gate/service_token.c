#include "gate/service_token.h"

#include "base/crypto/mac.h"
#include "base/json.h"

#define JSON_MAX 1024

/* One of two ways to write down the same thing. */
struct claim {
    struct span id, secret;
    struct json_doc *doc; /* owns what both borrow from; NULL: the request does */
};

static size_t count_any(const struct headers *h, enum header_id id)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++)
        n += h->v[i].id == id;
    return n;
}

static bool has_fields(const struct headers *h)
{
    return count_any(h, H_CF_ACCESS_CLIENT_ID) > 0 || count_any(h, H_CF_ACCESS_CLIENT_SECRET) > 0;
}

bool service_token_is_json(const struct gate_config *gate, struct span authorization)
{
    struct span v = span_trim(authorization);
    return gate->token_in_authorization && span_has_prefix(v, SPAN("{"));
}

static size_t count_json(const struct gate_config *gate, const struct headers *h)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++)
        n += h->v[i].id == H_AUTHORIZATION && service_token_is_json(gate, h->v[i].value);
    return n;
}

bool service_token_is_there(const struct gate_config *gate, const struct headers *h)
{
    return has_fields(h) || count_json(gate, h) > 0;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static struct span only(const struct headers *h, enum header_id id)
{
    return count_any(h, id) == 1 ? span_trim(headers_only(h, id)) : SPAN_NONE;
}

static void read_json(struct span value, struct claim *out)
{
    struct json_error ignored;
    out->doc = value.n <= JSON_MAX ? json_parse(value, &ignored) : NULL;
    if (!out->doc)
        return;
    const struct json_value *root = json_root(out->doc);
    out->id = json_as_string(json_get(root, "cf-access-client-id"));
    out->secret = json_as_string(json_get(root, "cf-access-client-secret"));
}

/* Left empty where it is not exactly one whole token. */
static void read_claim(const struct gate_config *gate, const struct headers *h, struct claim *out)
{
    *out = (struct claim){.doc = NULL};
    size_t json = count_json(gate, h);
    if (json == 0) {
        out->id = only(h, H_CF_ACCESS_CLIENT_ID);
        out->secret = only(h, H_CF_ACCESS_CLIENT_SECRET);
    } else if (json == 1 && !has_fields(h)) { /* beside another Authorization it is none */
        read_json(span_trim(headers_only(h, H_AUTHORIZATION)), out);
    }
}

/* --- comparing ---------------------------------------------------------------------------------------------------- */

static bool has_hash(const struct service_token *t, const uint8_t sum[32])
{
    unsigned found = 0;
    for (size_t i = 0; i < t->hash_count; i++)
        found |= t->hashes[i].n == 32 && equal_const_time(t->hashes[i].p, sum, 32);
    return found;
}

/* All tokens are looked at, whichever it is. id.p == NULL: the secret alone counts. */
static const struct service_token *find(const struct gate_config *gate, struct span id, struct span secret)
{
    const struct service_token *found = NULL;
    uint8_t sum[32];
    if (secret.n == 0 || secret.n > SERVICE_TOKEN_SECRET_MAX || !res_ok(sha256(secret, sum)))
        return NULL;
    for (size_t i = 0; i < gate->token_count; i++) {
        const struct service_token *t = &gate->tokens[i];
        bool fits = has_hash(t, sum);
        if (fits && (!id.p || span_eq(id, t->client_id)))
            found = t;
    }
    return found;
}

const struct service_token *service_token_check(const struct gate_config *gate, const struct headers *h)
{
    struct claim claim;
    read_claim(gate, h, &claim);
    const struct service_token *t = claim.id.n > 0 ? find(gate, claim.id, claim.secret) : NULL;
    json_free(claim.doc);
    return t;
}

/* --- by the secret alone ------------------------------------------------------------------------------------------ */

static const struct span secret_name = SPAN("x-vercel-protection-bypass");
static const struct span cookie_name = SPAN("x-vercel-set-bypass-cookie");

bool bypass_is_field(struct span name)
{
    return header_name_alias(name, secret_name) || header_name_alias(name, cookie_name);
}

/* What one of the two says; a name that is there twice says nothing. */
struct value {
    struct span value;
    unsigned count;
};

static void saw(struct value *v, struct span value)
{
    v->value = value;
    v->count++;
}

static struct span said(const struct value *v)
{
    return v->count == 1 ? v->value : SPAN_NONE;
}

struct params {
    struct value secret, cookie;
};

static void read_fields(const struct headers *h, struct params *p)
{
    for (size_t i = 0; i < h->n; i++) {
        if (h->v[i].drop)
            continue;
        if (span_eq_nocase(h->v[i].name, secret_name))
            saw(&p->secret, span_trim(h->v[i].value));
        else if (span_eq_nocase(h->v[i].name, cookie_name))
            saw(&p->cookie, span_trim(h->v[i].value));
    }
}

static bool is_param(struct span pair)
{
    struct span name, value;
    span_cut(pair, '=', &name, &value);
    return span_eq(name, secret_name) || span_eq(name, cookie_name);
}

/* True: it is there. */
static bool read_query(struct span target, struct params *p)
{
    struct span path, rest, pair, name, value;
    bool any = false;
    span_cut(target, '?', &path, &rest);
    while (rest.n > 0) {
        span_cut(rest, '&', &pair, &rest);
        if (!is_param(pair))
            continue;
        span_cut(pair, '=', &name, &value);
        saw(span_eq(name, secret_name) ? &p->secret : &p->cookie, value);
        any = true;
    }
    return any;
}

static enum bypass_cookie wanted(struct span said)
{
    if (span_eq_nocase(said, SPAN("samesitenone")))
        return BYPASS_COOKIE_CROSS_SITE;
    return span_eq_nocase(said, SPAN("true")) ? BYPASS_COOKIE_LAX : BYPASS_COOKIE_NONE;
}

bool bypass_find(const struct gate_config *gate, const struct http_request *r, struct arena *a, struct bypass *out)
{
    struct params p = {.secret = {.count = 0}};
    *out = (struct bypass){.token = NULL};
    if (gate->token_count == 0)
        return true;
    read_fields(&r->headers, &p);
    bool in_query = read_query(r->path_query, &p);
    if (p.secret.count == 0)
        return true;
    out->token = find(gate, SPAN_NONE, said(&p.secret));
    out->wants = wanted(said(&p.cookie));
    if (in_query && out->wants != BYPASS_COOKIE_NONE)
        out->clean_target = bypass_clean(r->path_query, a);
    return !in_query || out->wants == BYPASS_COOKIE_NONE || out->clean_target.p;
}

static bool has_param(struct span target)
{
    struct params ignored = {.secret = {.count = 0}};
    return read_query(target, &ignored);
}

struct span bypass_clean(struct span target, struct arena *a)
{
    struct span path, rest, pair;
    if (!has_param(target))
        return target;
    uint8_t *out = arena_alloc(a, target.n);
    if (!out)
        return SPAN_NONE;
    span_cut(target, '?', &path, &rest);
    memcpy(out, path.p, path.n);
    size_t n = path.n;
    for (bool more = true; more;) {
        more = span_cut(rest, '&', &pair, &rest);
        if (is_param(pair))
            continue;
        out[n] = n == path.n ? '?' : '&';
        memcpy(out + n + 1, pair.p, pair.n);
        n += 1 + pair.n;
    }
    return span_make(out, n);
}

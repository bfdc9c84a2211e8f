#include "gate/errand.h"

#include "base/crypto/base64.h"
#include "base/crypto/mac.h"
#include "base/crypto/random.h"
#include "base/crypto/seal.h"
#include "gate/record.h"
#include "http/cookie.h"

#define RAW_MAX (WAY_BACK_TARGET_MAX + 4096)
#define KEY_ID 4
#define COOKIES_MAX 4

/* --- sealing ---------------------------------------------------------------------------------------------------------- */

static struct span purpose_of(const struct gate_config *gate, const char *what, struct arena *a)
{
    return arena_printf(a, "%s %.*s", what, SPAN_ARG(gate->name));
}

/* The text begins with the key's id, so that a new secret in front of an old one ends nothing that is under way. */
static struct span seal(const struct gate_config *gate, const char *what, struct span plain, struct arena *a)
{
    const struct session_key *key = &gate->session.keys[0];
    struct span purpose = purpose_of(gate, what, a);
    size_t head = BASE64_SIZE(KEY_ID), n = 0;
    char *text = arena_alloc(a, head + SEAL_TEXT_SIZE(plain.n));
    if (!text || !purpose.p || gate->session.key_count == 0)
        return SPAN_NONE;
    head = base64url_encode(span_make(key->id, KEY_ID), text);
    return res_ok(seal_make(key->seal, purpose, plain, text + head, &n)) ? span_make(text, head + n) : SPAN_NONE;
}

static const struct session_key *key_of(const struct gate_config *gate, struct span text, size_t head)
{
    uint8_t id[KEY_ID];
    size_t n = 0; /* and no key's id, where it is no base64url */
    if (text.n < head)
        return NULL;
    base64url_decode(span_make(text.p, head), id, sizeof(id), &n);
    return session_key_find(&gate->session, span_make(id, n));
}

/* Empty: not ours, or no memory; that is no record of anything. */
static struct span unseal(const struct gate_config *gate, const char *what, struct span text, struct arena *a)
{
    const size_t head = (KEY_ID * 8 + 5) / 6;
    const struct session_key *key = key_of(gate, text, head);
    if (!key || text.n > SEAL_TEXT_SIZE(RAW_MAX) + head)
        return SPAN_NONE;
    struct span purpose = purpose_of(gate, what, a); /* empty without memory: nothing was sealed for that */
    uint8_t *room = arena_alloc(a, text.n);
    size_t n = 0;
    if (room)
        seal_open(key->seal, purpose, span_from(text, head), room, text.n, &n);
    return span_make(room, n);
}

static struct record_out record_begin(size_t cap, struct arena *a)
{
    uint8_t *room = arena_alloc(a, cap);
    return (struct record_out){.p = room, .cap = cap, .full = !room};
}

/* --- the way back ----------------------------------------------------------------------------------------------------- */

#define WAY_BACK "way back"

struct span way_back_seal(const struct gate_config *gate, const struct way_back *w, struct arena *a)
{
    struct span target = w->target.n <= WAY_BACK_TARGET_MAX ? w->target : SPAN("/");
    struct record_out o = record_begin(target.n + 600, a);
    record_put_time(&o, w->made_s);
    record_put_time(&o, w->port + 1);
    record_put_byte(&o, w->anew);
    record_put_span(&o, w->host);
    record_put_span(&o, target);
    record_put_span(&o, w->browser);
    return o.full ? SPAN_NONE : seal(gate, WAY_BACK, span_make(o.p, o.n), a);
}

/* A path, and not what a browser takes for another host. */
static bool is_target(struct span s)
{
    return span_has_prefix(s, SPAN("/")) && !span_has_prefix(s, SPAN("//")) && !span_has_prefix(s, SPAN("/\\")) &&
           !span_has_control(s);
}

bool way_back_open(const struct gate_config *gate, struct span text, int64_t now_s, struct arena *a,
                   struct way_back *out)
{
    struct record_in in = {.rest = unseal(gate, WAY_BACK, text, a)};
    *out = (struct way_back){.made_s = record_take_time(&in)};
    int64_t port = record_take_time(&in);
    out->port = (int)(port - 1);
    out->anew = record_take_byte(&in);
    out->host = record_take_span(&in);
    out->target = record_take_span(&in);
    out->browser = record_take_span(&in);
    return record_done(&in) && port <= 65536 && is_target(out->target) && out->host.n > 0 &&
           (out->browser.n == 0 || out->browser.n == BROWSER_HASH) && now_s - out->made_s <= WAY_BACK_MAX_S;
}

struct span way_back_url(const struct way_back *w, struct arena *a)
{
    if (w->port < 0 || w->port == 443)
        return arena_printf(a, "https://%.*s%.*s", SPAN_ARG(w->host), SPAN_ARG(w->target));
    return arena_printf(a, "https://%.*s:%d%.*s", SPAN_ARG(w->host), w->port, SPAN_ARG(w->target));
}

/* --- what was begun --------------------------------------------------------------------------------------------------- */

static const char *const purposes[] = {[ERRAND_GITHUB] = "github state", [ERRAND_PIN] = "pin page"};

struct span errand_seal(const struct gate_config *gate, const struct errand *e, struct arena *a)
{
    struct record_out o = record_begin(e->to.n + e->address.n + e->verifier.n + 200, a);
    record_put_time(&o, e->made_s);
    record_put_span(&o, e->browser);
    record_put_span(&o, e->nonce);
    record_put_span(&o, e->verifier);
    record_put_span(&o, e->address);
    record_put_span(&o, e->to);
    return o.full ? SPAN_NONE : seal(gate, purposes[e->kind], span_make(o.p, o.n), a);
}

bool errand_open(const struct gate_config *gate, enum errand_kind kind, struct span text, int64_t now_s,
                 struct arena *a, struct errand *out)
{
    struct record_in in = {.rest = unseal(gate, purposes[kind], text, a)};
    *out = (struct errand){.kind = kind, .made_s = record_take_time(&in)};
    out->browser = record_take_span(&in);
    out->nonce = record_take_span(&in);
    out->verifier = record_take_span(&in);
    out->address = record_take_span(&in);
    out->to = record_take_span(&in);
    return record_done(&in) && out->browser.n == BROWSER_HASH && now_s - out->made_s <= STATE_MAX_S;
}

struct span errand_random(struct arena *a)
{
    uint8_t raw[32];
    char *text = arena_alloc(a, BASE64_SIZE(sizeof(raw)));
    if (!text || !res_ok(random_bytes(raw, sizeof(raw))))
        return SPAN_NONE;
    size_t n = base64url_encode(span_make(raw, sizeof(raw)), text);
    wipe(raw, sizeof(raw));
    return span_make(text, n);
}

struct span errand_challenge(struct span verifier, struct arena *a)
{
    uint8_t sum[32];
    char *text = arena_alloc(a, BASE64_SIZE(sizeof(sum)));
    if (!text || !res_ok(sha256(verifier, sum)))
        return SPAN_NONE;
    return span_make(text, base64url_encode(span_make(sum, sizeof(sum)), text));
}

/* --- the browser ------------------------------------------------------------------------------------------------------ */

static struct span hash_of(struct span value, struct arena *a)
{
    uint8_t *sum = arena_alloc(a, BROWSER_HASH);
    return sum && res_ok(sha256(value, sum)) ? span_make(sum, BROWSER_HASH) : SPAN_NONE;
}

#define VALUE 43 /* characters for 32 bytes */

static bool is_ours(struct span value)
{
    uint8_t raw[32];
    size_t n = 0;
    return value.n == VALUE && base64url_decode(value, raw, sizeof(raw), &n);
}

/* Two of them cannot be: the name's prefix binds it to this host and path. Who has two has a planted one. */
struct span browser_hash(const struct http_request *r, struct arena *a)
{
    struct span values[COOKIES_MAX];
    size_t n = cookie_find(&r->headers, SPAN(BROWSER_COOKIE), values, COOKIES_MAX);
    return n == 1 && is_ours(values[0]) ? hash_of(values[0], a) : SPAN_NONE;
}

bool browser_has_cookie(const struct http_request *r)
{
    struct span value;
    return cookie_find(&r->headers, SPAN(BROWSER_COOKIE), &value, 1) > 0;
}

bool browser_new(struct arena *a, struct span *hash, struct span *set_cookie)
{
    struct span value = errand_random(a);
    if (!value.p)
        return false;
    *hash = hash_of(value, a);
    *set_cookie = arena_printf(a, BROWSER_COOKIE "=%.*s; Path=/; Secure; HttpOnly; SameSite=Lax", SPAN_ARG(value));
    return hash->p && set_cookie->p;
}

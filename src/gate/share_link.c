#include "gate/share_link.h"

#include "base/crypto/base64.h"
#include "base/crypto/mac.h"
#include "gate/token.h"

#include <endian.h>

#define VERSION 1
#define KEY_ID 4
#define FIXED (1 + KEY_ID + SHARE_ID + 8 + 8)

static struct res sign(const struct session_key *key, struct span payload, uint8_t out[MAC_SIZE])
{
    struct mac *m = mac_new(span_make(key->link, sizeof(key->link)));
    struct res r = m ? mac_sum(m, &payload, 1, out) : res_err("out of memory");
    mac_free(m);
    return r;
}

/* --- making ------------------------------------------------------------------------------------------------------- */

struct writer {
    uint8_t bytes[SHARE_RAW_MAX];
    size_t n;
    bool full;
};

static void put(struct writer *w, const void *p, size_t n)
{
    w->full = w->full || n > sizeof(w->bytes) - w->n;
    if (w->full || n == 0)
        return;
    memcpy(w->bytes + w->n, p, n);
    w->n += n;
}

static void put_byte(struct writer *w, unsigned b)
{
    uint8_t byte = (uint8_t)b;
    put(w, &byte, 1);
}

static void put_time(struct writer *w, int64_t t)
{
    uint64_t be = htobe64((uint64_t)t);
    put(w, &be, sizeof(be));
}

static void put_span(struct writer *w, struct span s)
{
    w->full = w->full || s.n > 255;
    put_byte(w, (unsigned)s.n);
    put(w, s.p, s.n);
}

static void put_link(struct writer *w, const struct session_key *key, struct span gate, const struct share_link *l)
{
    put_byte(w, VERSION);
    put(w, key->id, KEY_ID);
    put(w, l->id, sizeof(l->id));
    put_time(w, l->made_s);
    put_time(w, l->ends_s);
    put_span(w, gate);
    put_span(w, l->host);
    put_span(w, l->scope);
    put_span(w, l->note);
}

size_t share_link_make(const struct gate_config *gate, const struct share_link *l, char out[SHARE_TEXT_MAX])
{
    const struct session_key *key = &gate->session.keys[0];
    struct writer w = {.n = 0};
    uint8_t mac[MAC_SIZE];
    if (gate->session.key_count == 0 || !gate->share_links)
        return 0;
    put_link(&w, key, gate->name, l);
    if (w.full || !res_ok(sign(key, span_make(w.bytes, w.n), mac)))
        return 0;
    put(&w, mac, sizeof(mac));
    return w.full ? 0 : base64url_encode(span_make(w.bytes, w.n), out);
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static int64_t take_time(const uint8_t *p)
{
    uint64_t be;
    memcpy(&be, p, sizeof(be));
    uint64_t t = be64toh(be);
    return t <= INT64_MAX ? (int64_t)t : -1;
}

static bool take_span(struct span *rest, struct span *out)
{
    if (rest->n == 0 || rest->p[0] > rest->n - 1)
        return false;
    *out = span_make(rest->p + 1, rest->p[0]);
    *rest = span_from(*rest, 1u + out->n);
    return true;
}

static bool read_link(struct span payload, struct span *gate, struct share_link *l)
{
    struct span rest = span_from(payload, FIXED);
    *l = (struct share_link){.made_s = take_time(payload.p + 1 + KEY_ID + SHARE_ID),
                             .ends_s = take_time(payload.p + 1 + KEY_ID + SHARE_ID + 8)};
    memcpy(l->id, payload.p + 1 + KEY_ID, sizeof(l->id));
    return take_span(&rest, gate) && take_span(&rest, &l->host) && take_span(&rest, &l->scope) &&
           take_span(&rest, &l->note) && rest.n == 0;
}

static bool is_signed(const struct gate_config *gate, struct span payload, const uint8_t *mac)
{
    for (size_t i = 0; i < gate->session.key_count && i < SESSION_KEYS; i++) {
        const struct session_key *key = &gate->session.keys[i];
        uint8_t want[MAC_SIZE];
        if (memcmp(payload.p + 1, key->id, KEY_ID) == 0 && res_ok(sign(key, payload, want)) &&
            equal_const_time(want, mac, MAC_SIZE))
            return true;
    }
    return false;
}

enum share_verdict share_link_open(const struct gate_config *gate, struct span host, struct span text, int64_t now_s,
                                   uint8_t raw[SHARE_RAW_MAX], struct share_link *out)
{
    struct span name;
    size_t n = 0;
    if (!gate->share_links || !base64url_decode(text, raw, SHARE_RAW_MAX, &n) || n < FIXED + MAC_SIZE ||
        raw[0] != VERSION)
        return SHARE_BAD;
    struct span payload = span_make(raw, n - MAC_SIZE);
    if (!is_signed(gate, payload, raw + payload.n) || !read_link(payload, &name, out))
        return SHARE_BAD;
    if (!span_eq(name, gate->name) || !span_eq(out->host, host) || out->scope.n == 0 || out->scope.p[0] != '/' ||
        out->made_s < 0 || out->made_s > now_s + TOKEN_SKEW_S)
        return SHARE_BAD;
    return now_s < out->ends_s ? SHARE_GOOD : SHARE_OVER;
}

bool share_link_identity(const struct gate_config *gate, const struct share_link *l, struct arena *a,
                         struct identity *out)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t id[2 * SHARE_ID];
    for (size_t i = 0; i < SHARE_ID; i++) {
        id[2 * i] = (uint8_t)digits[l->id[i] >> 4];
        id[2 * i + 1] = (uint8_t)digits[l->id[i] & 15];
    }
    struct span subject = arena_copy(a, span_make(id, sizeof(id))), scope = arena_copy(a, l->scope);
    *out = (struct identity){
        .way = WAY_SHARE_LINK, .gate = gate->name, .subject = subject, .scope = scope, .proven_s = l->made_s};
    return subject.p && scope.p;
}

/* --- as text ------------------------------------------------------------------------------------------------------ */

/* RFC 3986 §3.3 pchar, and the slash. */
static bool stays(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c > 0 && strchr("-._~/!$&'()*+,=:@", c));
}

struct span share_link_target(const struct share_link *l, struct arena *a)
{
    static const char digits[] = "0123456789ABCDEF";
    uint8_t *out = arena_alloc(a, 3 * l->scope.n);
    size_t n = 0;
    if (!out)
        return SPAN_NONE;
    for (size_t i = 0; i < l->scope.n; i++) {
        uint8_t c = l->scope.p[i];
        out[n++] = stays(c) ? c : '%';
        if (stays(c))
            continue;
        out[n++] = (uint8_t)digits[c >> 4];
        out[n++] = (uint8_t)digits[c & 15];
    }
    return span_make(out, n);
}

struct span share_link_text(struct span path_query)
{
    struct span path, rest, pair, name, value, found = SPAN_NONE;
    unsigned count = 0;
    span_cut(path_query, '?', &path, &rest);
    while (rest.n > 0) {
        span_cut(rest, '&', &pair, &rest);
        span_cut(pair, '=', &name, &value);
        if (!span_eq(name, SPAN("t")))
            continue;
        found = value;
        count++;
    }
    return count == 1 ? found : SPAN_NONE;
}

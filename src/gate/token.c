#include "gate/token.h"

#include "base/crypto/base64.h"
#include "base/crypto/mac.h"

#include <endian.h>

#define VERSION 3
#define FIXED (1 + sizeof(((struct session_key *)0)->id) + SESSION_ID + 8 + 8 + 8 + 1 + 1)
#define FINGERPRINT 16

static struct res sign(const struct session_key *key, struct span payload, const uint8_t *fingerprint,
                       uint8_t out[MAC_SIZE])
{
    struct mac *m = mac_new(span_make(key->key, sizeof(key->key)));
    if (!m)
        return res_err("out of memory");
    const struct span parts[] = {payload, span_make(fingerprint, FINGERPRINT)};
    struct res r = mac_sum(m, parts, 2, out);
    mac_free(m);
    return r;
}

/* --- making ------------------------------------------------------------------------------------------------------- */

struct writer {
    uint8_t bytes[TOKEN_RAW_MAX];
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

/* With two bytes of length: whoever is in many teams. */
static void put_long(struct writer *w, struct span s)
{
    w->full = w->full || s.n > 0xffff;
    put_byte(w, (unsigned)(s.n >> 8));
    put_byte(w, (unsigned)(s.n & 0xff));
    put(w, s.p, s.n);
}

static void put_session(struct writer *w, const struct session_key *key, const struct session *s)
{
    put_byte(w, VERSION);
    put(w, key->id, sizeof(key->id));
    put(w, s->id, sizeof(s->id));
    put_time(w, s->issued);
    put_time(w, s->active);
    put_time(w, s->ends);
    put_byte(w, s->who.way);
}

static void put_circle(struct writer *w, const struct circle *c, struct span gate, struct span subject)
{
    put_byte(w, c->kind);
    put_span(w, gate);
    put_span(w, subject);
    put_span(w, c->name);
}

size_t token_make(const struct gate_config *gate, const struct circle *circle, const struct session *s,
                  char out[TOKEN_TEXT_MAX])
{
    const struct session_key *key = &gate->session.keys[0];
    const struct circle own = circle_for(gate, s->who.way, circle);
    const uint8_t *fingerprint = gate_fingerprint(gate, s->who.way, s->who.subject);
    struct writer w = {.n = 0};
    uint8_t mac[MAC_SIZE];
    if (gate->session.key_count == 0 || !fingerprint || own.name.n == 0)
        return 0;
    put_session(&w, key, s);
    put_circle(&w, &own, gate->name, s->who.subject);
    put_span(&w, s->who.email);
    put_span(&w, s->who.login);
    put_long(&w, s->who.groups);
    put_span(&w, s->who.scope);
    if (w.full || !res_ok(sign(key, span_make(w.bytes, w.n), fingerprint, mac)))
        return 0;
    put(&w, mac, sizeof(mac));
    return w.full ? 0 : base64url_encode(span_make(w.bytes, w.n), out);
}

/* --- verifying ---------------------------------------------------------------------------------------------------- */

struct token {
    struct span key_id;
    struct session session;
    unsigned circle_kind;
    struct span gate, circle;
    struct span payload; /* what the MAC covers */
    const uint8_t *mac;  /* MAC_SIZE bytes */
};

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

static bool take_long(struct span *rest, struct span *out)
{
    size_t n = rest->n < 2 ? 0 : (size_t)rest->p[0] << 8 | rest->p[1];
    if (rest->n < 2 || n > rest->n - 2)
        return false;
    *out = span_make(rest->p + 2, n);
    *rest = span_from(*rest, 2 + n);
    return true;
}

static void take_fixed(const uint8_t *p, struct token *t)
{
    struct session *s = &t->session;
    t->key_id = span_make(p + 1, sizeof(((struct session_key *)0)->id));
    p += 1 + t->key_id.n;
    memcpy(s->id, p, sizeof(s->id));
    p += sizeof(s->id);
    s->issued = s->who.proven_s = take_time(p);
    s->active = take_time(p + 8);
    s->ends = s->who.latest_s = take_time(p + 16);
    s->who.way = p[24] < WAY_COUNT ? (enum identity_way)p[24] : WAY_NONE;
    t->circle_kind = p[25];
}

static bool token_read(struct span raw, struct token *t)
{
    struct identity *who = &t->session.who;
    *t = (struct token){.gate = SPAN_NONE};
    if (raw.n < FIXED + MAC_SIZE || raw.p[0] != VERSION)
        return false;
    t->payload = span_make(raw.p, raw.n - MAC_SIZE);
    t->mac = raw.p + t->payload.n;
    take_fixed(raw.p, t);
    struct span rest = span_from(t->payload, FIXED);
    return take_span(&rest, &t->gate) && take_span(&rest, &who->subject) && take_span(&rest, &t->circle) &&
           take_span(&rest, &who->email) && take_span(&rest, &who->login) && take_long(&rest, &who->groups) &&
           take_span(&rest, &who->scope) && rest.n == 0;
}

static bool token_fits(const struct gate_config *gate, const struct circle *circle, const struct token *t)
{
    const struct circle own = circle_for(gate, t->session.who.way, circle);
    return own.name.n > 0 && span_eq(t->gate, gate->name) && t->circle_kind == (unsigned)own.kind &&
           span_eq(t->circle, own.name);
}

static bool token_is_signed(const struct gate_config *gate, const struct token *t, const uint8_t *fingerprint)
{
    for (size_t i = 0; i < gate->session.key_count && i < SESSION_KEYS; i++) {
        const struct session_key *key = &gate->session.keys[i];
        uint8_t mac[MAC_SIZE];
        if (!span_eq(t->key_id, span_make(key->id, sizeof(key->id))))
            continue;
        if (res_ok(sign(key, t->payload, fingerprint, mac)) && equal_const_time(mac, t->mac, MAC_SIZE))
            return true;
    }
    return false;
}

bool session_has_own_end(const struct session *s)
{
    return s->who.way == WAY_SHARE_LINK || s->who.way == WAY_ACTIONS;
}

int64_t session_end(const struct session_config *config, const struct session *s)
{
    int64_t end = s->issued + (int64_t)config->lifetime_s;
    return session_has_own_end(s) || s->ends < end ? s->ends : end;
}

bool session_is_live(const struct session_config *config, const struct session *s, int64_t now_s)
{
    int64_t latest = now_s + TOKEN_SKEW_S;
    if (s->issued < 0 || s->active < s->issued || s->issued > latest || s->active > latest)
        return false;
    if (now_s >= session_end(config, s))
        return false;
    return session_has_own_end(s) || config->idle_s == 0 || now_s - s->active < (int64_t)config->idle_s;
}

bool token_is_genuine(const struct gate_config *gate, const struct circle *circle, struct span text, uint8_t *raw,
                      struct session *out)
{
    struct token t;
    size_t n = 0;
    if (!base64url_decode(text, raw, TOKEN_RAW_MAX, &n) || !token_read(span_make(raw, n), &t) ||
        !token_fits(gate, circle, &t))
        return false;
    const uint8_t *fingerprint = gate_fingerprint(gate, t.session.who.way, t.session.who.subject);
    if (!fingerprint || !token_is_signed(gate, &t, fingerprint))
        return false;
    *out = t.session;
    out->who.gate = gate->name;
    return true;
}

bool token_verify(const struct gate_config *gate, const struct circle *circle, struct span text, int64_t now_s,
                  uint8_t *raw, struct session *out)
{
    return token_is_genuine(gate, circle, text, raw, out) && session_is_live(&gate->session, out, now_s);
}

#include "gate/token.h"

#include "base/crypto/base64.h"
#include "base/crypto/mac.h"
#include "gate/basic.h"

#include <endian.h>

#define VERSION 1
#define FIXED (1 + sizeof(((struct session_key *)0)->id) + 8 + 8 + 1 + 1)

static struct res sign(const struct session_key *key, struct span payload, const struct basic_user *user,
                       uint8_t out[MAC_SIZE])
{
    struct mac *m = mac_new(span_make(key->key, sizeof(key->key)));
    if (!m)
        return res_err("out of memory");
    const struct span parts[] = {payload, span_make(user->fingerprint, sizeof(user->fingerprint))};
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

size_t token_make(const struct gate_config *gate, const struct circle *circle, const struct session *s,
                  char out[TOKEN_TEXT_MAX])
{
    const struct session_key *key = &gate->session.keys[0];
    struct writer w = {.n = 0};
    uint8_t mac[MAC_SIZE];
    if (gate->session.key_count == 0)
        return 0;
    put_byte(&w, VERSION);
    put(&w, key->id, sizeof(key->id));
    put_time(&w, s->issued);
    put_time(&w, s->active);
    put_byte(&w, WAY_BASIC);
    put_byte(&w, circle->kind);
    put_span(&w, gate->name);
    put_span(&w, s->user->name);
    put_span(&w, circle->name);
    if (w.full || !res_ok(sign(key, span_make(w.bytes, w.n), s->user, mac)))
        return 0;
    put(&w, mac, sizeof(mac));
    return w.full ? 0 : base64url_encode(span_make(w.bytes, w.n), out);
}

/* --- verifying ---------------------------------------------------------------------------------------------------- */

struct token {
    struct span key_id;
    int64_t issued, active;
    unsigned way;
    unsigned circle_kind;
    struct span gate, subject, circle;
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

static bool token_read(struct span raw, struct token *t)
{
    if (raw.n < FIXED + MAC_SIZE || raw.p[0] != VERSION)
        return false;
    t->payload = span_make(raw.p, raw.n - MAC_SIZE);
    t->mac = raw.p + t->payload.n;
    t->key_id = span_make(raw.p + 1, sizeof(((struct session_key *)0)->id));
    t->issued = take_time(raw.p + 5);
    t->active = take_time(raw.p + 13);
    t->way = raw.p[21];
    t->circle_kind = raw.p[22];
    struct span rest = span_from(t->payload, FIXED);
    return take_span(&rest, &t->gate) && take_span(&rest, &t->subject) && take_span(&rest, &t->circle) && rest.n == 0;
}

static bool token_fits(const struct gate_config *gate, const struct circle *circle, const struct token *t)
{
    return t->way == WAY_BASIC && span_eq(t->gate, gate->name) && t->circle_kind == (unsigned)circle->kind &&
           span_eq(t->circle, circle->name);
}

static bool token_is_signed(const struct gate_config *gate, const struct token *t, const struct basic_user *user)
{
    for (size_t i = 0; i < gate->session.key_count && i < SESSION_KEYS; i++) {
        const struct session_key *key = &gate->session.keys[i];
        uint8_t mac[MAC_SIZE];
        if (!span_eq(t->key_id, span_make(key->id, sizeof(key->id))))
            continue;
        if (res_ok(sign(key, t->payload, user, mac)) && equal_const_time(mac, t->mac, MAC_SIZE))
            return true;
    }
    return false;
}

bool session_is_live(const struct session_config *config, const struct session *s, int64_t now_s)
{
    if (s->issued < 0 || s->active < s->issued || s->issued > now_s + TOKEN_SKEW_S || s->active > now_s + TOKEN_SKEW_S)
        return false;
    if (now_s - s->issued >= (int64_t)config->lifetime_s)
        return false;
    return config->idle_s == 0 || now_s - s->active < (int64_t)config->idle_s;
}

bool token_is_genuine(const struct gate_config *gate, const struct circle *circle, struct span text,
                      struct session *out)
{
    uint8_t raw[TOKEN_RAW_MAX];
    struct token t;
    size_t n = 0;
    if (!base64url_decode(text, raw, sizeof(raw), &n) || !token_read(span_make(raw, n), &t) ||
        !token_fits(gate, circle, &t))
        return false;
    const struct basic_user *user = basic_user_find(gate->basic, t.subject);
    if (!user || !token_is_signed(gate, &t, user))
        return false;
    *out = (struct session){.user = user, .issued = t.issued, .active = t.active};
    return true;
}

bool token_verify(const struct gate_config *gate, const struct circle *circle, struct span text, int64_t now_s,
                  struct session *out)
{
    return token_is_genuine(gate, circle, text, out) && session_is_live(&gate->session, out, now_s);
}

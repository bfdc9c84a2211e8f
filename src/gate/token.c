#include "gate/token.h"

#include "base/crypto/base64.h"
#include "base/crypto/mac.h"
#include "gate/record.h"

#define VERSION 4
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

static void put_session(struct record_out *o, const struct session_key *key, const struct session *s)
{
    record_put_byte(o, VERSION);
    record_put(o, key->id, sizeof(key->id));
    record_put(o, s->id, sizeof(s->id));
    record_put_time(o, s->issued);
    record_put_time(o, s->active);
    record_put_time(o, s->ends);
    record_put_byte(o, s->who.way);
}

static void put_names(struct record_out *o, const struct circle *c, struct span gate, const struct identity *who)
{
    record_put_byte(o, c->kind);
    record_put_span(o, gate);
    record_put_span(o, who->subject);
    record_put_span(o, c->name);
    record_put_span(o, who->email);
    record_put_span(o, who->login);
    record_put_span(o, who->groups);
    record_put_span(o, who->scope);
}

size_t token_make(const struct gate_config *gate, const struct circle *circle, const struct session *s,
                  char out[TOKEN_TEXT_MAX])
{
    const struct session_key *key = &gate->session.keys[0];
    const struct circle own = circle_for(gate, s->who.way, circle);
    const uint8_t *fingerprint = gate_fingerprint(gate, s->who.way, s->who.subject);
    uint8_t raw[TOKEN_RAW_MAX], mac[MAC_SIZE];
    struct record_out o = {.p = raw, .cap = sizeof(raw)};
    if (gate->session.key_count == 0 || !fingerprint || own.name.n == 0)
        return 0;
    put_session(&o, key, s);
    put_names(&o, &own, gate->name, &s->who);
    if (!res_ok(sign(key, span_make(o.p, o.n), fingerprint, mac)))
        return 0;
    record_put(&o, mac, sizeof(mac));
    return o.full ? 0 : base64url_encode(span_make(o.p, o.n), out);
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

static void take_session(struct record_in *in, struct token *t)
{
    struct session *s = &t->session;
    t->key_id = record_take(in, sizeof(((struct session_key *)0)->id));
    struct span id = record_take(in, sizeof(s->id));
    if (id.n)
        memcpy(s->id, id.p, id.n);
    s->issued = s->who.proven_s = record_take_time(in);
    s->active = record_take_time(in);
    s->ends = s->who.latest_s = record_take_time(in);
    s->who.way = record_take_way(in);
}

static void take_names(struct record_in *in, struct token *t)
{
    struct identity *who = &t->session.who;
    t->circle_kind = record_take_byte(in);
    t->gate = record_take_span(in);
    who->subject = record_take_span(in);
    t->circle = record_take_span(in);
    who->email = record_take_span(in);
    who->login = record_take_span(in);
    who->groups = record_take_span(in);
    who->scope = record_take_span(in);
}

static bool token_read(struct span raw, struct token *t)
{
    *t = (struct token){.gate = SPAN_NONE};
    if (raw.n < MAC_SIZE)
        return false;
    t->payload = span_make(raw.p, raw.n - MAC_SIZE);
    t->mac = raw.p + t->payload.n;
    struct record_in in = {.rest = t->payload};
    unsigned version = record_take_byte(&in);
    take_session(&in, t);
    take_names(&in, t);
    return record_done(&in) && version == VERSION;
}

static bool token_fits(const struct gate_config *gate, const struct circle *circle, const struct token *t)
{
    const struct circle own = circle_for(gate, t->session.who.way, circle);
    return own.name.n > 0 && span_eq(t->gate, gate->name) && t->circle_kind == (unsigned)own.kind &&
           span_eq(t->circle, own.name);
}

static bool token_is_signed(const struct gate_config *gate, const struct token *t, const uint8_t *fingerprint)
{
    const struct session_key *key = session_key_find(&gate->session, t->key_id);
    uint8_t mac[MAC_SIZE];
    return key && res_ok(sign(key, t->payload, fingerprint, mac)) && equal_const_time(mac, t->mac, MAC_SIZE);
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
    if (s->active < s->issued || s->active > latest)
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

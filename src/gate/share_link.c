#include "gate/share_link.h"

#include "base/crypto/base64.h"
#include "base/crypto/mac.h"
#include "base/hex.h"
#include "gate/record.h"
#include "gate/token.h"

#define VERSION 2
#define KEY_ID sizeof(((struct session_key *)0)->id)

static struct res sign(const struct session_key *key, struct span payload, uint8_t out[MAC_SIZE])
{
    struct mac *m = mac_new(span_make(key->link, sizeof(key->link)));
    struct res r = m ? mac_sum(m, &payload, 1, out) : res_err("out of memory");
    mac_free(m);
    return r;
}

/* --- making ------------------------------------------------------------------------------------------------------- */

static void put_link(struct record_out *o, const struct session_key *key, struct span gate, const struct share_link *l)
{
    record_put_byte(o, VERSION);
    record_put(o, key->id, sizeof(key->id));
    record_put(o, l->id, sizeof(l->id));
    record_put_time(o, l->made_s);
    record_put_time(o, l->ends_s);
    record_put_span(o, gate);
    record_put_span(o, l->host);
    record_put_span(o, l->scope);
    record_put_span(o, l->note);
}

size_t share_link_make(const struct gate_config *gate, const struct share_link *l, char out[SHARE_TEXT_MAX])
{
    const struct session_key *key = &gate->session.keys[0];
    uint8_t raw[SHARE_RAW_MAX], mac[MAC_SIZE];
    struct record_out o = {.p = raw, .cap = sizeof(raw)};
    if (gate->session.key_count == 0 || !gate->share_links)
        return 0;
    put_link(&o, key, gate->name, l);
    if (!res_ok(sign(key, span_make(o.p, o.n), mac)))
        return 0;
    record_put(&o, mac, sizeof(mac));
    return o.full ? 0 : base64url_encode(span_make(o.p, o.n), out);
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

struct raw_link {
    struct span key_id, gate;
    struct span payload; /* what the MAC covers */
    const uint8_t *mac;  /* MAC_SIZE bytes */
};

static bool read_link(struct span bytes, struct raw_link *raw, struct share_link *l)
{
    *raw = (struct raw_link){.gate = SPAN_NONE};
    if (bytes.n < MAC_SIZE)
        return false;
    raw->payload = span_make(bytes.p, bytes.n - MAC_SIZE);
    raw->mac = bytes.p + raw->payload.n;
    struct record_in in = {.rest = raw->payload};
    unsigned version = record_take_byte(&in);
    raw->key_id = record_take(&in, KEY_ID);
    struct span id = record_take(&in, SHARE_ID);
    *l = (struct share_link){.made_s = record_take_time(&in)};
    if (id.n)
        memcpy(l->id, id.p, id.n);
    l->ends_s = record_take_time(&in);
    raw->gate = record_take_span(&in);
    l->host = record_take_span(&in);
    l->scope = record_take_span(&in);
    l->note = record_take_span(&in);
    return record_done(&in) && version == VERSION;
}

static bool is_signed(const struct gate_config *gate, const struct raw_link *raw)
{
    const struct session_key *key = session_key_find(&gate->session, raw->key_id);
    uint8_t want[MAC_SIZE];
    return key && res_ok(sign(key, raw->payload, want)) && equal_const_time(want, raw->mac, MAC_SIZE);
}

enum share_verdict share_link_open(const struct gate_config *gate, struct span host, struct span text, int64_t now_s,
                                   uint8_t room[SHARE_RAW_MAX], struct share_link *out)
{
    struct raw_link raw;
    size_t n = 0;
    if (!gate->share_links || !base64url_decode(text, room, SHARE_RAW_MAX, &n) ||
        !read_link(span_make(room, n), &raw, out) || !is_signed(gate, &raw))
        return SHARE_BAD;
    if (!span_eq(raw.gate, gate->name) || !span_eq(out->host, host) || !span_has_prefix(out->scope, SPAN("/")) ||
        out->made_s > now_s + TOKEN_SKEW_S)
        return SHARE_BAD;
    return now_s < out->ends_s ? SHARE_GOOD : SHARE_OVER;
}

bool share_link_identity(const struct gate_config *gate, const struct share_link *l, struct arena *a,
                         struct identity *out)
{
    char id[2 * SHARE_ID];
    hex_put(l->id, SHARE_ID, id);
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
        if (stays(c)) {
            out[n++] = c;
            continue;
        }
        out[n++] = '%';
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

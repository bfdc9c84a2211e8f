/* Entries of the ledger as the store keeps them:
 *
 *   key:   kind 1 | way 1 | SHA-256 of gate and name
 *   value: 1 | at 8 | must sign in 1 | gate 2+n | name 2+n | email 2+n | login 2+n | groups 2+n
 *
 * Numbers are big-endian. The key is as long for every name, and what it stands for is looked at again in the value. */
#include "gate/ledger.h"

#include "base/crypto/mac.h"

#include <endian.h>

#define VERSION 1
#define FIXED (1 + 8 + 1)

static bool make_key(const struct ledger_entry *e, uint8_t key[LEDGER_KEY])
{
    uint8_t text[8 + 512];
    uint64_t n = htobe64(e->gate.n);
    if (e->gate.n + e->name.n > sizeof(text) - sizeof(n))
        return false;
    memcpy(text, &n, sizeof(n));
    if (e->gate.n)
        memcpy(text + sizeof(n), e->gate.p, e->gate.n);
    for (size_t i = 0; i < e->name.n; i++)
        text[sizeof(n) + e->gate.n + i] = e->kind == LEDGER_EMAIL ? ascii_lower(e->name.p[i]) : e->name.p[i];
    key[0] = (uint8_t)e->kind;
    key[1] = (uint8_t)e->way;
    return res_ok(sha256(span_make(text, sizeof(n) + e->gate.n + e->name.n), key + 2));
}

struct out {
    uint8_t *p;
    size_t n, cap;
    bool full;
};

static void put(struct out *o, const void *p, size_t n)
{
    o->full = o->full || n > o->cap - o->n;
    if (o->full || n == 0)
        return;
    memcpy(o->p + o->n, p, n);
    o->n += n;
}

static void put_span(struct out *o, struct span s)
{
    uint8_t n[2] = {(uint8_t)(s.n >> 8), (uint8_t)s.n};
    o->full = o->full || s.n > 0xffff;
    put(o, n, sizeof(n));
    put(o, s.p, s.n);
}

bool ledger_encode(const struct ledger_entry *e, uint8_t key[LEDGER_KEY], size_t *key_n, uint8_t *value, size_t cap,
                   size_t *n)
{
    struct out o = {.p = value, .cap = cap};
    uint64_t at = htobe64((uint64_t)e->at_s);
    uint8_t version = VERSION, must_sign_in = e->must_sign_in;
    put(&o, &version, 1);
    put(&o, &at, sizeof(at));
    put(&o, &must_sign_in, 1);
    put_span(&o, e->gate);
    put_span(&o, e->name);
    put_span(&o, e->email);
    put_span(&o, e->login);
    put_span(&o, e->groups);
    *key_n = LEDGER_KEY;
    *n = o.n;
    return !o.full && e->at_s >= 0 && make_key(e, key);
}

static bool take_span(struct span *rest, struct span *out)
{
    size_t n = rest->n < 2 ? 0 : (size_t)rest->p[0] << 8 | rest->p[1];
    if (rest->n < 2 || n > rest->n - 2)
        return false;
    *out = span_make(rest->p + 2, n);
    *rest = span_from(*rest, 2 + n);
    return true;
}

static bool read_value(struct span value, struct ledger_entry *out)
{
    uint64_t at;
    if (value.n < FIXED || value.p[0] != VERSION || value.p[9] > 1)
        return false;
    memcpy(&at, value.p + 1, sizeof(at));
    at = be64toh(at);
    out->at_s = (int64_t)at;
    out->must_sign_in = value.p[9];
    struct span rest = span_from(value, FIXED);
    return at <= INT64_MAX && take_span(&rest, &out->gate) && take_span(&rest, &out->name) &&
           take_span(&rest, &out->email) && take_span(&rest, &out->login) && take_span(&rest, &out->groups) &&
           rest.n == 0;
}

bool ledger_decode(struct span key, struct span value, int64_t ends_s, struct ledger_entry *out)
{
    uint8_t again[LEDGER_KEY];
    *out = (struct ledger_entry){.ends_s = ends_s};
    if (key.n != LEDGER_KEY || key.p[0] < LEDGER_SESSION || key.p[0] > LEDGER_FACTS || key.p[1] >= WAY_COUNT)
        return false;
    out->kind = (enum ledger_kind)key.p[0];
    out->way = (enum identity_way)key.p[1];
    return read_value(value, out) && make_key(out, again) && span_eq(key, span_make(again, sizeof(again)));
}

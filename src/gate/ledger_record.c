/* Entries of the ledger as the store keeps them:
 *
 *   key:   kind 1 | way 1 | SHA-256 of (gate | name)
 *   value: 1 | at 8 | must sign in 1 | gate | name | email | login | groups
 *
 * Both are records as gate/record.h has them. The key is as long for every name, and what it stands for is looked at again in the value. */
#include "gate/ledger.h"

#include "base/crypto/mac.h"
#include "gate/record.h"

#define VERSION 1
#define NAMES_MAX 520

static bool make_key(const struct ledger_entry *e, uint8_t key[LEDGER_KEY])
{
    uint8_t names[NAMES_MAX];
    struct record_out o = {.p = names, .cap = sizeof(names)};
    record_put_span(&o, e->gate);
    record_put_span(&o, e->name);
    if (o.full)
        return false;
    for (size_t i = o.n - e->name.n; e->kind == LEDGER_EMAIL && i < o.n; i++)
        names[i] = ascii_lower(names[i]);
    key[0] = (uint8_t)e->kind;
    key[1] = (uint8_t)e->way;
    return res_ok(sha256(span_make(o.p, o.n), key + 2));
}

bool ledger_encode(const struct ledger_entry *e, uint8_t key[LEDGER_KEY], size_t *key_n, uint8_t *value, size_t cap,
                   size_t *n)
{
    struct record_out o = {.p = value, .cap = cap};
    record_put_byte(&o, VERSION);
    record_put_time(&o, e->at_s);
    record_put_byte(&o, e->must_sign_in);
    record_put_span(&o, e->gate);
    record_put_span(&o, e->name);
    record_put_span(&o, e->email);
    record_put_span(&o, e->login);
    record_put_span(&o, e->groups);
    *key_n = LEDGER_KEY;
    *n = o.n;
    return !o.full && make_key(e, key);
}

static bool read_value(struct span value, struct ledger_entry *out)
{
    struct record_in in = {.rest = value};
    unsigned version = record_take_byte(&in);
    out->at_s = record_take_time(&in);
    unsigned must_sign_in = record_take_byte(&in);
    out->must_sign_in = must_sign_in;
    out->gate = record_take_span(&in);
    out->name = record_take_span(&in);
    out->email = record_take_span(&in);
    out->login = record_take_span(&in);
    out->groups = record_take_span(&in);
    return record_done(&in) && version == VERSION && must_sign_in <= 1;
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

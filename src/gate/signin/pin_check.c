/* One-time PINs: answering with one. A try is counted before anything is compared, so that of many at once no more than five see the hash. */
#include "base/clock.h"
#include "base/count.h"
#include "base/crypto/mac.h"
#include "gate/signin/impl.h"
#include "gate/signin/pin.h"

#include <stdlib.h>

struct trying {
    char address[PIN_ADDRESS_MAX];
    size_t address_n;
    char pin[PIN_DIGITS];
    size_t nth; /* of the session's secrets: the one that the record was made by */
    uint8_t key[PIN_HASH];
    uint8_t name[PIN_HASH], hash[PIN_HASH]; /* the record */
    int64_t ends_s;
};

static void trying_free(void *work)
{
    wipe(work, sizeof(struct trying));
    free(work);
}

static struct identity identity_of(const struct signin_call *c)
{
    const struct trying *w = c->work;
    struct span address = span_make(w->address, w->address_n);
    return (struct identity){
        .way = WAY_EMAIL, .gate = c->q.gate, .subject = address, .email = address, .proven_s = clock_wall_s()};
}

static void refuse(struct signin_call *c, const char *detail)
{
    const struct identity who = identity_of(c);
    audit(c->service, "pin-refused", &c->q, &who, detail);
    call_answer(c, &(struct signin_reply){.outcome = SIGNIN_WRONG, .detail = detail, .subject = who.subject});
}

/* What the store knows this PIN's tries or its end by. */
static bool name_key(const struct gate_config *gate, const struct trying *w, const char *purpose, uint8_t key[PIN_HASH])
{
    const struct span name = span_make(w->name, sizeof(w->name));
    return gate && pin_hash_by(gate, w->nth, purpose, &name, 1, key);
}

static void on_first(void *arg, const struct store_reply *r)
{
    struct signin_call *c = arg;
    struct signin *s = c->service;
    const struct trying *w = c->work;
    const struct gate_config *gate = signin_gate(s, c->q.gate);
    const struct identity who = identity_of(c);
    if (r->outcome == STORE_FAILED) {
        call_store_failed(c, r);
        return;
    }
    if (r->outcome != STORE_OK) {
        refuse(c, "used before");
        return;
    }
    store_delete(s->c.store, STORE_PINS, span_make(w->key, sizeof(w->key)), NULL, NULL);
    bool ok = gate && gate->email_pin && signin_could_admit(gate, &who);
    audit(s, ok ? "signed-in" : "sign-in-refused", &c->q, &who, ok ? NULL : "no rule admits it");
    call_answer(c, &(struct signin_reply){.outcome = ok ? SIGNIN_OK : SIGNIN_NOT_ADMITTED,
                                          .who = ok ? who : (struct identity){.way = WAY_NONE},
                                          .subject = who.subject});
}

static bool is_right(const struct gate_config *gate, const struct signin_call *c)
{
    const struct trying *w = c->work;
    const struct span of[] = {span_make(w->address, w->address_n), c->q.browser, span_make(w->pin, PIN_DIGITS),
                              span_make(w->name, sizeof(w->name))};
    uint8_t hash[PIN_HASH];
    return pin_hash_by(gate, w->nth, "pin", of, COUNT(of), hash) && equal_const_time(hash, w->hash, sizeof(hash));
}

static void on_try(void *arg, const struct store_reply *r)
{
    struct signin_call *c = arg;
    const struct trying *w = c->work;
    const struct gate_config *gate = signin_gate(c->service, c->q.gate);
    uint8_t key[PIN_HASH];
    if (r->outcome == STORE_OVER)
        refuse(c, "five tries were made");
    else if (r->outcome != STORE_OK)
        call_store_failed(c, r);
    else if (!name_key(gate, w, "used", key))
        call_outcome(c, SIGNIN_FAILED, "out of memory, or the gate is gone");
    else if (!is_right(gate, c))
        refuse(c, "wrong");
    else
        store_once(c->service->c.store, STORE_USED, span_make(key, sizeof(key)), SPAN("1"), w->ends_s + PIN_S, on_first,
                   c);
}

static void look_up(struct signin *s, const struct gate_config *gate, struct signin_call *c);

static void on_record(void *arg, const struct store_reply *r)
{
    struct signin_call *c = arg;
    struct trying *w = c->work;
    const struct gate_config *gate = signin_gate(c->service, c->q.gate);
    uint8_t key[PIN_HASH];
    if (r->outcome == STORE_FAILED) {
        call_store_failed(c, r);
        return;
    }
    if (r->outcome == STORE_NONE && gate && w->nth + 1 < gate->session.key_count) {
        w->nth++; /* a new secret may have come while the mail was under way */
        look_up(c->service, gate, c);
        return;
    }
    if (r->outcome != STORE_OK || r->value.n != PIN_HASH * 2) {
        refuse(c, "no PIN is out for this address and browser, or it is too old");
        return;
    }
    memcpy(w->name, r->value.p, PIN_HASH);
    memcpy(w->hash, r->value.p + PIN_HASH, PIN_HASH);
    w->ends_s = r->ends_s;
    if (!name_key(gate, w, "tries", key))
        call_outcome(c, SIGNIN_FAILED, "out of memory, or the gate is gone");
    else
        store_count(c->service->c.store, STORE_COUNTS, span_make(key, sizeof(key)), PIN_S, PIN_TRIES, on_try, c);
}

static void look_up(struct signin *s, const struct gate_config *gate, struct signin_call *c)
{
    struct trying *w = c->work;
    const struct span of[] = {span_make(w->address, w->address_n), c->q.browser};
    if (pin_hash_by(gate, w->nth, "pin of", of, COUNT(of), w->key))
        store_get(s->c.store, STORE_PINS, span_make(w->key, sizeof(w->key)), on_record, c);
    else
        call_outcome(c, SIGNIN_FAILED, "out of memory");
}

void signin_pin_check(struct signin *s, struct signin_call *c)
{
    const struct gate_config *gate = signin_gate(s, c->q.gate);
    struct trying *w = calloc(1, sizeof(*w));
    c->work = w;
    c->work_free = w ? trying_free : NULL;
    if (!w || !s->c.store || !gate || !gate->email_pin || c->q.browser.n != PIN_HASH) {
        call_outcome(c, SIGNIN_FAILED, "no memory, store, browser or gate with e-mail PINs");
        return;
    }
    w->address_n = pin_read_address(c->q.address, w->address);
    if (w->address_n == 0 || !pin_read(c->q.code, w->pin))
        refuse(c, "not eight digits, or no address");
    else
        look_up(s, gate, c);
}

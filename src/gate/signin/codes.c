/* One-time codes: for the way from the sign-in host to a host outside of its circle, and nonces that are used up. Only hashes are kept. What a code
 * stands for is sealed by a key of the gate: who can write to the store, and has no key, makes no session. */
#include "base/clock.h"
#include "base/crypto/base64.h"
#include "base/crypto/mac.h"
#include "base/crypto/random.h"
#include "base/crypto/seal.h"
#include "gate/record.h"
#include "gate/signin/impl.h"

#include <stdlib.h>

#define CODE_BYTES 32
#define CODE_TEXT_MAX 44
#define CODE_S 60
#define RECORD_MAX 4096

/* --- sealing ---------------------------------------------------------------------------------------------------------- */

#define PURPOSE "hand-off code v1 of "
#define PURPOSE_MAX 256

/* Of one gate and one code: under another's name it does not open. */
static struct span purpose_of(const struct gate_config *gate, const uint8_t key[32], uint8_t room[PURPOSE_MAX])
{
    struct record_out o = {.p = room, .cap = PURPOSE_MAX};
    record_put(&o, PURPOSE, sizeof(PURPOSE) - 1);
    record_put_span(&o, gate->name);
    record_put(&o, key, 32);
    return span_make(room, o.n);
}

/* 0: no key, or no memory. */
static size_t seal(const struct gate_config *gate, const uint8_t key[32], struct span plain, char *out)
{
    uint8_t room[PURPOSE_MAX];
    size_t n = 0;
    bool ok = gate && gate->session.key_count > 0 &&
              res_ok(seal_make(gate->session.keys[0].seal, purpose_of(gate, key, room), plain, out, &n));
    return ok ? n : 0;
}

/* Empty: no key of the gate opens it. */
static struct span unseal(const struct gate_config *gate, const uint8_t key[32], struct span text, uint8_t *out)
{
    uint8_t room[PURPOSE_MAX];
    size_t n = 0;
    for (size_t i = 0; gate && i < gate->session.key_count; i++)
        if (seal_open(gate->session.keys[i].seal, purpose_of(gate, key, room), text, out, RECORD_MAX, &n))
            return span_make(out, n);
    return SPAN_NONE;
}

/* --- making ----------------------------------------------------------------------------------------------------------- */

static void on_made(void *arg, const struct store_reply *r)
{
    struct signin_call *c = arg;
    if (r->outcome != STORE_OK) {
        call_store_failed(c, r);
        return;
    }
    call_answer(c, &(struct signin_reply){.outcome = SIGNIN_OK, .code = c->q.code});
}

static bool write_record(const struct signin_question *q, struct record_out *o)
{
    record_put_span(o, q->gate);
    record_put_span(o, q->host);
    record_put_span(o, q->browser);
    record_put_identity(o, &q->who);
    record_put_time(o, q->session_ends_s);
    record_put(o, q->session_id, sizeof(q->session_id));
    record_put_time(o, clock_wall_s() + CODE_S); /* the store's own end is not sealed */
    return !o->full;
}

/* The code's text lies in the call until it is answered. */
static bool make_code(struct signin_call *c, uint8_t key[32])
{
    uint8_t raw[CODE_BYTES];
    char *text = malloc(CODE_TEXT_MAX);
    if (!text || !res_ok(random_bytes(raw, sizeof(raw)))) {
        free(text);
        return false;
    }
    c->work = text;
    c->work_free = free;
    c->q.code = span_make(text, base64url_encode(span_make(raw, sizeof(raw)), text));
    wipe(raw, sizeof(raw));
    return res_ok(sha256(c->q.code, key));
}

/* Sessions of jobs, tokens and links are for where they were given out, and as short as that was meant. */
static bool is_person(const struct identity *who)
{
    return who->way == WAY_BASIC || who->way == WAY_GITHUB || who->way == WAY_EMAIL;
}

void signin_code_make(struct signin *s, struct signin_call *c)
{
    uint8_t key[32], room[RECORD_MAX];
    char sealed[SEAL_TEXT_SIZE(RECORD_MAX)];
    size_t n = 0;
    struct record_out o = {.p = room, .cap = sizeof(room)};
    if (!is_person(&c->q.who)) {
        call_outcome(c, SIGNIN_FAILED, "only people's sessions go to other hosts");
        return;
    }
    if (!s->c.store || !make_code(c, key) || !write_record(&c->q, &o) ||
        (n = seal(signin_gate(s, c->q.gate), key, span_make(room, o.n), sealed)) == 0) {
        call_outcome(c, SIGNIN_FAILED, s->c.store ? "out of memory, or the gate is gone" : "there is no store");
        return;
    }
    store_put(s->c.store, STORE_CODES, span_make(key, sizeof(key)), span_make(sealed, n), clock_wall_s() + CODE_S,
              on_made, c);
}

/* --- taking ----------------------------------------------------------------------------------------------------------- */

static bool fits(const struct signin_question *q, struct span record, struct signin_reply *out)
{
    struct record_in in = {.rest = record};
    struct span gate = record_take_span(&in), host = record_take_span(&in), browser = record_take_span(&in);
    out->who = record_take_identity(&in);
    out->session_ends_s = record_take_time(&in);
    struct span id = record_take(&in, sizeof(out->session_id));
    if (id.n)
        memcpy(out->session_id, id.p, sizeof(out->session_id));
    int64_t ends_s = record_take_time(&in);
    return record_done(&in) && clock_wall_s() < ends_s && span_eq(gate, q->gate) && span_eq(host, q->host) &&
           browser.n == 32 && q->browser.n == 32 && equal_const_time(browser.p, q->browser.p, 32);
}

static void on_taken(void *arg, const struct store_reply *r)
{
    struct signin_call *c = arg;
    struct signin_reply said = {.outcome = SIGNIN_OK};
    uint8_t key[32], room[RECORD_MAX];
    const struct gate_config *gate = signin_gate(c->service, c->q.gate);
    if (r->outcome == STORE_FAILED)
        call_store_failed(c, r);
    else if (r->outcome != STORE_OK || !res_ok(sha256(c->q.code, key)) ||
             !fits(&c->q, unseal(gate, key, r->value, room), &said))
        call_outcome(c, SIGNIN_WRONG, "the code is unknown, used up, too old or another browser's");
    else
        call_answer(c, &said);
}

void signin_code_take(struct signin *s, struct signin_call *c)
{
    uint8_t key[32];
    if (!s->c.store || !res_ok(sha256(c->q.code, key))) {
        call_outcome(c, SIGNIN_FAILED, s->c.store ? "out of memory" : "there is no store");
        return;
    }
    store_take(s->c.store, STORE_CODES, span_make(key, sizeof(key)), on_taken, c);
}

/* --- once ------------------------------------------------------------------------------------------------------------- */

static void on_first(void *arg, const struct store_reply *r)
{
    struct signin_call *c = arg;
    if (r->outcome == STORE_FAILED)
        call_store_failed(c, r);
    else
        call_outcome(c, r->outcome == STORE_OK ? SIGNIN_OK : SIGNIN_WRONG, "used before");
}

void signin_once(struct signin *s, struct signin_call *c)
{
    uint8_t key[32];
    if (!s->c.store || !res_ok(sha256(c->q.nonce, key))) {
        call_outcome(c, SIGNIN_FAILED, s->c.store ? "out of memory" : "there is no store");
        return;
    }
    store_once(s->c.store, STORE_USED, span_make(key, sizeof(key)), SPAN("1"), c->q.nonce_ends_s, on_first, c);
}

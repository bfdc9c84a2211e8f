/* Taking sessions back: from the command line, and by people who sign out. And service tokens, which leave a trace now and then. */
#include "base/clock.h"
#include "base/crypto/mac.h"
#include "gate/record.h"
#include "gate/signin/impl.h"

#include <stdlib.h>

#define TRACE_EVERY_S 600u
#define SIGN_OUT_WINDOW_S 3600u
#define SIGN_OUTS 60u /* of one identity */

/* --- from the command line -------------------------------------------------------------------------------------------- */

void signin_revoke(struct signin *s, const struct ledger_entry *e,
                   void (*on_done)(void *arg, bool ok, uint32_t ended, const char *detail), void *arg)
{
    const struct signin_question q = {.gate = e->gate, .revoke = *e};
    const struct identity who = {.way = e->way, .gate = e->gate, .subject = e->name};
    audit(s, "revoked", &q, e->kind == LEDGER_IDENTITY ? &who : NULL, NULL);
    book_put(s, e, on_done, arg);
}

/* --- by people -------------------------------------------------------------------------------------------------------- */

static void on_revoked(void *arg, bool ok, uint32_t ended, const char *detail)
{
    call_outcome(arg, ok ? SIGNIN_OK : SIGNIN_FAILED, detail);
}

static void on_sign_out_counted(void *arg, const struct store_reply *r)
{
    struct signin_call *c = arg;
    struct signin *s = c->service;
    if (r->outcome == STORE_OVER) {
        int64_t left = r->ends_s - clock_wall_s();
        call_answer(c,
                    &(struct signin_reply){.outcome = SIGNIN_LIMITED, .retry_after_s = left > 0 ? (uint32_t)left : 1});
        return;
    }
    /* A store that does not count takes nothing away from who wants to be signed out. */
    audit(s, c->q.revoke.kind == LEDGER_SESSION ? "signed-out" : "signed-out-everywhere", &c->q, &c->q.who, NULL);
    book_put(s, &c->q.revoke, on_revoked, c);
}

/* Each leaves an entry behind for good: nobody needs to sign out so often. */
void signin_revoke_asked(struct signin *s, struct signin_call *c)
{
    uint8_t room[STORE_KEY_MAX], sum[32];
    struct record_out o = {.p = room, .cap = sizeof(room)};
    record_put_span(&o, SPAN("sign-out"));
    record_put_byte(&o, c->q.who.way);
    record_put_span(&o, c->q.who.gate);
    bool good = res_ok(sha256(c->q.who.subject, sum));
    record_put(&o, sum, sizeof(sum));
    if (s->c.store && good && !o.full)
        store_count(s->c.store, STORE_COUNTS, span_make(room, o.n), SIGN_OUT_WINDOW_S, SIGN_OUTS, on_sign_out_counted,
                    c);
    else
        on_sign_out_counted(c, &(struct store_reply){.outcome = STORE_FAILED});
}

/* --- service tokens --------------------------------------------------------------------------------------------------- */

static void on_counted(void *arg, const struct store_reply *r)
{
    struct signin_call *c = arg;
    struct signin *s = c->service;
    uint8_t room[STORE_KEY_MAX]; /* what was counted took more */
    struct record_out o = {.p = room, .cap = sizeof(room)};
    record_put_span(&o, c->q.who.gate);
    record_put_span(&o, c->q.who.subject);
    if (r->outcome == STORE_OK) {
        char now[24];
        clock_format_iso(clock_wall_us(), now);
        audit(s, "token-used", &c->q, &c->q.who, NULL);
        store_put(s->c.store, STORE_TOKENS, span_make(room, o.n), span_make(now, sizeof(now)), INT64_MAX, NULL, NULL);
    }
    call_outcome(c, SIGNIN_OK, NULL);
}

bool signin_token_of(struct span key, struct span *gate, struct span *name)
{
    struct record_in in = {.rest = key};
    *gate = record_take_span(&in);
    *name = record_take_span(&in);
    return record_done(&in);
}

/* One trace per token and ten minutes, whoever uses it. */
void signin_token_used(struct signin *s, struct signin_call *c)
{
    uint8_t room[STORE_KEY_MAX];
    struct record_out o = {.p = room, .cap = sizeof(room)};
    record_put_span(&o, SPAN("token"));
    record_put_span(&o, c->q.who.gate);
    record_put_span(&o, c->q.who.subject);
    if (!s->c.store || o.full) {
        call_outcome(c, SIGNIN_FAILED, "no store");
        return;
    }
    store_count(s->c.store, STORE_COUNTS, span_make(room, o.n), TRACE_EVERY_S, 1, on_counted, c);
}

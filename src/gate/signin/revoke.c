/* Taking sessions back: from the command line, and by people who sign out. And service tokens, which leave a trace now and then. */
#include "base/clock.h"
#include "gate/record.h"
#include "gate/signin/impl.h"

#include <stdlib.h>

#define TRACE_EVERY_S 600u

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

void signin_revoke_asked(struct signin *s, struct signin_call *c)
{
    audit(s, c->q.revoke.kind == LEDGER_SESSION ? "signed-out" : "signed-out-everywhere", &c->q, &c->q.who, NULL);
    book_put(s, &c->q.revoke, on_revoked, c);
}

/* --- service tokens --------------------------------------------------------------------------------------------------- */

static void on_counted(void *arg, const struct store_reply *r)
{
    struct signin_call *c = arg;
    struct signin *s = c->service;
    uint8_t room[512];
    struct record_out o = {.p = room, .cap = sizeof(room)};
    record_put_span(&o, c->q.who.gate);
    record_put_span(&o, c->q.who.subject);
    if (r->outcome == STORE_OK && !o.full) {
        char now[24];
        clock_format_iso(clock_wall_us(), now);
        audit(s, "token-used", &c->q, &c->q.who, NULL);
        store_put(s->c.store, STORE_TOKENS, span_make(room, o.n), span_make(now, sizeof(now)), INT64_MAX, NULL, NULL);
    }
    call_outcome(c, SIGNIN_OK, NULL);
}

/* One trace per token and ten minutes, whoever uses it. */
void signin_token_used(struct signin *s, struct signin_call *c)
{
    uint8_t room[512];
    struct record_out o = {.p = room, .cap = sizeof(room)};
    record_put_span(&o, SPAN("token"));
    record_put_span(&o, c->q.who.gate);
    record_put_span(&o, c->q.who.subject);
    if (!s->c.store || o.full || o.n > STORE_KEY_MAX) {
        call_outcome(c, SIGNIN_FAILED, "no store");
        return;
    }
    store_count(s->c.store, STORE_COUNTS, span_make(room, o.n), TRACE_EVERY_S, 1, on_counted, c);
}

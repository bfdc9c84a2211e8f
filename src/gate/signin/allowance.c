/* How often one client may ask for what leaves a record in the store: counted before the record is made, so that nobody fills the store alone. */
#include "base/clock.h"
#include "gate/record.h"
#include "gate/signin/impl.h"

#define WINDOW_S 600u
#define NONCES 120 /* more than sign-ins: each ends with one at most */
#define CODES 300  /* one for each host that a signed-in browser goes to */

static void (*handler_of(enum signin_kind kind))(struct signin *s, struct signin_call *c)
{
    return kind == SIGNIN_ONCE ? signin_once : signin_code_make;
}

static void on_counted(void *arg, const struct store_reply *r)
{
    struct signin_call *c = arg;
    int64_t wait_s = r->ends_s - clock_wall_s();
    if (r->outcome == STORE_OK)
        handler_of(c->q.kind)(c->service, c);
    else if (r->outcome == STORE_OVER)
        call_answer(c, &(struct signin_reply){.outcome = SIGNIN_LIMITED,
                                              .retry_after_s = wait_s > 0 ? (uint32_t)wait_s : 1,
                                              .detail = "limited: too many sign-ins of one client"});
    else
        call_store_failed(c, r);
}

void signin_allowed(struct signin *s, struct signin_call *c)
{
    const struct cidr client = addr_bucket(&c->q.client);
    uint8_t key[STORE_KEY_MAX]; /* more than it takes */
    struct record_out o = {.p = key, .cap = sizeof(key)};
    record_put_span(&o, SPAN("records"));
    record_put_byte(&o, c->q.kind);
    record_put(&o, client.ip, sizeof(client.ip));
    if (s->c.store)
        store_count(s->c.store, STORE_COUNTS, span_make(key, o.n), WINDOW_S, c->q.kind == SIGNIN_ONCE ? NONCES : CODES,
                    on_counted, c);
    else
        call_outcome(c, SIGNIN_FAILED, "there is no store");
}

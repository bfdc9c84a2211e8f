/* The service with ledgers that nobody takes until the test does, for what takes sessions back. */
#ifndef TG_TESTS_GATE_SIGNIN_KEPT_H
#define TG_TESTS_GATE_SIGNIN_KEPT_H

#include "signin_trial.h"

#include "base/clock.h"
#include "base/count.h"
#include "gate/signin/impl.h"

#define TEXT(s)                                                                                                        \
    {                                                                                                                  \
        (const uint8_t *)(s), sizeof(s) - 1                                                                            \
    }

static const struct selector admitted[] = {{.kind = SEL_EMAIL_DOMAIN, .subject = TEXT("app.test")}};

#define ID_A "session-a-sessio"
#define ID_B "session-b-sessio"
#define ID_C "session-c-sessio"

static inline struct ledger_entry of_session(const char *id, int64_t at_s, int64_t ends_s)
{
    return (struct ledger_entry){
        .kind = LEDGER_SESSION, .name = span_make(id, SESSION_ID), .at_s = at_s, .ends_s = ends_s};
}

static inline enum ledger_verdict judge(const struct service_kit *k, const char *id, int64_t issued)
{
    struct session s = {.who = {.way = WAY_EMAIL, .gate = SPAN("g"), .subject = SPAN("a@app.test")},
                        .issued = issued,
                        .active = issued};
    memcpy(s.id, id, sizeof(s.id));
    return ledger_judge(k->ledger, &s, SPAN("stg.app.test"), issued + 10);
}

/* --- a ledger that nobody takes ----------------------------------------------------------------------------------- */

static unsigned published; /* ledgers */

static inline void on_publish(void *arg, struct ledger *l)
{
    struct service_kit *k = arg;
    ledger_unref(k->ledger);
    k->ledger = l;
    published++;
}

/* Until all that the store was asked for is answered: it answers in the order of asking. */
static inline void settle(struct service_kit *k)
{
    char none[100];
    service_settle(k);
    (void)kit_list(&k->base, STORE_CODES, none, sizeof(none));
    service_settle(k);
}

static inline void open_kit(struct service_kit *k)
{
    service_open(k, admitted, COUNT(admitted));
    settle(k);
    k->signin->c.publish = on_publish;
    published = 0;
    trial_begin();
}

static inline void close_kit(struct service_kit *k)
{
    trial_end();
    service_close(k);
}

static inline void turn(struct service_kit *k)
{
    kit_idle(&k->base, 0);
    kit_idle(&k->base, 0);
}

/* As if its time had come. */
static inline void wake(struct service_kit *k)
{
    assert_true(timer_set(&k->signin->again, 0));
    kit_idle(&k->base, 1);
    settle(k);
}

static inline int64_t left_ms(const struct service_kit *k)
{
    return (int64_t)(k->signin->again.due_ms - k->signin->c.loop->now_ms);
}

struct receipt_of {
    unsigned times, ended;
    bool ok;
    const char *detail;
};

static inline void on_done(void *arg, bool ok, uint32_t ended, const char *detail)
{
    struct receipt_of *r = arg;
    r->times++;
    r->ok = ok;
    r->ended = ended;
    r->detail = detail;
}

static inline void put(struct service_kit *k, const char *id, struct receipt_of *r)
{
    const struct ledger_entry e = of_session(id, clock_wall_s(), clock_wall_s() + 1000);
    *r = (struct receipt_of){.times = 0};
    assert_true(book_put(k->signin, &e, on_done, r));
}

/* Now, not at the end of the turn. */
static inline void publish(struct service_kit *k)
{
    loop_task_cancel(&k->signin->publish);
    k->signin->publish.run(k->signin);
}

#endif

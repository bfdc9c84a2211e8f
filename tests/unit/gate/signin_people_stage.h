/* Two gates, "g" and "h", whose people are looked at, with a clock of the test's own. */
#ifndef TG_TESTS_GATE_SIGNIN_PEOPLE_STAGE_H
#define TG_TESTS_GATE_SIGNIN_PEOPLE_STAGE_H

#include "gate/session.h"
#include "gate/signin/impl.h"
#include "signin_anna.h"
#include "signin_trial.h"

#define HOUR 3600
#define T0 2000000000 /* the clock when all of these begin; after what the store was opened by */

struct stage {
    struct service_kit k;
    struct gate_config two[2]; /* "g" and "h" */
    struct people *p;
    void (*on_tick)(void *arg); /* what its own clock would do; arg: people */
};

static inline void settle(struct stage *s)
{
    while (s->k.running || s->p->busy || s->p->reading)
        kit_idle(&s->k.base, 0);
    kit_idle(&s->k.base, 2);
}

static inline void no_tick(void *arg)
{
}

/* Time goes on in tick() alone, however slow the machine is. */
static inline void stop_own_clock(struct stage *s)
{
    s->on_tick = s->p->timer.on_due;
    timer_fini(&s->p->timer);
    timer_init(&s->p->timer, s->k.signin->c.loop, no_tick, NULL);
    assert_true(timer_reserve(&s->p->timer));
}

static inline void open_stage(struct stage *s)
{
    open_org(&s->k);
    s->two[0] = s->two[1] = s->k.fixture.gate;
    s->two[1].name = SPAN("h");
    s->p = s->k.signin->people;
    stop_own_clock(s);
    service_set_clock(T0 - 1000);
    signin_set_gates(s->k.signin, (struct gate_list){s->two, 2}, 2);
    service_settle(&s->k);
    trial_begin();
}

static inline void close_stage(struct stage *s)
{
    trial_end();
    service_close(&s->k);
}

static inline void on_kept(void *arg, const struct store_reply *r)
{
    assert_int_equal(r->outcome, STORE_OK);
    *(bool *)arg = true;
}

static inline struct person *find_person(struct stage *s, const char *gate, const char *id)
{
    for (struct person *one = people_next(s->p, NULL); one; one = people_next(s->p, one))
        if (span_eq(one->who.gate, span_of(gate)) && span_eq(one->who.subject, span_of(id)))
            return one;
    return NULL;
}

static inline struct identity somebody(const char *gate, const char *id, int64_t proven_s)
{
    return (struct identity){.way = WAY_GITHUB,
                             .gate = span_of(gate),
                             .subject = span_of(id),
                             .email = SPAN("anna@app.test"),
                             .login = SPAN("anna"),
                             .groups = SPAN("acme\nacme/core\n"),
                             .proven_s = proven_s,
                             .latest_s = proven_s + 86400};
}

/* His token is "gho_" and his id; by it GitHub knows him. */
static inline struct person *add(struct stage *s, const char *gate, const char *id, int64_t proven_s)
{
    const struct identity who = somebody(gate, id, proven_s);
    char token[40];
    bool kept = false;
    (void)snprintf(token, sizeof(token), "gho_%s", id);
    people_add(s->p, &s->two[gate[0] == 'h'], &who, span_of(token), on_kept, &kept);
    while (!kept)
        kit_idle(&s->k.base, 0);
    return find_person(s, gate, id);
}

static inline void answer_as(struct stage *s, const char *id)
{
    static char body[80]; /* as long as it is played */
    (void)snprintf(body, sizeof(body), "{\"id\":%s,\"login\":\"anna\"}", id);
    service_play(&s->k, USER, 200, body);
}

/* How many looks began. */
static inline unsigned tick(struct stage *s, int64_t now_s)
{
    unsigned before = times_asked(&s->k, USER "\n");
    service_set_clock(now_s);
    people_tick(s->p, now_s);
    settle(s);
    return times_asked(&s->k, USER "\n") - before;
}

static inline void publish(struct stage *s)
{
    kit_idle(&s->k.base, 1);
    if (s->k.signin->unpublished)
        book_publish(s->k.signin);
    kit_idle(&s->k.base, 2);
}

/* Of a session that was proven then. */
static inline enum ledger_verdict judge(struct stage *s, const char *gate, const char *id, int64_t proven_s,
                                        struct session *out)
{
    publish(s);
    *out = (struct session){.who = somebody(gate, id, proven_s), .issued = proven_s, .active = proven_s};
    return ledger_judge(s->k.ledger, out, SPAN("stg.app.test"), proven_s + 10);
}

static inline bool says(struct stage *s, const char *id, int64_t proven_s, const char *groups)
{
    struct session out;
    return judge(s, "g", id, proven_s, &out) == LEDGER_HOLDS && span_eq(out.who.groups, span_of(groups));
}

static inline bool is_out(struct stage *s, const char *gate, const char *id, int64_t proven_s)
{
    struct session out;
    return judge(s, gate, id, proven_s, &out) == LEDGER_REVOKED;
}

#define ALL "acme\nacme/core\n"

static inline void write_record(const char *id, int64_t proven_s, int64_t checked_s, int64_t latest_s, struct stage *s,
                                struct person *out)
{
    struct identity who = somebody("g", id, proven_s);
    struct text sealed;
    text_init(&sealed);
    who.latest_s = latest_s;
    assert_true(person_seal(&s->two[0], who.subject, SPAN("gho_written"), &sealed));
    assert_true(person_set(out, &who, checked_s, text_span(&sealed)));
    text_fini(&sealed);
}

#endif

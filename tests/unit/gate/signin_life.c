/* The service's life: what it is made of, its clock, the gates in force, and what goes on besides questions. */
#include "signin_trial.h"

#include "base/clock.h"
#include "base/count.h"
#include "gate/signin/impl.h"

#define TEXT(s)                                                                                                        \
    {                                                                                                                  \
        (const uint8_t *)(s), sizeof(s) - 1                                                                            \
    }

static const struct selector admitted[] = {{.kind = SEL_EMAIL_DOMAIN, .subject = TEXT("app.test")}};
static const char browser[33] = "browser-a-browser-a-browser-a-br";

static void open_kit(struct service_kit *k)
{
    service_open(k, admitted, COUNT(admitted));
    service_settle(k);
    k->times_listed = 0;
    trial_begin();
}

static void close_kit(struct service_kit *k)
{
    trial_end();
    service_close(k);
}

/* As if its time had come. */
static void fire(struct service_kit *k)
{
    assert_true(timer_set(&k->signin->again, 0));
    kit_idle(&k->base, 1);
}

static void wake(struct service_kit *k)
{
    fire(k);
    service_settle(k);
}

static int64_t left_ms(const struct service_kit *k)
{
    assert_true(timer_is_set(&k->signin->again));
    return (int64_t)(k->signin->again.due_ms - k->signin->c.loop->now_ms);
}

/* --- its clock ---------------------------------------------------------------------------------------------------- */

/* Others write all the time: it is read at once, but then not again within a second, and once for all of them. */
static void test_reload(void **state)
{
    struct service_kit k;
    (void)state;
    open_kit(&k);
    signin_reload(k.signin);
    assert_int_equal(k.times_listed, 1);
    assert_int_equal(k.signin->reload_ms, k.signin->c.loop->now_ms + 1000);
    service_settle(&k);
    k.signin->reload_ms = k.signin->c.loop->now_ms + 1000; /* however long that took */
    signin_reload(k.signin);
    signin_reload(k.signin);
    assert_int_equal(k.times_listed, 1);
    assert_in_range(left_ms(&k), 1, 1000);
    wake(&k);
    assert_int_equal(k.times_listed, 2);
    assert_true(left_ms(&k) > 500000);
    wake(&k);
    assert_int_equal(k.times_listed, 2);
    k.signin->reload_ms = k.signin->c.loop->now_ms; /* a second later */
    signin_reload(k.signin);
    assert_int_equal(k.times_listed, 3);
    service_settle(&k);
    wake(&k);
    assert_int_equal(k.times_listed, 3);
    close_kit(&k);
}

static void test_sooner(void **state)
{
    struct service_kit k;
    (void)state;
    open_kit(&k);
    assert_true(left_ms(&k) > 500000);
    signin_again_soon(k.signin);
    assert_in_range(left_ms(&k), 900, 1000);
    assert_true(timer_set(&k.signin->again, 100));
    signin_again_soon(k.signin);
    assert_in_range(left_ms(&k), 1, 100);
    timer_stop(&k.signin->again); /* as while it is awake */
    signin_again_soon(k.signin);
    assert_in_range(left_ms(&k), 900, 1000);
    close_kit(&k);
}

/* An answer that finds no memory is sent a second later, and again, until there is some. */
static void test_answer_waits_for_memory(void **state)
{
    const struct signin_question q = {.kind = SIGNIN_PIN_CHECK,
                                      .gate = SPAN("g"),
                                      .browser = span_make(browser, 32),
                                      .address = SPAN("anna@app.test"),
                                      .code = SPAN("no digits")};
    struct service_kit k;
    struct answered a;
    (void)state;
    open_kit(&k);
    for (unsigned skip = 0; !k.signin->unsent && skip < 50; skip++) {
        service_ask(&k, &q, &a);
        trial_fail(TRIAL_MEMORY, skip);
        for (unsigned i = 0; i < 1000 && a.times == 0 && !k.signin->unsent; i++)
            kit_idle(&k.base, 1);
    }
    assert_non_null(k.signin->unsent);
    for (unsigned i = 0; i < 3; i++) {
        trial_fail(TRIAL_MEMORY, 0);
        fire(&k); /* no more: on a slow machine the next second is over soon */
        assert_true(trial_was_hit());
        assert_non_null(k.signin->unsent);
        assert_true(left_ms(&k) <= 1000);
    }
    trial_begin();
    wake(&k);
    assert_null(k.signin->unsent);
    assert_int_equal(a.times, 1);
    assert_true(left_ms(&k) > 500000);
    close_kit(&k);
}

/* --- its beginning and its end ------------------------------------------------------------------------------------ */

static int timers_left = -1; /* -1: no end */

bool __real_timer_reserve(struct timer *t);
bool __wrap_timer_reserve(struct timer *t);
bool __wrap_timer_reserve(struct timer *t)
{
    return timers_left != 0 && (timers_left < 0 || timers_left-- > 0) && __real_timer_reserve(t);
}

/* All of it, or none. */
static void test_no_memory_to_begin(void **state)
{
    struct service_kit k;
    unsigned skip = 0;
    (void)state;
    open_kit(&k);
    const struct signin_config c = {.loop = k.base.loop, .store = k.base.store};
    for (bool hit = true; hit; skip++) {
        trial_fail(TRIAL_MEMORY, skip);
        struct signin *s = signin_new(&c);
        hit = trial_was_hit();
        assert_int_equal(s == NULL, hit);
        signin_free(s);
    }
    assert_true(skip > 2);
    for (timers_left = 0; timers_left < 2; timers_left++) {
        int left = timers_left;
        assert_null(signin_new(&c));
        timers_left = left;
    }
    timers_left = -1;
    signin_free(NULL);
    close_kit(&k);
}

/* It ends while questions are on their way, and while answers wait for memory. */
static void test_end_with_questions(void **state)
{
    const struct signin_question q = {.kind = SIGNIN_PIN_SEND,
                                      .gate = SPAN("g"),
                                      .browser = span_make(browser, 32),
                                      .address = SPAN("anna@app.test")};
    struct service_kit k;
    struct answered a[3];
    (void)state;
    open_kit(&k);
    for (size_t i = 0; i < COUNT(a); i++)
        service_ask(&k, &q, &a[i]);
    for (unsigned i = 0; i < 1000 && k.signin->at_work_count < COUNT(a); i++)
        kit_idle(&k.base, 0);
    trial_end();
    kit_close(&k.base);
    signin_free(k.signin);
    const struct signin_config none = {.loop = k.base.loop};
    k.signin = signin_new(&none);
    for (size_t i = 0; i < COUNT(a); i++)
        assert_int_equal(a[i].times, 0);
    service_close(&k);
}

/* --- gates -------------------------------------------------------------------------------------------------------- */

static void test_gates(void **state)
{
    struct service_kit k;
    struct gate_config gates[3];
    (void)state;
    open_kit(&k);
    for (size_t i = 0; i < COUNT(gates); i++) {
        gates[i] = k.fixture.gate;
        gates[i].name = i == 0 ? SPAN("a") : i == 1 ? SPAN("b") : SPAN("c");
    }
    signin_set_gates(k.signin, (struct gate_list){gates, COUNT(gates)}, 2);
    assert_int_equal(k.times_listed, 0); /* it is known */
    assert_ptr_equal(signin_gate(k.signin, SPAN("b")), &gates[1]);
    assert_ptr_equal(signin_gate(k.signin, SPAN("c")), &gates[2]);
    assert_null(signin_gate(k.signin, SPAN("g")));
    k.signin->loaded = false;
    signin_set_gates(k.signin, k.gates, 3);
    assert_int_equal(k.times_listed, 1);
    service_settle(&k);
    assert_true(k.signin->loaded);
    close_kit(&k);
}

/* Of one host's rules or of another's. */
static void test_could_admit(void **state)
{
    static const struct {
        const char *address;
        size_t rules;
        bool admitted;
    } rows[] = {{"anna@app.test", 0, false}, {"anna@app.test", 1, true}, {"anna@app.test", 2, true},
                {"bert@b.test", 1, false},   {"bert@b.test", 2, true},   {"eve@evil.test", 2, false}};
    static const struct selector others[] = {{.kind = SEL_EMAIL, .subject = TEXT("bert@b.test")}};
    struct service_kit k;
    (void)state;
    open_kit(&k);
    const struct policy *first = k.policies[0];
    k.policies[0] = NULL;
    service_set_rules(&k, others, COUNT(others));
    k.policies[1] = k.policies[0];
    k.policies[0] = first;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct identity who = {.way = WAY_EMAIL,
                                     .gate = SPAN("g"),
                                     .subject = span_of(rows[i].address),
                                     .email = span_of(rows[i].address)};
        k.fixture.gate.policy_count = rows[i].rules;
        CHECK(rows[i].address, signin_could_admit(&k.fixture.gate, &who) == rows[i].admitted);
    }
    policy_free(k.policies[1]);
    k.fixture.gate.policy_count = 1;
    close_kit(&k);
}

/* Without a store there is nothing to be read. */
static void test_no_store(void **state)
{
    struct service_kit k;
    (void)state;
    open_kit(&k);
    struct signin *before = k.signin;
    ledger_unref(k.ledger);
    k.ledger = NULL;
    struct signin_config c = before->c;
    c.store = NULL;
    k.signin = signin_new(&c);
    assert_non_null(k.signin);
    signin_set_gates(k.signin, k.gates, 1);
    service_settle(&k);
    assert_int_equal(k.times_listed, 0);
    assert_non_null(k.ledger);
    assert_true(k.signin->loaded);
    signin_free(k.signin);
    k.signin = before;
    close_kit(&k);
}

/* --- what goes on besides ----------------------------------------------------------------------------------------- */

struct task {
    struct side_job job; /* first member */
    unsigned *ended;
};

static void on_release(struct side_job *j)
{
    struct task *t = (struct task *)j;
    ++*t->ended;
}

/* They end in any order, and with the service. */
static void test_jobs(void **state)
{
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}, {1, -1, -1}};
    (void)state;
    for (size_t o = 0; o < COUNT(orders); o++) {
        struct service_kit k;
        struct task t[3];
        unsigned ended = 0;
        open_kit(&k);
        for (size_t i = 0; i < COUNT(t); i++) {
            job_begin(k.signin, &t[i].job, on_release);
            t[i].ended = &ended;
        }
        for (unsigned i = 0; i < 3 && orders[o][i] >= 0; i++) {
            struct task *one = &t[orders[o][i]];
            unsigned left = 0;
            job_end(&one->job);
            memset(one, 0xff, sizeof(*one)); /* gone */
            assert_int_equal(ended, i + 1);
            for (const struct side_job *j = k.signin->jobs, *prev = NULL; j; prev = j, j = j->next, left++)
                assert_true(j->prev == prev && left < COUNT(t));
            assert_int_equal(left, 2 - i);
        }
        close_kit(&k);
        assert_int_equal(ended, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_sooner),
        cmocka_unit_test(test_answer_waits_for_memory),
        cmocka_unit_test(test_no_memory_to_begin),
        cmocka_unit_test(test_end_with_questions),
        cmocka_unit_test(test_gates),
        cmocka_unit_test(test_could_admit),
        cmocka_unit_test(test_no_store),
        cmocka_unit_test(test_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

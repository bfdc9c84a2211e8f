/* Since when the list of a gate's people is whole: asked of the store once, known by all processes from then on, and never believed where it
 * cannot be right. */
#include "signin_people_stage.h"

#include "gate/record.h"

#define LATER 20 /* however slow the machine is */
#define WRITTEN (T0 - 5000)

static void assert_now(int64_t since_s)
{
    assert_in_range(since_s, T0, T0 + LATER);
}

static int64_t since(struct stage *s, const char *gate)
{
    return people_since_of(s->p, span_of(gate));
}

static void write_bytes(struct stage *s, struct span value)
{
    struct kit_answer a;
    unsigned left = 0;
    kit_expect(&s->k.base, &a, &left);
    store_put(s->k.base.store, STORE_SINCE, SPAN("g"), value, INT64_MAX, kit_take_down, &a);
    kit_wait(&s->k.base, &left);
}

/* What the store says of "g"; 0: nothing that is a time. */
static int64_t written(struct stage *s)
{
    struct kit_answer a;
    if (kit_get(&s->k.base, STORE_SINCE, "g", &a) != STORE_OK)
        return 0;
    struct record_in in = {.rest = span_make(a.value, a.n)};
    int64_t since_s = record_take_time(&in);
    return record_done(&in) ? since_s : 0;
}

/* As in a process that has just begun, at T0. */
static void forget(struct stage *s)
{
    people_since_free(s->p);
    s->p->since = NULL;
    service_set_clock(T0);
    trial_begin();
}

static void read_all(struct stage *s)
{
    people_changed(s->p);
    settle(s);
}

static unsigned times_heard(const char *what)
{
    unsigned n = 0;
    for (const char *at = trial_heard(); (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

static void test_begins_once(void **state)
{
    struct stage s;
    (void)state;
    open_stage(&s);
    kit_sql(&s.k.base, "DELETE FROM record");
    forget(&s);
    assert_int_equal(since(&s, "g"), 0);
    read_all(&s);
    assert_now(since(&s, "g"));
    assert_now(since(&s, "h"));
    assert_int_equal(since(&s, "x"), 0);
    assert_int_equal(written(&s), since(&s, "g"));
    assert_int_equal(times_heard("once since\nget since\n"), 2);
    assert_int_equal(times_heard("put since"), 0);
    trial_begin();
    read_all(&s); /* it is known now */
    assert_int_equal(times_heard("since"), 0);
    close_stage(&s);
}

/* One question at a time, however often people are read meanwhile. */
static void test_asked_once(void **state)
{
    struct stage s;
    (void)state;
    open_stage(&s);
    forget(&s);
    people_since_ask(s.p);
    people_since_ask(s.p);
    assert_int_equal(times_heard("once since\nget since\n"), 2);
    settle(&s);
    close_stage(&s);
}

/* Nobody there needs looks: nothing is asked. */
static void test_where_nobody_is_looked_at(void **state)
{
    struct stage s;
    (void)state;
    open_stage(&s);
    s.two[1].github = NULL;
    forget(&s);
    read_all(&s);
    assert_int_equal(times_heard("once since"), 1);
    assert_int_equal(since(&s, "h"), 0);
    close_stage(&s);
}

#define BYTES(s)                                                                                                       \
    {                                                                                                                  \
        (const uint8_t *)(s), sizeof(s) - 1                                                                            \
    }

static void test_what_stands_there(void **state)
{
    uint8_t good[9] = {0}, ahead[8];
    struct record_out o = {.p = good, .cap = 8}, far = {.p = ahead, .cap = 8};
    record_put_time(&o, WRITTEN);
    record_put_time(&far, T0 + 100000);
    const struct {
        const char *name;
        struct span value;
        bool good;
    } rows[] = {
        {"a time", span_make(good, o.n), true},
        {"a time, and more", span_make(good, o.n + 1), false},
        {"a time that is cut off", span_make(good, o.n - 1), false},
        {"never", BYTES("\0\0\0\0\0\0\0\0"), false},
        {"before that", BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"), false},
        {"a time that lies ahead", span_make(ahead, far.n), false},
        {"nothing", SPAN_NONE, false},
    };
    struct stage s;
    (void)state;
    open_stage(&s);
    for (size_t i = 0; i < COUNT(rows); i++) {
        write_bytes(&s, rows[i].value);
        forget(&s);
        read_all(&s);
        int64_t is = since(&s, "g");
        CHECK(rows[i].name, rows[i].good ? is == WRITTEN : is >= T0 && is <= T0 + LATER);
        CHECK(rows[i].name, times_heard("put since") == !rows[i].good);
        CHECK(rows[i].name, written(&s) == is); /* the next process shall read the same */
        CHECK(rows[i].name, !s.p->failed);
    }
    close_stage(&s);
}

/* Nothing is known by an answer that is none; it is asked again with the next second. */
static void test_no_answer(void **state)
{
    static const enum store_outcome outcomes[] = {STORE_FAILED, STORE_NONE, STORE_OVER};
    uint8_t good[8];
    struct record_out o = {.p = good, .cap = sizeof(good)};
    record_put_time(&o, WRITTEN);
    struct stage s;
    (void)state;
    open_stage(&s);
    for (size_t i = 0; i < COUNT(outcomes); i++) {
        forget(&s);
        trial_answer(TRIAL_GET, 0, &(struct store_reply){.outcome = outcomes[i], .value = span_make(good, o.n)});
        people_since_ask(s.p);
        settle(&s);
        assert_true(trial_was_hit());
        assert_int_equal(since(&s, "g"), 0);
        assert_true(since(&s, "h") > 0);
        assert_true(s.p->failed);
        people_tick(s.p, T0);
        settle(&s);
        assert_true(since(&s, "g") > 0);
        assert_false(s.p->failed);
    }
    close_stage(&s);
}

static void test_without_memory(void **state)
{
    bool was_hit = true;
    struct stage s;
    (void)state;
    open_stage(&s);
    for (unsigned skip = 0; was_hit; skip++) {
        forget(&s);
        trial_fail(TRIAL_MEMORY, skip);
        people_since_ask(s.p);
        settle(&s);
        was_hit = trial_was_hit();
        assert_true(skip > 0 || (was_hit && s.p->failed && since(&s, "g") == 0 && since(&s, "h") > 0));
        assert_true((since(&s, "g") > 0 && since(&s, "h") > 0) || s.p->failed);
        trial_begin();
        people_changed(s.p);
        settle(&s);
        assert_true(since(&s, "g") > 0 && since(&s, "h") > 0);
    }
    close_stage(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_begins_once),
        cmocka_unit_test(test_asked_once),
        cmocka_unit_test(test_where_nobody_is_looked_at),
        cmocka_unit_test(test_what_stands_there),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Reading who signed in with GitHub, again and again: others write too, records are damaged, memory and the store fail. */
#include "signin_people_stage.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/count.h"

/* --- reading what others wrote ------------------------------------------------------------------------------------ */

static void put_record(struct stage *s, int64_t proven_s, int64_t checked_s, int64_t latest_s)
{
    struct person written = {.record = NULL};
    struct kit_answer a;
    unsigned left = 0;
    uint8_t key[STORE_KEY_MAX];
    write_record("7", proven_s, checked_s, latest_s, s, &written);
    size_t n = person_key(SPAN("g"), SPAN("7"), key);
    kit_expect(&s->k.base, &a, &left);
    store_put(s->k.base.store, STORE_PEOPLE, span_make(key, n), span_make(written.record, written.record_n), INT64_MAX,
              kit_take_down, &a);
    kit_wait(&s->k.base, &left);
    free(written.record);
}

static void read_all(struct stage *s)
{
    people_changed(s->p);
    settle(s);
}

static const struct {
    const char *name;
    int64_t proven_s, checked_s, latest_s; /* what is read; here: T0, T0 + 100, T0 + 1000 */
    bool taken, newer;                     /* newer: another sign-in */
} records[] = {
    {"the same", T0, T0 + 100, T0 + 1000, false, false},
    {"looked at later", T0, T0 + 101, T0 + 1000, true, false},
    {"looked at before", T0, T0 + 99, T0 + 1000, false, false},
    {"signed in later", T0 + 1, 0, T0 + 2000, true, true},
    {"signed in later, for a shorter time", T0 + 1, 0, T0 + 999, true, true},
    {"signed in before", T0 - 1, T0 + 200, T0 + 2000, false, false},
};

static void check_record(size_t i)
{
    const char *name = records[i].name;
    struct stage s;
    open_stage(&s);
    struct person *one = add(&s, "g", "7", T0);
    one->checked_s = T0 + 100;
    one->who.latest_s = T0 + 1000;
    unsigned version = one->version;
    put_record(&s, records[i].proven_s, records[i].checked_s, records[i].latest_s);
    read_all(&s);
    CHECK(name, s.p->all.count == 1 && people_next(s.p, NULL) == one);
    CHECK(name, one->who.proven_s == (records[i].taken ? records[i].proven_s : T0));
    CHECK(name, one->checked_s == (records[i].taken ? records[i].checked_s : T0 + 100));
    CHECK(name, one->version == version + records[i].newer);
    int64_t latest_s = records[i].taken && records[i].latest_s > T0 + 1000 ? records[i].latest_s : T0 + 1000;
    CHECK(name, one->who.latest_s == latest_s);
    close_stage(&s);
}

static void test_records(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(records); i++)
        check_record(i);
}

static void test_sweep(void **state)
{
    struct stage s;
    (void)state;
    open_stage(&s);
    add(&s, "g", "7", T0);
    struct person *busy = add(&s, "g", "8", T0);
    read_all(&s);
    assert_int_equal(s.p->all.count, 2);
    assert_false(service_heard(&s.k.audit, "changed"));
    busy->busy = true;
    kit_sql(&s.k.base, "DELETE FROM record");
    people_changed(s.p);
    while (s.p->reading)
        kit_idle(&s.k.base, 0);
    assert_int_equal(s.p->all.count, 1);
    assert_ptr_equal(people_next(s.p, NULL), busy);
    busy->busy = false;
    read_all(&s);
    assert_int_equal(s.p->all.count, 0);
    close_stage(&s);
}

/* Each piece of memory that is not there: then it is read again in a second, and in the end all of them are there. */
static void test_read_without_memory(void **state)
{
    bool was_hit = true;
    (void)state;
    for (unsigned skip = 0; was_hit; skip++) {
        struct stage s;
        open_stage(&s);
        struct person *one = add(&s, "g", "7", T0);
        add(&s, "g", "8", T0);
        put_record(&s, T0 + 1, 0, T0 + 2000);
        trial_fail(TRIAL_MEMORY, skip);
        read_all(&s);
        was_hit = trial_was_hit();
        trial_begin();
        assert_int_equal(s.p->all.count, 2);
        assert_true(one->who.proven_s == T0 + 1 || s.p->failed);
        assert_true(timer_is_set(&s.p->timer));
        people_tick(s.p, T0);
        settle(&s);
        assert_false(s.p->failed);
        assert_int_equal(one->who.proven_s, T0 + 1);
        close_stage(&s);
    }
}

/* The first time, when nobody is known yet. */
static void test_first_read_without_memory(void **state)
{
    bool was_hit = true;
    (void)state;
    for (unsigned skip = 0; was_hit; skip++) {
        struct stage s;
        open_stage(&s);
        add(&s, "g", "7", T0);
        service_restart(&s.k);
        s.p = s.k.signin->people;
        s.k.signin->gates = (struct gate_list){s.two, 2};
        settle(&s);
        assert_int_equal(s.p->all.count, 1);
        service_restart(&s.k);
        s.p = s.k.signin->people;
        trial_fail(TRIAL_MEMORY, skip);
        settle(&s);
        was_hit = trial_was_hit();
        trial_begin();
        assert_true(s.p->all.count == 1 || s.p->failed);
        people_tick(s.p, T0);
        settle(&s);
        assert_int_equal(s.p->all.count, 1);
        close_stage(&s);
    }
}

/* --- what cannot be read ------------------------------------------------------------------------------------------ */

static const struct {
    const char *name, *key;
    size_t n;
    bool told;
} damages[] = {
    {"known gate",
     "\0\1g\0\1"
     "7",
     6, true},
    {"unknown gate",
     "\0\1x\0\1"
     "7",
     6, false},
    {"a key that goes on",
     "\0\1g\0\1"
     "7!",
     7, false},
    {"a key that ends",
     "\0\1g\0\2"
     "7",
     6, false},
};

static void put_damaged(struct stage *s, struct span key)
{
    struct kit_answer a;
    unsigned left = 0;
    kit_expect(&s->k.base, &a, &left);
    store_put(s->k.base.store, STORE_PEOPLE, key, SPAN("damaged"), INT64_MAX, kit_take_down, &a);
    kit_wait(&s->k.base, &left);
}

static void test_damaged(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(damages); i++) {
        struct stage s;
        char revoked[2000], people[2000], end[40];
        open_stage(&s);
        put_damaged(&s, span_make(damages[i].key, damages[i].n));
        service_set_clock(T0);
        trial_begin();
        read_all(&s);
        CHECK(damages[i].name, strstr(trial_heard(), "delete people\n"));
        CHECK(damages[i].name, service_heard(&s.k.audit, "\"must-sign-in-again\"") == damages[i].told);
        CHECK(damages[i].name, service_heard(&s.k.audit, "\"way\":\"github\",\"identity\":\"7\"") == damages[i].told);
        CHECK(damages[i].name, is_out(&s, "g", "7", T0) == damages[i].told);
        assert_int_equal(kit_list(&s.k.base, STORE_PEOPLE, people, sizeof(people)), STORE_OK);
        assert_string_equal(people, "");
        assert_int_equal(kit_list(&s.k.base, STORE_REVOKED, revoked, sizeof(revoked)), STORE_OK);
        (void)snprintf(end, sizeof(end), "@%lld ", T0 + (long long)LEDGER_KEEP_S);
        CHECK(damages[i].name, (strstr(revoked, end) != NULL) == damages[i].told); /* when he began is not known */
        close_stage(&s);
    }
}

/* It stays where it is until it is told. */
static void test_damaged_without_memory(void **state)
{
    bool was_hit = true;
    (void)state;
    for (unsigned skip = 0; was_hit; skip++) {
        struct stage s;
        char people[2000];
        open_stage(&s);
        put_damaged(&s, span_make(damages[0].key, damages[0].n));
        service_set_clock(T0);
        trial_fail(TRIAL_MEMORY, skip);
        read_all(&s);
        was_hit = trial_was_hit();
        trial_begin();
        assert_int_equal(kit_list(&s.k.base, STORE_PEOPLE, people, sizeof(people)), STORE_OK);
        assert_true(is_out(&s, "g", "7", T0) || (was_hit && strcmp(people, "") != 0 && s.p->failed));
        people_tick(s.p, T0);
        settle(&s);
        assert_true(is_out(&s, "g", "7", T0));
        close_stage(&s);
    }
}

/* --- reading fails ------------------------------------------------------------------------------------------------ */

static void answer_held(struct stage *s, const struct store_reply *r)
{
    assert_true(s->k.held);
    s->k.held = s->k.hold_people = false;
    s->k.held_done(s->k.held_arg, r);
}

/* What it prints then. */
static void hear_failure(struct stage *s, const struct store_reply *r, char *out, size_t cap)
{
    int was = dup(STDERR_FILENO), pipes[2];
    assert_int_equal(pipe(pipes), 0);
    assert_true(dup2(pipes[1], STDERR_FILENO) >= 0);
    answer_held(s, r);
    assert_true(dup2(was, STDERR_FILENO) >= 0);
    (void)close(was);
    (void)close(pipes[1]);
    ssize_t n = read(pipes[0], out, cap - 1);
    out[n > 0 ? n : 0] = '\0';
    (void)close(pipes[0]);
}

static void test_reading_fails(void **state)
{
    static const struct {
        enum store_outcome outcome;
        const char *detail, *want;
    } fails[] = {{STORE_FAILED, "the disk", "cannot be read: the disk; again in a second\n"},
                 {STORE_FAILED, NULL, "cannot be read: no memory; again in a second\n"},
                 {STORE_NONE, NULL, "cannot be read: no memory; again in a second\n"}};
    (void)state;
    for (size_t i = 0; i < COUNT(fails); i++) {
        struct stage s;
        char said[200];
        open_stage(&s);
        add(&s, "g", "7", T0);
        s.k.hold_people = true;
        people_changed(s.p);
        timer_stop(&s.p->timer);
        hear_failure(&s, &(struct store_reply){.outcome = fails[i].outcome, .detail = fails[i].detail}, said,
                     sizeof(said));
        assert_non_null(strstr(said, fails[i].want));
        assert_int_equal(s.p->all.count, 1); /* who was not read is not gone */
        assert_true(s.p->failed);
        assert_false(s.p->reading);
        assert_true(timer_is_set(&s.p->timer));
        people_tick(s.p, T0);
        assert_true(s.p->reading);
        settle(&s);
        assert_false(s.p->failed);
        close_stage(&s);
    }
}

/* Until all are known, nobody is looked at, and nothing is told. */
static void test_not_read_yet(void **state)
{
    struct stage s;
    (void)state;
    open_stage(&s);
    add(&s, "g", "7", T0);
    s.k.hold_people = true;
    service_restart(&s.k);
    s.p = s.k.signin->people;
    kit_idle(&s.k.base, 5);
    assert_null(s.k.ledger);
    add(&s, "g", "8", T0 - 2000);
    people_tick(s.p, T0);
    assert_int_equal(s.p->busy, 0);
    service_go_on(&s.k);
    settle(&s);
    assert_int_equal(ledger_number(s.k.ledger), 1);
    uint64_t number = ledger_number(s.k.ledger), round = s.p->round;
    read_all(&s); /* once more is nothing new */
    assert_int_equal(ledger_number(s.k.ledger), number);
    assert_int_equal(s.p->round, round + 1);
    close_stage(&s);
}

/* The first ledger comes also where nobody ever signed in. */
static void test_nobody_to_read(void **state)
{
    struct stage s;
    (void)state;
    open_stage(&s);
    s.k.gates = (struct gate_list){s.two, 2};
    s.k.hold_people = true;
    service_restart(&s.k);
    s.p = s.k.signin->people;
    kit_idle(&s.k.base, 20);
    assert_null(s.k.ledger);
    service_go_on(&s.k);
    settle(&s);
    assert_non_null(s.k.ledger);
    close_stage(&s);
}

/* What changes while it is read is read again: once. */
static void test_changes_while_reading(void **state)
{
    struct stage s;
    (void)state;
    open_stage(&s);
    uint64_t round = s.p->round;
    s.k.hold_people = true;
    for (int i = 0; i < 3; i++)
        people_changed(s.p);
    assert_int_equal(s.p->round, round + 1);
    service_go_on(&s.k);
    settle(&s);
    kit_idle(&s.k.base, 5);
    assert_int_equal(s.p->round, round + 2);
    close_stage(&s);
}

/* --- are they known? ---------------------------------------------------------------------------------------------- */

static void test_are_known(void **state)
{
    struct stage s;
    struct github_config none;
    (void)state;
    open_stage(&s);
    none = s.k.github;
    none.org_count = none.team_count = none.login_count = 0;
    assert_true(people_are_known(s.p));
    s.p->loaded = false;
    assert_false(people_are_known(s.p));
    s.two[1].github = NULL;
    assert_false(people_are_known(s.p));
    s.two[1].github = &none;
    assert_false(people_are_known(s.p));
    s.two[0].github = NULL;
    assert_true(people_are_known(s.p));
    s.two[0].github = &s.k.github;
    s.k.signin->c.store = NULL;
    assert_true(people_are_known(s.p));
    s.k.signin->c.store = s.k.base.store;
    s.k.signin->gates.n = 0;
    assert_true(people_are_known(s.p));
    s.p->loaded = true;
    close_stage(&s);
}

/* --- the clock ---------------------------------------------------------------------------------------------------- */

static void let_tick(struct stage *s)
{
    timer_stop(&s->p->timer);
    s->on_tick(s->p);
}

static void test_clock(void **state)
{
    struct stage s;
    (void)state;
    open_stage(&s);
    service_set_clock(T0);
    assert_true(timer_is_set(&s.p->timer));
    let_tick(&s);
    assert_false(timer_is_set(&s.p->timer)); /* for nobody */
    add(&s, "g", "7", T0);
    assert_true(timer_is_set(&s.p->timer));
    uint64_t due = s.p->timer.due_ms;
    kit_idle(&s.k.base, 5);
    add(&s, "g", "8", T0);
    assert_int_equal(s.p->timer.due_ms, due); /* who signs in does not put it off */
    let_tick(&s);
    assert_true(timer_is_set(&s.p->timer));
    kit_sql(&s.k.base, "DELETE FROM record");
    read_all(&s);
    assert_int_equal(s.p->all.count, 0);
    let_tick(&s);
    assert_false(s.p->failed);
    assert_false(timer_is_set(&s.p->timer));
    s.k.hold_people = true; /* as long as it is not known whom it would be for */
    people_changed(s.p);
    s.p->failed = true;
    let_tick(&s);
    assert_true(timer_is_set(&s.p->timer));
    s.p->failed = false;
    service_go_on(&s.k);
    settle(&s);
    close_stage(&s);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static bool no_timer;

bool __real_timer_reserve(struct timer *t);
bool __wrap_timer_reserve(struct timer *t);
bool __wrap_timer_reserve(struct timer *t)
{
    return !no_timer && __real_timer_reserve(t);
}

static void test_no_memory_to_begin(void **state)
{
    struct stage s;
    (void)state;
    open_stage(&s);
    trial_fail(TRIAL_MEMORY, 0);
    assert_null(people_new(s.k.signin));
    assert_true(trial_was_hit());
    no_timer = true;
    assert_null(people_new(s.k.signin));
    no_timer = false;
    people_free(NULL);
    struct people *p = people_new(s.k.signin);
    assert_non_null(p);
    people_free(p);
    close_stage(&s);
}

/* What is under way is not waited for. */
static void test_ends_while_looking(void **state)
{
    struct stage s;
    (void)state;
    open_stage(&s);
    add(&s, "g", "7", T0);
    service_set_clock(T0 + HOUR);
    people_tick(s.p, T0 + HOUR);
    assert_int_equal(s.k.running, 3); /* the team is asked about by the login */
    close_stage(&s);
    assert_int_equal(s.k.cancelled, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_read_without_memory),
        cmocka_unit_test(test_first_read_without_memory),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_damaged_without_memory),
        cmocka_unit_test(test_reading_fails),
        cmocka_unit_test(test_not_read_yet),
        cmocka_unit_test(test_nobody_to_read),
        cmocka_unit_test(test_changes_while_reading),
        cmocka_unit_test(test_are_known),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_no_memory_to_begin),
        cmocka_unit_test(test_ends_while_looking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

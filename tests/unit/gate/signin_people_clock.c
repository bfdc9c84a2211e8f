/* When each of the people is looked at, to the second; who is given up so that he holds nobody up; and what the ledger is told of how far the
 * looks are. */
#include "signin_people_stage.h"

#include "base/count.h"
#include "gate/session.h"

/* --- when --------------------------------------------------------------------------------------------------------- */

/* The ids spread them: by how many seconds before the 15 minutes are over. */
static void test_when(void **state)
{
    static const struct {
        const char *id;
        int early;
    } people[] = {{"7", 55}, {"12", 69}, {"4711", 55}, {"4", 52}};
    (void)state;
    for (size_t i = 0; i < COUNT(people); i++) {
        struct stage s;
        int64_t due = T0 + LEDGER_RECHECK_S - people[i].early;
        open_stage(&s);
        answer_as(&s, people[i].id);
        struct person *one = add(&s, "g", people[i].id, T0);
        for (int n = 1; n <= 3; n++, due += LEDGER_RECHECK_S - people[i].early) {
            assert_int_equal(tick(&s, due - 1), 0);
            assert_int_equal(tick(&s, due), 1);
            assert_int_equal(one->checked_s, due);
        }
        close_stage(&s);
    }
}

/* What was known by a clock that was ahead says nothing. */
/* Whoever is being looked at is not due. */
static void test_one_look_at_a_time(void **state)
{
    struct stage s;
    (void)state;
    open_stage(&s);
    answer_as(&s, "7");
    add(&s, "g", "7", T0);
    service_set_clock(T0 + HOUR);
    people_tick(s.p, T0 + HOUR);
    assert_int_equal(s.p->busy, 1);
    people_tick(s.p, T0 + HOUR);
    assert_int_equal(s.p->busy, 1);
    assert_int_equal(times_asked(&s.k, USER "\n"), 1);
    settle(&s);
    close_stage(&s);
}

static void test_clock_set_back(void **state)
{
    struct stage s;
    (void)state;
    open_stage(&s);
    answer_as(&s, "7");
    struct person *one = add(&s, "g", "7", T0);
    assert_int_equal(tick(&s, T0 - 60), 0);
    assert_int_equal(tick(&s, T0 - 61), 1);
    one->not_before_s = T0 - 61 + LEDGER_STALE_S;
    assert_int_equal(tick(&s, T0 - 61), 0);
    one->not_before_s++;
    assert_int_equal(tick(&s, T0 - 61), 1);
    close_stage(&s);
}

static void test_waits_longer_each_time(void **state)
{
    static const int waits[] = {60, 120, 240, 480, 900, 900};
    struct stage s;
    int64_t now = T0 + LEDGER_RECHECK_S;
    (void)state;
    open_stage(&s);
    struct person *one = add(&s, "g", "7", T0);
    service_play(&s.k, USER, 500, "");
    assert_int_equal(tick(&s, now), 1);
    for (size_t i = 0; i < COUNT(waits); i++) {
        assert_int_equal(one->not_before_s, now + waits[i]);
        assert_int_equal(tick(&s, now + waits[i] - 1), 0);
        now += waits[i];
        assert_int_equal(tick(&s, now), 1);
    }
    answer_as(&s, "7");
    assert_int_equal(tick(&s, now + 900), 1);
    assert_int_equal(one->wait_s, 0);
    assert_int_equal(one->not_before_s, now + 900 + 600);
    service_play(&s.k, USER, 500, "");
    now += 900 + LEDGER_RECHECK_S;
    assert_int_equal(tick(&s, now), 1);
    assert_int_equal(one->not_before_s, now + 60);
    add(&s, "g", "7", now + 1); /* who signs in again waits for nothing */
    assert_int_equal(one->not_before_s, 0);
    assert_int_equal(one->wait_s, 0);
    close_stage(&s);
}

/* Whoever is somebody else now, by GitHub's own word, is not looked at: it is another account's token. */
static void test_somebody_else(void **state)
{
    static const char *const others[] = {"8", "77", "71"};
    (void)state;
    for (size_t i = 0; i < COUNT(others); i++) {
        struct stage s;
        open_stage(&s);
        answer_as(&s, others[i]);
        struct person *one = add(&s, "g", "7", T0);
        service_play(&s.k, ORG, 404, "{}");
        assert_int_equal(tick(&s, T0 + LEDGER_RECHECK_S), 1);
        assert_int_equal(one->checked_s, 0);
        assert_int_equal(one->wait_s, 60);
        CHECK_SPAN("groups", one->who.groups, SPAN("acme\nacme/core\n"));
        close_stage(&s);
    }
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

static void limited(struct stage *s, const char *after)
{
    *service_played(&s->k, USER) = (struct played){USER, 0, 403, "", "Retry-After", after, NULL};
}

static void test_limited(void **state)
{
    static const struct {
        const char *after;
        int waits;
    } limits[] = {{"10", 60}, {"60", 60}, {"61", 61}, {"1000", 1000}};
    (void)state;
    for (size_t i = 0; i < COUNT(limits); i++) {
        struct stage s;
        open_stage(&s);
        struct person *one = add(&s, "g", "7", T0);
        limited(&s, limits[i].after);
        assert_int_equal(tick(&s, T0 + LEDGER_RECHECK_S), 1);
        assert_int_equal(one->not_before_s, T0 + LEDGER_RECHECK_S + limits[i].waits);
        assert_int_equal(s.p->limited, 1);
        assert_int_equal(s.p->pause_until_s, 0);
        close_stage(&s);
    }
}

/* Three different people in a row: then it means all of us. */
static void test_all_are_limited(void **state)
{
    static const struct {
        const char *after;
        int pause;
    } pauses[] = {{"10", 10}, {"60", 60}, {"1000", 60}};
    static const char *const ids[] = {"1", "2", "3"};
    (void)state;
    for (size_t i = 0; i < COUNT(pauses); i++) {
        struct stage s;
        int64_t now = T0 + LEDGER_RECHECK_S;
        open_stage(&s);
        for (size_t n = 0; n < COUNT(ids); n++)
            add(&s, "g", ids[n], T0);
        struct person *later = add(&s, "g", "4", T0 - 100), *last = add(&s, "g", "5", T0 - 100);
        later->not_before_s = now + 1;
        last->not_before_s = now + pauses[i].pause;
        limited(&s, pauses[i].after);
        assert_int_equal(tick(&s, now), 3);
        assert_int_equal(s.p->pause_until_s, now + pauses[i].pause);
        assert_int_equal(s.p->limited, 0);
        for (size_t n = 0; n < COUNT(ids); n++)
            find_person(&s, "g", ids[n])->not_before_s = now + 100;
        assert_int_equal(tick(&s, now + pauses[i].pause - 1), 0);
        later->not_before_s = 0;
        assert_int_equal(tick(&s, now + pauses[i].pause - 60), 0);
        assert_int_equal(tick(&s, now + pauses[i].pause - 61), 1); /* a clock that was set back */
        later->not_before_s = now + 100;
        assert_int_equal(tick(&s, now + pauses[i].pause), 1);
        close_stage(&s);
    }
}

static void test_success_between_limits(void **state)
{
    struct stage s;
    int64_t now = T0 + LEDGER_RECHECK_S;
    (void)state;
    open_stage(&s);
    add(&s, "g", "1", T0);
    add(&s, "g", "2", T0);
    limited(&s, "5");
    assert_int_equal(tick(&s, now), 2);
    assert_int_equal(s.p->limited, 2);
    add(&s, "g", "3", T0);
    answer_as(&s, "3");
    assert_int_equal(tick(&s, now + 1), 1);
    assert_int_equal(s.p->limited, 0);
    close_stage(&s);
}

/* --- many --------------------------------------------------------------------------------------------------------- */

static void test_so_many_at_a_time(void **state)
{
    static const char *const ids[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"};
    struct stage s;
    (void)state;
    open_stage(&s);
    for (size_t i = 0; i < COUNT(ids); i++)
        add(&s, "g", ids[i], T0);
    service_set_clock(T0 + HOUR);
    service_play(&s.k, USER, 500, "");
    for (int i = 0; i < 3; i++) { /* who is being looked at is not looked at twice */
        people_tick(s.p, T0 + HOUR);
        assert_int_equal(s.p->busy, 8);
        assert_int_equal(times_asked(&s.k, USER "\n"), 8);
    }
    settle(&s);
    assert_int_equal(s.p->busy, 0);
    assert_int_equal(tick(&s, T0 + HOUR), 4);
    close_stage(&s);
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

/* Of his last session: not before, not while he is being looked at, and whether his gate is there or not. */
static void test_end(void **state)
{
    struct stage s;
    int64_t end = T0 + 86400 + 60;
    (void)state;
    open_stage(&s);
    service_play(&s.k, USER, 500, "");
    struct person *one = add(&s, "g", "7", T0);
    add(&s, "h", "7", T0);
    one->not_before_s = end;
    assert_int_equal(tick(&s, end - 1), 1);
    assert_int_equal(s.p->all.count, 2);
    one->not_before_s = 0;
    find_person(&s, "h", "7")->not_before_s = end + 1;
    people_tick(s.p, end - 1);
    assert_true(one->busy);
    people_tick(s.p, end);
    assert_int_equal(s.p->all.count, 1);
    assert_ptr_equal(people_next(s.p, NULL), one);
    settle(&s);
    assert_int_equal(s.p->busy, 0);
    s.k.signin->gates.n = 0;
    people_tick(s.p, end);
    assert_int_equal(s.p->all.count, 0);
    close_stage(&s);
}

/* Nobody is looked at for a gate that is gone, or that asks no more for what changes at GitHub. */
static void test_gate_gone(void **state)
{
    struct stage s;
    (void)state;
    open_stage(&s);
    add(&s, "g", "7", T0);
    s.two[0].github = NULL;
    assert_int_equal(tick(&s, T0 + HOUR), 0);
    s.two[0].github = &s.k.github;
    s.k.signin->gates.n = 0;
    assert_int_equal(tick(&s, T0 + HOUR), 0);
    s.k.signin->gates.n = 2;
    s.k.github.org_count = s.k.github.team_count = s.k.github.login_count = 0;
    assert_int_equal(tick(&s, T0 + HOUR), 0);
    s.k.github.login_count = 1;
    answer_as(&s, "7");
    assert_int_equal(tick(&s, T0 + HOUR), 1);
    close_stage(&s);
}

/* --- who holds the others up -------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int seen_s, known_s; /* so long ago */
    const char *seen_gate, *late_gate;
    bool seen_given_up, late_busy, no_key, no_way;
    bool given_up;
} lates[] = {
    {"late", 900, 2700, "g", "g", .given_up = true},
    {"very late", 0, 9999, "h", "h", .given_up = true},
    {"not late yet", 0, 2699, "g", "g", .given_up = false},
    {"nobody is seen", 901, 2700, "g", "g", .given_up = false},
    {"somebody is seen elsewhere", 0, 2700, "h", "g", .given_up = false},
    {"who is seen is nothing himself", 0, 2700, "g", "g", .seen_given_up = true, .given_up = false},
    {"he is being looked at", 0, 2700, "g", "g", .late_busy = true, .given_up = false},
    {"his token cannot be opened", 0, 2700, "g", "g", .no_key = true, .given_up = false},
    {"GitHub is no way of the gate any more", 0, 2700, "g", "g", .no_way = true, .given_up = false},
};

static void check_late(size_t i)
{
    const char *name = lates[i].name;
    struct stage s;
    open_stage(&s);
    struct person *seen = add(&s, lates[i].seen_gate, "1", T0 - 99999), *late = add(&s, lates[i].late_gate, "2", 5);
    late->who.latest_s = seen->who.latest_s = T0 + 99999;
    seen->not_before_s = late->not_before_s = T0 + 60;
    seen->checked_s = T0 - lates[i].seen_s;
    seen->given_up = lates[i].seen_given_up;
    late->checked_s = T0 - lates[i].known_s;
    late->busy = lates[i].late_busy;
    if (lates[i].no_key)
        late->sealed = SPAN("none");
    if (lates[i].no_way)
        s.two[0].github = NULL;
    service_set_clock(T0);
    people_tick(s.p, T0);
    CHECK(name, late->given_up == lates[i].given_up);
    CHECK(name, (late->who.groups.n == 0) == lates[i].given_up);
    CHECK(name, (late->who.login.n == 0) == lates[i].given_up);
    CHECK(name, late->checked_s == (lates[i].given_up ? T0 : T0 - lates[i].known_s));
    CHECK(name, service_heard(&s.k.audit, "memberships-changed") == lates[i].given_up);
    CHECK(name, !service_heard(&s.k.audit, "must-sign-in"));
    CHECK_SPAN(name, late->who.email, SPAN("anna@app.test"));
    CHECK(name, seen->who.groups.n > 0);
    late->busy = false;
    close_stage(&s);
}

static void test_late(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(lates); i++)
        check_late(i);
}

/* That he was given up is no look: by it nobody else is given up. */
static void test_given_up_is_not_seen(void **state)
{
    struct stage s;
    (void)state;
    open_stage(&s);
    struct person *seen = add(&s, "g", "1", T0 - 10), *first = add(&s, "g", "2", T0 - 2700),
                  *second = add(&s, "g", "3", T0 - 2600);
    seen->checked_s = T0 - 900;
    seen->not_before_s = first->not_before_s = second->not_before_s = T0 + 1000;
    people_tick(s.p, T0);
    assert_true(first->given_up);
    people_tick(s.p, T0 + 100);
    assert_false(second->given_up);
    answer_as(&s, "2"); /* a look makes him what he is again */
    first->not_before_s = 0;
    assert_int_equal(tick(&s, T0 + 900), 1);
    assert_false(first->given_up);
    CHECK_SPAN("groups", first->who.groups, SPAN("acme\nacme/core\n"));
    assert_false(second->given_up);
    people_tick(s.p, T0 + 901);
    assert_true(second->given_up); /* somebody is seen now */
    close_stage(&s);
}

/* Where there is no memory to tell it, it is told in the next second. */
static void test_give_up_without_memory(void **state)
{
    (void)state;
    for (unsigned skip = 0;; skip++) {
        struct stage s;
        open_stage(&s);
        struct person *seen = add(&s, "g", "1", T0), *late = add(&s, "g", "2", T0 - 2700);
        seen->checked_s = T0;
        late->not_before_s = T0 + 1000;
        trial_fail(TRIAL_MEMORY, skip);
        people_tick(s.p, T0);
        bool was_hit = trial_was_hit();
        assert_true(late->given_up || !service_heard(&s.k.audit, "memberships-changed"));
        assert_int_equal(late->given_up, late->checked_s == T0);
        assert_true(!late->given_up || says(&s, "2", T0 - 2700, ""));
        trial_begin();
        kit_idle(&s.k.base, 0);
        people_tick(s.p, T0 + 1);
        assert_true(late->given_up);
        close_stage(&s);
        if (!was_hit)
            break;
        assert_true(skip < 100);
    }
}

/* --- what is told ------------------------------------------------------------------------------------------------- */

/* How long everybody of the gate who had signed in when it all began is known. */
static int64_t told(struct stage *s, const char *gate)
{
    const struct session old = {
        .who = {.way = WAY_GITHUB, .gate = span_of(gate), .subject = SPAN("99"), .groups = SPAN("acme\n")},
        .issued = T0 - 999};
    kit_idle(&s->k.base, 2);
    int64_t end = ledger_facts_end(s->k.ledger, &old) - LEDGER_STALE_S;
    return end == old.issued ? 0 : end;
}

/* Does it make a ledger? */
static bool tells(struct stage *s, int64_t now_s)
{
    uint64_t before = ledger_number(s->k.ledger);
    service_set_clock(now_s);
    people_tell_checked(s->p, now_s);
    kit_idle(&s->k.base, 2);
    assert_true(ledger_number(s->k.ledger) <= before + 1);
    return ledger_number(s->k.ledger) > before;
}

static void test_told(void **state)
{
    struct stage s;
    (void)state;
    open_stage(&s);
    service_set_clock(T0);
    assert_false(tells(&s, T0)); /* there is nobody */
    assert_int_equal(told(&s, "g"), 0);
    struct person *one = add(&s, "g", "1", T0);
    assert_true(tells(&s, T0));
    assert_int_equal(told(&s, "g"), T0);
    assert_int_equal(told(&s, "h"), 0);
    assert_false(tells(&s, T0 + 1));
    one->checked_s = T0 + 299;
    assert_false(tells(&s, T0 + 400));
    one->checked_s = T0 + 300;
    assert_true(tells(&s, T0 + 400));
    assert_int_equal(told(&s, "g"), T0 + 300);
    struct person *other = add(&s, "h", "1", T0 + 50);
    assert_true(tells(&s, T0 + 400));
    assert_int_equal(told(&s, "g"), T0 + 300);
    assert_int_equal(told(&s, "h"), T0 + 50);
    struct person *late = add(&s, "g", "2", T0 + 200); /* not as late as the others */
    assert_true(tells(&s, T0 + 400));
    assert_int_equal(told(&s, "g"), T0 + 200);
    one->checked_s = T0 + 150;
    late->checked_s = T0 + 240;
    assert_true(tells(&s, T0 + 400));
    assert_int_equal(told(&s, "g"), T0 + 150);
    one->checked_s = late->checked_s = T0 + 10000; /* by a clock that was ahead */
    assert_true(tells(&s, T0 + 500));
    assert_int_equal(told(&s, "g"), T0 + 500);
    add(&s, "i", "1", T0 + 500); /* since when all of its people are known is not known yet */
    s.two[0].name = SPAN("i");
    assert_false(tells(&s, T0 + 500));
    s.two[0].name = SPAN("g");
    other->checked_s = T0 + 1000;
    s.two[1].github = NULL;
    assert_false(tells(&s, T0 + 600)); /* nobody looks any more */
    assert_int_equal(told(&s, "h"), T0 + 50);
    close_stage(&s);
}

/* What is open is judged again when a ledger comes: each minute, while nothing is heard for too long. */
static void test_told_again(void **state)
{
    struct stage s;
    (void)state;
    open_stage(&s);
    struct person *one = add(&s, "g", "1", T0);
    one->not_before_s = T0 + 99999;
    assert_true(tells(&s, T0));
    assert_false(tells(&s, T0 + HOUR - 1));
    assert_true(tells(&s, T0 + HOUR));
    assert_false(tells(&s, T0 + HOUR));
    assert_false(tells(&s, T0 + HOUR + 59));
    assert_true(tells(&s, T0 + HOUR + 60));
    assert_int_equal(told(&s, "g"), T0);
    assert_true(tells(&s, T0 + HOUR + 10)); /* a clock that was set back */
    assert_false(tells(&s, T0 + HOUR + 69));
    s.two[0].github = NULL;
    assert_false(tells(&s, T0 + HOUR + 200));
    s.two[0].github = &s.k.github;
    assert_true(tells(&s, T0 + HOUR + 200));
    close_stage(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_when),
        cmocka_unit_test(test_clock_set_back),
        cmocka_unit_test(test_one_look_at_a_time),
        cmocka_unit_test(test_waits_longer_each_time),
        cmocka_unit_test(test_somebody_else),
        cmocka_unit_test(test_limited),
        cmocka_unit_test(test_all_are_limited),
        cmocka_unit_test(test_success_between_limits),
        cmocka_unit_test(test_so_many_at_a_time),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_gate_gone),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_given_up_is_not_seen),
        cmocka_unit_test(test_give_up_without_memory),
        cmocka_unit_test(test_told),
        cmocka_unit_test(test_told_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

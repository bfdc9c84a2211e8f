/* People whose memberships are looked at, when the store, memory or GitHub fail: nobody keeps what was taken from him, nobody is forgotten untold,
 * and nobody has to sign in again for want of memory. */
#include "signin_people_stage.h"

#include <stdlib.h>

#include "base/count.h"

#define DUE (T0 + HOUR)

/* --- signing in --------------------------------------------------------------------------------------------------- */

struct kept {
    unsigned times;
    enum store_outcome outcome;
};

static void on_added(void *arg, const struct store_reply *r)
{
    struct kept *k = arg;
    k->times++;
    k->outcome = r->outcome;
    assert_int_equal(r->outcome == STORE_OK, r->detail == NULL);
    assert_true(r->outcome == STORE_OK || r->outcome == STORE_FAILED);
}

static bool try_to_add(struct stage *s, const struct identity *who, const char *token)
{
    struct kept kept = {.times = 0};
    people_add(s->p, &s->two[0], who, span_of(token), on_added, &kept);
    while (!kept.times || s->k.running)
        kit_idle(&s->k.base, 0);
    assert_int_equal(kept.times, 1);
    return kept.outcome == STORE_OK;
}

static void test_first_sign_in_without(void **state)
{
    static const enum trial_call calls[] = {TRIAL_MEMORY, TRIAL_RANDOM};
    struct stage s;
    const struct identity who = somebody("g", "7", T0);
    char people[2000];
    (void)state;
    open_stage(&s);
    for (size_t i = 0; i < COUNT(calls); i++) {
        bool was_hit = true, ok = false;
        for (unsigned skip = 0; was_hit && !ok; skip++) {
            trial_fail(calls[i], skip);
            ok = try_to_add(&s, &who, "gho_7");
            was_hit = trial_was_hit();
            assert_true(ok || was_hit);
            assert_true(s.p->all.count == (ok ? 1 : 0) ||
                        (was_hit && !ok)); /* he may be there, but the store has him not */
            trial_begin();
            assert_int_equal(kit_list(&s.k.base, STORE_PEOPLE, people, sizeof(people)), STORE_OK);
            assert_int_equal(people[0] != '\0', ok);
        }
        kit_delete(&s.k.base, STORE_PEOPLE,
                   "\0\1g\0\1"
                   "7");
        people_changed(s.p);
        settle(&s);
        kit_sql(&s.k.base, "DELETE FROM record");
        people_changed(s.p);
        settle(&s);
        assert_int_equal(s.p->all.count, 0);
    }
    close_stage(&s);
}

static void test_no_store(void **state)
{
    struct stage s;
    const struct identity who = somebody("g", "7", T0);
    (void)state;
    open_stage(&s);
    s.k.signin->c.store = NULL;
    assert_false(try_to_add(&s, &who, "gho_7"));
    assert_int_equal(s.p->all.count, 0);
    people_changed(s.p);
    assert_false(s.p->reading);
    s.k.signin->c.store = s.k.base.store;
    close_stage(&s);
}

static bool opens(struct stage *s, const char *want)
{
    uint8_t token[GITHUB_TOKEN_MAX];
    size_t n = person_open(&s->two[0], find_person(s, "g", "7"), token);
    return span_eq(span_make(token, n), span_of(want));
}

/* What a later sign-in saw is true of the earlier sessions, or the later one is refused. */
static void test_second_sign_in_without(void **state)
{
    static const enum trial_call calls[] = {TRIAL_MEMORY, TRIAL_RANDOM};
    struct stage s;
    int64_t now = T0;
    (void)state;
    open_stage(&s);
    for (size_t i = 0; i < COUNT(calls); i++) {
        bool was_hit = true;
        for (unsigned skip = 0; was_hit; skip++) {
            add(&s, "g", "7", now += 10);
            assert_true(says(&s, "7", now, ALL));
            struct identity who = somebody("g", "7", now + 1);
            who.groups = SPAN("acme\n");
            text_fini(&s.k.asked);
            trial_fail(calls[i], skip);
            bool ok = try_to_add(&s, &who, "gho_other");
            was_hit = trial_was_hit();
            trial_begin();
            bool is_his = opens(&s, "gho_7"), is_other = opens(&s, "gho_other");
            assert_true(is_other || (!ok && is_his));
            assert_true(is_other || times_asked(&s.k, GIVE_BACK) == 0); /* what is still used is not given back */
            assert_true(ok || was_hit);
            assert_true(says(&s, "7", now, "acme\n") || (!ok && says(&s, "7", now, ALL)));
            assert_int_equal(s.p->all.count, 1);
        }
    }
    close_stage(&s);
}

static void test_second_sign_in(void **state)
{
    struct stage s;
    char revoked[2000], end[40];
    (void)state;
    open_stage(&s);
    struct person *one = add(&s, "g", "7", T0);
    one->given_up = true;
    struct identity who = somebody("g", "7", T0 + 10);
    text_fini(&s.k.audit);
    assert_true(try_to_add(&s, &who, "gho_7")); /* the same, also the token: nothing is told or given back */
    publish(&s);
    assert_false(service_heard(&s.k.audit, "memberships-changed"));
    assert_int_equal(times_asked(&s.k, GIVE_BACK), 0);
    assert_int_equal(s.p->all.count, 1);
    assert_int_equal(one->version, 2);
    who.email = SPAN("anna@other.test"); /* rules may name it */
    assert_true(try_to_add(&s, &who, "gho_7"));
    assert_true(service_heard(&s.k.audit, "memberships-changed"));
    CHECK_SPAN("email", one->who.email, SPAN("anna@other.test"));
    add(&s, "h", "7", T0);
    assert_int_equal(s.p->all.count, 2);
    who.latest_s -= 86000; /* the rules give less now, but the session of then lives on */
    who.login = SPAN("hanna");
    assert_true(try_to_add(&s, &who, "gho_new"));
    assert_int_equal(one->who.latest_s, T0 + 10 + 86400);
    assert_int_equal(times_asked(&s.k, GIVE_BACK), 1);
    assert_true(service_heard(&s.k.asked, "{\"access_token\":\"gho_7\"}"));
    assert_true(service_heard(&s.k.audit, "memberships-changed"));
    assert_false(service_heard(&s.k.audit, "\"detail\""));
    publish(&s);
    assert_int_equal(kit_list(&s.k.base, STORE_REVOKED, revoked, sizeof(revoked)), STORE_OK);
    (void)snprintf(end, sizeof(end), "@%lld ", T0 + 10 + 86400 + 60LL);
    assert_non_null(strstr(revoked, end));
    close_stage(&s);
}

/* --- a look without memory ---------------------------------------------------------------------------------------- */

/* What he is not in any more is told before it is taken for known. */
static void test_look_without_memory(void **state)
{
    struct stage s;
    struct person *one;
    bool was_hit = true;
    int64_t now = T0;
    (void)state;
    open_stage(&s);
    one = add(&s, "g", "7", T0);
    one->who.latest_s = INT64_MAX - 100;
    for (unsigned skip = 0; was_hit; skip++) {
        answer_as(&s, "7");
        service_play(&s.k, ORG, 404, "{}");
        trial_fail(TRIAL_MEMORY, skip);
        assert_in_range(tick(&s, now += HOUR), 0, 1);
        was_hit = trial_was_hit();
        trial_begin();
        assert_int_equal(s.p->busy, 0);
        assert_int_equal(s.p->limited, 0); /* GitHub did not say so */
        assert_int_equal(s.p->all.count, 1);
        assert_false(service_heard(&s.k.audit, "must-sign-in"));
        if (one->checked_s == now) {
            assert_true(says(&s, "7", T0, "acme/core\n"));
        } else {
            assert_true(was_hit);
            assert_int_equal(one->wait_s, 60);
            assert_int_equal(tick(&s, now += 60), 1);
            assert_int_equal(one->wait_s, 0);
        }
        assert_true(says(&s, "7", T0, "acme/core\n"));
        service_play(&s.k, ORG, 200, ACTIVE);
        assert_int_equal(tick(&s, now += HOUR), 1);
        assert_true(says(&s, "7", T0, ALL));
    }
    close_stage(&s);
}

/* Who must sign in again is out before he is forgotten. */
static void test_token_refused_without_memory(void **state)
{
    struct stage s;
    bool was_hit = true;
    int64_t now = T0;
    (void)state;
    open_stage(&s);
    service_play(&s.k, USER, 401, "{}");
    for (unsigned skip = 0; was_hit; skip++, now += HOUR) {
        if (s.p->all.count == 0)
            add(&s, "g", "7", now);
        trial_fail(TRIAL_MEMORY, skip);
        tick(&s, now + HOUR);
        was_hit = trial_was_hit();
        trial_begin();
        assert_int_equal(s.p->busy, 0);
        assert_int_equal(s.p->all.count, !is_out(&s, "g", "7", now));
        if (s.p->all.count == 0)
            continue;
        assert_true(was_hit);
        tick(&s, now + HOUR + 60);
        assert_int_equal(s.p->all.count, 0);
        assert_true(is_out(&s, "g", "7", now));
    }
    close_stage(&s);
}

/* --- a refused token ---------------------------------------------------------------------------------------------- */

static void signs_in_again(struct service_kit *k)
{
    static struct kept kept;
    struct stage *s = (struct stage *)k; /* its first member */
    const struct identity who = somebody("g", "7", T0 + 1);
    people_add(s->p, &s->two[0], &who, SPAN("gho_new"), on_added, &kept);
}

static void gate_gone(struct service_kit *k)
{
    k->signin->gates.n = 0;
}

static void no_memory(struct service_kit *k)
{
    (void)k;
    trial_fail(TRIAL_MEMORY, 0);
}

#define ASKED "get people\n"

static const struct {
    const char *name;
    enum store_outcome outcome;
    const char *value; /* "same", "later" */
    void (*meanwhile)(struct service_kit *k);
    const char *heard;
    bool out, waits;
    int64_t proven_s;
} refused[] = {
    {"his own", STORE_OK, "same", NULL, ASKED "put revoked\ndelete people\n", true, false, T0},
    {"gone", STORE_NONE, "", NULL, ASKED "put revoked\ndelete people\n", true, false, T0},
    {"no answer", STORE_FAILED, "", NULL, ASKED, false, true, T0},
    {"no answer, but bytes", STORE_FAILED, "same", NULL, ASKED, false, true, T0},
    {"another answer", STORE_OVER, "later", NULL, ASKED, false, true, T0},
    {"signed in elsewhere", STORE_OK, "later", NULL, ASKED, false, false, T0 + 5},
    {"damaged", STORE_OK, "what", NULL, ASKED, false, true, T0},
    {"signed in here meanwhile", STORE_OK, NULL, signs_in_again, ASKED "put people\n", false, false, T0 + 1},
    {"the gate goes meanwhile", STORE_OK, NULL, gate_gone, ASKED, false, true, T0},
    {"no memory to tell it", STORE_OK, NULL, no_memory, ASKED, false, true, T0},
};

static void check_refused(size_t i)
{
    const char *name = refused[i].name;
    struct stage s;
    struct person later = {.record = NULL};
    open_stage(&s);
    struct person *one = add(&s, "g", "7", T0);
    service_play(&s.k, USER, 401, "{}");
    write_record("7", T0 + 5, 0, T0 + 86400, &s, &later);
    const char *value = refused[i].value;
    struct span bytes = span_of(value);
    if (value && strcmp(value, "same") == 0)
        bytes = span_make(one->record, one->record_n);
    if (value && strcmp(value, "later") == 0)
        bytes = span_make(later.record, later.record_n);
    trial_begin();
    if (refused[i].meanwhile)
        trial_meanwhile(TRIAL_GET, 0, refused[i].meanwhile, &s.k);
    else
        trial_answer(TRIAL_GET, 0, &(struct store_reply){.outcome = refused[i].outcome, .value = bytes});
    assert_int_equal(tick(&s, DUE), 1);
    CHECK(name, trial_was_hit());
    CHECK_SPAN(name, span_of(trial_heard()), span_of(refused[i].heard));
    CHECK(name, s.p->all.count == !refused[i].out && s.p->busy == 0);
    s.k.signin->gates.n = 2;
    CHECK(name, is_out(&s, "g", "7", T0) == refused[i].out);
    CHECK(name, service_heard(&s.k.audit, "must-sign-in-again") == refused[i].out);
    CHECK(name, service_heard(&s.k.audit, "GitHub does not know the token any more, or it is lost") == refused[i].out);
    if (!refused[i].out) {
        CHECK(name, one->wait_s == (refused[i].waits ? 60 : 0));
        CHECK(name, one->who.proven_s == refused[i].proven_s);
    }
    free(later.record);
    close_stage(&s);
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++)
        check_refused(i);
}

/* Who signed in again since the look began is not meant by what it says. */
static void test_outdated_looks(void **state)
{
    static const unsigned statuses[] = {200, 401, 500};
    (void)state;
    for (size_t i = 0; i < COUNT(statuses); i++) {
        struct stage s;
        open_stage(&s);
        answer_as(&s, "7");
        struct person *one = add(&s, "g", "7", T0);
        service_play(&s.k, ORG, 404, "{}");
        service_played(&s.k, USER)->status = statuses[i];
        service_set_clock(DUE);
        trial_begin();
        people_tick(s.p, DUE);
        assert_true(one->busy);
        add(&s, "g", "7", DUE + 1);
        settle(&s);
        assert_false(one->busy);
        assert_int_equal(one->checked_s, 0);
        CHECK_SPAN("groups", one->who.groups, SPAN(ALL));
        assert_true(says(&s, "7", DUE + 1, ALL));
        assert_null(strstr(trial_heard(), "get people"));
        close_stage(&s);
    }
}

/* The way, or the gate, goes while somebody is looked at. */
static void test_gate_goes_while_looking(void **state)
{
    static const unsigned statuses[] = {200, 401};
    (void)state;
    for (size_t i = 0; i < COUNT(statuses); i++) {
        struct stage s;
        open_stage(&s);
        answer_as(&s, "7");
        service_played(&s.k, USER)->status = statuses[i];
        struct person *one = add(&s, "g", "7", T0);
        service_set_clock(DUE);
        people_tick(s.p, DUE);
        s.k.signin->gates.n = 0;
        settle(&s);
        assert_int_equal(s.p->all.count, 1);
        assert_int_equal(one->checked_s, 0);
        assert_int_equal(one->wait_s, 60);
        close_stage(&s);
    }
}

/* --- logins ------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum store_outcome once, get;
    const char *value;
    void (*meanwhile)(struct service_kit *k);
    const char *login; /* NULL: he stays what he was */
    bool waits;
    const char *heard;
} logins_of[] = {
    {"the first", STORE_OK, 0, NULL, NULL, "boss", false, "once logins\nput revoked\nput people\n"},
    {"his own", STORE_THERE, STORE_OK, "7", NULL, "boss", false, "once logins\nget logins\nput revoked\nput people\n"},
    {"another's", STORE_THERE, STORE_OK, "8", NULL, "", false, "once logins\nget logins\nput revoked\nput people\n"},
    {"gone", STORE_THERE, STORE_NONE, "7", NULL, NULL, true, "once logins\nget logins\n"},
    {"not read", STORE_THERE, STORE_FAILED, "7", NULL, NULL, true, "once logins\nget logins\n"},
    {"not kept", STORE_FAILED, 0, NULL, NULL, NULL, true, "once logins\n"},
    {"not counted", STORE_OVER, 0, NULL, NULL, NULL, true, "once logins\n"},
    {"the gate goes meanwhile", STORE_OK, 0, NULL, gate_gone, NULL, false, "once logins\n"},
    {"signs in meanwhile", STORE_OK, 0, NULL, signs_in_again, NULL, false, "once logins\nput people\n"},
    {"no memory for it", STORE_OK, 0, NULL, no_memory, NULL, true, "once logins\n"},
};

static void check_login(size_t i)
{
    const char *name = logins_of[i].name;
    struct stage s;
    open_stage(&s);
    struct person *one = add(&s, "g", "7", T0);
    service_play(&s.k, USER, 200, "{\"id\":7,\"login\":\"Boss\"}");
    service_play(&s.k, "/memberships/boss", 200, ACTIVE);
    trial_begin();
    if (logins_of[i].meanwhile)
        trial_meanwhile(TRIAL_ONCE, 0, logins_of[i].meanwhile, &s.k);
    else if (logins_of[i].once != STORE_THERE)
        trial_answer(TRIAL_ONCE, 0, &(struct store_reply){.outcome = logins_of[i].once});
    else {
        assert_int_equal(kit_once(&s.k.base, STORE_LOGINS, "x", "8", INT64_MAX), STORE_OK);
        trial_begin();
        trial_answer(TRIAL_ONCE, 0, &(struct store_reply){.outcome = STORE_THERE});
        service_set_clock(DUE);
        people_tick(s.p, DUE);
        while (!trial_was_hit())
            kit_idle(&s.k.base, 0);
        trial_answer(TRIAL_GET, 0,
                     &(struct store_reply){.outcome = logins_of[i].get, .value = span_of(logins_of[i].value)});
    }
    if (!one->busy)
        tick(&s, DUE);
    settle(&s);
    CHECK(name, trial_was_hit());
    if (strcmp(trial_heard(), logins_of[i].heard) != 0)
        fail_msg("%s: heard\n%s", name, trial_heard());
    CHECK(name, s.p->busy == 0 && one->groups.n == 0);
    CHECK(name, one->checked_s == (logins_of[i].login ? DUE : 0));
    CHECK(name, one->wait_s == (logins_of[i].waits ? 60 : 0));
    CHECK_SPAN(name, one->who.login, logins_of[i].login ? span_of(logins_of[i].login) : SPAN("anna"));
    s.k.signin->gates.n = 2;
    struct session out;
    CHECK(name, judge(&s, "g", "7", T0, &out) == LEDGER_HOLDS);
    CHECK_SPAN(name, out.who.login, logins_of[i].login ? span_of(logins_of[i].login) : SPAN("anna"));
    close_stage(&s);
}

static void test_logins(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(logins_of); i++)
        check_login(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_sign_in_without),
        cmocka_unit_test(test_no_store),
        cmocka_unit_test(test_second_sign_in_without),
        cmocka_unit_test(test_second_sign_in),
        cmocka_unit_test(test_look_without_memory),
        cmocka_unit_test(test_token_refused_without_memory),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_outdated_looks),
        cmocka_unit_test(test_gate_goes_while_looking),
        cmocka_unit_test(test_logins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

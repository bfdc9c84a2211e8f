/* Hashes under way: single flight, full queues, and going away in every state. */
#include "stage.h"

#include <dirent.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/crypto/mac.h"
#include "gate/flight.h"
#include "gate/pairs.h"

/* The hash thread stops at its first hash while this is held (the linker wraps the call, see meson.build). */
static atomic_bool crypt_held, crypt_reached;

char *__real_crypt_rn(const char *password, const char *setting, void *data, int size);
char *__wrap_crypt_rn(const char *password, const char *setting, void *data, int size);

char *__wrap_crypt_rn(const char *password, const char *setting, void *data, int size)
{
    atomic_store(&crypt_reached, true);
    while (atomic_load(&crypt_held))
        pause_ms(1);
    return __real_crypt_rn(password, setting, data, size);
}

static void hold(void)
{
    atomic_store(&crypt_reached, false);
    atomic_store(&crypt_held, true);
}

static void wait_until_reached(void)
{
    while (!atomic_load(&crypt_reached))
        pause_ms(1);
}

static void release(void)
{
    atomic_store(&crypt_held, false);
}

/* --- many at once ------------------------------------------------------------------------------------------------- */

#define MANY 40

static void test_single_flight(void **state)
{
    struct stage s;
    struct ask asks[MANY];
    unsigned left = MANY;
    stage_init(&s, NULL);
    for (int i = 0; i < MANY; i++) {
        ask_init(&asks[i], &s, "app.test", with_basic(&s, "bob:wrong"));
        asks[i].stop_after = &left;
        assert_int_equal(gate_check(s.thread, &asks[i].check), GATE_PENDING);
        assert_ptr_equal(asks[i].check.wait->flight, asks[0].check.wait->flight);
    }
    loop_run(s.loop);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(asks[i].done, 1);
        assert_int_equal(asks[i].result, GATE_REFUSED);
    }
    struct ask a; /* one hash, one failure: four more are left */
    for (int i = 0; i < 4; i++)
        assert_int_equal(ask_basic(&s, "app.test", "bob:other", &a), GATE_REFUSED);
    assert_int_equal(ask_basic(&s, "app.test", "bob:other", &a), GATE_LIMITED);
    stage_fini(&s);
}

static void test_queue_full(void **state)
{
    static const struct gate_limits small = {.failures_per_user = 100,
                                             .failures_per_address = 100,
                                             .window_s = 60,
                                             .hash_queue = 64,
                                             .hash_queue_per_address = 3};
    struct stage s;
    struct ask asks[6], other;
    unsigned left = 0;
    stage_init_with(&s, NULL, &small);
    struct basic_user slow[] = {{.name = SPAN("bob"), .hash = SPAN(BCRYPT_10)}};
    s.f.basic.users = slow;
    s.f.basic.user_count = 1;
    for (unsigned i = 0; i < COUNT(asks); i++) {
        struct span pair = arena_printf(&s.m.arena, "bob:wrong-%u", i);
        ask_init(&asks[i], &s, "app.test", with_basic(&s, (const char *)pair.p));
        asks[i].stop_after = &left;
        asks[i].result = gate_check(s.thread, &asks[i].check);
        left += asks[i].result == GATE_PENDING;
        CHECK("share", asks[i].result == (i < 3 ? GATE_PENDING : GATE_BUSY));
        CHECK("retry", i < 3 || asks[i].check.retry_after_s == 1);
    }
    ask_init(&other, &s, "app.test", with_basic(&s, "bob:open sesame")); /* another's share is not used up */
    assert_true(addr_parse_ip(SPAN("198.51.100.1"), &other.check.client));
    other.stop_after = &left;
    assert_int_equal(gate_check(s.thread, &other.check), GATE_PENDING);
    left++;
    gate_shared_set_limits(s.shared, &(struct gate_limits){.failures_per_user = 100,
                                                           .failures_per_address = 100,
                                                           .window_s = 60,
                                                           .hash_queue = 1,
                                                           .hash_queue_per_address = 1});
    struct ask third;
    ask_init(&third, &s, "app.test", with_basic(&s, "bob:yet another"));
    assert_true(addr_parse_ip(SPAN("198.51.100.2"), &third.check.client));
    assert_int_equal(gate_check(s.thread, &third.check), GATE_BUSY);
    loop_run(s.loop);
    assert_int_equal(other.result, GATE_IDENTIFIED);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(asks[i].result, GATE_REFUSED);
    stage_fini(&s);
}

/* --- going away --------------------------------------------------------------------------------------------------- */

static void test_cancel_before_and_during(void **state)
{
    for (int pause = 0; pause < 2; pause++) {
        struct stage s;
        struct ask a, b, c;
        stage_init(&s, NULL);
        ask_init(&a, &s, "app.test", with_basic(&s, "bob:one"));
        ask_init(&b, &s, "app.test", with_basic(&s, "bob:two"));
        assert_int_equal(gate_check(s.thread, &a.check), GATE_PENDING);
        assert_int_equal(gate_check(s.thread, &b.check), GATE_PENDING);
        if (pause)
            pause_ms(20); /* both are hashed by now, and wait in the loop's mailbox */
        gate_cancel(s.thread, &b.check);
        gate_cancel(s.thread, &a.check);
        assert_null(a.check.wait);
        gate_cancel(s.thread, &a.check); /* twice is once */
        assert_int_equal(ask_basic(&s, "app.test", "bob:open sesame", &c), GATE_IDENTIFIED);
        assert_int_equal(a.done + b.done, 0);
        stage_fini(&s);
    }
}

#define GUESSES 8
static const struct gate_limits roomy = {
    .failures_per_user = 5, .failures_per_address = 20, .window_s = 60, .hash_queue = 64, .hash_queue_per_address = 16};

/* How many attempts at once the user has: fewer after a failure, or while others are under way. */
static unsigned places_of(struct stage *s, const struct ask *a, const char *user)
{
    uint32_t retry_after;
    unsigned n = 0;
    struct limit_ticket t = limits_ticket(s->shared->limits, &a->check.client, s->f.gate.name, span_of(user));
    while (n < 100 && limits_begin(s->shared->limits, t, clock_mono_ms(), &retry_after) == LIMIT_OK)
        n++;
    return n;
}

/* What nobody hashed is no failure, whoever left: the askers, or the thread that they asked. */
static void test_unheard_guesses_are_free(void **state)
{
    for (int end = 0; end < 2; end++) {
        struct stage s;
        struct ask first, asks[GUESSES], a;
        stage_init_with(&s, NULL, &roomy);
        struct gate_thread *other = gate_thread_new(s.shared, s.loop);
        assert_non_null(other);
        hold();
        ask_init(&first, &s, "app.test", with_basic(&s, "eve:x"));
        assert_int_equal(gate_check(other, &first.check), GATE_PENDING);
        wait_until_reached();
        for (unsigned i = 0; i < GUESSES; i++) {
            struct span pair = arena_printf(&s.m.arena, "bob:wrong-%u", i);
            ask_init(&asks[i], &s, "app.test", with_basic(&s, (const char *)pair.p));
            assert_int_equal(gate_check(other, &asks[i].check), GATE_PENDING);
        }
        for (int i = 0; i < GUESSES && !end; i++)
            gate_cancel(other, &asks[i].check);
        if (end)
            gate_thread_free(other);
        release();
        for (int i = 0; i < GUESSES; i++)
            assert_null(asks[i].check.wait);
        assert_int_equal(ask_basic(&s, "app.test", "yes:open sesame", &a), GATE_IDENTIFIED); /* behind them all */
        assert_int_equal(places_of(&s, &asks[0], "bob"), 16);
        if (!end)
            gate_thread_free(other);
        stage_fini(&s);
    }
}

/* The thread and its loop are gone before the hash is done. */
static void test_loop_ends_first(void **state)
{
    struct stage s;
    struct ask a, b;
    stage_init(&s, NULL);
    struct loop *loop = loop_new();
    struct gate_thread *other = gate_thread_new(s.shared, loop);
    assert_non_null(other);
    hold();
    ask_init(&a, &s, "app.test", with_basic(&s, "bob:x"));
    assert_int_equal(gate_check(other, &a.check), GATE_PENDING);
    wait_until_reached();
    gate_thread_free(other);
    loop_free(loop);
    release();
    assert_int_equal(ask_basic(&s, "app.test", "eve:open sesame", &b), GATE_IDENTIFIED); /* behind it */
    assert_int_equal(a.done, 0);
    stage_fini(&s);
}

/* A guess that is being hashed is counted, though nobody waits for it any more. */
static void test_begun_guesses_count(void **state)
{
    struct stage s;
    struct ask a;
    stage_init(&s, NULL);
    for (int i = 0; i < 5; i++) {
        struct span pair = arena_printf(&s.m.arena, "bob:wrong-%d", i);
        hold();
        ask_init(&a, &s, "app.test", with_basic(&s, (const char *)pair.p));
        assert_int_equal(gate_check(s.thread, &a.check), GATE_PENDING);
        wait_until_reached();
        gate_cancel(s.thread, &a.check);
        release();
        assert_int_equal(ask_basic(&s, "app.test", "eve:open sesame", &a), GATE_IDENTIFIED); /* behind it */
        s.loop->now_ms += PAIR_TTL_MS;
    }
    assert_int_equal(ask_basic(&s, "app.test", "bob:open sesame", &a), GATE_LIMITED);
    stage_fini(&s);
}

/* The hash that is being made counts in its address's share, and in no other's. */
static void test_share_of_the_running(void **state)
{
    struct gate_limits one = standard;
    struct stage s;
    struct ask first, same, other;
    one.hash_queue_per_address = 1;
    stage_init_with(&s, NULL, &one);
    hold();
    ask_init(&first, &s, "app.test", with_basic(&s, "bob:x"));
    assert_int_equal(gate_check(s.thread, &first.check), GATE_PENDING);
    wait_until_reached();
    ask_init(&same, &s, "app.test", with_basic(&s, "bob:y"));
    assert_int_equal(gate_check(s.thread, &same.check), GATE_BUSY);
    ask_init(&other, &s, "app.test", with_basic(&s, "bob:y"));
    assert_true(addr_parse_ip(SPAN("198.51.100.1"), &other.check.client));
    assert_int_equal(gate_check(s.thread, &other.check), GATE_PENDING);
    release();
    stage_fini(&s);
}

static unsigned count_threads(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/task");
    assert_non_null(d);
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

static void test_pool_ends(void **state)
{
    struct stage s;
    stage_init(&s, NULL);
    unsigned with = count_threads();
    stage_fini(&s);
    for (int i = 0; i < 1000 && count_threads() != with - 1; i++)
        pause_ms(10); /* a thread that was joined may still be listed for a moment */
    assert_int_equal(count_threads(), with - 1);
}

/* What does not fit a job is none. */
static void test_long_passwords(void **state)
{
    char text[CRYPT_HASH_MAX + 1];
    const struct addr unknown = {.family = 0};
    memset(text, 'x', sizeof(text));
    struct hash_job *j =
        hash_job_new(span_make(text, BASIC_PASSWORD_MAX), span_make(text, CRYPT_HASH_MAX - 1), &unknown);
    assert_non_null(j);
    hash_job_free(j);
    assert_null(hash_job_new(span_make(text, BASIC_PASSWORD_MAX + 1), SPAN(BCRYPT), &unknown));
    assert_null(hash_job_new(SPAN("x"), span_make(text, CRYPT_HASH_MAX), &unknown));
    hash_job_free(NULL);
}

/* One of several waiters goes; the others are told. */
static void test_cancel_one_of_several(void **state)
{
    for (int gone = 0; gone < 3; gone++) {
        struct stage s;
        struct ask asks[3];
        unsigned left = 2;
        stage_init(&s, NULL);
        for (int i = 0; i < 3; i++) {
            ask_init(&asks[i], &s, "app.test", with_basic(&s, "bob:open sesame"));
            asks[i].stop_after = &left;
            assert_int_equal(gate_check(s.thread, &asks[i].check), GATE_PENDING);
        }
        gate_cancel(s.thread, &asks[gone].check);
        loop_run(s.loop);
        for (int i = 0; i < 3; i++)
            assert_int_equal(asks[i].done, i != gone);
        stage_fini(&s);
    }
}

static struct ask *victims;

static void on_done_cancel_others(void *arg, enum gate_result result)
{
    struct ask *a = arg;
    a->done++;
    for (int i = 0; i < 3; i++)
        gate_cancel(a->stage->thread, &victims[i].check);
    loop_stop(a->stage->loop);
}

/* A callback may take others of the same flight away. */
static void test_cancel_from_callback(void **state)
{
    struct stage s;
    struct ask asks[3];
    victims = asks;
    stage_init(&s, NULL);
    for (int i = 0; i < 3; i++) {
        ask_init(&asks[i], &s, "app.test", with_basic(&s, "bob:open sesame"));
        asks[i].check.on_done = on_done_cancel_others;
        assert_int_equal(gate_check(s.thread, &asks[i].check), GATE_PENDING);
    }
    loop_run(s.loop);
    assert_int_equal(asks[0].done + asks[1].done + asks[2].done, 1);
    assert_int_equal(asks[0].done, 1); /* in order of arrival */
    stage_fini(&s);
}

/* The thread ends while hashes wait, run, and lie in the mailbox. */
static void test_thread_ends(void **state)
{
    for (int pause = 0; pause < 3; pause++) {
        struct stage s;
        struct ask asks[3];
        stage_init(&s, NULL);
        for (int i = 0; i < 3; i++) {
            struct span pair = arena_printf(&s.m.arena, "yes:wrong-%d", i);
            ask_init(&asks[i], &s, "app.test", with_basic(&s, (const char *)pair.p));
            assert_int_equal(gate_check(s.thread, &asks[i].check), GATE_PENDING);
        }
        pause_ms(pause * 5);
        stage_fini(&s);
        for (int i = 0; i < 3; i++)
            assert_int_equal(asks[i].done, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_flight),
        cmocka_unit_test(test_queue_full),
        cmocka_unit_test(test_cancel_before_and_during),
        cmocka_unit_test(test_unheard_guesses_are_free),
        cmocka_unit_test(test_loop_ends_first),
        cmocka_unit_test(test_begun_guesses_count),
        cmocka_unit_test(test_share_of_the_running),
        cmocka_unit_test(test_pool_ends),
        cmocka_unit_test(test_long_passwords),
        cmocka_unit_test(test_cancel_one_of_several),
        cmocka_unit_test(test_cancel_from_callback),
        cmocka_unit_test(test_thread_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

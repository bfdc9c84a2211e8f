#include "net/loop.h"

#include "net/timer.h"

#include "base/clock.h"

#include "check.h"

#include <event2/event.h>

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* libevent that has no memory for one event more: the program's symbol comes before the library's. */
static unsigned refusals;

int event_add(struct event *e, const struct timeval *tv)
{
    int (*real)(struct event *, const struct timeval *) =
        (int (*)(struct event *, const struct timeval *))dlsym(RTLD_NEXT, "event_add");
    if (refusals == 0)
        return real(e, tv);
    refusals--;
    return -1;
}

struct probe {
    struct loop *loop;
    struct loop_task task, other;
    struct timer timer, stop;
    unsigned runs;
    uint64_t at, turn;
    int order[8], orders;
};

static int setup(void **state)
{
    struct probe *p = calloc(1, sizeof *p);
    p->loop = loop_new();
    *state = p;
    return p->loop ? 0 : -1;
}

static int teardown(void **state)
{
    struct probe *p = *state;
    loop_free(p->loop);
    free(p);
    return 0;
}

static void on_stop(void *arg)
{
    struct probe *p = arg;
    p->at = p->loop->now_ms;
    loop_stop(p->loop);
}

static void run_for(struct probe *p, uint64_t ms)
{
    timer_init(&p->stop, p->loop, on_stop, p);
    assert_true(timer_set(&p->stop, ms));
    loop_run(p->loop);
    timer_fini(&p->stop);
}

static void on_count(void *arg)
{
    struct probe *p = arg;
    p->runs++;
    p->at = p->loop->now_ms;
}

static void test_timer_fires_once(void **state)
{
    struct probe *p = *state;
    uint64_t start = p->loop->now_ms;
    timer_init(&p->timer, p->loop, on_count, p);
    assert_false(timer_is_set(&p->timer));
    assert_true(timer_set(&p->timer, 20));
    assert_true(timer_is_set(&p->timer));
    run_for(p, 80);
    assert_int_equal(p->runs, 1);
    assert_false(timer_is_set(&p->timer));
    assert_true(p->at >= start + 20);
    timer_fini(&p->timer);
}

static void test_timer_pushed_back(void **state)
{
    struct probe *p = *state;
    uint64_t start = p->loop->now_ms;
    timer_init(&p->timer, p->loop, on_count, p);
    assert_true(timer_set(&p->timer, 10));
    assert_true(timer_set(&p->timer, 60));
    run_for(p, 30);
    assert_true(p->runs == 0 || start + 60 <= p->at); /* a machine may stand still */
    run_for(p, 100);
    assert_int_equal(p->runs, 1);
    assert_true(start + 60 <= p->loop->now_ms);
    timer_fini(&p->timer);
}

static void test_timer_brought_forward_and_stopped(void **state)
{
    struct probe *p = *state;
    timer_init(&p->timer, p->loop, on_count, p);
    assert_true(timer_set(&p->timer, 10000));
    assert_true(timer_set(&p->timer, 10));
    run_for(p, 50);
    assert_int_equal(p->runs, 1);
    assert_true(timer_set(&p->timer, 10));
    timer_stop(&p->timer);
    run_for(p, 50);
    assert_int_equal(p->runs, 1);
    /* Set again while the stopped one's event is still armed. */
    assert_true(timer_set(&p->timer, 10));
    timer_stop(&p->timer);
    assert_true(timer_set(&p->timer, 30));
    run_for(p, 80);
    assert_int_equal(p->runs, 2);
    timer_fini(&p->timer);
}

static void test_timer_is_not_lost_when_memory_is_short(void **state)
{
    struct probe *p = *state;
    timer_init(&p->timer, p->loop, on_count, p);
    assert_true(timer_reserve(&p->timer));
    loop_refresh(p->loop);
    uint64_t start = p->loop->now_ms;
    refusals = 3;
    assert_true(timer_set(&p->timer, 20));
    run_for(p, 60);
    assert_int_equal(refusals, 0);
    assert_int_equal(p->runs, 1);
    assert_true(p->at >= start + 20);
    timer_fini(&p->timer);
}

static void test_timer_comes_though_the_loop_never_takes_it(void **state)
{
    struct probe *p = *state;
    timer_init(&p->stop, p->loop, on_stop, p);
    loop_refresh(p->loop);
    uint64_t start = p->loop->now_ms;
    refusals = UINT_MAX;
    assert_true(timer_set(&p->stop, 20));
    loop_run(p->loop);
    refusals = 0;
    assert_true(p->at >= start + 20);
    timer_fini(&p->stop);
}

static void test_timer_stopped_while_memory_is_short(void **state)
{
    struct probe *p = *state;
    timer_init(&p->timer, p->loop, on_count, p);
    refusals = 1;
    assert_true(timer_set(&p->timer, 1));
    timer_stop(&p->timer);
    run_for(p, 20);
    assert_int_equal(p->runs, 0);
    refusals = 1;
    assert_true(timer_set(&p->timer, 1));
    timer_fini(&p->timer);
    run_for(p, 20);
    assert_int_equal(p->runs, 0);
}

static void on_again(void *arg)
{
    struct probe *p = arg;
    p->runs++;
    if (p->runs > 1)
        assert_true(p->loop->turns > p->turn); /* queued from inside: the next turn's */
    p->turn = p->loop->turns;
    if (p->runs < 3)
        loop_task_queue(p->loop, &p->task);
    else
        loop_stop(p->loop);
}

static void test_task_requeued_waits_a_turn_without_blocking(void **state)
{
    struct probe *p = *state;
    uint64_t start = clock_mono_ms();
    loop_task_init(&p->task, on_again, p);
    loop_task_queue(p->loop, &p->task);
    loop_task_queue(p->loop, &p->task);
    loop_run(p->loop);
    assert_int_equal(p->runs, 3);
    assert_true(clock_mono_ms() - start < 300);
}

static void cancel_other(void *arg)
{
    struct probe *p = arg;
    loop_task_cancel(&p->other);
}

static void test_task_cancelled_by_its_neighbour(void **state)
{
    struct probe *p = *state;
    loop_task_init(&p->task, cancel_other, p);
    loop_task_init(&p->other, on_count, p);
    loop_task_queue(p->loop, &p->task);
    loop_task_queue(p->loop, &p->other);
    run_for(p, 20);
    assert_int_equal(p->runs, 0);
    assert_false(loop_task_is_queued(&p->other));
}

static void note_turn(struct probe *p, uint64_t after_ms)
{
    for (uint64_t until = clock_mono_ms() + after_ms; clock_mono_ms() < until;)
        ;
    p->order[p->orders++] = (int)loop_turns(p->loop);
}

static void on_short(void *arg)
{
    note_turn(arg, 0);
}

/* Takes what a turn without anything else to do cannot have taken. */
static void on_long(void *arg)
{
    note_turn(arg, 20);
}

/* Longer than the first, however long that was. */
static void on_longer(void *arg)
{
    struct probe *p = arg;
    note_turn(p, 2 * (clock_mono_ms() - p->loop->now_ms));
}

static void test_heavy_tasks_take_turns(void **state)
{
    struct probe *p = *state;
    struct loop_task heavy[3];
    for (size_t i = 0; i < COUNT(heavy); i++) {
        loop_task_init(&heavy[i], on_long, p);
        loop_task_queue_heavy(p->loop, &heavy[i]);
        loop_task_queue_heavy(p->loop, &heavy[i]);
    }
    loop_task_cancel(&heavy[1]);
    run_for(p, 200);
    assert_int_equal(p->orders, 2);
    assert_int_equal(p->order[1], p->order[0] + 1); /* and without waiting for an event */
    assert_false(loop_task_is_queued(&heavy[2]));
}

/* As long as the others have taken: what is short goes all at once then, and after them although queued before. */
static void test_heavy_tasks_get_half(void **state)
{
    struct probe *p = *state;
    struct loop_task heavy[3];
    for (size_t i = 0; i < COUNT(heavy); i++) {
        loop_task_init(&heavy[i], i == 1 ? on_longer : on_short, p);
        loop_task_queue_heavy(p->loop, &heavy[i]);
    }
    loop_task_init(&p->task, on_long, p);
    loop_task_queue(p->loop, &p->task);
    run_for(p, 200);
    assert_int_equal(p->orders, 4);
    assert_int_equal(p->order[1], p->order[0]);
    assert_int_equal(p->order[2], p->order[0]);
    assert_int_equal(p->order[3], p->order[0] + 1); /* the time was up */
}

struct herd {
    struct probe *p;
    struct loop_task heavy[3];
};

static void on_herd(void *arg)
{
    struct herd *h = arg;
    for (size_t i = 0; i < COUNT(h->heavy); i++)
        loop_task_queue_heavy(h->p->loop, &h->heavy[i]);
}

static void on_last(void *arg)
{
    struct probe *p = arg;
    on_long(p);
    loop_stop(p->loop);
}

/* What the loop waited for events is no time that others had. */
static void test_heavy_tasks_get_nothing_for_a_wait(void **state)
{
    struct herd h = {.p = *state};
    for (size_t i = 0; i < COUNT(h.heavy); i++)
        loop_task_init(&h.heavy[i], i < 2 ? on_long : on_last, h.p);
    timer_init(&h.p->timer, h.p->loop, on_herd, &h);
    assert_true(timer_set(&h.p->timer, 100));
    run_for(h.p, 5000);
    timer_fini(&h.p->timer);
    assert_int_equal(h.p->orders, 3);
    assert_int_equal(h.p->order[1], h.p->order[0] + 1);
    assert_int_equal(h.p->order[2], h.p->order[1] + 1);
}

static void test_is_behind(void **state)
{
    struct probe *p = *state;
    struct loop_task heavy[16];
    for (size_t i = 0; i < COUNT(heavy); i++) {
        assert_false(loop_is_behind(p->loop));
        loop_task_init(&heavy[i], on_count, p);
        loop_task_queue_heavy(p->loop, &heavy[i]);
    }
    assert_true(loop_is_behind(p->loop));
    loop_task_cancel(&heavy[7]);
    assert_false(loop_is_behind(p->loop));
    run_for(p, 100);
    assert_int_equal(p->runs, 15);
}

static void test_task_later(void **state)
{
    struct probe *p = *state;
    loop_task_init(&p->task, on_count, p);
    loop_task_later(p->loop, &p->task);
    loop_task_later(p->loop, &p->task);
    run_for(p, LOOP_TICK_MS + 100);
    assert_int_equal(p->runs, 1);
    loop_task_later(p->loop, &p->task);
    loop_task_cancel(&p->task);
    run_for(p, LOOP_TICK_MS + 100);
    assert_int_equal(p->runs, 1);
}

struct parked {
    struct loop_task task;
    unsigned *freed;
    char bytes[64];
};

static void release(void *p)
{
    struct parked *parked = p;
    ++*parked->freed;
    memset(parked->bytes, 0x5a, sizeof parked->bytes);
    free(parked);
}

static struct parked *park(struct probe *p)
{
    struct parked *parked = calloc(1, sizeof *parked);
    parked->freed = &p->runs;
    loop_defer_free(p->loop, &parked->task, release, parked);
    return parked;
}

static void on_park(void *arg)
{
    struct probe *p = arg;
    struct parked *parked = park(p);
    assert_int_equal(p->runs, 0);
    parked->bytes[0] = 1; /* still ours during this callback */
}

static void test_defer_free(void **state)
{
    struct probe *p = *state;
    loop_task_init(&p->task, on_park, p);
    loop_task_queue(p->loop, &p->task);
    run_for(p, 10);
    assert_int_equal(p->runs, 1);
    park(p); /* freed by loop_free(); the leak check would say otherwise */
}

/* --- mailbox ------------------------------------------------------------------------------------------------------ */

#define THREADS 4
#define POSTS 20000

struct crowd {
    struct probe *p;
    unsigned seen[THREADS], total;
    bool out_of_order;
};

struct note {
    struct crowd *crowd;
    unsigned thread, number;
};

static void on_note(void *arg)
{
    struct note *n = arg;
    struct crowd *c = n->crowd;
    c->out_of_order |= n->number != c->seen[n->thread];
    c->seen[n->thread]++;
    if (++c->total == THREADS * POSTS)
        loop_stop(c->p->loop);
    free(n);
}

struct poster {
    struct crowd *crowd;
    unsigned thread;
};

static void *post_all(void *arg)
{
    struct poster *who = arg;
    for (unsigned i = 0; i < POSTS; i++) {
        struct note *n = malloc(sizeof *n);
        *n = (struct note){who->crowd, who->thread, i};
        if (!loop_post(who->crowd->p->loop, on_note, free, n))
            abort();
    }
    return NULL;
}

static void test_post_from_threads(void **state)
{
    struct crowd crowd = {.p = *state};
    pthread_t threads[THREADS];
    struct poster posters[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        posters[i] = (struct poster){&crowd, i};
        assert_int_equal(pthread_create(&threads[i], NULL, post_all, &posters[i]), 0);
    }
    loop_run(crowd.p->loop);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(crowd.total, THREADS * POSTS);
    assert_false(crowd.out_of_order);
}

static void *post_after_rest(void *arg)
{
    struct probe *p = arg;
    usleep(30000);
    if (!loop_post(p->loop, on_stop, NULL, p))
        abort();
    return NULL;
}

/* Sooner than the loop's own tick would; but for one time, as a machine may stand still. */
static void test_post_wakes_a_sleeping_loop(void **state)
{
    struct probe *p = *state;
    int woken = 0;
    for (int i = 0; i < 5; i++) {
        pthread_t thread;
        uint64_t start = clock_mono_ms();
        assert_int_equal(pthread_create(&thread, NULL, post_after_rest, p), 0);
        loop_run(p->loop);
        pthread_join(thread, NULL);
        assert_true(p->at >= start + 29);
        woken += p->at < start + 400;
    }
    assert_in_range(woken, 4, 5);
}

static void on_drop(void *arg)
{
    ++*(unsigned *)arg;
}

static void test_messages_left_are_dropped(void **state)
{
    unsigned dropped = 0;
    struct loop *l = loop_new();
    assert_non_null(l);
    assert_true(loop_post(l, on_stop, on_drop, &dropped));
    assert_true(loop_post(l, on_stop, NULL, &dropped));
    loop_free(l);
    assert_int_equal(dropped, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_timer_fires_once),
        T(test_timer_pushed_back),
        T(test_timer_brought_forward_and_stopped),
        T(test_timer_is_not_lost_when_memory_is_short),
        T(test_timer_comes_though_the_loop_never_takes_it),
        T(test_timer_stopped_while_memory_is_short),
        T(test_task_requeued_waits_a_turn_without_blocking),
        T(test_task_cancelled_by_its_neighbour),
        T(test_heavy_tasks_take_turns),
        T(test_heavy_tasks_get_half),
        T(test_heavy_tasks_get_nothing_for_a_wait),
        T(test_is_behind),
        T(test_task_later),
        T(test_defer_free),
        T(test_post_from_threads),
        T(test_post_wakes_a_sleeping_loop),
        T(test_messages_left_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

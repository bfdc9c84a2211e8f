#include "check.h"
#include "world.h"

#include <string.h>
#include <unistd.h>

#define LONG_LABEL "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx."

enum place { NOBODY = 0 /* bound, not listening */, STALLED, LISTENS };

static const struct {
    const char *name, *host;
    enum place place;
    uint32_t timeout_ms;
    enum origin_error error;
    const char *detail;
    unsigned least_ms, most_ms;
} outcomes[] = {
    {"refused until the time is over", "127.0.0.1", NOBODY, 400, ORIGIN_REFUSED, "connection refused", 390, 800},
    {"refused at both addresses", "localhost", NOBODY, 300, ORIGIN_REFUSED, "connection refused", 290, 700},
    {"silent", "127.0.0.1", STALLED, 400, ORIGIN_TIMEOUT, "no answer in time", 390, 800},
    {"not a name", "no name", LISTENS, 3000, ORIGIN_RESOLVE, "not a host name", 490, 900},
    {"no name server", "app.test", LISTENS, 300, ORIGIN_RESOLVE, NULL, 0, 700},
    {"longer than a name", LONG_LABEL LONG_LABEL LONG_LABEL LONG_LABEL "t", LISTENS, 3000, ORIGIN_RESOLVE,
     "not a usable name", 0, 100},
    {"fine", "127.0.0.1", LISTENS, 3000, ORIGIN_OK, NULL, 0, 100},
    {"fine by name", "localhost", LISTENS, 3000, ORIGIN_OK, NULL, 0, 240},
};

static void close_all(int fds[8])
{
    for (size_t i = 0; i < 8; i++)
        if (fds[i] > 0)
            close(fds[i]);
}

static void serve_at(struct server *s, struct world *w, enum place place, int fds[8])
{
    assert_true(server_bind(s, w, "127.0.0.1", 0));
    if (place == STALLED)
        server_stall(s, fds);
    else if (place == LISTENS)
        server_listen(s);
}

static void test_outcomes(void **state)
{
    for (size_t i = 0; i < COUNT(outcomes); i++) {
        const char *name = outcomes[i].name;
        struct world w;
        struct server s;
        struct asker a;
        int fds[8] = {0};
        world_init(&w);
        serve_at(&s, &w, outcomes[i].place, fds);
        asker_init(&a, &w, outcomes[i].host, s.port);
        a.config.connect_timeout_ms = outcomes[i].timeout_ms;
        asker_get(&a);
        if (a.error != outcomes[i].error || a.took_ms < outcomes[i].least_ms || a.spent_ms > outcomes[i].most_ms)
            fail_msg("%s: error %d (%s) after %u ms", name, (int)a.error, a.detail ? a.detail : "",
                     (unsigned)a.took_ms);
        CHECK(name, (a.conn != NULL) == (outcomes[i].error == ORIGIN_OK));
        CHECK(name, !outcomes[i].detail || strcmp(a.detail, outcomes[i].detail) == 0);
        CHECK(name, a.wait.attempt == NULL && w.origins->attempts == NULL);
        if (a.conn)
            asker_drop(&a);
        close_all(fds);
        server_fini(&s);
        world_fini(&w);
    }
}

/* A machine that starts on demand: refused at first, there some time later. */
static void test_refused_then_up(void **state)
{
    struct world w;
    struct server s;
    struct asker a;
    world_init(&w);
    assert_true(server_bind(&s, &w, "127.0.0.1", 0));
    asker_init(&a, &w, "127.0.0.1", s.port);
    a.config.connect_timeout_ms = 60000;
    assert_false(asker_take(&a));
    assert_false(world_run(&w, asker_is_told, &a, 450));
    server_listen(&s);
    assert_true(world_run(&w, asker_is_told, &a, 1200));
    assert_non_null(a.conn);
    assert_true(a.conn->connect_us >= 400000);
    asker_drop(&a);
    server_fini(&s);
    world_fini(&w);
}

static void test_second_address(void **state)
{
    static const struct {
        const char *name;
        bool first_is_silent;
        unsigned least_ms, most_ms;
    } cases[] = {
        {"the first refuses: no waiting", false, 0, 200},
        {"the first is silent: 250 ms", true, 240, 600},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct world w;
        struct server first, second;
        struct asker a;
        int fds[8] = {0};
        world_init(&w);
        assert_true(server_bind(&second, &w, "127.0.0.1", 0));
        server_listen(&second);
        /* A machine without IPv6 cannot show this, and another program may have the port. */
        if (server_bind(&first, &w, "::1", second.port)) {
            if (cases[i].first_is_silent)
                server_stall(&first, fds);
            asker_init(&a, &w, "localhost", second.port);
            CHECK(cases[i].name, asker_get(&a));
            CHECK(cases[i].name, stream_peer(a.conn->stream)->family == AF_INET);
            CHECK(cases[i].name, a.took_ms >= cases[i].least_ms && a.spent_ms <= cases[i].most_ms);
            asker_drop(&a);
            close_all(fds);
        }
        server_fini(&first);
        server_fini(&second);
        world_fini(&w);
    }
}

/* --- cancelling --------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *host;
    enum place place;
    unsigned after_ms; /* taking */
} phases[] = {
    {"before the loop turns: connecting", "127.0.0.1", LISTENS, 0},
    {"before the loop turns: resolving", "localhost", LISTENS, 0},
    {"resolving by name servers", "app.test", LISTENS, 0},
    {"between two tries at resolving", "no name", LISTENS, 100},
    {"connecting", "127.0.0.1", STALLED, 50},
    {"connecting to both", "localhost", STALLED, 350},
    {"between rounds", "127.0.0.1", NOBODY, 50},
    {"failed, not told yet", LONG_LABEL LONG_LABEL LONG_LABEL LONG_LABEL "t", LISTENS, 0},
};

/* False: the machine stood still, and the phase was over. */
static bool cancel_in(size_t phase, bool frees_thread)
{
    const char *name = phases[phase].name;
    struct world w;
    struct server s;
    struct asker a;
    int fds[8] = {0};
    world_init(&w);
    serve_at(&s, &w, phases[phase].place, fds);
    asker_init(&a, &w, phases[phase].host, s.port);
    a.config.connect_timeout_ms = 60000;
    CHECK(name, !asker_take(&a));
    bool is_over = phases[phase].after_ms && world_run(&w, asker_is_told, &a, phases[phase].after_ms);
    if (!frees_thread)
        origin_cancel(&a.wait);
    else if (a.wait.attempt == NULL)
        loop_task_cancel(&a.wait.told);
    if (frees_thread) {
        origin_thread_free(w.origins);
        w.origins = NULL;
    }
    CHECK(name, a.wait.attempt == NULL);
    world_run(&w, NULL, NULL, 150);
    CHECK(name, a.calls == (is_over ? 1 : 0));
    origin_cancel(&a.wait); /* once more does no harm */
    close_all(fds);
    server_fini(&s);
    world_fini(&w);
    return !is_over;
}

static void test_cancel_in_each_phase(void **state)
{
    for (size_t i = 0; i < COUNT(phases); i++)
        for (int frees_thread = 0; frees_thread < 2; frees_thread++) {
            unsigned tries = 0;
            while (!cancel_in(i, frees_thread))
                CHECK(phases[i].name, ++tries < 5);
        }
}

static void test_cancel_of_nothing(void **state)
{
    struct world w;
    struct server s;
    struct asker a;
    struct origin_wait zeroed = {0};
    origin_cancel(&zeroed);
    world_init(&w);
    assert_true(server_bind(&s, &w, "127.0.0.1", 0));
    server_listen(&s);
    asker_init(&a, &w, "127.0.0.1", s.port);
    assert_true(asker_get(&a));
    origin_cancel(&a.wait);
    asker_give(&a);
    origin_cancel(&a.wait);
    assert_true(asker_take(&a));
    asker_drop(&a);
    server_fini(&s);
    world_fini(&w);
}

/* The configuration may go while an attempt is under way: what it needs has been copied. */
static void test_configuration_goes(void **state)
{
    struct world w;
    struct server s;
    struct asker a;
    world_init(&w);
    assert_true(server_bind(&s, &w, "127.0.0.1", 0));
    asker_init(&a, &w, "127.0.0.1", s.port);
    assert_false(asker_take(&a));
    world_run(&w, NULL, NULL, 20);
    memset(&a.config, 0xff, sizeof a.config);
    server_listen(&s);
    assert_true(world_run(&w, asker_is_told, &a, 2000));
    assert_non_null(a.conn);
    asker_give(&a);
    world_rest(&w);
    assert_int_equal(1, w.origins->idle_count);
    server_fini(&s);
    world_fini(&w);
}

/* The taker hears what came right behind the handshake. */
struct listening {
    struct asker asker;
    unsigned reads;
};

static void on_greeting(void *arg)
{
    ((struct listening *)arg)->reads++;
}

static void on_conn_listen(void *arg, struct origin_conn *conn, enum origin_error error, const char *detail)
{
    static const struct stream_events events = {.on_read = on_greeting};
    struct listening *l = arg;
    l->asker.calls++;
    l->asker.conn = conn;
    stream_set_events(conn->stream, &events, l);
}

static void test_taker_hears_all(void **state)
{
    struct world w;
    struct server s;
    struct listening l = {0};
    world_init(&w);
    assert_true(server_bind(&s, &w, "127.0.0.1", 0));
    s.greeting = "hello";
    server_listen(&s);
    asker_init(&l.asker, &w, "127.0.0.1", s.port);
    l.asker.wait.on_conn = on_conn_listen;
    l.asker.wait.arg = &l;
    assert_false(asker_take(&l.asker));
    world_run(&w, NULL, NULL, 50);
    assert_int_equal(1, l.asker.calls);
    assert_true(l.reads >= 1);
    assert_int_equal(5, stream_in(l.asker.conn->stream)->bytes);
    asker_drop(&l.asker);
    server_fini(&s);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcomes),          cmocka_unit_test(test_refused_then_up),
        cmocka_unit_test(test_second_address),    cmocka_unit_test(test_cancel_in_each_phase),
        cmocka_unit_test(test_cancel_of_nothing), cmocka_unit_test(test_configuration_goes),
        cmocka_unit_test(test_taker_hears_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "check.h"
#include "world.h"

#include <stdio.h>

struct scene {
    struct world world;
    struct server server;
    struct asker a, b, c;
};

static void scene_init(struct scene *s)
{
    world_init(&s->world);
    assert_true(server_bind(&s->server, &s->world, "127.0.0.1", 0));
    server_listen(&s->server);
    asker_init(&s->a, &s->world, "127.0.0.1", s->server.port);
    asker_init(&s->b, &s->world, "127.0.0.1", s->server.port);
    asker_init(&s->c, &s->world, "127.0.0.1", s->server.port);
}

static void scene_fini(struct scene *s)
{
    server_fini(&s->server);
    world_fini(&s->world);
}

static void test_given_back_is_taken_again(void **state)
{
    struct scene s;
    scene_init(&s);
    assert_true(asker_get(&s.a));
    struct origin_conn *first = s.a.conn;
    assert_false(first->reused);
    assert_int_equal(1, first->uses);
    assert_true(first->connect_us > 0);
    asker_give(&s.a);
    for (unsigned i = 2; i < 5; i++) {
        assert_true(asker_take(&s.a));
        assert_ptr_equal(first, s.a.conn);
        assert_true(s.a.conn->reused);
        assert_int_equal(i, s.a.conn->uses);
        assert_int_equal(0, s.a.conn->connect_us);
        asker_give(&s.a);
    }
    world_rest(&s.world);
    assert_int_equal(1, s.server.accepted);
    assert_int_equal(0, s.server.ended);
    scene_fini(&s);
}

static void test_newest_first(void **state)
{
    struct scene s;
    scene_init(&s);
    assert_true(asker_get(&s.a) && asker_get(&s.b) && asker_get(&s.c));
    struct origin_conn *a = s.a.conn, *b = s.b.conn, *c = s.c.conn;
    asker_give(&s.b);
    asker_give(&s.a);
    asker_give(&s.c);
    assert_true(asker_take(&s.a) && s.a.conn == c);
    assert_true(asker_take(&s.b) && s.b.conn == a);
    assert_true(asker_take(&s.c) && s.c.conn == b);
    asker_drop(&s.a);
    asker_drop(&s.b);
    asker_drop(&s.c);
    scene_fini(&s);
}

static void test_fresh_leaves_the_pool_alone(void **state)
{
    struct scene s;
    scene_init(&s);
    asker_warm(&s.a);
    s.b.ask.fresh = true;
    assert_false(asker_take(&s.b));
    assert_true(world_run(&s.world, asker_is_told, &s.b, 2000));
    assert_false(s.b.conn->reused);
    assert_true(asker_take(&s.a));
    assert_int_equal(2, s.server.accepted);
    asker_drop(&s.a);
    asker_drop(&s.b);
    scene_fini(&s);
}

/* --- what makes one unfit ----------------------------------------------------------------------------------------- */

static void nothing(struct scene *s)
{
}

static void server_ends(struct scene *s)
{
    server_close(&s->server, 0, STREAM_CLOSE_FLUSH);
}

static void server_resets(struct scene *s)
{
    server_close(&s->server, 0, STREAM_CLOSE_NOW);
}

static void server_speaks(struct scene *s)
{
    server_send(&s->server, 0, "H");
}

static void server_speaks_much(struct scene *s)
{
    for (int i = 0; i < 1000; i++)
        server_send(&s->server, 0, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
}

static void flush(struct scene *s)
{
    origin_thread_flush(s->world.origins);
}

static void time_passes(struct scene *s)
{
    world_run(&s->world, NULL, NULL, 120);
}

static bool has_ended(void *arg)
{
    return ((const struct scene *)arg)->server.ended == 1;
}

static void more_time_passes(struct scene *s)
{
    assert_true(world_run(&s->world, has_ended, s, 500)); /* by the sweep, before anybody asks */
}

static void test_what_happens_while_idle(void **state)
{
    static const struct {
        const char *name;
        void (*happens)(struct scene *s);
        uint32_t idle_ms;
        bool stays;
    } cases[] = {
        {"nothing", nothing, 30000, true},
        {"close", server_ends, 30000, false},
        {"reset", server_resets, 30000, false},
        {"one byte", server_speaks, 30000, false},
        {"much", server_speaks_much, 30000, false},
        {"flush", flush, 30000, false},
        {"too old", time_passes, 100, false},
        {"swept", more_time_passes, 100, false},
        {"not yet too old", time_passes, 5000, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene s;
        scene_init(&s);
        s.a.config.pool_idle_ms = cases[i].idle_ms;
        asker_warm(&s.a);
        cases[i].happens(&s);
        world_rest(&s.world);
        bool stayed = asker_take(&s.a);
        CHECK(cases[i].name, stayed == cases[i].stays);
        if (stayed)
            asker_drop(&s.a);
        else
            origin_cancel(&s.a.wait);
        CHECK(cases[i].name, s.world.origins->idle_count == 0 && s.world.origins->idle_oldest == NULL);
        scene_fini(&s);
    }
}

static void put_out(struct scene *s)
{
    assert_true(chunkq_append(stream_out(s->a.conn->stream), SPAN("half a request")));
}

static void leave_in(struct scene *s)
{
    static const struct stream_events none = {0};
    stream_set_events(s->a.conn->stream, &none, NULL);
    server_speaks(s);
    world_rest(&s->world);
    assert_int_equal(1, stream_in(s->a.conn->stream)->bytes);
}

static void let_end(struct scene *s)
{
    static const struct stream_events none = {0};
    stream_set_events(s->a.conn->stream, &none, NULL);
    server_ends(s);
    world_rest(&s->world);
}

static void no_pool(struct scene *s)
{
    s->a.conn->target->pool_size = 0;
}

static void pool_full(struct scene *s)
{
    s->b.config.pool_size = 1;
    asker_warm(&s->b);
}

static void test_what_is_not_taken_back(void **state)
{
    static const struct {
        const char *name;
        void (*before)(struct scene *s);
        unsigned idle; /* in the pool afterwards */
    } cases[] = {
        {"clean", nothing, 1},
        {"unsent bytes", put_out, 0},
        {"unread bytes", leave_in, 0},
        {"the other side has ended", let_end, 0},
        {"taken before a flush", flush, 0},
        {"a pool of none", no_pool, 0},
        {"a full pool", pool_full, 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene s;
        scene_init(&s);
        assert_true(asker_get(&s.a));
        world_rest(&s.world);
        cases[i].before(&s);
        asker_give(&s.a);
        CHECK(cases[i].name, s.world.origins->idle_count == cases[i].idle);
        scene_fini(&s);
    }
}

/* The answer to nothing lies in the socket when the connection is given back: whoever takes it in this turn must not
 * read it. */
static void test_unread_in_the_socket_is_not_lent(void **state)
{
    struct scene s;
    scene_init(&s);
    assert_true(asker_get(&s.a));
    world_rest(&s.world);
    stream_pause(s.a.conn->stream, STREAM_PAUSE_IDLE);
    server_speaks(&s);
    world_rest(&s.world);
    assert_int_equal(0, stream_in(s.a.conn->stream)->bytes);
    asker_give(&s.a);
    assert_false(asker_take(&s.a));
    origin_cancel(&s.a.wait);
    world_rest(&s.world);
    assert_int_equal(0, s.world.origins->idle_count);
    scene_fini(&s);
}

/* What arrives while the loop is busy with others is known to the kernel alone. */
static void test_unfit_since_the_loop_looked_is_not_lent(void **state)
{
    static const struct {
        const char *name;
        void (*happens)(struct scene *s);
    } cases[] = {{"speaks", server_speaks}, {"ends", server_ends}, {"resets", server_resets}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene s;
        scene_init(&s);
        asker_warm(&s.a);
        world_rest(&s.world);
        cases[i].happens(&s);
        bool lent = asker_take(&s.a);
        CHECK(cases[i].name, !lent);
        if (lent)
            asker_drop(&s.a);
        else
            origin_cancel(&s.a.wait);
        world_rest(&s.world);
        CHECK(cases[i].name, s.world.origins->idle_count == 0);
        scene_fini(&s);
    }
}

struct later {
    struct loop_task task;
    struct asker *asker;
    bool run, lent;
};

static void take_now(void *arg)
{
    struct later *l = arg;
    l->run = true;
    l->lent = asker_take(l->asker);
}

static bool has_run(void *arg)
{
    return ((const struct later *)arg)->run;
}

/* Regression: twice a second the loop looks again at what was read from since. Whoever asked in that very turn got none of
 * these connections, and a new one was made for everybody. Thrice, as the tick may come before the connection is idle. */
static void test_looked_at_again_is_lent(void **state)
{
    static const struct stream_events silent = {0};
    struct scene s;
    scene_init(&s);
    asker_warm(&s.a);
    for (unsigned i = 0; i < 3; i++) {
        struct later later = {.asker = &s.a};
        assert_true(asker_take(&s.a));
        stream_set_events(s.a.conn->stream, &silent, NULL);
        server_send(&s.server, 0, "answer");
        world_rest(&s.world);
        assert_true(stream_in(s.a.conn->stream)->bytes > 0);
        chunkq_clear(stream_in(s.a.conn->stream));
        asker_give(&s.a);
        loop_task_init(&later.task, take_now, &later);
        loop_task_later(s.world.loop, &later.task); /* behind the connection's own */
        assert_true(world_run(&s.world, has_run, &later, 2 * LOOP_TICK_MS));
        assert_true(later.lent);
        asker_give(&s.a);
    }
    assert_int_equal(1, s.server.accepted);
    scene_fini(&s);
}

static void test_connecting_at_a_flush_is_not_pooled(void **state)
{
    struct scene s;
    scene_init(&s);
    assert_false(asker_take(&s.a));
    origin_thread_flush(s.world.origins);
    assert_true(world_run(&s.world, asker_is_told, &s.a, 2000));
    assert_non_null(s.a.conn);
    asker_give(&s.a);
    assert_int_equal(0, s.world.origins->idle_count);
    scene_fini(&s);
}

/* --- who shares --------------------------------------------------------------------------------------------------- */

static void same(struct asker *a)
{
}

static void other_key(struct asker *a)
{
    a->config.key = 2;
}

static void other_capture(struct asker *a)
{
    a->config.host_before = SPAN("127.0.0.");
    a->config.has_capture = true;
    a->ask.captured = SPAN("2");
}

static void same_by_capture(struct asker *a)
{
    other_capture(a);
    a->ask.captured = SPAN("1");
}

static void other_name_without_tls(struct asker *a)
{
    a->ask.tls_name = SPAN("other.test");
}

static void other_port(struct asker *a)
{
    a->config.port ^= 1;
}

static void test_who_shares(void **state)
{
    static const struct {
        const char *name;
        void (*change)(struct asker *a);
        bool shares;
    } cases[] = {
        {"the same", same, true},
        {"another configuration", other_key, false},
        {"another capture", other_capture, false},
        {"the capture makes the same host", same_by_capture, true},
        {"another name, nothing verifies it", other_name_without_tls, true},
        {"another port", other_port, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene s;
        scene_init(&s);
        asker_warm(&s.a);
        cases[i].change(&s.b);
        bool shared = asker_take(&s.b);
        CHECK(cases[i].name, shared == cases[i].shares);
        if (shared)
            asker_drop(&s.b);
        else
            origin_cancel(&s.b.wait);
        scene_fini(&s);
    }
}

/* With TLS the verified name tells connections apart; host and name cannot be confused by where one ends. */
static void test_ids_differ(void **state)
{
    struct tls_client *tls;
    struct tls_client_config config = {.verify = TLS_VERIFY_OFF};
    assert_true(res_ok(tls_client_new(&config, &tls)));
    static const struct {
        const char *name, *host, *tls_name;
        bool https, ok;
    } cases[] = {
        {"plain", "a.test", "", false, true},
        {"name", "a.test", "b.test", true, true},
        {"another name", "a.test", "c.test", true, true},
        {"longer host, shorter name", "a.testb", ".test", true, true},
        {"no name to verify", "a.test", "", true, false},
        {"no host", "", "a.test", true, false},
    };
    struct target_id ids[COUNT(cases)];
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct origin_config o = {
            .host_before = span_of(cases[i].host), .port = 443, .tls = cases[i].https ? tls : NULL};
        struct origin_ask ask = {.origin = &o, .tls_name = span_of(cases[i].tls_name)};
        CHECK(cases[i].name, target_id_make(&ask, &ids[i]) == cases[i].ok);
        for (size_t k = 0; cases[i].ok && k < i; k++)
            CHECK(cases[i].name, !span_eq(span_make(ids[i].bytes, ids[i].n), span_make(ids[k].bytes, ids[k].n)));
    }
    tls_client_unref(tls);
}

/* --- bounds ------------------------------------------------------------------------------------------------------- */

static void ask_preview(struct asker *a, const struct scene *s, const char *n)
{
    *a = s->a;
    a->wait.arg = a;
    a->config.host_before = SPAN("127.0.0.");
    a->config.has_capture = true;
    a->ask.origin = &a->config;
    a->ask.captured = span_of(n);
}

static void test_budget_evicts_the_oldest(void **state)
{
    struct scene s;
    struct server all;
    struct asker askers[4];
    static const char *const names[] = {"1", "2", "3", "4"};
    scene_init(&s);
    assert_true(server_bind(&all, &s.world, "0.0.0.0", 0));
    server_listen(&all);
    s.a.config.port = all.port;
    s.world.origins->idle_max = 3;
    for (size_t i = 0; i < 4; i++) {
        ask_preview(&askers[i], &s, names[i]);
        asker_warm(&askers[i]);
    }
    assert_int_equal(3, s.world.origins->idle_count);
    world_rest(&s.world);
    assert_int_equal(1, all.ended);
    for (size_t i = 0; i < 4; i++) {
        CHECK(names[i], asker_take(&askers[i]) == (i > 0));
        if (askers[i].conn)
            asker_drop(&askers[i]);
        else
            origin_cancel(&askers[i].wait);
    }
    server_fini(&all);
    scene_fini(&s);
}

static void test_targets_are_bounded(void **state)
{
    struct scene s;
    struct server all;
    struct asker first, second, third;
    scene_init(&s);
    assert_true(server_bind(&all, &s.world, "0.0.0.0", 0));
    server_listen(&all);
    s.a.config.port = all.port;
    s.world.origins->targets_max = 2;
    ask_preview(&first, &s, "1");
    ask_preview(&second, &s, "2");
    ask_preview(&third, &s, "3");
    assert_true(asker_get(&first) && asker_get(&second));
    assert_false(asker_get(&third));
    assert_int_equal(ORIGIN_LIMIT, third.error);
    asker_give(&second); /* idle is unused */
    assert_true(asker_get(&third));
    assert_int_equal(2, s.world.origins->targets);
    assert_int_equal(0, s.world.origins->idle_count);
    asker_drop(&first);
    asker_drop(&third);
    server_fini(&all);
    scene_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_given_back_is_taken_again),
        cmocka_unit_test(test_newest_first),
        cmocka_unit_test(test_fresh_leaves_the_pool_alone),
        cmocka_unit_test(test_what_happens_while_idle),
        cmocka_unit_test(test_what_is_not_taken_back),
        cmocka_unit_test(test_unread_in_the_socket_is_not_lent),
        cmocka_unit_test(test_unfit_since_the_loop_looked_is_not_lent),
        cmocka_unit_test(test_looked_at_again_is_lent),
        cmocka_unit_test(test_connecting_at_a_flush_is_not_pooled),
        cmocka_unit_test(test_who_shares),
        cmocka_unit_test(test_ids_differ),
        cmocka_unit_test(test_budget_evicts_the_oldest),
        cmocka_unit_test(test_targets_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

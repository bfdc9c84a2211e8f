/* Connections with HTTP/2, and who waits for them. */
#include "check.h"
#include "world.h"

#include <unistd.h>

/* SETTINGS: nothing; no streams. */
static const char hello[] = "\0\0\0\4\0\0\0\0\0";
static const char hello_none[] = "\0\0\6\4\0\0\0\0\0\0\3\0\0\0\0";

#define GREETING(text) text, sizeof(text) - 1
#define ASKERS 5

struct scene {
    struct world world;
    struct server server;
    struct asker a[ASKERS];
};

static void scene_init(struct scene *s, const char *greeting, size_t n)
{
    world_init(&s->world);
    assert_true(server_bind(&s->server, &s->world, "127.0.0.1", 0));
    server_listen(&s->server);
    s->server.greeting = greeting;
    s->server.greeting_n = n;
    for (size_t i = 0; i < ASKERS; i++) {
        asker_init(&s->a[i], &s->world, "127.0.0.1", s->server.port);
        s->a[i].config.http = ORIGIN_HTTP_2;
    }
}

static void scene_fini(struct scene *s)
{
    server_fini(&s->server);
    world_fini(&s->world);
}

static bool all_told(void *arg)
{
    struct scene *s = arg;
    for (size_t i = 0; i < ASKERS; i++)
        if (!s->a[i].conn && !s->a[i].calls)
            return false;
    return true;
}

static void take_all(struct scene *s)
{
    for (size_t i = 0; i < ASKERS; i++)
        asker_take(&s->a[i]);
    assert_true(world_run(&s->world, all_told, s, 10000));
}

static void give_all(struct scene *s)
{
    for (size_t i = 0; i < ASKERS; i++)
        if (s->a[i].conn)
            asker_give(&s->a[i]);
    world_rest(&s->world);
}

static void test_one_for_all(void **state)
{
    struct scene s;
    scene_init(&s, GREETING(hello));
    take_all(&s);
    for (size_t i = 0; i < ASKERS; i++) {
        assert_non_null(s.a[i].conn->lane);
        assert_ptr_equal(s.a[i].conn->stream, s.a[0].conn->stream);
        assert_false(s.a[i].conn->reused);
    }
    assert_int_equal(1, s.server.accepted);
    give_all(&s);
    assert_true(asker_take(&s.a[0])); /* at once */
    assert_true(s.a[0].conn->reused);
    assert_true(asker_take(&s.a[1]));
    give_all(&s);
    assert_int_equal(1, s.server.accepted);
    assert_int_equal(0, s.server.ended);
    scene_fini(&s);
}

static void test_no_place_at_all(void **state)
{
    struct scene s;
    scene_init(&s, GREETING(hello_none));
    take_all(&s);
    for (size_t i = 0; i < ASKERS; i++) {
        assert_null(s.a[i].conn);
        assert_int_equal(ORIGIN_LIMIT, s.a[i].error);
    }
    scene_fini(&s);
}

static void test_not_http2(void **state)
{
    static const char *const greetings[] = {"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "SSH-2.0-x\r\n"};
    for (size_t g = 0; g < 2; g++) {
        struct scene s;
        scene_init(&s, greetings[g], 0);
        take_all(&s);
        for (size_t i = 0; i < ASKERS; i++) {
            assert_null(s.a[i].conn);
            assert_int_equal(ORIGIN_NO_HTTP2, s.a[i].error);
        }
        assert_int_equal(1, s.server.accepted);
        scene_fini(&s);
    }
}

static void test_silence(void **state)
{
    struct scene s;
    scene_init(&s, NULL, 0);
    for (size_t i = 0; i < ASKERS; i++)
        s.a[i].config.connect_timeout_ms = 200;
    take_all(&s);
    for (size_t i = 0; i < ASKERS; i++)
        assert_int_equal(ORIGIN_NO_HTTP2, s.a[i].error);
    scene_fini(&s);
}

static bool has_accepted(void *arg)
{
    return ((struct scene *)arg)->server.accepted > 0;
}

/* Whoever began it goes: the others get what it began. */
static void test_first_goes(void **state)
{
    struct scene s;
    scene_init(&s, NULL, 0);
    for (size_t i = 0; i < ASKERS; i++)
        assert_false(asker_take(&s.a[i]));
    assert_true(world_run(&s.world, has_accepted, &s, 5000));
    origin_cancel(&s.a[0].wait);
    origin_cancel(&s.a[2].wait);
    s.a[0].calls = s.a[2].calls = 1;
    assert_true(chunkq_append(stream_out(s.server.served[0].stream), span_make(hello, sizeof hello - 1)));
    stream_flush(s.server.served[0].stream);
    assert_true(world_run(&s.world, all_told, &s, 5000));
    assert_true(s.a[1].conn && s.a[3].conn && s.a[4].conn && !s.a[0].conn && !s.a[2].conn);
    assert_int_equal(1, s.server.accepted);
    give_all(&s);
    scene_fini(&s);
}

static void test_all_go(void **state)
{
    struct scene s;
    scene_init(&s, NULL, 0);
    for (size_t i = 0; i < ASKERS; i++)
        assert_false(asker_take(&s.a[i]));
    assert_true(world_run(&s.world, has_accepted, &s, 5000));
    for (size_t i = 0; i < ASKERS; i++)
        origin_cancel(&s.a[i].wait);
    world_rest(&s.world);
    assert_int_equal(1, s.server.ended);
    scene_fini(&s);
}

static void test_ends_while_idle(void **state)
{
    struct scene s;
    scene_init(&s, GREETING(hello));
    asker_warm(&s.a[0]);
    world_rest(&s.world);
    server_close(&s.server, 0, STREAM_CLOSE_FLUSH);
    world_rest(&s.world);
    assert_true(asker_get(&s.a[0]));
    assert_int_equal(2, s.server.accepted);
    give_all(&s);
    scene_fini(&s);
}

static void test_ends_while_lent(void **state)
{
    struct scene s;
    scene_init(&s, GREETING(hello));
    take_all(&s);
    server_close(&s.server, 0, STREAM_CLOSE_NOW);
    world_rest(&s.world);
    for (size_t i = 0; i < ASKERS; i++)
        assert_null(s.a[i].conn->lane->shared);
    give_all(&s);
    scene_fini(&s);
}

static void test_flushed_while_lent(void **state)
{
    struct scene s;
    scene_init(&s, GREETING(hello));
    assert_true(asker_get(&s.a[0]));
    origin_thread_flush(s.world.origins);
    assert_true(asker_get(&s.a[1])); /* not by that one */
    assert_int_equal(2, s.server.accepted);
    asker_give(&s.a[0]);
    world_rest(&s.world);
    assert_int_equal(1, s.server.ended);
    give_all(&s);
    scene_fini(&s);
}

static bool first_told(void *arg)
{
    struct scene *s = arg;
    return s->a[0].conn != NULL || s->a[0].calls > 0;
}

/* Whoever waits for a greeting while pools are flushed: the first gets that connection, the others the next one. */
static void test_flushed_while_greeting(void **state)
{
    struct scene s;
    scene_init(&s, NULL, 0);
    for (size_t i = 0; i < ASKERS - 1; i++)
        assert_false(asker_take(&s.a[i]));
    assert_true(world_run(&s.world, has_accepted, &s, 5000));
    origin_thread_flush(s.world.origins);
    assert_false(asker_take(&s.a[ASKERS - 1])); /* after it */
    s.server.greeting = hello;
    s.server.greeting_n = sizeof hello - 1;
    assert_true(chunkq_append(stream_out(s.server.served[0].stream), span_make(hello, sizeof hello - 1)));
    stream_flush(s.server.served[0].stream);
    assert_true(world_run(&s.world, first_told, &s, 5000));
    assert_non_null(s.a[0].conn);
    assert_true(world_run(&s.world, all_told, &s, 5000));
    for (size_t i = 1; i < ASKERS; i++) {
        assert_non_null(s.a[i].conn);
        assert_ptr_equal(s.a[i].conn->stream, s.a[1].conn->stream);
        assert_ptr_not_equal(s.a[i].conn->stream, s.a[0].conn->stream);
    }
    assert_int_equal(2, s.server.accepted);
    asker_give(&s.a[0]);
    world_rest(&s.world);
    assert_int_equal(1, s.server.ended); /* it is not kept */
    give_all(&s);
    assert_int_equal(1, s.server.ended);
    scene_fini(&s);
}

/* The same when nobody but the first waits, and when it takes no requests. */
static void test_flushed_while_greeting_alone(void **state)
{
    for (unsigned none = 0; none <= 1; none++) {
        struct scene s;
        scene_init(&s, NULL, 0);
        struct span greeting = none ? span_make(hello_none, sizeof hello_none - 1) : span_make(hello, sizeof hello - 1);
        assert_false(asker_take(&s.a[0]));
        assert_true(world_run(&s.world, has_accepted, &s, 5000));
        origin_thread_flush(s.world.origins);
        assert_true(chunkq_append(stream_out(s.server.served[0].stream), greeting));
        stream_flush(s.server.served[0].stream);
        assert_true(world_run(&s.world, first_told, &s, 5000));
        assert_int_equal(s.a[0].conn != NULL, !none);
        assert_int_equal(s.a[0].error, none ? ORIGIN_LIMIT : ORIGIN_OK);
        give_all(&s);
        assert_int_equal(1, s.server.ended);
        scene_fini(&s);
    }
}

static void test_pool_of_none(void **state)
{
    struct scene s;
    scene_init(&s, GREETING(hello));
    for (size_t i = 0; i < ASKERS; i++)
        s.a[i].config.pool_size = 0;
    take_all(&s);
    give_all(&s);
    assert_int_equal(1, s.server.ended);
    scene_fini(&s);
}

static void test_fresh(void **state)
{
    struct scene s;
    scene_init(&s, GREETING(hello));
    assert_true(asker_get(&s.a[0]));
    s.a[1].ask.fresh = true;
    assert_true(asker_get(&s.a[1]));
    assert_ptr_not_equal(s.a[0].conn->stream, s.a[1].conn->stream);
    assert_false(s.a[1].conn->reused);
    give_all(&s);
    scene_fini(&s);
}

static void test_http1_apart(void **state)
{
    struct scene s;
    scene_init(&s, GREETING(hello));
    assert_true(asker_get(&s.a[0]));
    s.a[1].ask.http1 = true;
    assert_true(asker_get(&s.a[1]));
    assert_null(s.a[1].conn->lane);
    assert_int_equal(2, s.server.accepted);
    asker_drop(&s.a[1]);
    give_all(&s);
    scene_fini(&s);
}

static void test_nobody_there(void **state)
{
    struct scene s;
    scene_init(&s, GREETING(hello));
    listener_free(s.server.listener);
    s.server.listener = NULL;
    close(s.server.fd);
    s.server.fd = -1;
    for (size_t i = 0; i < ASKERS; i++)
        s.a[i].config.connect_timeout_ms = 300;
    take_all(&s);
    for (size_t i = 0; i < ASKERS; i++)
        assert_int_equal(ORIGIN_REFUSED, s.a[i].error);
    scene_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_for_all),
        cmocka_unit_test(test_no_place_at_all),
        cmocka_unit_test(test_not_http2),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_first_goes),
        cmocka_unit_test(test_all_go),
        cmocka_unit_test(test_ends_while_idle),
        cmocka_unit_test(test_ends_while_lent),
        cmocka_unit_test(test_flushed_while_lent),
        cmocka_unit_test(test_flushed_while_greeting),
        cmocka_unit_test(test_flushed_while_greeting_alone),
        cmocka_unit_test(test_pool_of_none),
        cmocka_unit_test(test_fresh),
        cmocka_unit_test(test_http1_apart),
        cmocka_unit_test(test_nobody_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

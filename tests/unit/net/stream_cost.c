/* What a stream is said to hold, and what its peer is said to have taken. */
#include "pair.h"

#include "check.h"

/* The peer reads nothing: queues and kernel fill until its window closes; then it reads all. */
static void test_taken(void **state)
{
    struct pair_config c = {.name = "a.test", .socket_buffer = 16384};
    struct pair p;
    struct stream_taken k, later;
    pair_init(&p, &c);
    assert_true(pair_run(&p, pair_is_open, 3000));
    assert_true(stream_taken(p.server.stream, &k));
    assert_false(k.closed);
    stream_pause(p.client.stream, STREAM_PAUSE_IDLE);
    p.server.to_send = 1 << 20;
    end_send(&p.server);
    pair_rest(&p, 500);
    assert_true(stream_unsent(p.server.stream) > 0);
    assert_true(stream_holds(p.server.stream) >= stream_unsent(p.server.stream));
    assert_true(stream_taken(p.server.stream, &k));
    assert_true(k.closed);
    p.client.consumes = true;
    stream_resume(p.client.stream, STREAM_PAUSE_IDLE);
    pair_rest(&p, 500);
    assert_true(stream_taken(p.server.stream, &later));
    assert_true(later.bytes > k.bytes);
    pair_fini(&p);
}

static void test_read_high(void **state)
{
    struct pair_config c = {.name = "a.test", .limits = {.read_high = 4096, .write_low = 16384}};
    struct pair p;
    pair_init(&p, &c);
    assert_true(pair_run(&p, pair_is_open, 3000));
    p.client.consumes = false;
    p.server.to_send = 200000;
    end_send(&p.server);
    pair_rest(&p, 200);
    size_t before = stream_in(p.client.stream)->bytes;
    assert_true(before < 100000);
    stream_set_read_high(p.client.stream, 150000);
    pair_rest(&p, 200);
    assert_true(stream_in(p.client.stream)->bytes > before);
    pair_fini(&p);
}

/* All that is counted is given back. */
static void test_cost(void **state)
{
    struct pair_config c = {.name = "a.test"};
    struct pair p;
    pair_init(&p, &c);
    assert_true(pair_run(&p, pair_is_open, 3000));
    assert_true(p.loop->meter.held >= 2 * stream_holds(p.client.stream));
    end_close(&p.client, STREAM_CLOSE_NOW);
    end_close(&p.server, STREAM_CLOSE_NOW);
    pair_rest(&p, 50);
    assert_int_equal(p.loop->meter.held, p.loop->chunks.kept * CHUNK_BLOCK + p.loop->blocks.kept * p.loop->blocks.size);
    pair_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_read_high),
        cmocka_unit_test(test_cost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

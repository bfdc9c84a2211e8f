/* Which listeners take more peers while many handshakes wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/count.h"
#include "edge/thread.h"

#define CROWD 16

static const struct {
    const char *name;
    enum listen_kind kind;
    bool plain, behind, want;
} cases[] = {
    {"TLS", LISTEN_SERVE, false, false, true},
    {"TLS, crowded", LISTEN_SERVE, false, true, false},
    {"plain", LISTEN_SERVE, true, false, true},
    {"plain, others crowded", LISTEN_SERVE, true, true, true},
    {"redirect, others crowded", LISTEN_REDIRECT, false, true, true},
};

static void no_work(void *arg)
{
    (void)arg;
}

static void test_table(void **state)
{
    struct loop_task crowd[CROWD];
    struct loop *loop = loop_new();
    for (size_t i = 0; i < CROWD; i++)
        loop_task_init(&crowd[i], no_work, NULL);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct listen_config listen = {.kind = cases[i].kind, .plain = cases[i].plain};
        assert_true(addr_parse_ip(SPAN("127.0.0.1"), &listen.address));
        struct snapshot snapshot = {.listen = &listen, .listen_count = 1};
        struct snapshot_hold hold = {.snapshot = &snapshot};
        struct edge_thread thread = {.loop = loop, .hold = &hold};
        struct edge_listener listener = {.thread = &thread, .address = listen.address};
        for (size_t k = 0; k < CROWD && cases[i].behind; k++)
            loop_task_queue_heavy(loop, &crowd[k]);
        if (edge_is_open(&listener) != cases[i].want)
            fail_msg("%s", cases[i].name);
        for (size_t k = 0; k < CROWD; k++)
            loop_task_cancel(&crowd[k]);
    }
    loop_free(loop);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

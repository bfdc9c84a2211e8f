#include "check.h"

#include "net/proxy_accept.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define V1 "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"
#define V2_HEAD "\r\n\r\n\0\r\nQUIT\n"
#define V2 V2_HEAD "\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\xdc\x04\x01\xbb"
#define V2_LOCAL V2_HEAD "\x20\x00\x00\x00"

struct probe {
    struct loop *loop;
    struct proxy_acceptor *acceptor;
    struct timer tick;
    int peer;
    int fd;
    unsigned calls;
    struct addr source;
    struct span to_send; /* one byte per tick */
    bool then_closes;
    unsigned ticks_left;
    bool stops;
};

/* Whoever was refused has closed its end. */
static ssize_t put(int fd, const void *bytes, size_t n)
{
    return send(fd, bytes, n, MSG_NOSIGNAL);
}

static void on_done(void *arg, int fd, const struct addr *source)
{
    struct probe *p = arg;
    p->calls++;
    p->fd = fd;
    p->source = *source;
    p->stops = true;
    loop_stop(p->loop);
}

static void on_tick(void *arg)
{
    struct probe *p = arg;
    if (p->to_send.n) {
        assert_int_equal(1, put(p->peer, p->to_send.p, 1));
        p->to_send = span_from(p->to_send, 1);
    } else if (p->then_closes && p->peer >= 0) {
        close(p->peer);
        p->peer = -1;
    }
    if (p->stops || p->ticks_left-- == 0)
        loop_stop(p->loop);
    else
        assert_true(timer_set(&p->tick, 1));
}

static void probe_init(struct probe *p)
{
    int fds[2];
    *p = (struct probe){.fd = -2, .ticks_left = 2000};
    p->loop = loop_new();
    assert_non_null(p->loop);
    p->acceptor = proxy_acceptor_new(p->loop);
    assert_non_null(p->acceptor);
    timer_init(&p->tick, p->loop, on_tick, p);
    assert_int_equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds));
    p->peer = fds[0];
    p->fd = fds[1];
}

static void probe_start(struct probe *p, uint32_t timeout_ms)
{
    int fd = p->fd;
    p->fd = -2;
    proxy_acceptor_take(p->acceptor, fd, timeout_ms, on_done, p);
}

static void probe_run(struct probe *p)
{
    if (p->stops)
        return;
    assert_true(timer_set(&p->tick, 1));
    loop_run(p->loop);
}

static void probe_fini(struct probe *p)
{
    if (p->fd >= 0)
        close(p->fd);
    if (p->peer >= 0)
        close(p->peer);
    timer_fini(&p->tick);
    proxy_acceptor_free(p->acceptor);
    loop_free(p->loop);
}

#define BYTES(literal)                                                                                                 \
    {                                                                                                                  \
        (const uint8_t *)(literal), sizeof(literal) - 1                                                                \
    }

static const struct {
    const char *name;
    struct span sent;
    const char *rest; /* what the next owner must find; NULL: refused */
    const char *source;
} cases[] = {
    {"v1", BYTES(V1), "", "192.0.2.7"},
    {"v1 and a request", BYTES(V1 "GET / HTTP/1.1\r\n"), "GET / HTTP/1.1\r\n", "192.0.2.7"},
    {"v1 unknown", BYTES("PROXY UNKNOWN\r\nx"), "x", "unknown"},
    {"v2", BYTES(V2), "", "192.0.2.7"},
    {"v2 and a ClientHello", BYTES(V2 "\x16\x03\x01"), "\x16\x03\x01", "192.0.2.7"},
    {"v2 local", BYTES(V2_LOCAL "y"), "y", "unknown"},
    {"two headers: the second is payload", BYTES(V1 V1), V1, "192.0.2.7"},
    {"no header", BYTES("GET / HTTP/1.1\r\n\r\n"), NULL, NULL},
    {"TLS at once", BYTES("\x16\x03\x01\x02\x00\x01"), NULL, NULL},
    {"early end", BYTES("PROXY TCP4 192.0"), NULL, NULL},
    {"nothing but the end", BYTES(""), NULL, NULL},
    {"v2 cut", BYTES(V2_HEAD "\x21\x11\x00\x0c\xc0\x00"), NULL, NULL},
    {"v1 without an end",
     BYTES("PROXY UNKNOWN xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
           "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
     NULL, NULL},
};

static void check_result(struct probe *p, size_t i)
{
    const char *name = cases[i].name;
    char text[ADDR_TEXT + 1] = {0}, rest[200] = {0};
    CHECK(name, p->calls == 1);
    if (!cases[i].rest) {
        CHECK(name, p->fd == -1);
        return;
    }
    CHECK(name, p->fd >= 0);
    text[addr_format_ip(&p->source, text)] = 0;
    CHECK(name, strcmp(text, cases[i].source) == 0);
    /* What follows may still be on its way when the bytes come one by one. */
    while (p->to_send.n)
        on_tick(p);
    ssize_t n = recv(p->fd, rest, sizeof rest - 1, 0);
    CHECK(name, n == (ssize_t)strlen(cases[i].rest) || (n == -1 && cases[i].rest[0] == 0) || n == 0);
    CHECK(name, strcmp(rest, cases[i].rest) == 0);
}

static void run_case(size_t i, size_t at_once, bool before)
{
    struct probe p;
    probe_init(&p);
    p.to_send = cases[i].sent;
    p.then_closes = true;
    if (!before)
        probe_start(&p, 5000);
    if (at_once)
        assert_int_equal((ssize_t)at_once, put(p.peer, p.to_send.p, at_once));
    p.to_send = span_from(p.to_send, at_once);
    if (before)
        probe_start(&p, 5000);
    probe_run(&p);
    check_result(&p, i);
    probe_fini(&p);
}

static void test_whole(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        run_case(i, cases[i].sent.n, true);
        run_case(i, cases[i].sent.n, false);
    }
}

static void test_split_at_every_byte(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t at = 1; at < cases[i].sent.n && at < 60; at++) {
            struct probe p;
            probe_init(&p);
            assert_int_equal((ssize_t)at, put(p.peer, cases[i].sent.p, at));
            probe_start(&p, 5000);
            size_t left = cases[i].sent.n - at;
            if (put(p.peer, cases[i].sent.p + at, left) != (ssize_t)left)
                assert_int_equal(-1, p.fd); /* refused on the first part */
            p.then_closes = true;
            probe_run(&p);
            check_result(&p, i);
            probe_fini(&p);
        }
}

static void test_byte_by_byte(void **state)
{
    for (size_t i = 0; i < 5; i++)
        run_case(i, 0, true);
}

static void test_silence_times_out(void **state)
{
    static const struct {
        const char *name, *sent;
    } silences[] = {{"nothing", ""}, {"half a header", "PROXY TCP4"}};
    for (size_t i = 0; i < COUNT(silences); i++) {
        struct probe p;
        char byte;
        probe_init(&p);
        ssize_t n = (ssize_t)strlen(silences[i].sent);
        assert_int_equal(n, put(p.peer, silences[i].sent, (size_t)n));
        probe_start(&p, 30);
        CHECK(silences[i].name, p.calls == 0);
        probe_run(&p);
        CHECK(silences[i].name, p.calls == 1 && p.fd == -1);
        CHECK(silences[i].name, recv(p.peer, &byte, 1, 0) == 0 || errno == ECONNRESET); /* closed */
        probe_fini(&p);
    }
}

static void test_free_tells_who_waits(void **state)
{
    struct probe p;
    probe_init(&p);
    probe_start(&p, 5000);
    proxy_acceptor_free(p.acceptor);
    p.acceptor = NULL;
    assert_int_equal(1, p.calls);
    assert_int_equal(-1, p.fd);
    probe_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_split_at_every_byte),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_silence_times_out),
        cmocka_unit_test(test_free_tells_who_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

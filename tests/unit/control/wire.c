#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/wire.h"

#define ALL (~0u)

static void make_pair(int pair[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
}

static void close_pair(int pair[2])
{
    (void)close(pair[0]);
    (void)close(pair[1]);
}

static size_t open_fds(void)
{
    size_t n = 0;
    for (int fd = 0; fd < 1024; fd++) {
        n += fcntl(fd, F_GETFD) != -1;
    }
    return n;
}

static bool same_file(int a, int b)
{
    struct stat x, y;
    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static void whole_message_comes_over(void **state)
{
    (void)state;
    static struct wire_msg out, in;
    int pair[2], file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    make_pair(pair);
    wire_begin(&out, WIRE_SUMMARY);
    wire_put_u64(&out, 7);
    wire_put_u64(&out, UINT64_MAX);
    wire_put_bytes(&out, SPAN("stdout"));
    wire_put_fd(&out, file);
    assert_null(wire_send(pair[0], &out, 0).err);
    assert_int_equal(wire_recv(pair[1], WIRE_BIT(WIRE_SUMMARY), &in), WIRE_IO_OK);
    assert_int_equal(in.type, WIRE_SUMMARY);
    assert_int_equal(wire_get_u64(&in), 7);
    assert_false(wire_done(&in));
    assert_true(wire_get_u64(&in) == UINT64_MAX);
    assert_true(span_eq(wire_get_bytes(&in), SPAN("stdout")));
    assert_true(wire_done(&in));
    int got = wire_take_fd(&in, 0);
    assert_true(got != file && same_file(got, file));
    assert_int_equal(fcntl(got, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(wire_take_fd(&in, 0), -1);
    assert_int_equal(wire_take_fd(&in, 1), -1);
    assert_int_equal(wire_recv(pair[1], ALL, &in), WIRE_IO_AGAIN);
    (void)close(got);
    (void)close(file);
    close_pair(pair);
}

static void addresses_keep_their_shape(void **state)
{
    (void)state;
    static struct wire_msg m;
    struct addr a = {.port = 443, .family = AF_INET6}, b;
    memset(a.ip, 0xab, sizeof(a.ip));
    wire_begin(&m, WIRE_ADDRESS);
    wire_put_addr(&m, &a);
    b = wire_get_addr(&m);
    assert_true(wire_done(&m));
    assert_memory_equal(a.ip, b.ip, sizeof(a.ip));
    assert_int_equal(b.port, 443);
    assert_int_equal(b.family, AF_INET6);
}

/* A body cut anywhere reads as bad, never beyond its end. */
static void cut_bodies_are_bad(void **state)
{
    (void)state;
    static struct wire_msg m;
    wire_begin(&m, WIRE_FAILED);
    wire_put_u64(&m, 3);
    wire_put_bytes(&m, SPAN("no memory"));
    uint32_t whole = m.n;
    for (uint32_t n = 0; n <= whole; n++) {
        m.n = n;
        m.at = 0;
        m.bad = false;
        (void)wire_get_u64(&m);
        struct span s = wire_get_bytes(&m);
        assert_int_equal(wire_done(&m), n == whole);
        assert_int_equal(s.n, n == whole ? 9 : 0);
    }
}

static void lengths_that_lie_are_bad(void **state)
{
    (void)state;
    static const uint64_t lies[] = {1, WIRE_BODY, WIRE_BODY + 1, UINT32_MAX, UINT64_MAX};
    static struct wire_msg m;
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        wire_begin(&m, WIRE_FAILED);
        wire_put_u64(&m, lies[i]);
        assert_int_equal(wire_get_bytes(&m).n, 0);
        assert_false(wire_done(&m));
    }
}

static void too_much_does_not_fit(void **state)
{
    (void)state;
    static struct wire_msg m;
    static uint8_t big[WIRE_BODY];
    int pair[2];
    make_pair(pair);
    wire_begin(&m, WIRE_FAILED);
    wire_put_bytes(&m, span_make(big, sizeof(big)));
    assert_true(m.bad);
    assert_non_null(wire_send(pair[0], &m, 0).err);
    wire_begin(&m, WIRE_LISTEN);
    for (size_t i = 0; i <= WIRE_FDS; i++) {
        wire_put_fd(&m, 0);
    }
    assert_true(m.bad);
    close_pair(pair);
}

static const struct {
    const char *name;
    enum wire_type type;
    size_t fds;
    unsigned accept;
    enum wire_io want;
} rules[] = {
    {"commit with its bundle", WIRE_COMMIT, 1, ALL, WIRE_IO_OK},
    {"commit without a bundle", WIRE_COMMIT, 0, ALL, WIRE_IO_BAD},
    {"commit with two", WIRE_COMMIT, 2, ALL, WIRE_IO_BAD},
    {"log that goes nowhere", WIRE_LOG, 0, ALL, WIRE_IO_OK},
    {"log to a file", WIRE_LOG, 1, ALL, WIRE_IO_OK},
    {"listen without sockets", WIRE_LISTEN, 0, ALL, WIRE_IO_BAD},
    {"listen with as many as there can be", WIRE_LISTEN, WIRE_FDS, ALL, WIRE_IO_OK},
    {"committed brings no descriptors", WIRE_COMMITTED, 1, ALL, WIRE_IO_BAD},
    {"a type that is not expected", WIRE_COMMIT, 1, WIRE_BIT(WIRE_COMMITTED), WIRE_IO_BAD},
    {"no type", 0, 0, ALL, WIRE_IO_BAD},
    {"a type beyond the last", WIRE_TYPES, 0, ALL, WIRE_IO_BAD},
};

static void rules_hold_and_nothing_leaks(void **state)
{
    (void)state;
    static struct wire_msg m;
    int pair[2];
    make_pair(pair);
    size_t before = open_fds();
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        wire_begin(&m, rules[i].type);
        for (size_t k = 0; k < rules[i].fds; k++) {
            wire_put_fd(&m, pair[0]);
        }
        assert_null(wire_send(pair[0], &m, 0).err);
        enum wire_io got = wire_recv(pair[1], rules[i].accept, &m);
        if (got != rules[i].want) {
            fail_msg("%s: %d", rules[i].name, got);
        }
        wire_close_fds(&m);
        if (open_fds() != before) {
            fail_msg("%s: descriptors leak", rules[i].name);
        }
    }
    close_pair(pair);
}

static const struct {
    const char *name, *bytes;
    size_t n;
} strangers[] = {
    {"one byte", "x", 1},
    {"text", "GET / HTTP/1.1\r\n\r\n", 18},
    {"a head with a body that is not there", "1CGT\7\0\0\0\1\0\0\0\0\0\0\0", 16},
    {"a head cut short", "1CGT\6\0\0\0\0\0\0\0\0\0\0", 15},
    {"a foreign head", "2CGT\6\0\0\0\0\0\0\0\0\0\0\0", 16},
};

static void strangers_are_refused(void **state)
{
    (void)state;
    static struct wire_msg m;
    int pair[2];
    make_pair(pair);
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
        assert_int_equal(send(pair[0], strangers[i].bytes, strangers[i].n, 0), strangers[i].n);
        if (wire_recv(pair[1], ALL, &m) != WIRE_IO_BAD) {
            fail_msg("%s", strangers[i].name);
        }
    }
    assert_int_equal(send(pair[0], "1CGT\6\0\0\0\0\0\0\0\0\0\0\0", 16, 0), 16);
    assert_int_equal(wire_recv(pair[1], ALL, &m), WIRE_IO_OK);
    assert_int_equal(m.type, WIRE_DRAIN);
    close_pair(pair);
}

static void the_end_is_told(void **state)
{
    (void)state;
    static struct wire_msg m;
    int pair[2];
    make_pair(pair);
    (void)close(pair[0]);
    assert_int_equal(wire_recv(pair[1], ALL, &m), WIRE_IO_EOF);
    wire_begin(&m, WIRE_DRAIN);
    assert_non_null(wire_send(pair[1], &m, 0).err);
    (void)close(pair[1]);
}

static void who_does_not_read_is_not_waited_for(void **state)
{
    (void)state;
    static struct wire_msg m;
    static uint8_t big[WIRE_BODY - 8];
    int pair[2];
    make_pair(pair);
    wire_begin(&m, WIRE_FAILED);
    wire_put_bytes(&m, span_make(big, sizeof(big)));
    struct res r = RES_OK;
    for (int i = 0; i < 10000 && res_ok(r); i++) {
        r = wire_send(pair[0], &m, 0);
    }
    assert_string_equal(r.err, "the other process does not read");
    close_pair(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_message_comes_over),
        cmocka_unit_test(addresses_keep_their_shape),
        cmocka_unit_test(cut_bodies_are_bad),
        cmocka_unit_test(lengths_that_lie_are_bad),
        cmocka_unit_test(too_much_does_not_fit),
        cmocka_unit_test(rules_hold_and_nothing_leaks),
        cmocka_unit_test(strangers_are_refused),
        cmocka_unit_test(the_end_is_told),
        cmocka_unit_test(who_does_not_read_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/listen_set.h"

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) != -1;
}

static struct addr address(const char *text)
{
    struct addr a;
    assert_null(addr_parse_listen(span_of(text), &a).err);
    return a;
}

static struct listen_entry entry(const char *text)
{
    struct listen_entry e = {.address = address(text), .n = 2};
    e.fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    e.fds[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return e;
}

/* What stays, what goes, what is new, when one set gives way to another. */
static const struct {
    const char *name;
    const char *old[3], *new[3];
} cases[] = {
    {"nothing changes", {"127.0.0.1:1001", "[::1]:1002"}, {"127.0.0.1:1001", "[::1]:1002"}},
    {"order does not matter", {"127.0.0.1:1001", "[::1]:1002"}, {"[::1]:1002", "127.0.0.1:1001"}},
    {"one goes", {"127.0.0.1:1001", "127.0.0.1:1002"}, {"127.0.0.1:1002"}},
    {"one comes", {"127.0.0.1:1001"}, {"127.0.0.1:1001", "127.0.0.1:1002"}},
    {"all change", {"127.0.0.1:1001"}, {"127.0.0.1:1002", "127.0.0.2:1001", "[::1]:1001"}},
    {"all go", {"127.0.0.1:1001", "127.0.0.1:1002"}, {NULL}},
    {"the first", {NULL}, {"127.0.0.1:1001"}},
};

static void fill(struct listen_set *s, const char *const texts[3], const struct listen_set *shared)
{
    s->n = 0;
    for (size_t i = 0; i < 3 && texts[i] != NULL; i++) {
        struct addr a = address(texts[i]);
        const struct listen_entry *have = shared != NULL ? listen_set_find(shared, &a) : NULL;
        struct listen_entry e = have != NULL ? *have : entry(texts[i]);
        assert_true(listen_set_add(s, &e));
    }
}

static void sockets_of(const struct listen_set *s, int *out, size_t *n)
{
    for (size_t i = 0; i < s->n; i++) {
        out[(*n)++] = s->v[i].fds[0];
        out[(*n)++] = s->v[i].fds[1];
    }
}

static bool contains(const int *v, size_t n, int fd)
{
    for (size_t i = 0; i < n; i++) {
        if (v[i] == fd) {
            return true;
        }
    }
    return false;
}

/* keep gives way or stays: what both have must be open afterwards, what only `gone` has must be closed. */
static void check_handover(const char *name, struct listen_set *gone, struct listen_set *keep)
{
    int before[12], kept[12];
    size_t before_n = 0, kept_n = 0;
    sockets_of(gone, before, &before_n);
    sockets_of(keep, kept, &kept_n);
    listen_set_close_except(gone, keep);
    assert_int_equal(gone->n, 0);
    for (size_t i = 0; i < kept_n; i++) {
        if (!is_open(kept[i])) {
            fail_msg("%s: a socket that stays was closed", name);
        }
    }
    for (size_t i = 0; i < before_n; i++) {
        if (!contains(kept, kept_n, before[i]) && is_open(before[i])) {
            fail_msg("%s: a socket that goes is still open", name);
        }
    }
    listen_set_close_except(keep, NULL);
    for (size_t i = 0; i < kept_n; i++) {
        assert_false(is_open(kept[i]));
    }
}

static void sets_give_way(void **state)
{
    (void)state;
    static struct listen_set old, new;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fill(&old, cases[i].old, NULL);
        fill(&new, cases[i].new, &old);
        check_handover(cases[i].name, &old, &new); /* taken */
        fill(&old, cases[i].old, NULL);
        fill(&new, cases[i].new, &old);
        check_handover(cases[i].name, &new, &old); /* refused */
    }
}

static void addresses_come_once(void **state)
{
    (void)state;
    static struct listen_set s;
    struct listen_entry e = {.address = address("127.0.0.1:1001")};
    s.n = 0;
    assert_true(listen_set_add(&s, &e));
    assert_false(listen_set_add(&s, &e));
    while (s.n < LISTEN_ADDRESSES) {
        e.address.port++;
        assert_true(listen_set_add(&s, &e));
    }
    e.address.port++;
    assert_false(listen_set_add(&s, &e));
}

/* A free port of the loopback address, held by a socket that shares it with nobody. */
static int holder(struct addr *a)
{
    struct sockaddr_storage sa;
    *a = address("127.0.0.1:1");
    a->port = 0;
    socklen_t n = addr_to_sockaddr(a, &sa);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, n), 0);
    assert_int_equal(listen(fd, 1), 0);
    n = sizeof(sa);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
    *a = addr_from_sockaddr(&sa);
    return fd;
}

static void binds_shares_and_refuses(void **state)
{
    (void)state;
    static struct listen_set empty, first, second, other;
    struct addr a;
    empty.n = first.n = second.n = other.n = 0;
    int held = holder(&a);
    assert_non_null(listen_set_take_or_bind(&first, &empty, &a, 3).err);
    assert_int_equal(first.n, 0);
    (void)close(held);
    assert_null(listen_set_take_or_bind(&first, &empty, &a, 3).err);
    assert_int_equal(first.v[0].n, 3);
    assert_string_equal(listen_set_take_or_bind(&first, &empty, &a, 3).err, "named twice");
    /* The next configuration takes over the very sockets. */
    assert_null(listen_set_take_or_bind(&second, &first, &a, 3).err);
    assert_int_equal(second.v[0].fds[2], first.v[0].fds[2]);
    /* A stranger, though of the same user and with SO_REUSEPORT, does not get in beside us. */
    assert_non_null(listen_set_take_or_bind(&other, &empty, &a, 3).err);
    /* A wider address on the same port may come beside our own. */
    struct addr any = address("0.0.0.0:1");
    any.port = a.port;
    assert_null(listen_set_take_or_bind(&second, &first, &any, 3).err);
    listen_set_close_except(&first, &second);
    assert_true(is_open(second.v[0].fds[0]));
    listen_set_close_except(&second, NULL);
}

static void texts(void **state)
{
    (void)state;
    static const char *const texts[] = {"127.0.0.1:80", "[::1]:443", "[::]:65535", "0.0.0.0:1"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char out[LISTEN_TEXT];
        struct addr a = address(texts[i]);
        listen_text(&a, out);
        assert_string_equal(out, texts[i]);
    }
}

static bool connects(const struct addr *a)
{
    struct sockaddr_storage sa;
    socklen_t n = addr_to_sockaddr(a, &sa);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = connect(fd, (struct sockaddr *)&sa, n) == 0;
    (void)close(fd);
    return ok;
}

/* As a worker in an attacker's hands could, whatever its sandbox. */
static void disconnect(int fd)
{
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    assert_int_equal(connect(fd, &nobody, sizeof(nobody)), 0);
}

static void what_was_disconnected_listens_again(void **state)
{
    (void)state;
    static struct listen_set empty, s;
    struct addr a;
    empty.n = s.n = 0;
    (void)close(holder(&a));
    assert_null(listen_set_take_or_bind(&s, &empty, &a, 2).err);
    int first = s.v[0].fds[0], second = s.v[0].fds[1];
    disconnect(first);
    disconnect(second);
    assert_false(connects(&a));
    assert_int_equal(listen_set_mend(&s), 0);
    assert_true(connects(&a));
    assert_int_equal(fcntl(first, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl(second, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    (void)shutdown(first, SHUT_RD);
    assert_int_equal(listen_set_mend(&s), 0);
    assert_true(connects(&a));
    listen_set_close_except(&s, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_give_way),
        cmocka_unit_test(addresses_come_once),
        cmocka_unit_test(binds_shares_and_refuses),
        cmocka_unit_test(what_was_disconnected_listens_again),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

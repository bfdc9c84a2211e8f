/* What a worker shares with its supervisor, and with the next worker: a log that is open for appending, a listening socket. One that was taken
 * over must not leave anything behind in them. */
#include "net/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/count.h"

#include <setjmp.h>

#include <cmocka.h>

struct shared {
    int log, listener;
};

static int result(long r)
{
    return r < 0 ? errno : 0;
}

static int append(const struct shared *s)
{
    return result(write(s->log, "x", 1));
}

static int cease_to_append(const struct shared *s)
{
    return result(fcntl(s->log, F_SETFL, 0));
}

static int seek(const struct shared *s)
{
    return result(lseek(s->log, 0, SEEK_SET));
}

static int make_it_block(const struct shared *s)
{
    return result(fcntl(s->listener, F_SETFL, O_RDWR));
}

static int shut_reading(const struct shared *s)
{
    return result(shutdown(s->listener, SHUT_RD));
}

static int shut_both(const struct shared *s)
{
    return result(shutdown(s->listener, SHUT_RDWR));
}

static int shut_writing(const struct shared *s) /* what ends our half of a connection; a listener does not mind */
{
    return result(shutdown(s->listener, SHUT_WR));
}

static int make_closing_wait(const struct shared *s) /* accepted sockets would inherit it */
{
    struct linger l = {.l_onoff = 1, .l_linger = 1000};
    return result(setsockopt(s->listener, SOL_SOCKET, SO_LINGER, &l, sizeof l));
}

static int make_it_narrow(const struct shared *s)
{
    int least = 1;
    return result(setsockopt(s->listener, SOL_SOCKET, SO_SNDBUF, &least, sizeof least));
}

static int cork(const struct shared *s)
{
    int on = 1;
    return result(setsockopt(s->listener, IPPROTO_TCP, TCP_CORK, &on, sizeof on));
}

static int cut_off(const struct shared *s)
{
    return result(ftruncate(s->log, 0));
}

static int
write_over(const struct shared *s) /* where a store may be written, there is this call; O_APPEND stays above it */
{
    struct stat before, after;
    if (fstat(s->log, &before) != 0 || pwrite(s->log, "y", 1, 0) != 1)
        return errno;
    return fstat(s->log, &after) == 0 && after.st_size == before.st_size + 1 ? 0 : EIO;
}

static const struct {
    const char *name;
    int (*try)(const struct shared *s);
    int wants;
} cases[] = {
    {"append", append, 0},
    {"cut it off", cut_off, ENOSYS},
    {"write over it", write_over, 0},
    {"write elsewhere than at the end", cease_to_append, ENOSYS},
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    {"seek", seek, ENOSYS},
#endif
    {"make a listener block", make_it_block, ENOSYS},
    {"shut down its reading side", shut_reading, ENOSYS},
    {"shut down both sides", shut_both, ENOSYS},
    {"shut down its writing side", shut_writing, 0},
    {"make closing wait", make_closing_wait, ENOSYS},
    {"make buffers small", make_it_narrow, ENOSYS},
    {"hold small packets back", cork, ENOSYS},
};

#define NOT_ENTERED 255
#define NOT_IN_FORCE 254

static int in_the_sandbox(const struct shared *s, int (*try)(const struct shared *s))
{
    static const struct sandbox_ports none;
    struct sandbox_policy p = {.writable = "/nowhere/at/all", .connect = &none}; /* its calls are there */
    unsigned in_force;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !res_ok(sandbox_enter(&p, &in_force)))
        return NOT_ENTERED;
    return in_force & SANDBOX_CALLS ? try(s) : NOT_IN_FORCE;
}

static int outcome(const struct shared *s, int (*try)(const struct shared *s))
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(in_the_sandbox(s, try));
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void open_shared(struct shared *s)
{
    char name[] = "/tmp/tiergate-log-XXXXXX";
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    s->log = mkostemp(name, O_APPEND | O_CLOEXEC);
    assert_true(s->log >= 0 && unlink(name) == 0);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(bind(s->listener, (struct sockaddr *)&any, sizeof any) == 0 && listen(s->listener, 1) == 0);
}

static void nothing_is_left_behind(void **state)
{
    struct shared s;
    unsigned failed = 0;
#ifdef TG_COVERAGE
    skip(); /* such a build writes files */
#endif
    open_shared(&s);
    for (size_t i = 0; i < COUNT(cases); i++) {
        int got = outcome(&s, cases[i].try);
        if (got == NOT_IN_FORCE)
            skip();
        if (got != cases[i].wants) {
            failed++;
            print_error("%s: %d, wants %d\n", cases[i].name, got, cases[i].wants);
        }
    }
    close(s.log);
    close(s.listener);
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_left_behind)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

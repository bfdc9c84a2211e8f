#include "base/log.h"

#include "alloc.h"
#include "base/clock.h"
#include "base/text.h"
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void read_all(int fd, struct text *out)
{
    static char buf[65536];
    ssize_t n;

    text_init(out);
    while ((n = read(fd, buf, sizeof(buf))) > 0)
        text_add(out, span_make(buf, (size_t)n));
}

static void rewind_and_read(int fd, struct text *out)
{
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    read_all(fd, out);
}

/* sscanf() looks for the end of all the text first: a line at a time keeps that short. */
static const char *text_of(struct span line, char out[80])
{
    snprintf(out, 80, "%.*s", SPAN_ARG(line));
    return out;
}

static bool wait_readable(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, ms) == 1 && (p.revents & POLLIN);
}

static bool put(struct log_ring *r, const char *line)
{
    return log_ring_put(r, span_of(line));
}

/* What a put refuses is dropped and counted; the rest arrives whole and in order. */
static void lines_in_order(void **state)
{
    static char big[65537];
    int fd = memfd_create("log", 0);
    struct log *l = log_new(fd);
    struct log_ring *r = log_ring_new(l, 1);
    struct text got;

    memset(big, 'x', sizeof(big));
    big[65535] = big[65536] = '\n';
    assert_true(put(r, "one\n"));
    assert_true(put(r, "two\n"));
    assert_false(put(r, ""));
    assert_false(put(r, "no newline"));
    assert_false(log_ring_put(r, span_make(big, sizeof(big))));
    assert_int_equal(log_dropped(l), 3);
    log_free(l, 1000);
    rewind_and_read(fd, &got);
    /* the count of the dropped may stand before, between or behind */
    assert_true(strstr(got.p, "one\n") && strstr(got.p, "two\n") > strstr(got.p, "one\n"));
    assert_non_null(strstr(got.p, "{\"event\":\"log_dropped\",\"lines\":"));
    text_fini(&got);
    close(fd);
}

static void longest_line(void **state)
{
    static char big[65536];
    int fd = memfd_create("log", 0);
    struct log *l = log_new(fd);
    struct log_ring *r = log_ring_new(l, 1);
    struct text got;

    memset(big, 'x', sizeof(big));
    big[65535] = '\n';
    assert_true(log_ring_put(r, span_make(big, sizeof(big))));
    log_free(l, 1000);
    rewind_and_read(fd, &got);
    assert_true(span_eq(text_span(&got), span_make(big, sizeof(big))));
    text_fini(&got);
    close(fd);
}

/* An idle writer is woken at once, not by a time-out: the nap between two batches is the longest wait. */
static void idle_writer_wakes(void **state)
{
    int p[2];
    char buf[64];

    assert_int_equal(pipe(p), 0);

    struct log *l = log_new(p[1]);
    struct log_ring *r = log_ring_new(l, 4096);

    for (int i = 0; i < 5; i++) {
        struct timespec pause = {.tv_nsec = 60000000};

        nanosleep(&pause, NULL);
        assert_true(put(r, "tick\n"));
        assert_true(wait_readable(p[0], 5000));
        assert_int_equal(read(p[0], buf, sizeof(buf)), 5);
    }
    log_free(l, 1000);
    close(p[0]);
    close(p[1]);
}

#define THREADS 3
#define LINES 20000

struct producer {
    struct log *log;
    int id;
    uint64_t refused;
};

static void *produce(void *arg)
{
    struct producer *p = arg;
    struct log_ring *r = log_ring_new(p->log, 65536);
    char line[200];

    for (int i = 0; i < LINES; i++) {
        int n = snprintf(
            line, sizeof(line), "%d %d %.*s\n", p->id, i, i % 100,
            "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
            "yyyyyyyy");

        while (!log_ring_put(r, span_make(line, (size_t)n))) {
            struct timespec pause = {.tv_nsec = 1000000};

            p->refused++;
            nanosleep(&pause, NULL);
        }
    }
    return NULL;
}

/* Several producers: no line is torn, none is lost, each thread's keep their order; refusals are counted and told. */
static void threads_do_not_mix(void **state)
{
    int fd = memfd_create("log", 0), next[THREADS] = {0};
    struct log *l = log_new(fd);
    struct producer producers[THREADS];
    pthread_t threads[THREADS];
    uint64_t refused = 0, told = 0;
    struct text got;

    for (int i = 0; i < THREADS; i++) {
        producers[i] = (struct producer){l, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        refused += producers[i].refused;
    }
    assert_int_equal(log_dropped(l), refused);
    log_free(l, 10000);
    rewind_and_read(fd, &got);

    struct span rest = text_span(&got), line;

    while (rest.n && span_cut(rest, '\n', &line, &rest)) {
        int id, number;
        char head[80];
        unsigned long long lost;

        if (sscanf(text_of(line, head), "{\"event\":\"log_dropped\",\"lines\":%llu}", &lost) == 1) {
            told += lost;
            continue;
        }
        assert_int_equal(sscanf(text_of(line, head), "%d %d", &id, &number), 2);
        assert_int_equal(number, next[id]++);
        assert_true(number % 100 == 0 || line.p[line.n - 1] == 'y');
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(next[i], LINES);
    assert_int_equal(told, refused);
    text_fini(&got);
    close(fd);
}

/* Fills ring and sink until lines are dropped; returns how many went in. */
static int fill(struct log_ring *r)
{
    char line[1001];
    int in = 0;

    memset(line, 'z', 999);
    line[999] = '\n';
    line[1000] = 0;
    for (int refused = 0; refused < 10;) {
        struct timespec pause = {.tv_nsec = 5000000};

        if (put(r, line)) {
            in++;
            continue;
        }
        refused++;
        nanosleep(&pause, NULL);
    }
    return in;
}

static void *reader(void *arg)
{
    struct text *got = ((void **)arg)[1];

    read_all(*(int *)((void **)arg)[0], got);
    return NULL;
}

enum sink { SINK_A_PIPE, SINK_A_SOCKET };

static void open_sink(enum sink kind, int fds[2])
{
    assert_int_equal(kind == SINK_A_PIPE ? pipe(fds) : socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
}

/* A stalled reader: lines are dropped and counted; when it reads again all that was taken arrives, and the count. */
static void stall_and_go_on(void **state)
{
    for (enum sink kind = SINK_A_PIPE; kind <= SINK_A_SOCKET; kind++) {
        int fds[2];
        struct text got;
        pthread_t thread;
        void *args[] = {&fds[0], &got};
        size_t whole = 0;
        unsigned long long told = 0;

        open_sink(kind, fds);

        struct log *l = log_new(fds[1]);
        struct log_ring *r = log_ring_new(l, 65536);
        int in = fill(r);
        uint64_t dropped = log_dropped(l);

        assert_true(dropped >= 10);
        assert_int_equal(pthread_create(&thread, NULL, reader, args), 0);
        log_free(l, 10000);
        close(fds[1]);
        pthread_join(thread, NULL);

        struct span rest = text_span(&got), line;

        while (rest.n && span_cut(rest, '\n', &line, &rest)) {
            unsigned long long n = 0;
            char head[80];

            if (sscanf(text_of(line, head), "{\"event\":\"log_dropped\",\"lines\":%llu}", &n) == 1)
                told += n;
            else
                whole += line.n == 999;
        }
        assert_int_equal(whole, in);
        assert_int_equal(told, dropped);
        text_fini(&got);
        close(fds[0]);
    }
}

/* The rings are empty, all that is left is in the writer's hands. */
static void free_with_little_left(void **state)
{
    static char full[65536];

    for (unsigned flush_ms = 0; flush_ms <= 50; flush_ms += 50) {
        int fds[2];

        open_sink(SINK_A_PIPE, fds);
        memset(full, '.', sizeof(full));
        assert_int_equal(write(fds[1], full, sizeof(full)), sizeof(full));

        struct log *l = log_new(fds[1]);

        assert_true(put(log_ring_new(l, 1), "left\n"));
        usleep(30000);

        uint64_t before = clock_mono_ms();

        log_free(l, flush_ms);
        assert_true(clock_mono_ms() - before < flush_ms + 2000);
        close(fds[0]);
        close(fds[1]);
    }
}

/* A ring that is full may only mean that the writer had no turn yet: this much the reader owes already. */
static void stuff(int fd)
{
    static char dots[4096];
    int flags = fcntl(fd, F_GETFL);

    memset(dots, '.', sizeof(dots));
    assert_int_equal(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
    while (write(fd, dots, sizeof(dots)) > 0)
        ;
    assert_int_equal(fcntl(fd, F_SETFL, flags), 0);
}

static void free_while_stalled(void **state)
{
    for (enum sink kind = SINK_A_PIPE; kind <= SINK_A_SOCKET; kind++) {
        for (unsigned flush_ms = 0; flush_ms <= 100; flush_ms += 100) {
            int fds[2];

            open_sink(kind, fds);
            stuff(fds[1]);

            struct log *l = log_new(fds[1]);

            fill(log_ring_new(l, 65536));

            uint64_t before = clock_mono_ms();

            log_free(l, flush_ms);
            assert_in_range(clock_mono_ms() - before, flush_ms ? flush_ms - 5 : 0, flush_ms + 2000);
            close(fds[0]);
            close(fds[1]);
        }
    }
}

/* The new sink begins with a whole line, although the old one stalled in the middle of
 * one, and the old fd is closed. */
static void swap_while_stalled(void **state)
{
    int fds[2];
    int fd = memfd_create("log", 0);
    struct text got;

    open_sink(SINK_A_PIPE, fds);

    struct log *l = log_new(fds[1]);
    struct log_ring *r = log_ring_new(l, 65536);

    fill(r);
    log_set_fd(l, fd);
    while (fcntl(fds[1], F_GETFD) >= 0) {
        struct timespec pause = {.tv_nsec = 1000000};

        nanosleep(&pause, NULL);
    }
    log_free(l, 5000);
    rewind_and_read(fd, &got);

    struct span rest = text_span(&got), line;
    size_t whole = 0;

    while (rest.n && span_cut(rest, '\n', &line, &rest)) {
        if (line.p[0] == '{')
            continue;
        assert_int_equal(line.n, 999);
        whole++;
    }
    assert_true(whole > 60);
    text_fini(&got);
    close(fd);
    close(fds[0]);
}

static void *drain_later(void *arg)
{
    static char buf[131072];
    int *args = arg;

    usleep((unsigned)args[1]);
    while (read(args[0], buf, sizeof(buf)) > 0)
        ;
    return NULL;
}

/* An order that comes just as a stalled sink begins to move again is obeyed, although nothing else is to be done. */
static void orders_meet_a_moving_sink(void **state)
{
    static char full[61440];

    memset(full, '.', sizeof(full));
    for (int i = 0; i < 60; i++) {
        int fds[2], fd = memfd_create("log", 0);
        pthread_t thread;

        open_sink(SINK_A_PIPE, fds);
        assert_int_equal(write(fds[1], full, sizeof(full)), sizeof(full));

        struct log *l = log_new(fds[1]);
        struct log_ring *r = log_ring_new(l, 1);
        int args[] = {fds[0], i * 35};

        for (int k = 0; k < 100; k++)
            assert_true(put(r, "a line of some sixty bytes, so that a hundred do not fit in\n"));
        assert_int_equal(pthread_create(&thread, NULL, drain_later, args), 0);
        usleep(1000);
        log_set_fd(l, fd);
        while (i % 2 && fcntl(fds[1], F_GETFD) >= 0)
            usleep(100);
        log_free(l, 1000);
        close(fds[1]);
        pthread_join(thread, NULL);
        close(fds[0]);
        close(fd);
    }
}

static void swap_files(void **state)
{
    int first = memfd_create("log", 0), second = memfd_create("log", 0), third = memfd_create("log", 0);
    int kept = dup(first);
    struct log *l = log_new(first);
    struct log_ring *r = log_ring_new(l, 1);
    struct text got;

    assert_true(put(r, "first\n"));
    for (rewind_and_read(kept, &got); !got.n; rewind_and_read(kept, &got))
        text_fini(&got);
    assert_string_equal(got.p, "first\n");
    text_fini(&got);

    log_set_fd(l, second);
    log_set_fd(l, third); /* asked twice: only the last is used, none leaks */
    while (fcntl(first, F_GETFD) >= 0 || fcntl(second, F_GETFD) >= 0)
        usleep(1000);
    assert_true(put(r, "third\n"));
    log_free(l, 1000);
    rewind_and_read(third, &got);
    assert_string_equal(got.p, "third\n");
    text_fini(&got);
    close(third);
    close(kept);
}

static void nowhere_and_broken(void **state)
{
    int fds[2];
    struct log *l = log_new(-1);
    struct log_ring *r = log_ring_new(l, 4096);

    for (int i = 0; i < 100; i++)
        assert_true(put(r, "into the void\n"));
    log_free(l, 1000);

    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    l = log_new(fds[1]);
    r = log_ring_new(l, 4096);
    assert_true(put(r, "to nobody\n")); /* and no SIGPIPE */
    while (log_dropped(l) < 1)
        usleep(1000);
    log_free(l, 50);
    close(fds[1]);
}

static void out_of_memory(void **state)
{
    for (long n = 0; n < 2; n++) {
        alloc_fail_after(n);
        assert_null(log_new(-1));
    }
    alloc_fail_never();

    struct log *l = log_new(-1);

    alloc_fail_after(0);
    assert_null(log_ring_new(l, 4096));
    alloc_fail_never();
    assert_null(log_ring_new(l, SIZE_MAX));
    log_free(l, 0);
    log_free(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_in_order),
        cmocka_unit_test(longest_line),
        cmocka_unit_test(idle_writer_wakes),
        cmocka_unit_test(threads_do_not_mix),
        cmocka_unit_test(stall_and_go_on),
        cmocka_unit_test(free_while_stalled),
        cmocka_unit_test(free_with_little_left),
        cmocka_unit_test(swap_while_stalled),
        cmocka_unit_test(orders_meet_a_moving_sink),
        cmocka_unit_test(swap_files),
        cmocka_unit_test(nowhere_and_broken),
        cmocka_unit_test(out_of_memory),
    };

    alarm(60); /* a writer that hangs fails here */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

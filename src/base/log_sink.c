#include "base/log_sink.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SINK_NOTHING_NEW (-2)
#define SINK_PAUSE_MS 10

/* How to write without being held up. O_NONBLOCK would be simpler, but it belongs to the open file, which stdout shares
 * with whoever started us. */
enum sink_kind {
    SINK_FILE = 0, /* never stalls: all at once */
    SINK_SOCKET,   /* MSG_DONTWAIT (journald's stdout is one) */
    SINK_PIPE,     /* and terminals: a pipe that polls as writable takes PIPE_BUF bytes; only another writer that takes
                      the room in between could hold us up, until the reader reads again */
};

struct log_sink {
    int fd; /* -1: nowhere */
    int wake;
    enum sink_kind kind;
    atomic_int next_fd;
    atomic_uint_fast64_t deadline_us; /* 0: not ending */
    atomic_uint_fast64_t lost;
    size_t at, n; /* buffered: whole lines from the start, written up to `at` */
    uint8_t buf[LOG_LINE_MAX];
};

static void use_fd(struct log_sink *s, int fd)
{
    struct stat st;

    s->fd = fd;
    s->kind = SINK_PIPE;
    if (fd < 0 || fstat(fd, &st) < 0)
        return;
    if (S_ISREG(st.st_mode))
        s->kind = SINK_FILE;
    else if (S_ISSOCK(st.st_mode))
        s->kind = SINK_SOCKET;
}

struct log_sink *log_sink_new(int fd, int wake)
{
    struct log_sink *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->wake = wake;
    atomic_store(&s->next_fd, SINK_NOTHING_NEW);
    use_fd(s, fd);
    return s;
}

/* The standard three stay open: their numbers, given to a socket, would send a stray message to a client. */
static void close_fd(int fd)
{
    if (fd > STDERR_FILENO)
        close(fd);
}

void log_sink_free(struct log_sink *s)
{
    if (!s)
        return;
    close_fd(atomic_load(&s->next_fd)); /* asked for, never used */
    free(s);
}

void log_sink_set_fd(struct log_sink *s, int fd)
{
    close_fd(atomic_exchange(&s->next_fd, fd));
}

void log_sink_end(struct log_sink *s, uint64_t deadline_us)
{
    atomic_store(&s->deadline_us, deadline_us ? deadline_us : 1);
}

bool log_sink_is_ending(const struct log_sink *s)
{
    return atomic_load(&s->deadline_us) != 0;
}

bool log_sink_has_orders(const struct log_sink *s)
{
    return log_sink_is_ending(s) || atomic_load(&s->next_fd) != SINK_NOTHING_NEW;
}

uint64_t log_sink_lost(const struct log_sink *s)
{
    return atomic_load(&s->lost);
}

static void lose(struct log_sink *s, size_t to)
{
    uint64_t lines = 0;

    for (; s->at < to; s->at++)
        lines += s->buf[s->at] == '\n';
    atomic_fetch_add(&s->lost, lines);
}

void log_sink_take_fd(struct log_sink *s)
{
    int fd = atomic_exchange(&s->next_fd, SINK_NOTHING_NEW);

    if (fd == SINK_NOTHING_NEW || fd == s->fd)
        return;
    close_fd(s->fd);
    use_fd(s, fd);
    /* The rest of a line whose beginning the old sink has would be rubbish in the new one. */
    if (s->at && s->at < s->n && s->buf[s->at - 1] != '\n')
        lose(s, s->at + span_find(span_make(s->buf + s->at, s->n - s->at), '\n') + 1);
}

static size_t copy_part(struct log_sink *s, size_t n, struct span part)
{
    size_t room = sizeof(s->buf) - n;
    size_t take = part.n < room ? part.n : room;

    if (take)
        memcpy(s->buf + n, part.p, take);
    return n + take;
}

size_t log_sink_add(struct log_sink *s, struct span a, struct span b)
{
    size_t n = copy_part(s, copy_part(s, s->n, a), b);
    const uint8_t *last = n > s->n ? memrchr(s->buf + s->n, '\n', n - s->n) : NULL;
    size_t whole = last ? (size_t)(last - s->buf) + 1 - s->n : 0;

    s->n += whole;
    return whole;
}

static int wait_limit(const struct log_sink *s)
{
    uint64_t deadline = atomic_load(&s->deadline_us), now = clock_mono_us();

    if (!deadline)
        return -1;
    return deadline <= now ? 0
                           : (int)((deadline - now + 999) / 1000 < INT_MAX ? (deadline - now + 999) / 1000 : INT_MAX);
}

enum sink_wait { SINK_WRITABLE = 0, SINK_WOKEN, SINK_EXPIRED };

static enum sink_wait wait_writable(struct log_sink *s)
{
    struct pollfd p[] = {{.fd = s->fd, .events = POLLOUT}, {.fd = s->wake, .events = POLLIN}};
    uint64_t count;
    int limit = wait_limit(s), n = poll(p, 2, limit);

    if (n > 0 && p[1].revents && read(s->wake, &count, sizeof(count)) > 0 && !p[0].revents)
        return SINK_WOKEN;
    if (n > 0 && p[0].revents)
        return SINK_WRITABLE; /* or in error: the write will tell */
    return limit == 0 ? SINK_EXPIRED : SINK_WOKEN;
}

static ssize_t write_some(struct log_sink *s)
{
    size_t n = s->n - s->at;

    if (s->kind == SINK_SOCKET)
        return send(s->fd, s->buf + s->at, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (s->kind == SINK_PIPE && n > PIPE_BUF)
        n = PIPE_BUF;
    return write(s->fd, s->buf + s->at, n);
}

/* A sink that polls as writable and takes nothing must not be asked in a tight loop. */
static void pause_a_little(struct log_sink *s)
{
    struct pollfd p = {.fd = s->wake, .events = POLLIN};

    poll(&p, 1, SINK_PAUSE_MS);
}

static void step(struct log_sink *s)
{
    ssize_t n = write_some(s);

    if (n > 0)
        s->at += (size_t)n;
    else if (n < 0 && errno == EINTR)
        return;
    else if (n < 0 && (errno == EAGAIN || errno == ENOBUFS))
        pause_a_little(s);
    else
        lose(s, s->n); /* no reader, no space: the lines are gone, and the count will say so */
}

bool log_sink_flush(struct log_sink *s)
{
    bool in_time = true;

    while (s->at < s->n && in_time) {
        log_sink_take_fd(s);
        if (s->fd < 0 || s->at == s->n)
            break;

        enum sink_wait w = wait_writable(s);

        if (w == SINK_WRITABLE)
            step(s);
        in_time = w != SINK_EXPIRED;
    }
    s->at = s->n = 0;
    return in_time;
}

#include "base/log.h"

#include "base/clock.h"
#include "base/log_sink.h"
#include "base/thread.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Waking the writer. A producer makes a system call only when the writer asked for one, by its state:
 *   IDLE  nothing came for a while: it sleeps without a time limit and the next line, whichever, wakes it;
 *   NAP   lines flow: it collects them for LOG_NAP_MS into one write, and is woken early only by a ring half full;
 *   BUSY  it is draining, or was woken already.
 * The wake-up itself is one write to an eventfd, made by whoever turns the state to BUSY. A producer stores its head
 * and then loads the state, the writer stores IDLE and then looks at the heads; both pairs are sequentially consistent,
 * so that one of the two sees the other and no line is left lying. */
enum log_state { LOG_BUSY = 0, LOG_NAP, LOG_IDLE };

#define LOG_NAP_MS 20
#define LOG_RING_MAX ((size_t)1 << 30)

#define CACHE_LINE 64

struct log_ring {
    struct log *log;       /* back */
    struct log_ring *next; /* set before the ring is published, then immutable */
    size_t mask;           /* size - 1; positions only grow and are masked on use */

    /* Producer's line. */
    char pad_producer[CACHE_LINE];
    atomic_size_t head;
    size_t tail_seen; /* as last read: the writer's line is touched only when the ring looks full */
    atomic_uint_fast64_t dropped;

    /* Writer's line. */
    char pad_writer[CACHE_LINE];
    atomic_size_t tail;

    char pad_data[CACHE_LINE];
    uint8_t data[];
};

struct log {
    struct log_sink *sink; /* owns; thread: the writer's */
    uint64_t reported;     /* dropped lines the sink was told of; thread: the writer's */
    pthread_t thread;
    int wake;                         /* owns; eventfd */
    _Atomic(struct log_ring *) rings; /* owns; only ever grows at the front */
    atomic_int state;                 /* enum log_state */
};

static void wake_writer(struct log *l)
{
    uint64_t one = 1;

    /* Can fail only when the counter is at its limit, and then the writer is awake. */
    if (write(l->wake, &one, sizeof(one)) < 0)
        return;
}

/* --- producer ----------------------------------------------------------------------------------------------------- */

struct log_ring *log_ring_new(struct log *l, size_t size)
{
    size_t cap = LOG_LINE_MAX;

    while (cap < size && cap < LOG_RING_MAX)
        cap *= 2;

    struct log_ring *r = cap >= size ? calloc(1, sizeof(*r) + cap) : NULL;

    if (!r)
        return NULL;
    r->log = l;
    r->mask = cap - 1;
    r->next = atomic_load(&l->rings);
    while (!atomic_compare_exchange_weak(&l->rings, &r->next, r))
        ;
    return r;
}

/* Bytes that wait in r; exact only when they are more than `enough`, else the writer's line is not touched. */
static size_t waiting(struct log_ring *r, size_t head, size_t enough)
{
    if (head - r->tail_seen > enough)
        r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
    return head - r->tail_seen;
}

static void copy_in(struct log_ring *r, size_t head, struct span line)
{
    size_t at = head & r->mask;
    size_t first = r->mask + 1 - at < line.n ? r->mask + 1 - at : line.n;

    memcpy(r->data + at, line.p, first);
    memcpy(r->data, line.p + first, line.n - first);
}

bool log_ring_put(struct log_ring *r, struct span line)
{
    struct log *l = r->log;
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

    if (!line.n || line.n > LOG_LINE_MAX || line.p[line.n - 1] != '\n' ||
        waiting(r, head + line.n, r->mask + 1) > r->mask + 1) {
        atomic_fetch_add_explicit(&r->dropped, 1, memory_order_relaxed);
        return false;
    }
    copy_in(r, head, line);
    atomic_store(&r->head, head + line.n);

    int state = atomic_load(&l->state);

    if (state == LOG_BUSY || (state == LOG_NAP && waiting(r, head + line.n, r->mask / 2) <= r->mask / 2))
        return true;
    if (atomic_compare_exchange_strong(&l->state, &state, LOG_BUSY))
        wake_writer(l);
    return true;
}

uint64_t log_dropped(const struct log *l)
{
    uint64_t total = log_sink_lost(l->sink);

    for (const struct log_ring *r = atomic_load(&l->rings); r; r = r->next)
        total += atomic_load_explicit(&r->dropped, memory_order_relaxed);
    return total;
}

/* --- writer ------------------------------------------------------------------------------------------------------- */

static void report_drops(struct log *l)
{
    uint64_t dropped = log_dropped(l);
    char line[80];

    if (dropped == l->reported)
        return;
    int n = snprintf(line, sizeof(line), "{\"event\":\"log_dropped\",\"lines\":%llu}\n",
                     (unsigned long long)(dropped - l->reported));

    l->reported = dropped;
    log_sink_add(l->sink, span_make(line, (size_t)n), SPAN_NONE);
}

/* Moves all lines that are in r now; false: the time for the last flush is over. */
static bool drain_ring(struct log *l, struct log_ring *r, bool *moved)
{
    size_t head = atomic_load(&r->head), tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

    while (tail != head) {
        size_t at = tail & r->mask, n = head - tail;
        size_t first = r->mask + 1 - at < n ? r->mask + 1 - at : n;
        size_t taken = log_sink_add(l->sink, span_make(r->data + at, first), span_make(r->data, n - first));

        *moved = true;
        tail += taken;
        atomic_store_explicit(&r->tail, tail, memory_order_release);
        if (!taken && !log_sink_flush(l->sink))
            return false;
    }
    return true;
}

/* True when there was anything to do. */
static bool drain(struct log *l)
{
    bool moved = false;

    report_drops(l);
    for (struct log_ring *r = atomic_load(&l->rings); r; r = r->next)
        if (!drain_ring(l, r, &moved))
            return false;
    return log_sink_flush(l->sink) && moved;
}

static bool is_empty(const struct log *l)
{
    for (const struct log_ring *r = atomic_load(&l->rings); r; r = r->next)
        if (atomic_load(&r->head) != atomic_load_explicit(&r->tail, memory_order_relaxed))
            return false;
    return true;
}

static void wait_for_lines(struct log *l, bool flowing)
{
    struct pollfd p = {.fd = l->wake, .events = POLLIN};
    uint64_t count;

    atomic_store(&l->state, flowing ? LOG_NAP : LOG_IDLE);
    /* A flush that was held up may have swallowed the wake-up that came with an order. */
    if (flowing || (is_empty(l) && log_dropped(l) == l->reported && !log_sink_has_orders(l->sink)))
        poll(&p, 1, flowing ? LOG_NAP_MS : -1);
    atomic_store(&l->state, LOG_BUSY);
    if (p.revents && read(l->wake, &count, sizeof(count)) < 0)
        return;
}

static void *writer(void *arg)
{
    struct log *l = arg;

    for (;;) {
        /* Looked at before the drain: what was put before log_free() is drained after it was seen. */
        bool ending = log_sink_is_ending(l->sink);

        log_sink_take_fd(l->sink);

        bool moved = drain(l);

        if (ending && !moved)
            return NULL;
        if (!ending)
            wait_for_lines(l, moved);
    }
}

/* --- life --------------------------------------------------------------------------------------------------------- */

struct log *log_new(int fd)
{
    struct log *l = calloc(1, sizeof(*l));

    if (!l)
        return NULL;
    l->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    l->sink = l->wake >= 0 ? log_sink_new(fd, l->wake) : NULL;
    if (l->sink && thread_start(&l->thread, writer, l))
        return l;
    log_sink_free(l->sink);
    if (l->wake >= 0)
        close(l->wake);
    free(l);
    return NULL;
}

void log_free(struct log *l, unsigned flush_ms)
{
    if (!l)
        return;
    log_sink_end(l->sink, clock_mono_us() + (uint64_t)flush_ms * 1000u);
    wake_writer(l);
    pthread_join(l->thread, NULL);
    for (struct log_ring *r = atomic_load(&l->rings), *next; r; r = next) {
        next = r->next;
        free(r);
    }
    log_sink_free(l->sink);
    close(l->wake);
    free(l);
}

void log_set_fd(struct log *l, int fd)
{
    log_sink_set_fd(l->sink, fd);
    wake_writer(l);
}

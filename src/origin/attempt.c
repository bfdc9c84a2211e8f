#include "origin/impl.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>

#define STAGGER_MS 250u /* RFC 8305 §5: Connection Attempt Delay */
#define PAUSE_FIRST_MS 100u
#define PAUSE_MOST_MS 1000u
#define RESOLVE_PAUSE_MS 500u
#define RESOLVE_TRIES 2u
#define TLS_TRIES 2u

enum phase {
    PHASE_RESOLVE = 0,
    PHASE_RESOLVE_PAUSE,
    PHASE_CONNECT, /* a round: each address once */
    PHASE_PAUSE,   /* between rounds: the machine may be starting */
    PHASE_GREETING /* connected; HTTP/2 begins with what the origin says */
};

struct contender {
    struct origin_attempt *attempt; /* back */
    struct stream *stream;          /* owned; NULL: it has failed */
    uint64_t since_ms;
};

struct origin_attempt {
    struct origin_target *target;
    struct origin_attempt *next, *prev; /* of the thread */
    struct origin_wait *wait;           /* borrowed: whoever waits cancels before going */
    struct pooled *conn;                /* owned: made first, so that success cannot fail */
    struct resolve resolve;
    struct timer deadline, step;
    enum phase phase;
    unsigned resolve_failures, tls_failures;
    uint32_t pause_ms;
    uint64_t start_us;
    enum origin_error error; /* what to say at the deadline; ORIGIN_OK: nothing has failed yet */
    const char *detail;
    size_t count, launched, open;
    struct addr addrs[RESOLVER_MAX];
    struct contender contenders[RESOLVER_MAX];
    struct loop_task park;
};

static void release(void *p)
{
    free(p);
}

void attempt_end(struct origin_attempt *a)
{
    struct origin_thread *t = a->target->thread;
    *(a->prev ? &a->prev->next : &t->attempts) = a->next;
    if (a->next)
        a->next->prev = a->prev;
    for (size_t i = 0; i < a->launched; i++)
        if (a->contenders[i].stream)
            stream_close(a->contenders[i].stream, STREAM_CLOSE_NOW);
    resolver_cancel(&a->resolve);
    timer_fini(&a->deadline);
    timer_fini(&a->step);
    if (a->conn && a->conn->h2)
        pooled_free(a->conn, STREAM_CLOSE_NOW);
    else
        free(a->conn);
    a->wait->attempt = NULL;
    a->target->users--;
    a->target->attempts--;
    loop_defer_free(t->loop, &a->park, release, a);
}

/* Must be the last thing its caller does. */
static void fail(struct origin_attempt *a, enum origin_error error, const char *detail)
{
    struct origin_target *g = a->target;
    struct origin_wait *w = a->wait;
    attempt_end(a);
    origin_fail(g->thread, w, error, detail);
    park_fail(g, error, detail);
}

void attempt_leave(struct origin_attempt *a)
{
    struct origin_wait *w = park_pop(a->target);
    if (!w) {
        attempt_end(a);
        return;
    }
    a->wait->attempt = NULL;
    a->wait = w;
    w->attempt = a;
}

/* False: no memory, the attempt has failed. */
static bool set_step(struct origin_attempt *a, uint32_t ms)
{
    if (timer_set(&a->step, ms))
        return true;
    fail(a, ORIGIN_MEMORY, "out of memory");
    return false;
}

/* --- connecting --------------------------------------------------------------------------------------------------- */

/* "Refused" says most: somebody is there, and not ready. */
static void note_failure(struct origin_attempt *a, enum origin_error error, const char *detail)
{
    if (a->error == ORIGIN_REFUSED && error != ORIGIN_REFUSED)
        return;
    a->error = error;
    a->detail = detail;
}

static void pause_round(struct origin_attempt *a)
{
    uint32_t ms = a->pause_ms;
    a->phase = PHASE_PAUSE;
    a->pause_ms = ms * 2 < PAUSE_MOST_MS ? ms * 2 : PAUSE_MOST_MS;
    set_step(a, ms);
}

static void on_contender_open(void *arg);
static void on_contender_read(void *arg);

static struct stream *open_stream(struct contender *c, const struct addr *to)
{
    static const struct stream_limits limits = {.read_high = ORIGIN_READ_HIGH, .write_low = ORIGIN_DRAINED_AT};
    static const struct stream_events events = {.on_open = on_contender_open, .on_read = on_contender_read};
    static const unsigned alpn[] = {
        [ORIGIN_HTTP_1] = TLS_ALPN_HTTP1,
        [ORIGIN_HTTP_2] = TLS_ALPN_HTTP2,
        [ORIGIN_HTTP_AUTO] = TLS_ALPN_HTTP1 | TLS_ALPN_HTTP2,
    };
    const struct origin_target *g = c->attempt->target;
    struct stream_connect connect = {
        .to = *to,
        .tls = g->tls,
        .name = target_tls_name(g),
        .resume = g->session,
        .alpn = alpn[g->http],
    };
    return stream_open(g->thread->loop, &connect, &limits, &events, c);
}

static bool is_shortage(int err)
{
    return err == EMFILE || err == ENFILE || err == ENOMEM || err == ENOBUFS;
}

/* When descriptors or memory run out, what only waits in a pool gives way to what somebody waits for. */
static struct stream *open_or_evict(struct contender *c, const struct addr *to)
{
    struct origin_thread *t = c->attempt->target->thread;
    struct stream *s;
    errno = 0;
    while (!(s = open_stream(c, to)) && is_shortage(errno) && t->idle_oldest) {
        pool_evict(t->idle_oldest, STREAM_CLOSE_NOW);
        errno = 0;
    }
    return s;
}

/* No address could be tried, the last one for `err`. */
static void fail_launch(struct origin_attempt *a, int err)
{
    if (err == EMFILE || err == ENFILE)
        fail(a, ORIGIN_DESCRIPTORS, "out of descriptors");
    else if (err == EAFNOSUPPORT)
        fail(a, ORIGIN_UNREACHABLE, "this machine cannot reach addresses of that kind");
    else
        fail(a, ORIGIN_MEMORY, "out of memory");
}

/* Starts the next address; the one after it follows when this one stays silent or fails. */
static void launch(struct origin_attempt *a)
{
    int err = 0;
    while (a->launched < a->count) {
        struct contender *c = &a->contenders[a->launched];
        *c = (struct contender){.attempt = a, .since_ms = a->target->thread->loop->now_ms};
        c->stream = open_or_evict(c, &a->addrs[a->launched]);
        err = errno;
        a->launched++;
        if (!c->stream)
            continue;
        a->open++;
        break;
    }
    if (a->open == 0)
        fail_launch(a, err);
    else if (a->launched < a->count)
        set_step(a, STAGGER_MS);
}

static void start_round(struct origin_attempt *a)
{
    a->phase = PHASE_CONNECT;
    a->launched = 0;
    launch(a);
}

static void judge_failure(struct origin_attempt *a, enum stream_failure failure, const char *detail)
{
    static const enum origin_error errors[] = {
        [STREAM_FAIL_NONE] = ORIGIN_UNREACHABLE,        [STREAM_FAIL_REFUSED] = ORIGIN_REFUSED,
        [STREAM_FAIL_UNREACHABLE] = ORIGIN_UNREACHABLE, [STREAM_FAIL_RESET] = ORIGIN_REFUSED,
        [STREAM_FAIL_TLS_VERIFY] = ORIGIN_TLS_VERIFY,   [STREAM_FAIL_TLS] = ORIGIN_TLS,
        [STREAM_FAIL_OTHER] = ORIGIN_UNREACHABLE,
    };
    enum origin_error error = errors[failure];
    /* The session offered may be what it stumbled over. */
    if (error == ORIGIN_TLS || error == ORIGIN_TLS_VERIFY)
        target_forget_session(a->target);
    /* A wrong certificate does not become right by asking again, and asking another address would hide it. */
    if (error == ORIGIN_TLS_VERIFY || (error == ORIGIN_TLS && ++a->tls_failures >= TLS_TRIES)) {
        fail(a, error, detail);
        return;
    }
    note_failure(a, error, detail);
    if (a->launched < a->count)
        launch(a);
    else if (a->open == 0)
        pause_round(a);
}

static void on_contender_read(void *arg)
{
    struct contender *c = arg;
    struct stream *s = c->stream;
    if (stream_input(s) == STREAM_IN_OPEN)
        return;
    enum stream_failure failure = stream_failure(s);
    const char *detail = stream_error(s);
    bool no_http2 = stream_alpn_refused(s) && c->attempt->target->http == ORIGIN_HTTP_2;
    c->stream = NULL;
    c->attempt->open--;
    stream_close(s, STREAM_CLOSE_NOW);
    if (no_http2)
        fail(c->attempt, ORIGIN_NO_HTTP2, detail);
    else
        judge_failure(c->attempt, failure, detail);
}

/* Nobody else is needed any more. */
static void settle_on(struct origin_attempt *a, struct contender *c)
{
    struct pooled *p = a->conn;
    p->conn.stream = c->stream;
    p->conn.uses = 1;
    p->conn.connect_us = (uint32_t)(clock_mono_us() - a->start_us);
    c->stream = NULL;
    a->open--;
}

static void give_http1(struct origin_attempt *a)
{
    static const struct stream_events none = {0};
    struct origin_target *g = a->target;
    struct pooled *p = a->conn;
    struct origin_wait *w = a->wait;
    stream_set_events(p->conn.stream, &none, NULL);
    g->users++;
    g->speaks_http1 = true;
    a->conn = NULL;
    attempt_end(a);
    park_serve(g);
    w->on_conn(w->arg, &p->conn, ORIGIN_OK, NULL);
}

static void close_contenders(struct origin_attempt *a)
{
    for (size_t i = 0; i < a->launched; i++) {
        if (a->contenders[i].stream)
            stream_close(a->contenders[i].stream, STREAM_CLOSE_NOW);
        a->contenders[i].stream = NULL;
    }
    a->open = 0;
}

static void wait_for_greeting(struct origin_attempt *a)
{
    struct pooled *p = a->conn;
    a->phase = PHASE_GREETING;
    timer_stop(&a->step);
    close_contenders(a);
    if (shared_open(p, a))
        return;
    a->conn = NULL;
    stream_close(p->conn.stream, STREAM_CLOSE_NOW);
    free(p);
    fail(a, ORIGIN_MEMORY, "out of memory");
}

void attempt_greeted(struct origin_attempt *a)
{
    struct origin_target *g = a->target;
    struct origin_wait *w = a->wait;
    struct origin_shared *shared = a->conn->h2;
    struct origin_conn *c;
    bool memory = true;
    g->users += 2; /* the connection, and until all have been told */
    g->speaks_http1 = false;
    g->lanes_each = h2_client_room(shared->session);
    a->conn = NULL;
    attempt_end(a);
    c = shared_take_first(shared, &memory);
    if (c) {
        w->on_conn(w->arg, c, ORIGIN_OK, NULL);
        park_serve(g);
    } else {
        enum origin_error error = memory ? ORIGIN_LIMIT : ORIGIN_MEMORY;
        const char *detail = memory ? "it takes no requests" : "out of memory";
        origin_fail(g->thread, w, error, detail);
        park_fail(g, error, detail);
    }
    g->users--;
}

void attempt_not_greeted(struct origin_attempt *a, const char *detail)
{
    a->conn = NULL;
    fail(a, ORIGIN_NO_HTTP2, detail);
}

static bool is_http2(const struct origin_target *g, const struct stream *s)
{
    if (!g->tls)
        return g->http == ORIGIN_HTTP_2;
    return g->http != ORIGIN_HTTP_1 && span_eq(stream_alpn(s), SPAN("h2"));
}

static void on_contender_open(void *arg)
{
    struct contender *c = arg;
    struct origin_attempt *a = c->attempt;
    bool http2 = is_http2(a->target, c->stream);
    if (!http2 && a->target->http == ORIGIN_HTTP_2) {
        fail(a, ORIGIN_NO_HTTP2, "it did not choose HTTP/2 by ALPN");
        return;
    }
    settle_on(a, c);
    if (http2)
        wait_for_greeting(a);
    else
        give_http1(a);
}

/* --- resolving ---------------------------------------------------------------------------------------------------- */

static void take_addresses(struct origin_attempt *a, const struct addr *addrs, size_t count)
{
    a->error = ORIGIN_OK;
    a->count = count < RESOLVER_MAX ? count : RESOLVER_MAX;
    for (size_t i = 0; i < a->count; i++) {
        a->addrs[i] = addrs[i];
        a->addrs[i].port = a->target->port;
    }
    start_round(a);
}

static void on_resolved(void *arg, const struct addr *addrs, size_t count, const char *why)
{
    struct origin_attempt *a = arg;
    if (count) {
        take_addresses(a, addrs, count);
        return;
    }
    a->error = ORIGIN_RESOLVE;
    a->detail = why;
    if (++a->resolve_failures >= RESOLVE_TRIES) {
        fail(a, ORIGIN_RESOLVE, why);
        return;
    }
    a->phase = PHASE_RESOLVE_PAUSE;
    set_step(a, RESOLVE_PAUSE_MS);
}

static void ask_resolver(struct origin_attempt *a)
{
    a->phase = PHASE_RESOLVE;
    a->resolve = (struct resolve){.on_done = on_resolved, .arg = a};
    resolver_start(a->target->thread->resolver, target_host(a->target), &a->resolve);
}

/* --- time --------------------------------------------------------------------------------------------------------- */

static void on_step(void *arg)
{
    struct origin_attempt *a = arg;
    if (a->phase == PHASE_CONNECT && a->launched < a->count)
        launch(a);
    else if (a->phase == PHASE_PAUSE)
        start_round(a);
    else if (a->phase == PHASE_RESOLVE_PAUSE)
        ask_resolver(a);
}

/* An address that was tried a moment ago has not been silent yet. */
static bool has_silent(const struct origin_attempt *a)
{
    uint64_t now = a->target->thread->loop->now_ms;
    for (size_t i = 0; i < a->launched; i++)
        if (a->contenders[i].stream && now - a->contenders[i].since_ms >= STAGGER_MS)
            return true;
    return false;
}

static void on_deadline(void *arg)
{
    struct origin_attempt *a = arg;
    if (a->error != ORIGIN_OK && !has_silent(a))
        fail(a, a->error, a->detail);
    else if (a->phase == PHASE_GREETING)
        fail(a, ORIGIN_NO_HTTP2, "it did not begin to speak HTTP/2 in time");
    else if (a->count == 0)
        fail(a, ORIGIN_RESOLVE, "the name was not resolved in time");
    else
        fail(a, ORIGIN_TIMEOUT, "no answer in time");
}

/* --- start -------------------------------------------------------------------------------------------------------- */

static struct origin_attempt *attempt_new(struct origin_target *g, struct origin_wait *w)
{
    struct origin_attempt *a = calloc(1, sizeof *a);
    struct pooled *p = calloc(1, sizeof *p);
    if (!a || !p) {
        free(a);
        free(p);
        return NULL;
    }
    struct origin_thread *t = g->thread;
    p->conn.target = g;
    p->generation = t->generation;
    a->target = g;
    a->conn = p;
    a->wait = w;
    a->pause_ms = PAUSE_FIRST_MS;
    a->start_us = clock_mono_us();
    timer_init(&a->deadline, t->loop, on_deadline, a);
    timer_init(&a->step, t->loop, on_step, a);
    a->next = t->attempts;
    if (a->next)
        a->next->prev = a;
    t->attempts = a;
    g->users++;
    g->attempts++;
    w->attempt = a;
    return a;
}

void attempt_start(struct origin_target *g, struct origin_wait *w)
{
    struct addr literal;
    struct origin_attempt *a = attempt_new(g, w);
    if (!a)
        origin_fail(g->thread, w, ORIGIN_MEMORY, "out of memory");
    else if (!timer_set(&a->deadline, g->connect_timeout_ms))
        fail(a, ORIGIN_MEMORY, "out of memory");
    else if (addr_parse_ip(target_host(g), &literal))
        take_addresses(a, &literal, 1);
    else
        ask_resolver(a);
}

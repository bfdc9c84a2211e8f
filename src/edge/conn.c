/* One HTTP/1 client connection: life, heads, request bodies, deadlines. Writing is conn_write.c. */
#include "edge/conn.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "edge/addresses.h"
#include "edge/conn_write.h"
#include "edge/h2_conn.h"
#include "edge/shed.h"
#include "edge/tunnel.h"

static void conn_on_open(void *arg);
static void conn_on_read(void *arg);
static void conn_on_drained(void *arg);

static const struct stream_events conn_events = {conn_on_open, conn_on_read, conn_on_drained};

static const struct limits_config *limits_of(const struct conn *c)
{
    return &c->thread->hold->snapshot->limits;
}

static void wait_until(struct conn *c, uint32_t ms)
{
    c->since_ms = c->thread->loop->now_ms;
    c->deadline_ms = c->since_ms + shed_patience_ms(c, ms);
}

/* --- life ---------------------------------------------------------------------------------------------------------- */

static void list_add(struct conn *c)
{
    c->next = c->thread->conns;
    if (c->next)
        c->next->prev = c;
    c->thread->conns = c;
}

static void list_remove(struct conn *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else
        c->thread->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
}

/* Room among all threads' connections and among those of its address: taken before it is known to be free, so that two threads
 * can't both take the last one. */
static bool room_take(struct edge_thread *t, const struct addr *counted, struct address_count **out)
{
    const struct limits_config *l = &t->hold->snapshot->limits;
    if (atomic_fetch_add_explicit(&t->shared->connections, 1, memory_order_relaxed) < l->connections &&
        edge_address_enter(t->shared, counted, l->connections_per_address, out))
        return true;
    atomic_fetch_sub_explicit(&t->shared->connections, 1, memory_order_relaxed);
    return false;
}

static void room_give(struct edge_thread *t, struct address_count *address)
{
    edge_address_leave(t->shared, address);
    atomic_fetch_sub_explicit(&t->shared->connections, 1, memory_order_relaxed);
}

static void conn_release(void *p)
{
    free(p);
}

void conn_close(struct conn *c, enum stream_close how)
{
    if (c->state == CONN_CLOSED)
        return;
    c->state = CONN_CLOSED;
    h2_conn_fini(c);
    if (c->exchanges) {
        exchange_end(c->exchanges, true); /* writes the log line of what was cut short */
        exchange_free(c->exchanges);
    }
    if (c->stream)
        stream_close(c->stream, how);
    c->stream = NULL;
    room_give(c->thread, c->address);
    c->thread->guests -= c->guest;
    list_remove(c);
    loop_task_cancel(&c->task);
    struct edge_thread *t = c->thread;
    loop_defer_free(t->loop, &c->task, conn_release, c);
    edge_thread_closed_one(t);
}

static void conn_after_exchange(void *arg);

/* Owns fd from here on: the stream closes it, also when it can't be made. */
static bool conn_open_stream(struct conn *c, int fd)
{
    static const struct stream_limits limits = {.read_high = EDGE_READ_HIGH, .write_low = EDGE_LOW};
    const struct snapshot *s = c->thread->hold->snapshot;
    bool tls = c->listen.kind == LISTEN_SERVE && !c->listen.plain;
    if (tls && !s->tls) {
        close(fd);
        return false;
    }
    c->stream = stream_accept(c->thread->loop, fd, tls ? s->tls : NULL, &limits, &conn_events, c);
    c->state = tls ? CONN_HANDSHAKE : CONN_IDLE;
    return c->stream != NULL;
}

void conn_start(struct edge_thread *t, int fd, const struct listen_config *listen, const struct addr *peer,
                bool trusted, const struct addr *counted)
{
    struct addr nobody = {.family = 0};
    /* A trusted proxy brings everybody's connections: it is not one client. */
    struct addr count = trusted && !listen->proxy_protocol ? nobody : *counted;
    struct address_count *address;
    enum shed_entry entry = shed_at_door(t);
    if (entry == SHED_AWAY || !room_take(t, &count, &address)) {
        close(fd);
        return;
    }
    struct conn *c = calloc(1, sizeof *c);
    if (!c) {
        room_give(t, address);
        close(fd);
        return;
    }
    c->thread = t;
    c->listen = *listen;
    c->peer = *peer;
    c->peer_trusted = trusted;
    c->counted = count;
    c->address = address;
    loop_task_init(&c->task, conn_after_exchange, c);
    if (!conn_open_stream(c, fd)) {
        room_give(t, address);
        free(c);
        return;
    }
    c->guest = entry == SHED_GUEST;
    t->guests += c->guest;
    wait_until(c, limits_of(c)->handshake_timeout_ms);
    list_add(c);
}

static void conn_on_open(void *arg)
{
    struct conn *c = arg;
    if (span_eq(stream_alpn(c->stream), SPAN("h2"))) {
        if (!h2_conn_open(c))
            conn_close(c, STREAM_CLOSE_NOW);
        return;
    }
    c->state = CONN_IDLE;
    wait_until(c, limits_of(c)->header_timeout_ms);
}

/* --- heads ---------------------------------------------------------------------------------------------------------- */

/* A request that the codec refused still becomes an exchange: it gets an answer and a log line like any other. */
static void start_exchange(struct conn *c, size_t head_n, const struct h1_error *refused)
{
    struct exchange *x = exchange_new(c->thread, c, &conn_client_ops);
    uint8_t *head = x ? arena_alloc(&x->arena, head_n) : NULL;
    if (!head) {
        if (x)
            exchange_free(x);
        conn_close(c, STREAM_CLOSE_NOW);
        return;
    }
    struct chunkq *in = stream_in(c->stream);
    chunkq_copy(in, head_n, head);
    chunkq_drop(in, head_n);
    const struct limits_config *l = limits_of(c);
    struct h1_limits limits = {.head_bytes = l->header_bytes, .fields = l->header_fields};
    if (refused)
        x->parse_error = *refused;
    else
        h1_parse_request(span_make(head, head_n), &limits, &x->arena, &x->req, &x->parse_error);
    bool bad = x->parse_error.status != 0;
    h1_body_init(&c->body, bad ? BODY_NONE : x->req.body, x->req.content_length);
    c->state = CONN_EXCHANGE;
    c->scanned = 0;
    c->requests++;
    c->deadline_ms = 0;
    bool last = bad || !x->req.keep_alive || c->requests >= l->requests_per_connection || c->guest ||
                c->thread->state != EDGE_SERVING;
    c->end = last ? CONN_FINISH : CONN_KEEP;
    exchange_start(x);
}

static void head_incomplete(struct conn *c)
{
    if (stream_input(c->stream) != STREAM_IN_OPEN) {
        conn_close(c, STREAM_CLOSE_FLUSH);
        return;
    }
    if (stream_in(c->stream)->bytes > 0 && c->state == CONN_IDLE) {
        c->state = CONN_HEAD;
        wait_until(c, limits_of(c)->header_timeout_ms);
    }
    stream_resume(c->stream, 0); /* the input may have been full with what was taken out of it just now */
}

static void read_head(struct conn *c)
{
    static const struct h1_error too_large = {431, "head-too-large"};
    static const struct h1_error bad = {400, "bad-request"};
    struct chunkq *in = stream_in(c->stream);
    size_t head_n = 0;
    switch (in->bytes ? h1_scan_head(in, limits_of(c)->header_bytes, &c->scanned, &head_n) : H1_SCAN_MORE) {
    case H1_SCAN_MORE:
        head_incomplete(c);
        break;
    case H1_SCAN_DONE:
        start_exchange(c, head_n, NULL);
        break;
    case H1_SCAN_TOO_LARGE:
        start_exchange(c, 0, &too_large);
        break;
    case H1_SCAN_BAD:
        start_exchange(c, 0, &bad);
        break;
    }
}

/* --- between exchanges ----------------------------------------------------------------------------------------------- */

static void conn_next_request(struct conn *c)
{
    if (stream_out(c->stream)->bytes > edge_high(c->thread)) { /* one that pipelines without reading waits */
        c->state = CONN_DISCARD;
        c->deadline_ms = 0; /* as long as it keeps pace; then conn_on_drained */
        return;
    }
    stream_set_read_high(c->stream, EDGE_READ_HIGH); /* less while memory was tight: a head needs it */
    c->state = CONN_IDLE;
    wait_until(c, limits_of(c)->keepalive_timeout_ms);
    if (stream_in(c->stream)->bytes > 0 || stream_input(c->stream) != STREAM_IN_OPEN)
        read_head(c);
    else
        stream_resume(c->stream, 0);
}

/* Reads what is left of a request that was answered without it. */
static void conn_discard(struct conn *c)
{
    struct chunkq waste;
    uint64_t payload = 0;
    chunkq_init(&waste, &c->thread->loop->chunks);
    bool ok = h1_body_read(&c->body, stream_in(c->stream), &waste, SIZE_MAX, &payload);
    chunkq_clear(&waste);
    if (!ok || c->body.state == H1_BODY_BAD)
        conn_close(c, STREAM_CLOSE_LINGER);
    else if (c->body.state == H1_BODY_END)
        conn_next_request(c);
    else if (stream_input(c->stream) != STREAM_IN_OPEN)
        conn_close(c, STREAM_CLOSE_FLUSH);
    else
        stream_resume(c->stream, 0);
}

static void conn_after_exchange(void *arg)
{
    struct conn *c = arg;
    if (c->state != CONN_EXCHANGE || !c->exchanges || c->exchanges->state != EX_DONE)
        return;
    exchange_free(c->exchanges);
    bool body_left = c->body.state != H1_BODY_END;
    wait_until(c, limits_of(c)->body_timeout_ms);
    if (c->end == CONN_CUT)
        conn_close(c, STREAM_CLOSE_NOW);
    else if (c->end == CONN_FINISH)
        conn_close(c, body_left || stream_in(c->stream)->bytes ? STREAM_CLOSE_LINGER : STREAM_CLOSE_FLUSH);
    else if (body_left) {
        c->state = CONN_DISCARD;
        conn_discard(c);
    } else
        conn_next_request(c);
}

/* --- events ---------------------------------------------------------------------------------------------------------- */

/* A reset, or a TCP end without TLS's: the client is gone. One that says close_notify only has nothing more to send and may still
 * read (RFC 9112 §9.8). */
static bool client_is_gone(const struct conn *c)
{
    enum stream_input in = stream_input(c->stream);
    return in == STREAM_IN_ERROR || (in == STREAM_IN_TRUNC && c->state == CONN_EXCHANGE);
}

static void conn_on_read(void *arg)
{
    struct conn *c = arg;
    if (client_is_gone(c) && c->state != CONN_TUNNEL) {
        if (c->exchanges && c->exchanges->state != EX_DONE)
            exchange_on_client_lost(c->exchanges);
        else
            conn_close(c, STREAM_CLOSE_NOW);
        return;
    }
    switch (c->state) {
    case CONN_HANDSHAKE:
        if (stream_input(c->stream) != STREAM_IN_OPEN)
            conn_close(c, STREAM_CLOSE_NOW);
        break;
    case CONN_IDLE:
    case CONN_HEAD:
        read_head(c);
        break;
    case CONN_EXCHANGE:
        exchange_on_body(c->exchanges);
        break;
    case CONN_DISCARD:
        conn_discard(c);
        break;
    case CONN_TUNNEL:
    case CONN_H2:
    case CONN_CLOSED:
        break;
    }
}

static void conn_on_drained(void *arg)
{
    struct conn *c = arg;
    if (c->state == CONN_EXCHANGE)
        exchange_on_drained(c->exchanges);
    else if (c->state == CONN_DISCARD)
        conn_discard(c);
}

/* --- deadlines ------------------------------------------------------------------------------------------------------- */

/* A client that does not take what we have for it. False: it is closed. */
static bool keeps_pace(struct conn *c, uint64_t now)
{
    struct pace_limits l = pace_limits_of(limits_of(c), limits_of(c)->backpressure_timeout_ms);
    enum pace_verdict v = pace_check(&c->pace, c->stream, &l, now);
    if (v == PACE_FINE)
        return true;
    if (c->exchanges)
        c->exchanges->detail = pace_text(v);
    conn_close(c, STREAM_CLOSE_NOW);
    return false;
}

static bool head_drips(const struct conn *c, uint64_t now)
{
    const struct limits_config *l = limits_of(c);
    uint64_t span = now - c->since_ms;
    return c->state == CONN_HEAD && l->body_rate && span >= l->body_rate_after_ms &&
           !pace_suffices(stream_in(c->stream)->bytes, l->body_rate, span);
}

/* A head that never ends gets an answer (RFC 9110 §15.5.9); idle connections just end. */
static void deadline_passed(struct conn *c)
{
    static const struct h1_error slow = {408, "header-timeout"};
    if (c->state == CONN_HEAD)
        start_exchange(c, 0, &slow);
    else
        conn_close(c, c->state == CONN_IDLE ? STREAM_CLOSE_FLUSH : STREAM_CLOSE_NOW);
}

void conn_sweep(struct conn *c)
{
    uint64_t now = c->thread->loop->now_ms;
    if (c->state == CONN_TUNNEL)
        tunnel_sweep(c->exchanges->tunnel);
    else if (!keeps_pace(c, now))
        return;
    else if (c->state == CONN_H2)
        h2_conn_sweep(c);
    else if (c->state == CONN_EXCHANGE)
        exchange_sweep(c->exchanges);
    else if ((c->deadline_ms && now >= c->deadline_ms) || head_drips(c, now))
        deadline_passed(c);
}

/* A client repeats a request by itself on a connection that served before, hardly on a new one (RFC 9112 §9.3.1). */
static bool owes_first_answer(const struct conn *c)
{
    return c->requests == 0 && (c->state == CONN_IDLE || c->state == CONN_HANDSHAKE);
}

void conn_drain(struct conn *c, enum edge_drain how)
{
    if (how == EDGE_DRAIN_HAND_OVER && owes_first_answer(c))
        return;
    if (c->state == CONN_H2) {
        h2_conn_drain(c);
        return;
    }
    if (c->end == CONN_KEEP)
        c->end = CONN_FINISH;
    if (c->state == CONN_IDLE || c->state == CONN_HANDSHAKE)
        conn_close(c, STREAM_CLOSE_FLUSH);
}

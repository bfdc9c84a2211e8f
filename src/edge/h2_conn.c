/* One HTTP/2 client connection: frames in and out, streams to exchanges, deadlines. What an exchange writes is h2_write.c.
 *
 * Exchanges only ever ask for the connection's task; frames are written by it, for all of them together, before the loop waits again. */
#include "edge/h2_conn.h"

#include "base/crypto/base64.h"
#include "edge/h2_write.h"
#include "edge/shed.h"
#include "edge/tunnel.h"

#define FIELDS_FIRST 24
/* How long requests that crossed our notice may take to arrive (RFC 9113 §6.8: at least a round trip). */
#define NOTICE_MS 1000u
/* How long the rest of a request may still come that was answered without it. */
#define ANSWERED_MS 1000u
/* So many requests of a connection begin in one turn of the loop: then it is the others' turn. */
#define BEGIN_MOST 8u

static void h2_on_read(void *arg);
static void h2_on_drained(void *arg);

static const struct stream_events stream_events = {NULL, h2_on_read, h2_on_drained};

static const struct limits_config *limits_of(const struct conn *c)
{
    return &c->thread->hold->snapshot->limits;
}

static void wait_until(struct conn *c, uint32_t ms)
{
    c->deadline_ms = c->thread->loop->now_ms + shed_patience_ms(c, ms);
}

/* For a request, the first one too. */
static void begin_to_wait(struct conn *c, uint32_t ms)
{
    c->since_ms = c->thread->loop->now_ms;
    wait_until(c, ms);
}

/* --- exchanges ---------------------------------------------------------------------------------------------------- */

static bool on_begin(void *arg, struct h2_stream *s, struct h2_head *head)
{
    struct conn *c = arg;
    struct exchange *x = exchange_new(c->thread, c, &h2_client_ops);
    if (!x)
        return false;
    if (!headers_init(&x->req.headers, &x->arena, FIELDS_FIRST)) {
        exchange_free(x);
        return false;
    }
    x->lane = s;
    s->owner = x;
    *head = (struct h2_head){.arena = &x->arena, .req = &x->req};
    c->h2.heads++;
    c->h2.streams++;
    c->h2.state = H2_CONN_BUSY;
    wait_until(c, limits_of(c)->header_timeout_ms);
    return true;
}

/* What the origin needs for its handshake, and HTTP/2 does without (RFC 8441 §5). The key is no secret: it shows that the answer is to this
 * request. */
static bool make_up_key(struct exchange *x)
{
    uint64_t bytes[2] = {rng_u64(&x->thread->loop->rng), rng_u64(&x->thread->loop->rng)};
    char *text = arena_alloc(&x->arena, BASE64_SIZE(sizeof bytes));
    if (!text)
        return false;
    size_t n = base64_encode(span_make(bytes, sizeof bytes), text);
    return headers_add(&x->req.headers, &x->arena, SPAN("Sec-WebSocket-Key"), span_make(text, n));
}

static void head_over(struct conn *c)
{
    if (--c->h2.heads == 0)
        c->deadline_ms = 0;
}

static void on_head(void *arg, struct h2_stream *s, const struct h1_error *refused)
{
    struct conn *c = arg;
    struct exchange *x = s->owner;
    head_over(c);
    if (++c->requests >= limits_of(c)->requests_per_connection || c->guest || c->thread->state != EDGE_SERVING)
        h2_conn_drain(c);
    x->parse_error = *refused;
    if (x->req.websocket && refused->status == 0 && !make_up_key(x))
        x->parse_error = (struct h1_error){503, "out-of-memory"};
    x->heard = true;
    c->h2.waiting++;
}

static bool has_begun(const struct exchange *x)
{
    return x->start_us != 0;
}

/* Behind what was read and written: whoever resets a stream in the breath that opens it, or has us reset it, has nobody asked for it. True: there are
 * more. */
static bool begin_some(struct conn *c)
{
    struct h2_stream *s = h2_session_first(c->h2.session);
    unsigned n = 0;
    while (s && s->next)
        s = s->next;
    for (; s && c->h2.waiting; s = s->prev) {
        struct exchange *x = s->owner;
        if (!x || has_begun(x) || !x->heard || s->input == H2_INPUT_RESET)
            continue;
        if (n++ == BEGIN_MOST)
            return true;
        c->h2.waiting--;
        exchange_start(x);
    }
    return false;
}

/* What a request did not live to see is no request. */
static void never_began(struct conn *c, const struct exchange *x)
{
    if (!x->heard)
        head_over(c);
    else
        c->h2.waiting--;
}

/* Answered already: what still comes has no taker. */
static void throw_away(struct h2_stream *s)
{
    size_t n = s->in.bytes;
    chunkq_clear(&s->in);
    h2_stream_took(s, n);
}

static void on_input(void *arg, struct h2_stream *s)
{
    struct exchange *x = s->owner;
    if (x && !has_begun(x))
        return; /* it will find it */
    if (!x || x->state == EX_DONE)
        throw_away(s);
    else if (x->state == EX_TUNNEL)
        tunnel_on_client(x->tunnel);
    else if (s->input == H2_INPUT_RESET)
        exchange_on_client_lost(x);
    else
        exchange_on_body(x);
}

static void on_sent(void *arg, struct h2_stream *s)
{
    struct exchange *x = s->owner;
    if (!x || s->out.bytes > x->client->high(x) / 4)
        return;
    if (x->state == EX_TUNNEL)
        tunnel_on_client(x->tunnel);
    else
        exchange_on_drained(x);
}

static void on_gone(void *arg, struct h2_stream *s)
{
    struct conn *c = arg;
    struct exchange *x = s->owner;
    c->h2.streams--;
    if (!x)
        return;
    if (!has_begun(x))
        never_began(c, x);
    s->owner = NULL;
    x->lane = NULL;
    c->h2.signed_in |= x->who != NULL;
    if (has_begun(x) && c->state == CONN_CLOSED)
        exchange_end(x, true); /* we closed it, and have said why */
    else if (has_begun(x))
        exchange_on_client_lost(x); /* no effect when it was over */
    exchange_free(x);
}

static const struct h2_events session_events = {on_begin, on_head, on_input, on_sent, on_gone};

/* Exchanges that are over leave their stream to what it has still to send. */
static void bury(struct conn *c)
{
    for (struct h2_stream *s = h2_session_first(c->h2.session); s; s = s->next) {
        struct exchange *x = s->owner;
        if (!x || x->state != EX_DONE)
            continue;
        c->h2.signed_in |= x->who != NULL;
        h2_stream_leave(s);
        exchange_free(x);
        throw_away(s);
    }
}

/* --- frames ------------------------------------------------------------------------------------------------------- */

/* Between requests it may stay idle for a while. */
static void note_idle(struct conn *c)
{
    bool idle = h2_session_first(c->h2.session) == NULL;
    if (idle && c->h2.state == H2_CONN_BUSY)
        begin_to_wait(c, limits_of(c)->keepalive_timeout_ms);
    c->h2.state = idle ? H2_CONN_IDLE : H2_CONN_BUSY;
}

static bool is_finished(const struct conn *c)
{
    bool away = c->h2.leaving == H2_LEAVING_SAID && !h2_session_first(c->h2.session);
    return away || h2_session_is_over(c->h2.session);
}

/* May close c. */
static void write_frames(struct conn *c)
{
    struct chunkq *out = stream_out(c->stream);
    bool ok = !c->h2.waiting || h2_session_write(c->h2.session, out, EDGE_HIGH);
    bool more = ok && c->h2.waiting && !h2_session_error(c->h2.session) && begin_some(c);
    while (ok) {
        bury(c);
        ok = h2_session_write(c->h2.session, out, EDGE_HIGH) && stream_flush(c->stream);
        if (!ok || out->bytes || !h2_session_wants_write(c->h2.session))
            break;
    }
    if (!ok) {
        conn_close(c, STREAM_CLOSE_NOW);
        return;
    }
    bury(c);
    note_idle(c);
    if (more)
        loop_task_queue(c->thread->loop, &c->task);
    if (is_finished(c) && !h2_session_wants_write(c->h2.session))
        conn_close(
            c, STREAM_CLOSE_LINGER); /* the peer may still be sending what it sent too much of, and has to read why */
}

static void on_task(void *arg)
{
    struct conn *c = arg;
    if (c->state == CONN_H2)
        write_frames(c);
}

/* A peer that makes us say more than it reads is not heard until it has read. */
static bool hears(const struct conn *c)
{
    return !h2_session_is_clogged(c->h2.session) || stream_out(c->stream)->bytes < EDGE_HIGH;
}

static void h2_on_read(void *arg)
{
    struct conn *c = arg;
    if (stream_input(c->stream) != STREAM_IN_OPEN && stream_in(c->stream)->bytes == 0) {
        conn_close(c, STREAM_CLOSE_NOW); /* HTTP/2 knows no half-close: who ends has gone */
        return;
    }
    if (!hears(c))
        return;
    h2_session_read(c->h2.session, stream_in(c->stream), c->thread->loop->now_ms);
    stream_resume(c->stream, 0);
    if (stream_input(c->stream) != STREAM_IN_OPEN)
        stream_poll(c->stream);
    write_frames(c);
}

static void h2_on_drained(void *arg)
{
    struct conn *c = arg;
    write_frames(c);
    if (c->state == CONN_H2 && stream_in(c->stream)->bytes)
        h2_on_read(c);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

bool h2_conn_open(struct conn *c)
{
    const struct limits_config *l = limits_of(c);
    struct h2_config config = {
        .head_bytes = l->header_bytes,
        .fields = l->header_fields,
        .streams = places_streams(c->thread),
    };
    c->h2.session = h2_session_new(&config, &c->thread->loop->chunks, &session_events, c);
    if (!c->h2.session)
        return false;
    c->state = CONN_H2;
    c->h2.state = H2_CONN_IDLE;
    begin_to_wait(c, l->header_timeout_ms);
    loop_task_init(&c->task, on_task, c);
    stream_set_events(c->stream, &stream_events, c);
    loop_task_queue(c->thread->loop, &c->task); /* our SETTINGS */
    return true;
}

void h2_conn_fini(struct conn *c)
{
    if (!c->h2.session)
        return;
    h2_session_free(c->h2.session);
    c->h2.session = NULL;
}

/* --- deadlines ---------------------------------------------------------------------------------------------------- */

static void sweep_answered(struct h2_stream *s, uint64_t now)
{
    if (s->answered_ms == 0)
        s->answered_ms = now;
    else if (now - s->answered_ms >= ANSWERED_MS)
        h2_stream_reset(s, H2_NO_ERROR);
}

/* A client that holds a stream's window shut, or drips it open, while we have bytes for it. The connection's own pace is conn_sweep's. */
static void sweep_stream(struct conn *c, struct h2_stream *s, uint64_t now)
{
    if (h2_stream_is_answered(s))
        sweep_answered(s, now);
    else if (pace_of_h2(s, limits_of(c)->write_rate, now) >= limits_of(c)->backpressure_timeout_ms) {
        h2_stream_reset(s, H2_CANCEL);
        if (s->owner)
            exchange_on_client_lost(s->owner);
    }
}

static void sweep_streams(struct conn *c, uint64_t now)
{
    for (struct h2_stream *s = h2_session_first(c->h2.session), *next; s; s = next) {
        next = s->next;
        struct exchange *x = s->owner;
        if (x && x->state == EX_TUNNEL)
            tunnel_sweep(x->tunnel);
        else if (x)
            exchange_sweep(x);
        sweep_stream(c, s, now);
    }
}

void h2_conn_sweep(struct conn *c)
{
    uint64_t now = c->thread->loop->now_ms;
    sweep_streams(c, now);
    if (c->deadline_ms && now >= c->deadline_ms) {
        c->deadline_ms = 0;
        h2_session_end(c->h2.session, H2_NO_ERROR, c->h2.heads ? "header-timeout" : "idle");
    }
    if (c->h2.leaving == H2_LEAVING_NOTICED && now - c->h2.notice_ms >= NOTICE_MS) {
        c->h2.leaving = H2_LEAVING_SAID;
        h2_session_last_stream(c->h2.session);
    }
    write_frames(c);
}

void h2_conn_drain(struct conn *c)
{
    if (c->h2.leaving != H2_LEAVING_NOT)
        return;
    c->h2.leaving = H2_LEAVING_NOTICED;
    c->h2.notice_ms = c->thread->loop->now_ms;
    h2_session_notice(c->h2.session);
    loop_task_queue(c->thread->loop, &c->task);
}

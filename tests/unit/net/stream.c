/* Streams over loopback TCP: each case runs plain, over TLS 1.3 and over TLS 1.2. */
#include "pair.h"
#include "pki.h"

#include "net/tls_impl.h"

#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { PLAIN = 0, TLS_13, TLS_12, KINDS };

struct kit {
    struct pki *pki;
    struct pki_cert cert;
    struct tls_server *server;
    struct tls_client *clients[KINDS];
};

static const uint8_t ticket_secret[32] = "0123456789abcdef0123456789abcde";

static int kit_new(void **state)
{
    struct kit *k = calloc(1, sizeof *k);
    k->pki = pki_new("Test CA");
    pki_issue(k->pki, &(struct pki_wish){.san = "DNS:a.test"}, &k->cert);
    struct tls_pair pair = {text_span(&k->cert.cert), text_span(&k->cert.key)};
    struct tls_client_config config = {.ca_pem = pki_ca(k->pki)};
    struct span secret = span_make(ticket_secret, sizeof ticket_secret);
    struct res r = tls_server_new(&pair, 1, secret, TLS_ALPN_HTTP1, &k->server);
    *state = k;
    if (!res_ok(r) || !res_ok(tls_client_new(&config, &k->clients[TLS_13])) ||
        !res_ok(tls_client_new(&config, &k->clients[TLS_12])))
        return -1;
    return SSL_CTX_set_max_proto_version(k->clients[TLS_12]->ctx, TLS1_2_VERSION) == 1 ? 0 : -1;
}

static int kit_free(void **state)
{
    struct kit *k = *state;
    tls_server_unref(k->server);
    tls_client_unref(k->clients[TLS_13]);
    tls_client_unref(k->clients[TLS_12]);
    pki_cert_fini(&k->cert);
    pki_free(k->pki);
    free(k);
    return 0;
}

static const char *const names[KINDS] = {"plain", "TLS 1.3", "TLS 1.2"};

static struct pair_config config_of(struct kit *k, int tls)
{
    struct pair_config c = {.name = "a.test"};
    if (tls) {
        c.server = k->server;
        c.client = k->clients[tls];
    }
    return c;
}

static void open_pair(struct kit *k, int tls, struct pair *p)
{
    struct pair_config c = config_of(k, tls);
    pair_init(p, &c);
    CHECK(names[tls], pair_run(p, pair_is_open, 3000));
    CHECK(names[tls], p->client.opened == 1 && stream_state(p->client.stream) == STREAM_OPEN);
}

/* --- bulk --------------------------------------------------------------------------------------------------------- */

static bool both_ended(struct pair *p)
{
    return stream_input(p->client.stream) != STREAM_IN_OPEN && stream_input(p->server.stream) != STREAM_IN_OPEN;
}

static void start_bulk(struct end *e, size_t n)
{
    e->to_send = n;
    e->finishes = true;
    end_send(e);
}

static void check_bulk(const char *name, struct pair *p, size_t to_server, size_t to_client)
{
    CHECK(name, p->server.got == to_server && !p->server.corrupt);
    CHECK(name, p->client.got == to_client && !p->client.corrupt);
    CHECK(name, stream_input(p->client.stream) == STREAM_IN_EOF);
    CHECK(name, stream_input(p->server.stream) == STREAM_IN_EOF);
    CHECK(name, stream_failure(p->client.stream) == STREAM_FAIL_NONE);
}

static void test_bulk_both_ways(void **state)
{
    static const struct {
        const char *name;
        int tls, buffer;
        size_t up, down;
        struct stream_limits limits;
    } cases[] = {
        {"plain, system's buffers", 0, 0, 10 << 20, 10 << 20, {65536, 16384}},
        {"plain, tiny buffers", 0, 2048, 1 << 20, 1 << 20, {65536, 16384}},
        {"plain, tiny limits", 0, 4096, 300000, 300000, {1, 0}},
        {"tls, system's buffers", 1, 0, 10 << 20, 10 << 20, {65536, 16384}},
        {"tls, tiny buffers", 1, 2048, 1 << 20, 1 << 20, {65536, 16384}},
        {"tls, tiny limits", 1, 4096, 300000, 300000, {1, 0}},
        {"tls 1.2, system's buffers", 2, 0, 10 << 20, 10 << 20, {65536, 16384}},
        {"tls 1.2, tiny buffers", 2, 2048, 1 << 20, 1 << 20, {65536, 16384}},
        {"tls, up only", 1, 0, 3 << 20, 0, {65536, 16384}},
        {"tls, down only, nothing up", 1, 0, 0, 3 << 20, {16384, 0}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pair p;
        struct pair_config c = config_of(*state, cases[i].tls);
        c.socket_buffer = cases[i].buffer;
        c.limits = cases[i].limits;
        pair_init(&p, &c);
        CHECK(cases[i].name, pair_run(&p, pair_is_open, 3000));
        start_bulk(&p.client, cases[i].up);
        start_bulk(&p.server, cases[i].down);
        CHECK(cases[i].name, pair_run(&p, both_ended, 60000));
        check_bulk(cases[i].name, &p, cases[i].up, cases[i].down);
        CHECK(cases[i].name, p.loop->chunks.used == 0);
        pair_fini(&p);
    }
}

/* --- small exchanges ---------------------------------------------------------------------------------------------- */

static void echo(struct end *e)
{
    struct chunkq *in = stream_in(e->stream);
    e->got += in->bytes;
    assert_true(chunkq_move(stream_out(e->stream), in, in->bytes));
    stream_flush(e->stream);
}

static bool client_has_5(struct pair *p)
{
    return stream_in(p->client.stream)->bytes == 5;
}

/* An idle stream holds no buffer, before and after it was used. */
static void test_echo_and_idle_memory(void **state)
{
    for (int tls = 0; tls < KINDS; tls++) {
        struct pair p;
        open_pair(*state, tls, &p);
        CHECK(names[tls], p.loop->chunks.used == 0);
        p.server.on_read = echo;
        p.client.consumes = false;
        for (int round = 0; round < 3; round++) {
            end_put(&p.client, "hel");
            end_put(&p.client, "lo");
            CHECK(names[tls], pair_run(&p, client_has_5, 2000));
            chunkq_clear(stream_in(p.client.stream));
            CHECK(names[tls], p.loop->chunks.used == 0);
        }
        CHECK(names[tls], stream_bytes_read(p.client.stream) >= 15 && stream_bytes_written(p.client.stream) >= 15);
        pair_fini(&p);
    }
}

static bool server_got_400(struct pair *p)
{
    return p->server.got == 400;
}

/* Head and body that lie in two chunks leave as one record: the wire carries one record's overhead. */
static void test_small_pieces_share_a_record(void **state)
{
    struct pair p;
    struct chunkq body;
    open_pair(*state, 1, &p);
    pair_rest(&p, 20);
    uint8_t bytes[200];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = pattern_at(200 + i);
    p.client.to_send = 200;
    chunkq_init(&body, &p.loop->chunks);
    assert_true(chunkq_append(&body, span_make(bytes, sizeof bytes)));
    uint64_t before = stream_bytes_written(p.client.stream);
    uint8_t head[200];
    for (size_t i = 0; i < sizeof head; i++)
        head[i] = pattern_at(i);
    assert_true(chunkq_append(stream_out(p.client.stream), span_make(head, sizeof head)));
    struct chunkq *out = stream_out(p.client.stream);
    out->tail->next = body.head; /* as a whole-chunk move would leave it */
    out->tail = body.tail;
    out->bytes += body.bytes;
    stream_flush(p.client.stream);
    assert_true(pair_run(&p, server_got_400, 2000));
    assert_false(p.server.corrupt);
    uint64_t overhead = stream_bytes_written(p.client.stream) - before - 400;
    assert_true(overhead > 0 && overhead < 40);
    pair_fini(&p);
}

/* --- ends --------------------------------------------------------------------------------------------------------- */

static bool server_ended(struct pair *p)
{
    return stream_input(p->server.stream) != STREAM_IN_OPEN;
}

static bool client_ended(struct pair *p)
{
    return stream_input(p->client.stream) != STREAM_IN_OPEN;
}

static void test_half_close(void **state)
{
    for (int tls = 0; tls < KINDS; tls++) {
        struct pair p;
        open_pair(*state, tls, &p);
        stream_finish(p.client.stream);
        CHECK(names[tls], pair_run(&p, server_ended, 2000));
        CHECK(names[tls], stream_input(p.server.stream) == STREAM_IN_EOF);
        unsigned reads = p.server.reads;
        /* The other direction still works, in size. */
        start_bulk(&p.server, 1 << 20);
        CHECK(names[tls], pair_run(&p, client_ended, 5000));
        CHECK(names[tls], p.client.got == 1 << 20 && !p.client.corrupt);
        CHECK(names[tls], stream_input(p.client.stream) == STREAM_IN_EOF);
        CHECK(names[tls], p.server.reads == reads); /* told once */
        pair_fini(&p);
    }
}

static void test_finish_before_open(void **state)
{
    for (int tls = 0; tls < KINDS; tls++) {
        struct pair p;
        struct pair_config c = config_of(*state, tls);
        pair_init(&p, &c);
        start_bulk(&p.client, 100000);
        CHECK(names[tls], pair_run(&p, server_ended, 3000));
        CHECK(names[tls], p.server.got == 100000 && !p.server.corrupt);
        CHECK(names[tls], stream_input(p.server.stream) == STREAM_IN_EOF);
        pair_fini(&p);
    }
}

static void test_close_modes(void **state)
{
    static const struct {
        const char *name;
        int tls;
        enum stream_close how;
        enum stream_input seen;
        bool all_arrives;
    } cases[] = {
        {"plain now", 0, STREAM_CLOSE_NOW, STREAM_IN_ERROR, false},
        {"plain flush", 0, STREAM_CLOSE_FLUSH, STREAM_IN_EOF, true},
        {"plain linger", 0, STREAM_CLOSE_LINGER, STREAM_IN_EOF, true},
        {"tls now", 1, STREAM_CLOSE_NOW, STREAM_IN_ERROR, false},
        {"tls flush", 1, STREAM_CLOSE_FLUSH, STREAM_IN_EOF, true},
        {"tls linger", 1, STREAM_CLOSE_LINGER, STREAM_IN_EOF, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pair p;
        open_pair(*state, cases[i].tls, &p);
        p.client.to_send = 60000;
        end_send(&p.client);
        end_close(&p.client, cases[i].how);
        CHECK(cases[i].name, pair_run(&p, server_ended, 3000));
        CHECK(cases[i].name, stream_input(p.server.stream) == cases[i].seen);
        CHECK(cases[i].name, !cases[i].all_arrives || p.server.got == 60000);
        end_close(&p.server, STREAM_CLOSE_FLUSH);
        pair_rest(&p, 50);
        CHECK(cases[i].name, !loop_has_orphans(p.loop));
        pair_fini(&p);
    }
}

/* A peer that never reads holds an ending stream for a bounded time, and loop_free() ends it at once. */
static void test_flush_to_a_deaf_peer(void **state)
{
    for (int tls = 0; tls < KINDS; tls++) {
        struct pair p;
        open_pair(*state, tls, &p);
        stream_pause(p.server.stream, STREAM_PAUSE_IDLE);
        for (int i = 0; i < 300; i++) {
            uint8_t zeros[16384] = {0};
            assert_true(chunkq_append(stream_out(p.client.stream), span_make(zeros, sizeof zeros)));
        }
        stream_flush(p.client.stream);
        end_close(&p.client, STREAM_CLOSE_FLUSH);
        pair_rest(&p, 50);
        CHECK(names[tls], loop_has_orphans(p.loop));
        pair_fini(&p);
    }
}

/* The end of a response waits for a reader that was busy for longer than a moment: it was cut after five seconds. */
static void test_flush_waits_for_a_slow_peer(void **state)
{
    struct pair p;
    uint8_t zeros[16384] = {0};
    open_pair(*state, TLS_13, &p);
    stream_pause(p.server.stream, STREAM_PAUSE_IDLE);
    for (int i = 0; i < 300; i++)
        assert_true(chunkq_append(stream_out(p.client.stream), span_make(zeros, sizeof zeros)));
    stream_flush(p.client.stream);
    end_close(&p.client, STREAM_CLOSE_FLUSH);
    pair_rest(&p, 5500);
    stream_resume(p.server.stream, STREAM_PAUSE_IDLE);
    assert_true(pair_run(&p, server_ended, 5000));
    assert_int_equal(stream_input(p.server.stream), STREAM_IN_EOF);
    assert_int_equal(p.server.got, 300 * sizeof zeros);
    pair_fini(&p);
}

/* The client is still sending when it is refused: it must be able to read the refusal (RFC 9112 §9.6). */
static void refuse(struct end *e)
{
    e->got += stream_in(e->stream)->bytes;
    if (e->got < 50000 || !e->stream)
        return;
    assert_true(chunkq_append(stream_out(e->stream), SPAN("refused")));
    end_close(e, STREAM_CLOSE_LINGER);
}

static bool client_saw_end_and_sent_all(struct pair *p)
{
    return stream_input(p->client.stream) != STREAM_IN_OPEN && p->client.sent == p->client.to_send;
}

static void test_linger_lets_a_sender_read_the_refusal(void **state)
{
    for (int tls = 0; tls < KINDS; tls++) {
        struct pair p;
        open_pair(*state, tls, &p);
        p.server.on_read = refuse;
        p.client.consumes = false;
        p.client.to_send = 8 << 20;
        end_send(&p.client);
        CHECK(names[tls], pair_run(&p, client_saw_end_and_sent_all, 10000));
        CHECK(names[tls], stream_input(p.client.stream) == STREAM_IN_EOF);
        struct span said = chunkq_peek(stream_in(p.client.stream));
        CHECK(names[tls], span_eq(said, SPAN("refused")));
        pair_fini(&p);
    }
}

/* FIN without close_notify is not a clean end. */
static void test_truncation(void **state)
{
    struct kit *k = *state;
    struct pair p;
    struct pair_config c = config_of(k, 1);
    pair_init(&p, &c);
    assert_true(pair_run(&p, pair_is_open, 3000));
    end_put(&p.client, "");
    p.server.to_send = 5000;
    end_send(&p.server);
    struct sockaddr_storage sa;
    socklen_t n = addr_to_sockaddr(stream_peer(p.server.stream), &sa);
    int victim = -1;
    /* The client's socket by its address: the stream offers no way to misbehave. */
    for (int fd = 3; fd < 64 && victim < 0; fd++) {
        struct sockaddr_storage own;
        socklen_t m = sizeof own;
        if (getsockname(fd, (struct sockaddr *)&own, &m) == 0 && m == n && memcmp(&own, &sa, n) == 0)
            victim = fd;
    }
    assert_true(victim >= 0);
    assert_int_equal(shutdown(victim, SHUT_WR), 0);
    assert_true(pair_run(&p, server_ended, 2000));
    assert_int_equal(stream_input(p.server.stream), STREAM_IN_TRUNC);
    pair_fini(&p);
}

/* The peer's last words before its reset: read, although our write failed. */
static bool server_in_error(struct pair *p)
{
    return stream_input(p->server.stream) == STREAM_IN_ERROR;
}

static void test_reset_is_seen_behind_unread_bytes(void **state)
{
    for (int tls = 0; tls < KINDS; tls++) {
        struct pair p;
        open_pair(*state, tls, &p);
        p.client.to_send = 100;
        end_send(&p.client);
        end_close(&p.client, STREAM_CLOSE_NOW);
        /* Bytes and reset arrive together: the short read hides the reset, the recheck finds it. */
        CHECK(names[tls], pair_run(&p, server_in_error, 2 * LOOP_TICK_MS));
        CHECK(names[tls], p.server.got == 100);
        CHECK(names[tls], stream_failure(p.server.stream) == STREAM_FAIL_RESET);
        CHECK(names[tls], stream_error(p.server.stream)[0] != '\0');
        CHECK(names[tls], !stream_flush(p.server.stream));
        pair_fini(&p);
    }
}

static void test_reset_after_half_close(void **state)
{
    struct pair p;
    open_pair(*state, 0, &p);
    stream_finish(p.client.stream);
    assert_true(pair_run(&p, server_ended, 2000));
    end_close(&p.client, STREAM_CLOSE_NOW);
    assert_true(pair_run(&p, server_in_error, 2000));
    pair_fini(&p);
}

/* --- pause -------------------------------------------------------------------------------------------------------- */

static bool server_got_all(struct pair *p)
{
    return p->server.got == p->client.to_send;
}

static void test_pause_and_resume(void **state)
{
    for (int tls = 0; tls < KINDS; tls++) {
        struct pair p;
        open_pair(*state, tls, &p);
        stream_pause(p.server.stream, STREAM_PAUSE_IDLE | STREAM_PAUSE_PEER_FULL);
        p.client.to_send = 40000;
        end_send(&p.client);
        pair_rest(&p, 50);
        CHECK(names[tls], p.server.got == 0 && p.server.reads == 0);
        stream_resume(p.server.stream, STREAM_PAUSE_IDLE);
        pair_rest(&p, 20);
        CHECK(names[tls], p.server.got == 0); /* the other reason stands */
        stream_resume(p.server.stream, STREAM_PAUSE_PEER_FULL);
        CHECK(names[tls], pair_run(&p, server_got_all, 2000));
        CHECK(names[tls], !p.server.corrupt);
        pair_fini(&p);
    }
}

static void test_end_is_known_while_paused(void **state)
{
    for (int i = 0; i < 2 * KINDS; i++) {
        struct pair p;
        open_pair(*state, i / 2, &p);
        stream_pause(p.server.stream, STREAM_PAUSE_PEER_FULL);
        CHECK(names[i / 2], !stream_peer_ended(p.server.stream));
        end_close(&p.client, i % 2 ? STREAM_CLOSE_NOW : STREAM_CLOSE_FLUSH);
        pair_rest(&p, 50);
        CHECK(names[i / 2], stream_input(p.server.stream) == STREAM_IN_OPEN && stream_peer_ended(p.server.stream));
        pair_fini(&p);
    }
}

/* Takes 1000 bytes of each call and pauses: what TLS holds by then comes by the ready list, not by an edge. */
static void sip(struct end *e)
{
    struct chunkq *in = stream_in(e->stream);
    size_t n = in->bytes < 1000 ? in->bytes : 1000;
    chunkq_drop(in, n);
    e->got += n;
    stream_pause(e->stream, STREAM_PAUSE_PEER_FULL);
    stream_resume(e->stream, STREAM_PAUSE_PEER_FULL);
    if (in->bytes)
        stream_poll(e->stream);
}

static void test_sipping_never_stalls(void **state)
{
    for (int tls = 0; tls < KINDS; tls++) {
        struct pair p;
        struct pair_config c = config_of(*state, tls);
        c.limits = (struct stream_limits){2000, 1000};
        pair_init(&p, &c);
        CHECK(names[tls], pair_run(&p, pair_is_open, 3000));
        p.server.on_read = sip;
        p.client.to_send = 500000;
        end_send(&p.client);
        CHECK(names[tls], pair_run(&p, server_got_all, 5000));
        pair_fini(&p);
    }
}

static void test_read_high_bounds_memory(void **state)
{
    for (int tls = 0; tls < KINDS; tls++) {
        struct pair p;
        struct pair_config c = config_of(*state, tls);
        c.limits = (struct stream_limits){20000, 1000};
        pair_init(&p, &c);
        CHECK(names[tls], pair_run(&p, pair_is_open, 3000));
        p.server.consumes = false;
        p.client.to_send = 1 << 20;
        end_send(&p.client);
        pair_rest(&p, 100);
        size_t held = stream_in(p.server.stream)->bytes;
        CHECK(names[tls], held >= 20000 && held < 20000 + (tls ? CHUNK_SIZE : 4096)); /* a record comes whole */
        /* Taken and resumed, all of it comes. */
        p.server.consumes = true;
        stream_poll(p.server.stream);
        CHECK(names[tls], pair_run(&p, server_got_all, 5000) && !p.server.corrupt);
        pair_fini(&p);
    }
}

/* --- callbacks ---------------------------------------------------------------------------------------------------- */

static bool never(struct pair *p)
{
    return false;
}

static void close_inside(struct end *e)
{
    end_close(e, STREAM_CLOSE_NOW);
}

static void test_close_inside_callbacks(void **state)
{
    for (int tls = 0; tls < KINDS; tls++) {
        struct pair p;
        struct pair_config c = config_of(*state, tls);
        pair_init(&p, &c);
        p.client.on_open = close_inside;
        pair_run(&p, never, 100);
        CHECK(names[tls], p.client.opened == 1 && p.client.reads == 0);
        pair_fini(&p);
        open_pair(*state, tls, &p);
        p.server.on_read = close_inside;
        end_put(&p.client, "x");
        pair_run(&p, never, 100);
        CHECK(names[tls], p.server.reads == 1 && p.server.stream == NULL);
        pair_fini(&p);
    }
}

static void test_poll_calls_without_news(void **state)
{
    struct pair p;
    open_pair(*state, 0, &p);
    unsigned reads = p.server.reads;
    stream_poll(p.server.stream);
    stream_poll(p.server.stream);
    assert_int_equal(p.server.reads, reads); /* not from inside the call */
    pair_rest(&p, 20);
    assert_int_equal(p.server.reads, reads + 1);
    pair_fini(&p);
}

static bool client_failed(struct pair *p)
{
    return stream_input(p->client.stream) == STREAM_IN_ERROR;
}

static void test_connect_refused(void **state)
{
    for (int tls = 0; tls < KINDS; tls++) {
        struct pair p, q;
        struct pair_config c = config_of(*state, tls);
        /* A port that was just in use and is no more. */
        pair_init(&q, &c);
        struct addr gone = *stream_peer(q.client.stream);
        pair_fini(&q);
        pair_init(&p, &c);
        end_close(&p.client, STREAM_CLOSE_NOW);
        struct stream_connect to = {.to = gone, .tls = c.client, .name = span_of(c.name)};
        static const struct stream_events none = {0};
        struct stream_limits limits = {65536, 0};
        p.client.stream = stream_open(p.loop, &to, &limits, &none, NULL);
        CHECK(names[tls], p.client.stream != NULL);
        pair_rest(&p, 50);
        CHECK(names[tls], client_failed(&p));
        CHECK(names[tls], stream_failure(p.client.stream) == STREAM_FAIL_REFUSED);
        CHECK(names[tls], strcmp(stream_error(p.client.stream), "connection refused") == 0);
        pair_fini(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bulk_both_ways),
        cmocka_unit_test(test_echo_and_idle_memory),
        cmocka_unit_test(test_small_pieces_share_a_record),
        cmocka_unit_test(test_half_close),
        cmocka_unit_test(test_finish_before_open),
        cmocka_unit_test(test_close_modes),
        cmocka_unit_test(test_flush_to_a_deaf_peer),
        cmocka_unit_test(test_flush_waits_for_a_slow_peer),
        cmocka_unit_test(test_linger_lets_a_sender_read_the_refusal),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_reset_is_seen_behind_unread_bytes),
        cmocka_unit_test(test_reset_after_half_close),
        cmocka_unit_test(test_pause_and_resume),
        cmocka_unit_test(test_end_is_known_while_paused),
        cmocka_unit_test(test_sipping_never_stalls),
        cmocka_unit_test(test_read_high_bounds_memory),
        cmocka_unit_test(test_close_inside_callbacks),
        cmocka_unit_test(test_poll_calls_without_news),
        cmocka_unit_test(test_connect_refused),
    };
    return cmocka_run_group_tests(tests, kit_new, kit_free);
}

#include "../net/pki.h"
#include "check.h"
#include "world.h"

#include <string.h>

struct scene {
    struct pki *pki;
    struct world world;
    struct server server;
    struct tls_client *client;
    struct asker asker;
};

static void scene_init(struct scene *s, const struct pki_wish *wish, enum tls_verify verify)
{
    struct pki_cert cert = {0};
    struct tls_client_config config = {.verify = verify};
    s->pki = pki_new("test authority");
    config.ca_pem = pki_ca(s->pki);
    world_init(&s->world);
    assert_true(server_bind(&s->server, &s->world, "127.0.0.1", 0));
    if (wish) {
        pki_issue(s->pki, wish, &cert);
        struct tls_pair pair = {text_span(&cert.cert), text_span(&cert.key)};
        assert_true(
            res_ok(tls_server_new(&pair, 1, SPAN("0123456789abcdef0123456789abcdef"), TLS_ALPN_HTTP1, &s->server.tls)));
        pki_cert_fini(&cert);
    }
    server_listen(&s->server);
    assert_true(res_ok(tls_client_new(&config, &s->client)));
    asker_init(&s->asker, &s->world, "127.0.0.1", s->server.port);
    s->asker.config.tls = s->client;
}

static void scene_fini(struct scene *s)
{
    server_fini(&s->server);
    world_fini(&s->world);
    tls_client_unref(s->client);
    pki_free(s->pki);
}

static const struct {
    const char *name;
    struct pki_wish wish;
    const char *tls_name;
    enum tls_verify verify;
    enum origin_error error;
    unsigned accepted;
} verdicts[] = {
    {"good", {.san = "DNS:app.test"}, "app.test", TLS_VERIFY_FULL, ORIGIN_OK, 1},
    {"wildcard", {.san = "DNS:*.app.test"}, "x.app.test", TLS_VERIFY_FULL, ORIGIN_OK, 1},
    {"another host's", {.san = "DNS:other.test"}, "192.0.2.1", TLS_VERIFY_FULL, ORIGIN_TLS_VERIFY, 1},
    {"a server that knows no such name", {.san = "DNS:other.test"}, "app.test", TLS_VERIFY_FULL, ORIGIN_TLS, 2},
    {"expired",
     {.san = "DNS:app.test", .from_s = -200, .until_s = -100},
     "app.test",
     TLS_VERIFY_FULL,
     ORIGIN_TLS_VERIFY,
     1},
    {"not yet valid",
     {.san = "DNS:app.test", .from_s = 100, .until_s = 200},
     "app.test",
     TLS_VERIFY_FULL,
     ORIGIN_TLS_VERIFY,
     1},
    {"signed by itself",
     {.san = "DNS:app.test", .self_signed = true},
     "app.test",
     TLS_VERIFY_FULL,
     ORIGIN_TLS_VERIFY,
     1},
    {"not verified", {.san = "DNS:app.test", .self_signed = true}, "app.test", TLS_VERIFY_OFF, ORIGIN_OK, 1},
};

static void test_verdicts(void **state)
{
    for (size_t i = 0; i < COUNT(verdicts); i++) {
        const char *name = verdicts[i].name;
        struct scene s;
        scene_init(&s, &verdicts[i].wish, verdicts[i].verify);
        s.asker.ask.tls_name = span_of(verdicts[i].tls_name);
        asker_get(&s.asker);
        if (s.asker.error != verdicts[i].error)
            fail_msg("%s: error %d (%s)", name, (int)s.asker.error, s.asker.detail ? s.asker.detail : "");
        if (verdicts[i].error == ORIGIN_OK) {
            CHECK(name, stream_is_tls(s.asker.conn->stream));
            asker_drop(&s.asker);
        } else {
            CHECK(name, s.asker.conn == NULL && strlen(s.asker.detail) > 0);
            world_run(&s.world, NULL, NULL, 300);
            CHECK(name, s.asker.spent_ms < 500);
            CHECK(name, s.server.accepted == verdicts[i].accepted); /* a wrong certificate is final at once */
        }
        scene_fini(&s);
    }
}

static void test_no_tls_there_is_tried_twice(void **state)
{
    struct scene s;
    scene_init(&s, NULL, TLS_VERIFY_FULL);
    s.server.greeting = "HTTP/1.1 400 Bad Request\r\n\r\n";
    assert_false(asker_get(&s.asker));
    assert_int_equal(ORIGIN_TLS, s.asker.error);
    assert_true(strlen(s.asker.detail) > 0);
    assert_int_equal(2, s.server.accepted);
    scene_fini(&s);
}

/* A handshake that does not come to its end is silence. */
static void test_mute_handshake(void **state)
{
    struct scene s;
    scene_init(&s, NULL, TLS_VERIFY_FULL);
    s.asker.config.connect_timeout_ms = 400;
    assert_false(asker_get(&s.asker));
    assert_int_equal(ORIGIN_TIMEOUT, s.asker.error);
    world_rest(&s.world);
    assert_int_equal(1, s.server.accepted);
    assert_int_equal(1, s.server.ended);
    scene_fini(&s);
}

static void nothing(struct scene *s)
{
}

static void flush(struct scene *s)
{
    origin_thread_flush(s->world.origins);
}

static void other_name(struct scene *s)
{
    s->asker.ask.tls_name = SPAN("b.test");
}

static void other_context(struct scene *s)
{
    struct tls_client_config config = {.verify = TLS_VERIFY_FULL, .ca_pem = pki_ca(s->pki)};
    tls_client_unref(s->client);
    assert_true(res_ok(tls_client_new(&config, &s->client)));
    s->asker.config.tls = s->client;
}

static void test_resumption(void **state)
{
    static const struct {
        const char *name;
        bool gives; /* the first goes into the pool and is closed there; else it is dropped */
        void (*between)(struct scene *s);
        bool resumes;
    } cases[] = {
        {"dropped", false, nothing, true},
        {"given back, closed while idle", true, nothing, true},
        {"a flush forgets", false, flush, false},
        {"another name", false, other_name, false},
        {"another context", false, other_context, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene s;
        struct pki_wish wish = {.san = "DNS:app.test,DNS:b.test"};
        scene_init(&s, &wish, TLS_VERIFY_FULL);
        CHECK(cases[i].name, asker_get(&s.asker));
        CHECK(cases[i].name, !stream_resumed(s.asker.conn->stream));
        world_rest(&s.world); /* the ticket comes behind the handshake */
        if (cases[i].gives) {
            asker_give(&s.asker);
            server_close(&s.server, 0, STREAM_CLOSE_FLUSH);
            world_rest(&s.world);
        } else {
            asker_drop(&s.asker);
        }
        cases[i].between(&s);
        CHECK(cases[i].name, asker_get(&s.asker));
        CHECK(cases[i].name, !s.asker.conn->reused);
        CHECK(cases[i].name, stream_resumed(s.asker.conn->stream) == cases[i].resumes);
        asker_drop(&s.asker);
        scene_fini(&s);
    }
}

/* The ticket that arrives while the connection is idle is no byte from nowhere. */
static void test_ticket_in_the_pool(void **state)
{
    struct scene s;
    struct pki_wish wish = {.san = "DNS:app.test"};
    scene_init(&s, &wish, TLS_VERIFY_FULL);
    assert_true(asker_get(&s.asker));
    struct origin_conn *conn = s.asker.conn;
    asker_give(&s.asker);
    world_rest(&s.world);
    assert_true(asker_take(&s.asker));
    assert_ptr_equal(conn, s.asker.conn);
    asker_drop(&s.asker);
    scene_fini(&s);
}

static void test_byte_in_the_pool(void **state)
{
    struct scene s;
    struct pki_wish wish = {.san = "DNS:app.test"};
    scene_init(&s, &wish, TLS_VERIFY_FULL);
    asker_warm(&s.asker);
    server_send(&s.server, 0, "x");
    world_rest(&s.world);
    assert_int_equal(0, s.world.origins->idle_count);
    scene_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),           cmocka_unit_test(test_no_tls_there_is_tried_twice),
        cmocka_unit_test(test_mute_handshake),     cmocka_unit_test(test_resumption),
        cmocka_unit_test(test_ticket_in_the_pool), cmocka_unit_test(test_byte_in_the_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

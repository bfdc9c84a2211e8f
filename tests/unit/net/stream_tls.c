/* What TLS adds on our side: names, resumption, ALPN, versions. */
#include "pair.h"
#include "pki.h"

#include "net/tls_impl.h"

#include "check.h"

#include <stdlib.h>

enum { CERT_A = 0, CERT_WILD, CERT_IP, CERT_B, CERTS };

struct kit {
    struct pki *pki;
    struct pki_cert certs[CERTS];
    struct tls_server *server;
    struct tls_client *client;
};

static const uint8_t secret_bytes[64] = "a secret that is long enough for everybody, and another one";

static struct span secret_of(size_t at)
{
    return span_make(secret_bytes + at, 32);
}

static struct tls_server *server_of(struct pki_cert *certs, size_t count, size_t secret, unsigned alpn)
{
    struct tls_pair pairs[CERTS];
    struct tls_server *t;
    for (size_t i = 0; i < count; i++)
        pairs[i] = (struct tls_pair){text_span(&certs[i].cert), text_span(&certs[i].key)};
    assert_true(res_ok(tls_server_new(pairs, count, secret_of(secret), alpn, &t)));
    return t;
}

static struct tls_client *client_of(enum tls_verify verify, struct span ca)
{
    struct tls_client *t;
    assert_true(res_ok(tls_client_new(&(struct tls_client_config){verify, ca}, &t)));
    return t;
}

static int kit_new(void **state)
{
    static const char *const sans[CERTS] = {"DNS:a.test,DNS:x.A.test", "DNS:*.wild.test,DNS:wild.test",
                                            "IP:127.0.0.1,IP:::1,DNS:ip.test", "DNS:b.test,DNS:deep.wild.test"};
    struct kit *k = calloc(1, sizeof *k);
    k->pki = pki_new("Test CA");
    for (size_t i = 0; i < CERTS; i++)
        pki_issue(k->pki, &(struct pki_wish){.san = sans[i]}, &k->certs[i]);
    k->server = server_of(k->certs, CERTS, 0, TLS_ALPN_HTTP1);
    k->client = client_of(TLS_VERIFY_FULL, pki_ca(k->pki));
    *state = k;
    return 0;
}

static int kit_free(void **state)
{
    struct kit *k = *state;
    tls_server_unref(k->server);
    tls_client_unref(k->client);
    for (size_t i = 0; i < CERTS; i++)
        pki_cert_fini(&k->certs[i]);
    pki_free(k->pki);
    free(k);
    return 0;
}

static bool is_settled(struct pair *p)
{
    return pair_is_open(p) || (p->client.stream && stream_input(p->client.stream) != STREAM_IN_OPEN);
}

static void meet(const char *name, struct pair *p, const struct pair_config *c)
{
    pair_init(p, c);
    CHECK(name, pair_run(p, is_settled, 3000));
}

/* --- names -------------------------------------------------------------------------------------------------------- */

static void test_certificate_by_name(void **state)
{
    struct kit *k = *state;
    static const struct {
        const char *name;
        bool opens; /* with full verification: so it is the right certificate, too */
        const char *sni;
    } cases[] = {
        {"a.test", true, "a.test"},
        {"A.Test", true, "a.test"},
        {"a.test.", true, "a.test"},
        {"x.a.test", true, "x.a.test"},
        {"wild.test", true, "wild.test"},
        {"one.wild.test", true, "one.wild.test"},
        {"deep.wild.test", true, "deep.wild.test"}, /* exact before wildcard */
        {"b.test", true, "b.test"},
        {"two.one.wild.test", false, ""},
        {"unknown.test", false, ""},
        {"y.a.test", false, ""},
        {"127.0.0.1", false, ""}, /* no SNI: the first certificate, and that is not for the address */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pair p;
        meet(cases[i].name, &p, &(struct pair_config){.server = k->server, .client = k->client, .name = cases[i].name});
        CHECK(cases[i].name, pair_is_open(&p) == cases[i].opens);
        if (cases[i].opens)
            CHECK(cases[i].name, span_eq(stream_sni(p.server.stream), span_of(cases[i].sni)));
        pair_fini(&p);
    }
}

static void test_unknown_name_gets_its_alert(void **state)
{
    struct kit *k = *state;
    struct pair p;
    meet("alert", &p, &(struct pair_config){.server = k->server, .client = k->client, .name = "unknown.test"});
    assert_int_equal(stream_failure(p.client.stream), STREAM_FAIL_TLS);
    assert_string_equal(stream_error(p.client.stream), "the peer sent the alert unrecognized_name");
    assert_string_equal(stream_error(p.server.stream), "no certificate covers the name that was asked for");
    assert_int_equal(p.server.opened, 0);
    pair_fini(&p);
}

static void test_no_name_shows_the_first_certificate(void **state)
{
    struct kit *k = *state;
    struct pki_cert order[] = {k->certs[CERT_IP], k->certs[CERT_A]};
    struct tls_server *server = server_of(order, 2, 0, TLS_ALPN_HTTP1);
    static const char *const literals[] = {"127.0.0.1", "::1", "[::1]"};
    for (size_t i = 0; i < COUNT(literals); i++) {
        struct pair p;
        meet(literals[i], &p, &(struct pair_config){.server = server, .client = k->client, .name = literals[i]});
        CHECK(literals[i], pair_is_open(&p));
        CHECK(literals[i], stream_sni(p.server.stream).n == 0);
        CHECK(literals[i], stream_cert_covers(p.server.stream, span_of(literals[i])));
        pair_fini(&p);
    }
    tls_server_unref(server);
}

static void test_cert_covers(void **state)
{
    struct kit *k = *state;
    static const struct {
        const char *shown, *host;
        bool covers;
    } cases[] = {
        {"a.test", "a.test", true},
        {"a.test", "A.TEST", true},
        {"a.test", "x.a.test", true},
        {"a.test", "y.a.test", false},
        {"a.test", "b.test", false},
        {"a.test", "", false},
        {"a.test", "test", false},
        {"a.test", "*.test", false},
        {"wild.test", "any.wild.test", true},
        {"wild.test", "ANY.wild.test", true},
        {"wild.test", "a.b.wild.test", false},
        {"wild.test", ".wild.test", false},
        {"wild.test", "*.wild.test", false},
        {"wild.test", "wild.test", true},
        {"ip.test", "127.0.0.1", true},
        {"ip.test", "[::1]", true},
        {"ip.test", "127.0.0.2", false},
        {"ip.test", "[::2]", false},
        {"ip.test", "[0:0:0:0:0:0:0:1]", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pair p;
        meet(cases[i].shown, &p,
             &(struct pair_config){.server = k->server, .client = k->client, .name = cases[i].shown});
        CHECK(cases[i].shown, pair_is_open(&p));
        CHECK(cases[i].host, stream_cert_covers(p.server.stream, span_of(cases[i].host)) == cases[i].covers);
        CHECK(cases[i].host, !stream_cert_covers(p.client.stream, span_of(cases[i].host)));
        pair_fini(&p);
    }
}

/* --- other peers -------------------------------------------------------------------------------------------------- */

/* A peer that speaks no TLS: told in words, and none of its bytes come up. */
static bool client_settled(struct pair *p)
{
    return stream_input(p->client.stream) != STREAM_IN_OPEN;
}

static void test_plain_peer(void **state)
{
    struct kit *k = *state;
    struct pair p;
    pair_init(&p, &(struct pair_config){.client = k->client, .name = "a.test"});
    end_put(&p.server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    assert_true(pair_run(&p, client_settled, 2000));
    assert_int_equal(p.client.opened, 0);
    assert_int_equal(stream_failure(p.client.stream), STREAM_FAIL_TLS);
    assert_string_equal(stream_error(p.client.stream), "the peer does not speak TLS, or only an old version");
    assert_int_equal(stream_in(p.client.stream)->bytes, 0);
    pair_fini(&p);
}

static bool server_settled(struct pair *p)
{
    return stream_input(p->server.stream) != STREAM_IN_OPEN;
}

static void test_plain_client(void **state)
{
    struct kit *k = *state;
    struct pair p;
    pair_init(&p, &(struct pair_config){.server = k->server, .name = "a.test"});
    end_put(&p.client, "GET / HTTP/1.1\r\n\r\n");
    assert_true(pair_run(&p, server_settled, 2000));
    assert_string_equal(stream_error(p.server.stream), "plain HTTP on a TLS port");
    pair_fini(&p);
}

static void test_peer_gone_during_handshake(void **state)
{
    struct kit *k = *state;
    static const struct {
        const char *name;
        enum stream_close how;
    } cases[] = {{"fin", STREAM_CLOSE_FLUSH}, {"reset", STREAM_CLOSE_NOW}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pair p;
        pair_init(&p, &(struct pair_config){.client = k->client, .name = "a.test"});
        end_close(&p.server, cases[i].how);
        CHECK(cases[i].name, pair_run(&p, client_settled, 2000));
        CHECK(cases[i].name, stream_input(p.client.stream) == STREAM_IN_ERROR);
        CHECK(cases[i].name, stream_failure(p.client.stream) == STREAM_FAIL_RESET);
        pair_fini(&p);
    }
}

/* --- resumption --------------------------------------------------------------------------------------------------- */

static bool client_has_news(struct pair *p)
{
    return stream_in(p->client.stream)->bytes > 0;
}

/* Opens, lets the ticket arrive, takes the session. */
static struct tls_session *session_from(struct tls_server *server, struct tls_client *client, const char *name)
{
    struct pair p;
    meet(name, &p, &(struct pair_config){.server = server, .client = client, .name = name});
    CHECK(name, pair_is_open(&p) && !stream_resumed(p.server.stream));
    p.client.consumes = false;
    end_put(&p.server, "x");
    CHECK(name, pair_run(&p, client_has_news, 2000));
    struct tls_session *s = stream_take_session(p.client.stream);
    CHECK(name, s != NULL && stream_take_session(p.client.stream) == NULL);
    pair_fini(&p);
    return s;
}

static bool resumes(struct tls_server *server, struct tls_client *client, const char *name,
                    const struct tls_session *session)
{
    struct pair p;
    meet(name, &p, &(struct pair_config){.server = server, .client = client, .name = name, .resume = session});
    CHECK(name, pair_is_open(&p));
    bool resumed = stream_resumed(p.server.stream);
    CHECK(name, resumed == stream_resumed(p.client.stream));
    CHECK(name, span_eq(stream_sni(p.server.stream), span_of(name)));
    CHECK(name, stream_cert_covers(p.server.stream, span_of(name)));
    pair_fini(&p);
    return resumed;
}

static void check_resumption(struct kit *k, int version)
{
    struct tls_server *same_secret = server_of(k->certs, CERTS, 0, TLS_ALPN_HTTP1);
    struct tls_server *new_secret = server_of(k->certs, CERTS, 16, TLS_ALPN_HTTP1);
    struct tls_client *client = client_of(TLS_VERIFY_FULL, pki_ca(k->pki));
    struct tls_client *other_client = client_of(TLS_VERIFY_FULL, pki_ca(k->pki));
    assert_int_equal(SSL_CTX_set_max_proto_version(client->ctx, version), 1);
    const struct {
        const char *label;
        struct tls_server *server;
        struct tls_client *client;
        const char *name;
        bool resumed;
    } cases[] = {
        {"same", k->server, client, "a.test", true},
        {"another context of the same secret", same_secret, client, "a.test", true},
        {"rotated secret", new_secret, client, "a.test", false},
        {"another name of the certificate", k->server, client, "x.a.test", false},
        {"another certificate", k->server, client, "b.test", false},
        {"another client context", k->server, other_client, "a.test", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tls_session *s = session_from(k->server, client, "a.test");
        CHECK(cases[i].label, resumes(cases[i].server, cases[i].client, cases[i].name, s) == cases[i].resumed);
        bool again = cases[i].resumed && version == TLS1_2_VERSION; /* RFC 8446 C.4: a ticket is used once */
        CHECK(cases[i].label, resumes(cases[i].server, cases[i].client, cases[i].name, s) == again);
        tls_session_free(s);
    }
    tls_server_unref(same_secret);
    tls_server_unref(new_secret);
    tls_client_unref(client);
    tls_client_unref(other_client);
}

static void test_resumption(void **state)
{
    check_resumption(*state, TLS1_3_VERSION);
    check_resumption(*state, TLS1_2_VERSION);
}

/* The client's own guard aside: a session of one name that is offered under another is refused by the server. */
static void test_server_refuses_a_session_of_another_name(void **state)
{
    struct kit *k = *state;
    static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};
    for (size_t i = 0; i < COUNT(versions); i++) {
        struct tls_client *client = client_of(TLS_VERIFY_OFF, SPAN_NONE);
        assert_int_equal(SSL_CTX_set_max_proto_version(client->ctx, versions[i]), 1);
        static const char *const names[] = {"x.a.test", "b.test", "wild.test"};
        for (size_t j = 0; j < COUNT(names); j++) {
            struct tls_session *s = session_from(k->server, client, "a.test");
            free(s->name);
            s->name = strdup(names[j]);
            CHECK(names[j], !resumes(k->server, client, names[j], s));
            tls_session_free(s);
        }
        tls_client_unref(client);
    }
}

/* --- contexts ----------------------------------------------------------------------------------------------------- */

static void test_alpn(void **state)
{
    struct kit *k = *state;
    static const struct {
        const char *name, *offers;
        unsigned bits;
        const char *chosen; /* NULL: refused */
    } cases[] = {
        {"http/1.1", "\x08http/1.1", TLS_ALPN_HTTP1, "http/1.1"},
        {"browser on http/1.1", "\x02h2\x08http/1.1", TLS_ALPN_HTTP1, "http/1.1"},
        {"browser on both", "\x08http/1.1\x02h2", TLS_ALPN_HTTP1 | TLS_ALPN_HTTP2, "h2"},
        {"http/1.1 on both", "\x08http/1.1", TLS_ALPN_HTTP1 | TLS_ALPN_HTTP2, "http/1.1"},
        {"nothing offered", "", TLS_ALPN_HTTP1, ""},
        {"only unknown", "\x06spdy/3", TLS_ALPN_HTTP1, NULL},
        {"h2 on http/1.1", "\x02h2", TLS_ALPN_HTTP1, NULL},
        {"http/1.1 on h2", "\x08http/1.1", TLS_ALPN_HTTP2, NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pair p;
        struct tls_server *server = server_of(k->certs, 1, 0, cases[i].bits);
        struct tls_client *client = client_of(TLS_VERIFY_FULL, pki_ca(k->pki));
        struct span offers = span_of(cases[i].offers);
        CHECK(cases[i].name, SSL_CTX_set_alpn_protos(client->ctx, offers.p, (unsigned)offers.n) == 0);
        meet(cases[i].name, &p, &(struct pair_config){.server = server, .client = client, .name = "a.test"});
        CHECK(cases[i].name, pair_is_open(&p) == (cases[i].chosen != NULL));
        if (cases[i].chosen) {
            CHECK(cases[i].name, span_eq(stream_alpn(p.server.stream), span_of(cases[i].chosen)));
            CHECK(cases[i].name, span_eq(stream_alpn(p.client.stream), span_of(cases[i].chosen)));
        } else {
            const char *error = "the peer sent the alert no_application_protocol";
            CHECK(cases[i].name, strcmp(stream_error(p.client.stream), error) == 0);
        }
        pair_fini(&p);
        tls_client_unref(client);
        tls_server_unref(server);
    }
}

/* Below TLS 1.2 there is nothing. */
static void test_old_versions_are_refused(void **state)
{
    struct kit *k = *state;
    struct tls_client *client = client_of(TLS_VERIFY_OFF, SPAN_NONE);
    struct pair p;
    SSL_CTX_set_security_level(client->ctx, 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(client->ctx, TLS1_1_VERSION), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(client->ctx, TLS1_1_VERSION), 1);
    assert_int_equal(SSL_CTX_set_cipher_list(client->ctx, "ALL:@SECLEVEL=0"), 1);
    meet("1.1", &p, &(struct pair_config){.server = k->server, .client = client, .name = "a.test"});
    assert_false(pair_is_open(&p));
    assert_string_equal(stream_error(p.server.stream), "no common TLS version (1.2 or 1.3)");
    assert_string_equal(stream_error(p.client.stream), "the peer sent the alert protocol_version");
    pair_fini(&p);
    tls_client_unref(client);
}

static void test_bad_contexts(void **state)
{
    struct kit *k = *state;
    struct span cert = text_span(&k->certs[0].cert), key = text_span(&k->certs[0].key);
    struct pki_cert nameless;
    pki_issue(k->pki, &(struct pki_wish){0}, &nameless);
    struct text cut;
    text_init(&cut);
    text_add(&cut, cert);
    text_add(&cut, SPAN("-----BEGIN CERTIFICATE-----\nAAAA\n"));
    const struct {
        const char *name;
        struct tls_pair pair;
        size_t secret_n;
    } cases[] = {
        {"no certificate", {SPAN_NONE, key}, 32},
        {"no key", {cert, SPAN_NONE}, 32},
        {"garbage", {SPAN("hello"), key}, 32},
        {"key for certificate", {key, key}, 32},
        {"foreign key", {cert, text_span(&k->certs[1].key)}, 32},
        {"no names", {text_span(&nameless.cert), text_span(&nameless.key)}, 32},
        {"chain breaks off", {text_span(&cut), key}, 32},
        {"short secret", {cert, key}, 31},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tls_server *t;
        struct span secret = span_make(secret_bytes, cases[i].secret_n);
        struct res r = tls_server_new(&cases[i].pair, 1, secret, TLS_ALPN_HTTP1, &t);
        CHECK(cases[i].name, !res_ok(r) && t == NULL);
    }
    struct tls_server *none;
    assert_false(res_ok(tls_server_new(NULL, 0, secret_of(0), TLS_ALPN_HTTP1, &none)));
    static const struct tls_client_config bad_ca[] = {{TLS_VERIFY_FULL, SPAN("hello")}};
    struct tls_client *client;
    assert_false(res_ok(tls_client_new(&bad_ca[0], &client)));
    assert_null(client);
    text_fini(&cut);
    pki_cert_fini(&nameless);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificate_by_name),
        cmocka_unit_test(test_unknown_name_gets_its_alert),
        cmocka_unit_test(test_no_name_shows_the_first_certificate),
        cmocka_unit_test(test_cert_covers),
        cmocka_unit_test(test_plain_peer),
        cmocka_unit_test(test_plain_client),
        cmocka_unit_test(test_peer_gone_during_handshake),
        cmocka_unit_test(test_resumption),
        cmocka_unit_test(test_server_refuses_a_session_of_another_name),
        cmocka_unit_test(test_alpn),
        cmocka_unit_test(test_old_versions_are_refused),
        cmocka_unit_test(test_bad_contexts),
    };
    return cmocka_run_group_tests(tests, kit_new, kit_free);
}

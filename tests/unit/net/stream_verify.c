/* The client's verdict on certificates. */
#include "net/stream.h"
#include "pki.h"

#include "net/listener.h"

#include "check.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* libssl's own copies of what it shall verify, which it makes without looking whether it could: the program's symbol
 * comes before the library's. */
static atomic_bool no_copies;

int X509_VERIFY_PARAM_set1(X509_VERIFY_PARAM *to, const X509_VERIFY_PARAM *from)
{
    int (*real)(X509_VERIFY_PARAM *, const X509_VERIFY_PARAM *) =
        (int (*)(X509_VERIFY_PARAM *, const X509_VERIFY_PARAM *))dlsym(RTLD_NEXT, "X509_VERIFY_PARAM_set1");
    return !no_copies && real(to, from);
}

/* The same with what a client learns of each authority when it is made. */
static atomic_size_t learnt;

int X509_check_purpose(X509 *cert, int purpose, int as_ca)
{
    int (*real)(X509 *, int, int) = (int (*)(X509 *, int, int))dlsym(RTLD_NEXT, "X509_check_purpose");
    learnt++;
    return real(cert, purpose, as_ca);
}

struct kit {
    struct pki *pki, *other, *forged; /* forged: the name of pki, another key */
    struct tls_client *client;
};

static struct tls_client *client_of(enum tls_verify verify, struct span ca)
{
    struct tls_client *t;
    assert_true(res_ok(tls_client_new(&(struct tls_client_config){verify, ca}, &t)));
    return t;
}

static int kit_new(void **state)
{
    struct kit *k = calloc(1, sizeof *k);
    k->pki = pki_new("Test CA");
    k->other = pki_new("Other CA");
    k->forged = pki_new("Test CA");
    k->client = client_of(TLS_VERIFY_FULL, pki_ca(k->pki));
    *state = k;
    return 0;
}

static int kit_free(void **state)
{
    struct kit *k = *state;
    tls_client_unref(k->client);
    pki_free(k->pki);
    pki_free(k->other);
    pki_free(k->forged);
    free(k);
    return 0;
}

/* A server that shows its one certificate whatever name is asked for, as many do: the verdict is the client's alone. */
struct bare {
    struct loop *loop;
    struct stream *stream;
    pthread_t thread;
    SSL_CTX *ctx;
    int listening;
    struct addr at;
    bool settled;
};

static void *serve_one(void *arg)
{
    struct bare *b = arg;
    int fd = accept(b->listening, NULL, NULL);
    SSL *ssl = SSL_new(b->ctx);
    SSL_set_fd(ssl, fd);
    char byte;
    if (SSL_accept(ssl) == 1)
        SSL_read(ssl, &byte, 1);
    SSL_free(ssl);
    close(fd);
    return NULL;
}

static SSL_CTX *bare_ctx(const struct pki_cert *cert)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    BIO *bio = BIO_new_mem_buf(cert->cert.p, (int)cert->cert.n);
    X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    bio = BIO_new_mem_buf(cert->key.p, (int)cert->key.n);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_true(SSL_CTX_use_certificate(ctx, x509) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1);
    X509_free(x509);
    EVP_PKEY_free(key);
    return ctx;
}

static void bare_start(struct bare *b, const struct pki_cert *cert)
{
    struct sockaddr_storage sa;
    *b = (struct bare){.loop = loop_new(), .ctx = bare_ctx(cert)};
    assert_true(addr_parse_ip(SPAN("127.0.0.1"), &b->at));
    assert_true(res_ok(listener_bind(&b->at, &b->listening)));
    socklen_t n = sizeof sa;
    assert_int_equal(getsockname(b->listening, (struct sockaddr *)&sa, &n), 0);
    b->at = addr_from_sockaddr(&sa);
    assert_int_equal(fcntl(b->listening, F_SETFL, 0), 0);
    assert_int_equal(pthread_create(&b->thread, NULL, serve_one, b), 0);
}

static void bare_settle(void *arg)
{
    struct bare *b = arg;
    b->settled = true;
    loop_stop(b->loop);
}

static void bare_connect(struct bare *b, struct tls_client *client, const char *name)
{
    static const struct stream_events events = {bare_settle, bare_settle, NULL};
    static const struct stream_limits limits = {65536, 0};
    struct stream_connect to = {.to = b->at, .tls = client, .name = span_of(name)};
    b->stream = stream_open(b->loop, &to, &limits, &events, b);
    assert_non_null(b->stream);
    loop_run(b->loop);
}

static void bare_end(struct bare *b)
{
    stream_close(b->stream, STREAM_CLOSE_NOW);
    pthread_join(b->thread, NULL);
    close(b->listening);
    SSL_CTX_free(b->ctx);
    loop_free(b->loop);
}

static void test_verification(void **state)
{
    struct kit *k = *state;
    static const char mismatch[] = "certificate verify failed: hostname mismatch";
    static const struct {
        const char *name, *ask;
        struct pki_wish wish;
        enum { TRUSTED = 0, OTHER, FORGED } ca;
        const char *error; /* NULL: accepted */
    } cases[] = {
        {"good", "v.x.test", {.san = "DNS:v.x.test"}, TRUSTED, NULL},
        {"other case", "V.X.Test", {.san = "DNS:v.x.test"}, TRUSTED, NULL},
        {"wildcard", "v.x.test", {.san = "DNS:*.x.test"}, TRUSTED, NULL},
        {"wrong host", "v.x.test", {.san = "DNS:w.x.test"}, TRUSTED, mismatch},
        {"parent", "v.x.test", {.san = "DNS:x.test"}, TRUSTED, mismatch},
        {"wildcard of two labels", "v.x.test", {.san = "DNS:*.test"}, TRUSTED, mismatch},
        {"wildcard of a whole domain", "v.test", {.san = "DNS:*.test"}, TRUSTED, mismatch},
        {"partial wildcard", "v1.x.test", {.san = "DNS:v*.x.test"}, TRUSTED, mismatch},
        {"inner wildcard", "v.x.test", {.san = "DNS:v.*.test"}, TRUSTED, mismatch},
        {"CN only", "leaf.test", {.san = NULL}, TRUSTED, mismatch},
        {"CN beside other names", "leaf.test", {.san = "DNS:other.test"}, TRUSTED, mismatch},
        {"address for a name", "v.x.test", {.san = "IP:127.0.0.1"}, TRUSTED, mismatch},
        {"expired", "v.x.test", {.san = "DNS:v.x.test", -7200, -3600}, TRUSTED, "certificate verify failed: expired"},
        {"not yet valid",
         "v.x.test",
         {.san = "DNS:v.x.test", 3600, 7200},
         false,
         "certificate verify failed: not yet valid"},
        {"self-signed",
         "v.x.test",
         {.san = "DNS:v.x.test", .self_signed = true},
         false,
         "certificate verify failed: self-signed"},
        {"unknown CA", "v.x.test", {.san = "DNS:v.x.test"}, OTHER, "certificate verify failed: unknown CA"},
        {"forged CA", "v.x.test", {.san = "DNS:v.x.test"}, FORGED, "certificate verify failed: bad signature"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bare b;
        struct pki_cert cert;
        pki_issue(cases[i].ca == OTHER ? k->other : cases[i].ca == FORGED ? k->forged : k->pki, &cases[i].wish, &cert);
        bare_start(&b, &cert);
        bare_connect(&b, k->client, cases[i].ask);
        CHECK(cases[i].name, (stream_state(b.stream) == STREAM_OPEN) == (cases[i].error == NULL));
        CHECK(cases[i].name, cases[i].error == NULL || stream_failure(b.stream) == STREAM_FAIL_TLS_VERIFY);
        if (strcmp(stream_error(b.stream), cases[i].error ? cases[i].error : "") != 0)
            fail_msg("%s: %s", cases[i].name, stream_error(b.stream));
        bare_end(&b);
        pki_cert_fini(&cert);
    }
}

static void test_name_without_memory_to_copy_it(void **state)
{
    struct kit *k = *state;
    static const struct {
        const char *name, *ask, *san;
        bool good;
    } cases[] = {
        {"its own name", "v.x.test", "DNS:v.x.test", true},
        {"another name", "v.x.test", "DNS:w.x.test", false},
        {"its own address", "127.0.0.1", "IP:127.0.0.1", true},
        {"another address", "127.0.0.1", "IP:127.0.0.2", false},
    };
    no_copies = true;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bare b;
        struct pki_cert cert;
        pki_issue(k->pki, &(struct pki_wish){.san = cases[i].san}, &cert);
        bare_start(&b, &cert);
        bare_connect(&b, k->client, cases[i].ask);
        CHECK(cases[i].name, (stream_state(b.stream) == STREAM_OPEN) == cases[i].good);
        CHECK(cases[i].name, cases[i].good || stream_failure(b.stream) == STREAM_FAIL_TLS_VERIFY);
        bare_end(&b);
        pki_cert_fini(&cert);
    }
    no_copies = false;
}

static void test_addresses(void **state)
{
    struct kit *k = *state;
    static const char mismatch[] = "certificate verify failed: IP address mismatch";
    static const struct {
        const char *name, *ask, *san, *error;
    } cases[] = {
        {"address", "127.0.0.1", "IP:127.0.0.1", NULL},
        {"other address", "127.0.0.2", "IP:127.0.0.1", mismatch},
        {"name for address", "127.0.0.1", "DNS:v.test", mismatch},
        {"address as DNS name", "127.0.0.1", "DNS:127.0.0.1", mismatch},
        {"v6 address", "::1", "IP:::1", NULL},
        {"v6 address in brackets", "[::1]", "IP:::1", NULL},
        {"v4 for v6", "::1", "IP:127.0.0.1", mismatch},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bare b;
        struct pki_cert cert;
        pki_issue(k->pki, &(struct pki_wish){.san = cases[i].san}, &cert);
        bare_start(&b, &cert);
        bare_connect(&b, k->client, cases[i].ask);
        CHECK(cases[i].name, (stream_state(b.stream) == STREAM_OPEN) == (cases[i].error == NULL));
        if (strcmp(stream_error(b.stream), cases[i].error ? cases[i].error : "") != 0)
            fail_msg("%s: %s", cases[i].name, stream_error(b.stream));
        bare_end(&b);
        pki_cert_fini(&cert);
    }
}

static void test_verification_off_takes_anything(void **state)
{
    struct kit *k = *state;
    struct bare b;
    struct pki_cert cert;
    pki_issue(k->other, &(struct pki_wish){.san = "DNS:w.test", -7200, -3600, true}, &cert);
    struct tls_client *client = client_of(TLS_VERIFY_OFF, SPAN_NONE);
    bare_start(&b, &cert);
    bare_connect(&b, client, "v.test");
    assert_int_equal(stream_state(b.stream), STREAM_OPEN);
    bare_end(&b);
    tls_client_unref(client);
    pki_cert_fini(&cert);
}

static void test_no_name_no_connection(void **state)
{
    struct kit *k = *state;
    static const struct {
        const char *label;
        struct span name;
    } cases[] = {{"empty", {NULL, 0}}, {"root", SPAN(".")}, {"NUL inside", SPAN("a.test\0.evil")}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct loop *loop = loop_new();
        static const struct stream_events none = {0};
        static const struct stream_limits limits = {65536, 0};
        struct stream_connect to = {.tls = k->client, .name = cases[i].name};
        CHECK(cases[i].label, addr_parse_ip(SPAN("127.0.0.1"), &to.to));
        CHECK(cases[i].label, stream_open(loop, &to, &limits, &none, NULL) == NULL);
        loop_free(loop);
    }
}

/* OpenSSL writes it into the certificate at its first use, which loop threads share. */
static void test_authorities_are_learnt_when_the_client_is_made(void **state)
{
    struct kit *k = *state;
    char dir[] = "/tmp/tiergate-ca-XXXXXX", file[64];
    struct text two;
    text_init(&two);
    text_add(&two, pki_ca(k->pki));
    text_add(&two, pki_ca(k->other));
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/two.pem", dir);
    FILE *f = fopen(file, "w");
    assert_true(f && fwrite(two.p, 1, two.n, f) == two.n && fclose(f) == 0);
    assert_int_equal(setenv("SSL_CERT_FILE", file, 1), 0);
    for (int system = 0; system < 2; system++) {
        size_t before = learnt;
        struct tls_client *client = client_of(TLS_VERIFY_FULL, system ? SPAN_NONE : text_span(&two));
        CHECK(system ? "the system's" : "a file of one's own", learnt - before == 2);
        tls_client_unref(client);
    }
    unsetenv("SSL_CERT_FILE");
    assert_true(unlink(file) == 0 && rmdir(dir) == 0);
    text_fini(&two);
}

static void behind_a_good_one(const struct kit *k, struct span pem, struct text *out)
{
    text_init(out);
    text_add(out, pki_ca(k->pki));
    text_add(out, pem);
}

static void test_files_that_are_no_authorities(void **state)
{
    struct kit *k = *state;
    static const char not_pem[] = "the CA file is not a list of certificates in PEM";
    struct pki_cert leaf;
    struct text after, cut, broken, unreadable;
    pki_issue(k->pki, &(struct pki_wish){.san = "DNS:v.test"}, &leaf);
    pki_unreadable(k->pki, &unreadable);
    const struct span not_base64 = SPAN("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n");
    behind_a_good_one(k, text_span(&unreadable), &after);
    behind_a_good_one(k, span_make(pki_ca(k->other).p, pki_ca(k->other).n / 2), &cut);
    behind_a_good_one(k, not_base64, &broken);
    const struct {
        const char *label;
        struct span pem;
        const char *error;
    } cases[] = {
        {"words", SPAN("no certificate"), not_pem},
        {"cut", span_make(pki_ca(k->pki).p, pki_ca(k->pki).n / 2), not_pem},
        {"not base64", not_base64, not_pem},
        {"a good one, then a cut one", text_span(&cut), not_pem},
        {"a good one, then not base64", text_span(&broken), not_pem},
        {"a key", text_span(&leaf.key), not_pem},
        {"unreadable extensions", text_span(&unreadable),
         "a certificate in the CA file has extensions that cannot be read"},
        {"the same behind a good one", text_span(&after),
         "a certificate in the CA file has extensions that cannot be read"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tls_client *t;
        struct res r = tls_client_new(&(struct tls_client_config){TLS_VERIFY_FULL, cases[i].pem}, &t);
        CHECK(cases[i].label, t == NULL && !res_ok(r));
        assert_string_equal(r.err, cases[i].error);
    }
    text_fini(&after);
    text_fini(&cut);
    text_fini(&broken);
    text_fini(&unreadable);
    pki_cert_fini(&leaf);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* for the bare server; a stream raises none */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verification),
        cmocka_unit_test(test_name_without_memory_to_copy_it),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_verification_off_takes_anything),
        cmocka_unit_test(test_no_name_no_connection),
        cmocka_unit_test(test_authorities_are_learnt_when_the_client_is_made),
        cmocka_unit_test(test_files_that_are_no_authorities),
    };
    return cmocka_run_group_tests(tests, kit_new, kit_free);
}

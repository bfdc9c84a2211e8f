#include "base/crypto/x509.h"

#include "base/clock.h"
#include "check.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define DAY 86400

static void names_that_cover(void **state)
{
    static const struct {
        const char *name, *cert, *host;
        bool want;
    } cases[] = {
        {"the same", "a.example", "a.example", true},
        {"another", "a.example", "b.example", false},
        {"below", "example.org", "a.example.org", false},
        {"above", "a.example.org", "example.org", false},
        {"wildcard", "*.example.org", "a.example.org", true},
        {"wildcard, hyphens", "*.example.org", "pr-12.example.org", true},
        {"wildcard, not its base", "*.example.org", "example.org", false},
        {"wildcard, two labels", "*.example.org", "a.b.example.org", false},
        {"wildcard, empty label", "*.example.org", ".example.org", false},
        {"wildcard, suffix without dot", "*.example.org", "aexample.org", false},
        {"wildcard, other base", "*.example.org", "a.example.com", false},
        {"wildcard of a single label", "*.localhost", "a.localhost", false},
        {"wildcard of the root", "*.", "a.", false},
        {"star alone", "*", "a", false},
        {"star inside", "a*.example.org", "ab.example.org", false},
        {"star further in", "a.*.example.org", "a.b.example.org", false},
        {"pattern by the same pattern", "*.example.org", "*.example.org", true},
        {"pattern by a name", "a.example.org", "*.example.org", false},
        {"pattern by a wider one", "*.example.org", "*.a.example.org", false},
        {"deeper pattern as a label", "*.b.example.org", "*.example.org", false},
        {"star as a label of the host", "*.example.org", "x*.example.org", false},
        {"address", "127.0.0.1", "127.0.0.1", true},
        {"address by a wildcard", "*.0.0.1", "127.0.0.1", false},
        {"IPv6", "::1", "::1", true},
        {"nothing", "", "", false},
        {"no host", "*.example.org", "", false},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(cases[i].name, x509_name_covers(span_of(cases[i].cert), span_of(cases[i].host)) == cases[i].want);
}

static void names_that_are_none(void **state)
{
    static const struct {
        const char *name;
        struct span s;
        bool want;
    } cases[] = {
        {"plain", SPAN("a.example"), true},
        {"upper case", SPAN("A.Example"), true},
        {"wildcard", SPAN("*.a.example"), true},
        {"underscore", SPAN("_a.example"), true},
        {"empty", SPAN(""), false},
        {"star", SPAN("*"), false},
        {"star and dot", SPAN("*."), false},
        {"NUL", SPAN("a.example\0.evil"), false},
        {"newline", SPAN("a\nb"), false},
        {"comma", SPAN("a,DNS:b"), false},
        {"space", SPAN("a b"), false},
        {"leading dot", SPAN(".a"), false},
        {"star inside", SPAN("a.*.b"), false},
        {"beyond ASCII", SPAN("\xc3\xa9.example"), false},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(cases[i].name, x509_is_name(cases[i].s) == cases[i].want);
}

struct made {
    struct x509_pair ca, leaf;
};

static const struct span leaf_names[] = {SPAN("App.Example.ORG"), SPAN("*.preview.example.org"), SPAN("127.0.0.1"),
                                         SPAN("0:0:0:0:0:0:0:1"), SPAN("localhost")};

static int make(void **state)
{
    struct made *m = test_calloc(1, sizeof(*m));

    assert_true(res_ok(x509_make_ca(SPAN("laptop"), &m->ca)));
    assert_true(res_ok(x509_make_leaf(&m->ca, leaf_names, COUNT(leaf_names), &m->leaf)));
    *state = m;
    return 0;
}

static int drop(void **state)
{
    struct made *m = *state;

    x509_pair_fini(&m->ca);
    x509_pair_fini(&m->leaf);
    test_free(m);
    return 0;
}

static void reads_back_what_was_made(void **state)
{
    struct made *m = *state;
    struct x509_info info;

    assert_true(res_ok(x509_info_parse(text_span(&m->leaf.cert), &info)));
    assert_true(
        span_eq(text_span(&info.names), SPAN("app.example.org\n*.preview.example.org\n127.0.0.1\n::1\nlocalhost\n")));
    assert_int_equal(info.not_after - info.not_before, 397 * DAY);
    assert_true(info.not_before <= clock_wall_s() && info.not_before > clock_wall_s() - 2 * 3600);

    struct span rest = text_span(&info.names), name;
    size_t count = 0;

    while (x509_next_name(&rest, &name))
        count++;
    assert_int_equal(count, COUNT(leaf_names));
    assert_true(x509_covers(&info, SPAN("app.example.org")));
    assert_true(x509_covers(&info, SPAN("pr-1.preview.example.org")));
    assert_true(x509_covers(&info, SPAN("*.preview.example.org")));
    assert_true(x509_covers(&info, SPAN("::1")));
    assert_false(x509_covers(&info, SPAN("example.org")));
    assert_false(x509_covers(&info, SPAN("tiergate dev"))); /* the subject names nobody */
    x509_info_fini(&info);

    assert_true(res_ok(x509_info_parse(text_span(&m->ca.cert), &info)));
    assert_int_equal(info.names.n, 0);
    assert_int_equal((info.not_after - info.not_before) / DAY, 3650);
    x509_info_fini(&info);
}

static X509 *read_cert(const struct text *pem)
{
    BIO *bio = BIO_new_mem_buf(pem->p, (int)pem->n);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    assert_non_null(cert);
    return cert;
}

/* OpenSSL itself accepts the leaf for its names as a TLS server below the authority, and nothing else. */
static void openssl_accepts(void **state)
{
    struct made *m = *state;
    X509 *ca = read_cert(&m->ca.cert), *leaf = read_cert(&m->leaf.cert);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();

    X509_STORE_add_cert(store, ca);
    X509_STORE_set_flags(store, X509_V_FLAG_X509_STRICT);
    X509_STORE_CTX_init(ctx, store, leaf, NULL);
    X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_SERVER);
    if (X509_verify_cert(ctx) != 1)
        fail_msg("%s", X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
    X509_STORE_CTX_cleanup(ctx);
    X509_STORE_CTX_init(ctx, store, leaf, NULL);
    X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_CLIENT);
    assert_int_equal(X509_verify_cert(ctx), 0);

    assert_int_equal(X509_check_host(leaf, "app.example.org", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(leaf, "x.preview.example.org", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(leaf, "evil.example.org", 0, 0, NULL), 0);
    assert_int_equal(X509_check_ip_asc(leaf, "127.0.0.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(leaf, "::1", 0), 1);
    assert_int_equal(X509_check_ca(leaf), 0);
    assert_int_equal(X509_check_ca(ca), 1);
    assert_int_equal(X509_get_pathlen(ca), 0);
    assert_int_equal(X509_get_key_usage(ca), KU_KEY_CERT_SIGN | KU_CRL_SIGN);

    char cn[100];

    X509_NAME_get_text_by_NID(X509_get_subject_name(ca), NID_commonName, cn, sizeof(cn));
    assert_string_equal(cn, "tiergate local CA laptop");
    assert_true(ASN1_STRING_length(X509_get0_serialNumber(leaf)) > 12);
    assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(leaf), X509_get0_serialNumber(ca)), 0);

    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    X509_free(ca);
    X509_free(leaf);
}

static struct span join(struct text *t, struct span a, struct span b)
{
    text_init(t);
    text_add(t, a);
    text_add(t, b);
    return text_span(t);
}

static void keys_and_chains(void **state)
{
    struct made *m = *state;
    struct span ca = text_span(&m->ca.cert), ca_key = text_span(&m->ca.key), leaf = text_span(&m->leaf.cert),
                key = text_span(&m->leaf.key);
    struct text chain, reversed, broken, both;
    struct span in_one = join(&both, key, leaf);
    const struct {
        const char *name;
        struct span cert, key;
        bool want;
    } cases[] = {
        {"leaf", leaf, key, true},
        {"authority", ca, ca_key, true},
        {"wrong key", leaf, ca_key, false},
        {"chain", join(&chain, leaf, ca), key, true},
        {"chain the wrong way round", join(&reversed, ca, leaf), key, false},
        {"chain cut short", join(&broken, leaf, span_make(ca.p, ca.n / 2)), key, false},
        {"key in the same file", in_one, in_one, true},
        {"no certificate", key, key, false},
        {"no key", leaf, leaf, false},
        {"empty certificate", SPAN_NONE, key, false},
        {"empty key", leaf, SPAN_NONE, false},
        {"rubbish", SPAN("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), key, false},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(cases[i].name, res_ok(x509_key_matches(cases[i].cert, cases[i].key)) == cases[i].want);
    text_fini(&chain);
    text_fini(&reversed);
    text_fini(&broken);
    text_fini(&both);
}

/* Must not ask for the pass phrase: the test would hang. */
static void encrypted_key(void **state)
{
    struct made *m = *state;
    BIO *in = BIO_new_mem_buf(m->leaf.key.p, (int)m->leaf.key.n), *out = BIO_new(BIO_s_mem());
    EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
    char pass[] = "secret", *p;

    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_128_cbc(), pass, 6, NULL, NULL), 1);

    long n = BIO_get_mem_data(out, &p);

    assert_false(res_ok(x509_key_matches(text_span(&m->leaf.cert), span_make(p, (size_t)n))));
    EVP_PKEY_free(key);
    BIO_free(in);
    BIO_free(out);
}

static void making_fails(void **state)
{
    struct made *m = *state;
    static char long_label[260];
    const struct x509_pair mixed = {m->ca.cert, m->leaf.key}, empty = {{0}, {0}};
    static const struct span good[] = {SPAN("a.example")}, bad[] = {SPAN("a.example"), SPAN("b,DNS:evil.example")},
                             none[] = {SPAN("")};
    const struct {
        const char *name;
        const struct x509_pair *ca;
        const struct span *names;
        size_t count;
        bool want;
    } cases[] = {
        {"good", &m->ca, good, 1, true},
        {"no names", &m->ca, good, 0, false},
        {"a name that is none", &m->ca, bad, 2, false},
        {"an empty name", &m->ca, none, 1, false},
        {"a key that is not the authority's", &mixed, good, 1, false},
        {"no authority", &empty, good, 1, false},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct x509_pair out;

        x509_pair_init(&out);
        CHECK(cases[i].name,
              res_ok(x509_make_leaf(cases[i].ca, cases[i].names, cases[i].count, &out)) == cases[i].want);
        CHECK(cases[i].name, (out.cert.n && out.key.n) == cases[i].want);
        CHECK(cases[i].name, cases[i].want || (!out.cert.p && !out.key.p));
        x509_pair_fini(&out);
    }

    struct x509_pair out;

    x509_pair_init(&out);
    assert_false(res_ok(x509_make_ca(SPAN_NONE, &out)));
    memset(long_label, 'a', sizeof(long_label));
    assert_false(res_ok(x509_make_ca(span_make(long_label, 256), &out)));
    assert_true(res_ok(x509_make_ca(span_make(long_label, 255), &out)));
    x509_pair_fini(&out);
}

static void cut_at_every_byte(void **state)
{
    struct made *m = *state;
    struct span pem = text_span(&m->leaf.cert);
    struct x509_info info;

    /* without the last newline it is still whole */
    for (size_t n = 0; n + 1 < pem.n; n++)
        assert_false(res_ok(x509_info_parse(span_make(pem.p, n), &info)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_cover),
        cmocka_unit_test(names_that_are_none),
        cmocka_unit_test_setup_teardown(reads_back_what_was_made, make, drop),
        cmocka_unit_test_setup_teardown(openssl_accepts, make, drop),
        cmocka_unit_test_setup_teardown(keys_and_chains, make, drop),
        cmocka_unit_test_setup_teardown(encrypted_key, make, drop),
        cmocka_unit_test_setup_teardown(making_fails, make, drop),
        cmocka_unit_test_setup_teardown(cut_at_every_byte, make, drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

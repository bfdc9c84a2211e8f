/* What good rules become. */
#include "kit.h"

#include "cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/crypto/x509.h"
#include "gate/crypt_hash.h"

static const char secret_a[] = "an example secret with many bytes";

/* ' for "; more blobs behind the rules; made in serve mode, so that secrets are real. Fails the test on any error. */
static struct snapshot *make(const char *rules, const struct kit_blob *more, size_t count, struct diags *d)
{
    struct kit_blob blobs[16] = {{BLOB_RULES, "rules/a.json", NULL}, {BLOB_ENV, "U", "the password"}};
    char *text = strdup(rules);

    assert_non_null(text);
    assert_true(count + 3 <= sizeof(blobs) / sizeof(blobs[0]));
    for (char *p = text; *p; p++)
        if (*p == '\'')
            *p = '"';
    blobs[0].text = text;
    if (count)
        memcpy(blobs + 2, more, count * sizeof(*more));
    struct bundle *b = kit_bundle(blobs);

    diags_init(d);
    struct snapshot *s = config_compile(b, d);

    /* The snapshot must stand without its bundle. */
    bundle_free(b);
    free(text);
    return s;
}

static struct snapshot *good(const char *rules, const struct kit_blob *more, size_t count)
{
    struct diags d;
    struct snapshot *s = make(rules, more, count, &d);

    if (!s)
        fail_msg("refused:%s", kit_messages(&d));
    diags_fini(&d);
    return s;
}

static void bad(const char *rules, const struct kit_blob *more, size_t count, const char *part)
{
    struct diags d;
    struct snapshot *s = make(rules, more, count, &d);
    char *messages = kit_messages(&d);

    if (s || !kit_find(&d, DIAG_ERROR, 0, NULL, part))
        fail_msg("no \"%s\" in%s", part, messages);
    free(messages);
    diags_fini(&d);
}

static bool is(struct span s, const char *text)
{
    return span_eq(s, span_of(text));
}

static void test_defaults(void **state)
{
    struct snapshot *s = good(WITH("'tier':'stage'"), NULL, 0);
    const struct limits_config want = {
        .connections = 10000,
        .origin_idle = UINT32_MAX,
        .places_more = UINT32_MAX,
        .connections_per_address = 2048,
        .header_bytes = 32768,
        .header_fields = 100,
        .handshake_timeout_ms = 10000,
        .header_timeout_ms = 15000,
        .body_timeout_ms = 60000,
        .body_rate = 250,
        .body_rate_after_ms = 30000,
        .write_timeout_ms = 60000,
        .write_rate = 250,
        .write_rate_after_ms = 30000,
        .backpressure_timeout_ms = 600000,
        .keepalive_timeout_ms = 75000,
        .requests_per_connection = 10000,
        .tunnel_idle_timeout_ms = 3600000,
        .drain_timeout_ms = 30000,
        .tunnel_grace_ms = 5000,
        .gate = {.failures_per_user = 10,
                 .failures_per_address = 40,
                 .window_s = 60,
                 .hash_queue = 256,
                 .hash_queue_per_address = 32},
    };

    assert_memory_equal(&s->limits, &want, sizeof(want));
    assert_true(is(s->log.to, "stdout"));
    assert_true(is(s->tier, "stage") && is(s->hosts[0].tier, "stage"));
    assert_true(s->hosts[0].noindex && !s->hosts[0].is_public && s->hosts[0].cors == CORS_EDGE);
    assert_true(is(s->gates[0].name, "g") && is(s->gates[0].basic->realm, "g"));
    assert_true(is(s->gates[0].basic->users[0].name, "u") && is(s->gates[0].basic->users[0].secret, "the password"));
    assert_true(is(s->gates[0].session.cookie, "__Host-tiergate") && !s->gates[0].session.domain.n);
    assert_int_equal(s->gates[0].session.lifetime_s, 86400);
    assert_int_equal(s->gates[0].session.idle_s, 0);
    assert_int_equal(s->gates[0].session.key_count, 1);
    assert_true(s->listen[0].plain && s->listen[0].address.port == 8080 && s->client_address.trusted_count == 1);
    assert_null(s->tls);
    snapshot_unref(s);
}

static void test_origin(void **state)
{
    static const struct kit_blob more[] = {{BLOB_ENV, "K", "v 1"}};
    struct snapshot *s =
        good("{" LISTEN "," GATES ",'origins':{'o':{'url':'https://pr-{n}.x.pages.dev:8443','host':'client',"
             "'headers':{'X-Key':'env:K'},'connect_timeout':'15s','idle_timeout':'0','pool_size':0},'p':{'url':"
             "'http://127.0.0.1:5173','host':'dev.localhost'}},'hosts':[{'host':'q-{n:int}.example.org','origin':"
             "'o','gate':'g','rules':[" ALLOW "]},{'host':'i.example.org','tier':'t','origin':'p','gate':'g',"
             "'noindex':false,'cors':{'edge':false},'rules':[" ALLOW "]}]}",
             more, 1);
    const struct origin_config *o = &s->origins[0], *p = &s->origins[1];

    assert_true(is(o->host_before, "pr-") && is(o->host_after, ".x.pages.dev") && o->has_capture && o->port == 8443);
    assert_true(is(o->port_suffix, ":8443"));
    assert_non_null(o->tls);
    assert_true(o->host_mode == ORIGIN_NAME_CLIENT && o->header_count == 1);
    assert_true(is(o->headers[0].name, "X-Key") && is(o->headers[0].value, "v 1"));
    assert_int_equal(o->connect_timeout_ms, 15000);
    assert_int_equal(o->first_byte_timeout_ms, 60000);
    assert_int_equal(o->idle_timeout_ms, 0);
    assert_int_equal(o->pool_idle_ms, 30000);
    assert_int_equal(o->pool_size, 0);
    assert_true(is(p->host_before, "127.0.0.1") && !p->host_after.n && !p->has_capture && p->port == 5173 && !p->tls);
    assert_true(p->host_mode == ORIGIN_NAME_FIXED && is(p->host_fixed, "dev.localhost"));
    assert_true(o->key != p->key);
    assert_ptr_equal(s->hosts[0].origin, o);
    assert_true(is(s->hosts[1].tier, "t") && !s->hosts[1].noindex && s->hosts[1].cors == CORS_ORIGIN);
    snapshot_unref(s);
}

/* Field by field: what a gate does not say stands at the top. */
static void test_session(void **state)
{
    static const struct kit_blob more[] = {{BLOB_ENV, "A", secret_a},
                                           {BLOB_ENV, "B", "another example secret with many bytes"}};
    struct snapshot *s =
        good("{" LISTEN ",'session':{'domain':'example.org','lifetime':'2h','idle':'90s','secret':['env:A','env:B']},"
             "'gates':{'g':{'basic':{'users':{'u':'env:U'}}},'x':{'basic':{'users':{'u':'env:U'}},'session':{"
             "'domain':'','idle':'0','secret':'env:B'}}}," ORIGINS ","
             "'hosts':[" HOST ",{'host':'x.example.net','origin':'o','gate':'x','rules':[" ALLOW "]}]}",
             more, 2);
    const struct session_config *g = &s->gates[0].session, *x = &s->gates[1].session;

    assert_true(is(g->domain, "example.org") && is(g->cookie, "__Secure-tiergate"));
    assert_int_equal(g->lifetime_s, 7200);
    assert_int_equal(g->idle_s, 90);
    assert_int_equal(g->key_count, 2);
    assert_true(!x->domain.n && is(x->cookie, "__Host-tiergate"));
    assert_int_equal(x->lifetime_s, 7200);
    assert_int_equal(x->idle_s, 0);
    assert_int_equal(x->key_count, 1);
    snapshot_unref(s);
    bad(WITH("'session':{'secret':['env:A','env:A']}"), more, 2, "the same secret as");
}

static void test_references(void **state)
{
    struct snapshot *s = good(WITH("'tier':'x'"), NULL, 0);

    assert_ptr_equal(snapshot_ref(s), s);
    snapshot_unref(s);
    assert_int_equal(s->host_count, 1);
    snapshot_unref(s);
    snapshot_unref(NULL);
}

/* --- htpasswd ----------------------------------------------------------------------------------------------------- */

#define HTPASSWD WITH_GATE("{'basic':{'htpasswd':'h','users':{'u':'env:U'}}}")
#define SHA512 "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO/O817G3uBnIFNjnQJuesI68OTLiBFdcbYEdFCoEOfaS35inz1"

static void test_htpasswd(void **state)
{
    char bcrypt[CRYPT_HASH_MAX], yescrypt[CRYPT_HASH_MAX], file[2048];

    assert_true(res_ok(crypt_hash_make(CRYPT_KIND_BCRYPT, 4, "x", bcrypt)));
    assert_true(res_ok(crypt_hash_make(CRYPT_KIND_YESCRYPT, 1, "x", yescrypt)));
    snprintf(file, sizeof(file), "# people\n\nzoe:%s\r\n  \nadam:%s\nben:%s", bcrypt, yescrypt, SHA512);
    const struct kit_blob more[] = {{BLOB_FILE, "rules/h", file}};
    struct snapshot *s = good(HTPASSWD, more, 1);
    const struct basic_config *b = s->gates[0].basic;

    assert_int_equal(b->user_count, 4);
    assert_true(is(b->users[0].name, "adam") && is(b->users[0].hash, yescrypt) && !b->users[0].secret.n);
    assert_true(is(b->users[1].name, "ben") && is(b->users[1].hash, SHA512));
    assert_true(is(b->users[2].name, "u") && is(b->users[2].secret, "the password") && !b->users[2].hash.n);
    assert_true(is(b->users[3].name, "zoe") && is(b->users[3].hash, bcrypt));
    snapshot_unref(s);
}

static void test_htpasswd_refused(void **state)
{
    static const struct {
        const char *name, *file, *part;
        unsigned line;
    } cases[] = {
        {"apr1", "a:$apr1$abcdefgh$0123456789012345678901", "MD5 (apr1) hashes are refused", 1},
        {"MD5", "\na:$1$abcdefgh$0123456789012345678901", "MD5 hashes are refused", 2},
        {"SHA-1", "# x\n\na:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "SHA-1 hashes are refused", 3},
        {"SHA-256", "a:$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc8", "SHA-256 hashes are refused", 1},
        {"crypt", "a:rl0uE2sMyhh3g", "not a usable password hash", 1},
        {"plain", "a:secret", "not a usable password hash", 1},
        {"no hash", "a:", "not a usable password hash", 1},
        {"no colon", "a", "not `user:hash`", 1},
        {"no name", ":" SHA512, "a user needs a name", 1},
        {"control", "a\x01:" SHA512, "control characters", 1},
        {"truncated", "a:$6$saltstring$svn8", "not a usable password hash", 1},
        {"twice", "a:" SHA512 "\na:" SHA512, "user a is defined twice", 0},
        {"twice, in the rules, too", "u:" SHA512, "user u is defined twice", 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct kit_blob more[] = {{BLOB_FILE, "rules/h", cases[i].file}};
        struct diags d;
        struct snapshot *s = make(HTPASSWD, more, 1, &d);

        if (s || !kit_find(&d, DIAG_ERROR, cases[i].line, NULL, cases[i].part) || d.errors != 1)
            fail_msg("%s: no \"%s\" at line %u in%s", cases[i].name, cases[i].part, cases[i].line, kit_messages(&d));
        if (cases[i].line)
            assert_string_equal(kit_find(&d, DIAG_ERROR, 0, NULL, cases[i].part)->file, "rules/h");
        diags_fini(&d);
    }
    const struct kit_blob empty[] = {{BLOB_FILE, "rules/h", "# nobody\n"}};

    bad(WITH_GATE("{'basic':{'htpasswd':'h'}}"), empty, 1, "the file holds no users");
}

static void test_password(void **state)
{
    static const struct {
        const char *password, *part;
    } cases[] = {{"a\nb", "control character"}, {"", "is empty"}};
    char large[300];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct kit_blob more[] = {{BLOB_ENV, "P", cases[i].password}};

        bad(WITH_GATE("{'basic':{'users':{'u':'env:P'}}}"), more, 1, cases[i].part);
    }
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    const struct kit_blob more[] = {{BLOB_ENV, "P", large}};

    bad(WITH_GATE("{'basic':{'users':{'u':'env:P'}}}"), more, 1, "at most 256 are taken");
}

/* --- certificates ------------------------------------------------------------------------------------------------- */

struct certificates {
    struct x509_pair ca, leaf, other;
};

static struct certificates make_certificates(void)
{
    static const struct span names[] = {{(const uint8_t *)"example.org", 11}, {(const uint8_t *)"*.example.org", 13}};
    struct certificates c;

    x509_pair_init(&c.ca);
    x509_pair_init(&c.leaf);
    x509_pair_init(&c.other);
    assert_true(res_ok(x509_make_ca(SPAN("test"), &c.ca)));
    assert_true(res_ok(x509_make_leaf(&c.ca, names, 2, &c.leaf)));
    assert_true(res_ok(x509_make_leaf(&c.ca, names, 2, &c.other)));
    return c;
}

#define TLS_HOSTS(hosts)                                                                                               \
    "{'listen':[{'address':':443'}],'certificates':[{'cert':'c','key':'/k'}]," GATES "," ORIGINS                       \
    ",'hosts':[{'host':" hosts ",'origin':'o','gate':'g','rules':[" ALLOW "]}]}"

static void test_certificates(void **state)
{
    static const struct {
        const char *hosts, *part; /* NULL: fine */
    } cases[] = {
        {"'example.org'", NULL},
        {"['a.example.org','*.example.org','pr-{n}.example.org']", NULL},
        {"'a.b.example.org'", "one must hold the name a.b.example.org"},
        {"'*.b.example.org'", "one must hold the name *.b.example.org"},
        {"'pr-{n}.b.example.org'", "one must hold the name *.b.example.org"},
        {"'a.pr-{n}.example.org'", "no certificate can cover this"},
        {"'example.net'", "one must hold the name example.net"},
    };
    struct certificates c = make_certificates();
    const struct kit_blob more[] = {{BLOB_FILE, "rules/c", c.leaf.cert.p}, {BLOB_FILE, "/k", c.leaf.key.p}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char rules[1024];

        snprintf(rules, sizeof(rules), TLS_HOSTS("%s"), cases[i].hosts);
        if (cases[i].part) {
            bad(rules, more, 2, cases[i].part);
            continue;
        }
        struct snapshot *s = good(rules, more, 2);

        assert_non_null(s->tls);
        snapshot_unref(s);
    }
    x509_pair_fini(&c.ca);
    x509_pair_fini(&c.leaf);
    x509_pair_fini(&c.other);
}

static void test_bad_certificates(void **state)
{
    struct certificates c = make_certificates();
    const struct {
        const char *name, *cert, *key;
    } cases[] = {
        {"another key", c.leaf.cert.p, c.other.key.p},
        {"no certificate", "hello", c.leaf.key.p},
        {"no key", c.leaf.cert.p, "hello"},
        {"empty", "", ""},
        {"swapped", c.leaf.key.p, c.leaf.cert.p},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct kit_blob more[] = {{BLOB_FILE, "rules/c", cases[i].cert}, {BLOB_FILE, "/k", cases[i].key}};
        struct diags d;

        if (make(TLS_HOSTS("'example.org'"), more, 2, &d))
            fail_msg("%s: taken", cases[i].name);
        if (d.errors != 1 || strncmp(d.v[0].path, "certificates[0].", 16) != 0)
            fail_msg("%s: wanted one error at the certificate, got%s", cases[i].name, kit_messages(&d));
        diags_fini(&d);
    }
    x509_pair_fini(&c.ca);
    x509_pair_fini(&c.leaf);
    x509_pair_fini(&c.other);
}

/* An origin whose authority is broken must not fall back to the system's. */
static void test_authority(void **state)
{
    struct certificates c = make_certificates();
    const struct kit_blob fine[] = {{BLOB_FILE, "rules/ca", c.ca.cert.p}},
                          broken[] = {{BLOB_FILE, "rules/ca", "hello"}}, empty[] = {{BLOB_FILE, "rules/ca", ""}};
    static const char rules[] = WITH_ORIGIN("{'url':'https://o.example.org','tls':{'ca':'ca'}}");

    snapshot_unref(good(rules, fine, 1));
    bad(rules, broken, 1, "");
    bad(rules, empty, 1, "the file is empty");
    x509_pair_fini(&c.ca);
    x509_pair_fini(&c.leaf);
    x509_pair_fini(&c.other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),   cmocka_unit_test(test_origin),       cmocka_unit_test(test_session),
        cmocka_unit_test(test_references), cmocka_unit_test(test_htpasswd),     cmocka_unit_test(test_htpasswd_refused),
        cmocka_unit_test(test_password),   cmocka_unit_test(test_certificates), cmocka_unit_test(test_bad_certificates),
        cmocka_unit_test(test_authority),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

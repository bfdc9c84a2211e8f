/* What a browser carries through a sign-in: whole, of this gate, for one purpose, in time, or nothing. */
#include "support.h"

#include "base/crypto/mac.h"
#include "base/crypto/seal.h"
#include "gate/errand.h"
#include "gate/record.h"

#define NOW 1800000000

static void gate_make(struct gate_fixture *f, struct arena *a, const char *name, struct span secret)
{
    fixture_init(f, name, "app.test");
    fixture_add(f, "anna", "pw", NULL);
    fixture_seal(f, a, secret);
}

static const uint8_t browser[BROWSER_HASH] = {1, 2, 3}, nonce[16] = {4, 5};

static struct way_back example(void)
{
    return (struct way_back){.host = SPAN("api.app.test"),
                             .port = 8443,
                             .target = SPAN("/cb?code=a%2Fb&state=%22&empty="),
                             .browser = span_make(browser, sizeof browser),
                             .made_s = NOW};
}

static void test_way_back(void **state)
{
    struct memory m;
    struct gate_fixture f;
    struct way_back in = example(), out;
    memory_init(&m);
    gate_make(&f, &m.arena, "g", SECRET_A);
    struct span text = way_back_seal(&f.gate, &in, &m.arena);
    assert_true(way_back_open(&f.gate, text, NOW, &m.arena, &out));
    CHECK_SPAN("host", out.host, in.host);
    CHECK_SPAN("target", out.target, in.target);
    CHECK_SPAN("browser", out.browser, in.browser);
    assert_int_equal(out.port, 8443);
    CHECK_SPAN("url", way_back_url(&out, &m.arena), SPAN("https://api.app.test:8443/cb?code=a%2Fb&state=%22&empty="));
    out.port = 443;
    CHECK_SPAN("url", way_back_url(&out, &m.arena), SPAN("https://api.app.test/cb?code=a%2Fb&state=%22&empty="));
    out.port = -1;
    CHECK_SPAN("url", way_back_url(&out, &m.arena), SPAN("https://api.app.test/cb?code=a%2Fb&state=%22&empty="));
    out.port = 0;
    CHECK_SPAN("url", way_back_url(&out, &m.arena), SPAN("https://api.app.test:0/cb?code=a%2Fb&state=%22&empty="));
    assert_true(way_back_open(&f.gate, text, NOW + WAY_BACK_MAX_S, &m.arena, &out));
    assert_false(way_back_open(&f.gate, text, NOW + WAY_BACK_MAX_S + 1, &m.arena, &out));
    for (size_t i = 0; i < text.n; i++) {
        char *bent = malloc(text.n), *cut = malloc(i ? i : 1);
        assert_true(bent && cut);
        memcpy(bent, text.p, text.n);
        bent[i] = bent[i] == 'A' ? 'B' : 'A';
        assert_false(way_back_open(&f.gate, span_make(bent, text.n), NOW, &m.arena, &out));
        bent[i] = '*';
        assert_true(way_back_open(&f.gate, text, NOW, &m.arena, &out)); /* leaves the right id where one may be read */
        assert_false(way_back_open(&f.gate, span_make(bent, text.n), NOW, &m.arena, &out));
        memcpy(cut, text.p, i);
        assert_false(way_back_open(&f.gate, span_make(cut, i), NOW, &m.arena, &out));
        free(bent);
        free(cut);
    }
    memory_fini(&m);
}

/* Even what we sealed ourselves is looked at. */
static void test_odd_ways_back(void **state)
{
    static const struct {
        const char *what, *host, *browser;
        int port;
        bool anew, good;
    } table[] = {
        {"plain", "a.test", "", -1, false, true},
        {"anew", "a.test", "", -1, true, true},
        {"highest port", "a.test", "", 65535, false, true},
        {"a port that there is not", "a.test", "", 65536, false, false},
        {"no host", "", "", -1, false, false},
        {"a browser", "a.test", "0123456789abcdef0123456789abcdef", -1, false, true},
        {"half a browser", "a.test", "0123456789abcdef", -1, false, false},
        {"more than a browser", "a.test", "0123456789abcdef0123456789abcdef0", -1, false, false},
    };
    struct memory m;
    struct gate_fixture f;
    memory_init(&m);
    gate_make(&f, &m.arena, "g", SECRET_A);
    for (size_t i = 0; i < COUNT(table); i++) {
        const struct way_back in = {.host = span_of(table[i].host),
                                    .port = table[i].port,
                                    .target = SPAN("/"),
                                    .browser = span_of(table[i].browser),
                                    .anew = table[i].anew,
                                    .made_s = NOW};
        struct way_back out;
        struct span text = way_back_seal(&f.gate, &in, &m.arena);
        CHECK(table[i].what, text.p);
        CHECK(table[i].what, way_back_open(&f.gate, text, NOW, &m.arena, &out) == table[i].good);
        CHECK(table[i].what, !table[i].good || (out.port == table[i].port && out.anew == table[i].anew));
    }
    memory_fini(&m);
}

/* What does not fit is not sealed in part, and without a key nothing is. */
static void test_not_sealed(void **state)
{
    struct memory m;
    struct gate_fixture f;
    struct way_back w = example();
    struct errand e = {.browser = span_make(browser, sizeof browser), .made_s = NOW};
    memory_init(&m);
    gate_make(&f, &m.arena, "g", SECRET_A);
    uint8_t *text = arena_zalloc(&m.arena, 70000);
    w.host = span_make(text, 700);
    assert_null(way_back_seal(&f.gate, &w, &m.arena).p);
    e.to = span_make(text, 70000);
    assert_null(errand_seal(&f.gate, &e, &m.arena).p);
    w.host = e.to = SPAN("a.test");
    assert_non_null(way_back_seal(&f.gate, &w, &m.arena).p);
    assert_non_null(errand_seal(&f.gate, &e, &m.arena).p);
    f.gate.session.key_count = 0;
    assert_null(way_back_seal(&f.gate, &w, &m.arena).p);
    assert_null(errand_seal(&f.gate, &e, &m.arena).p);
    memory_fini(&m);
}

/* The bytes, sealed by the gate's key for that purpose. */
static struct span seal_bytes(const struct gate_config *g, const char *purpose, struct span plain, struct arena *a)
{
    const struct session_key *key = &g->session.keys[0];
    char *text = arena_alloc(a, 8 + SEAL_TEXT_SIZE(plain.n));
    size_t n = 0, head = base64url_encode(span_make(key->id, sizeof key->id), text);
    assert_true(res_ok(seal_make(key->seal, span_of(purpose), plain, text + head, &n)));
    return span_make(text, head + n);
}

/* Neither less nor more than the fields. */
static void test_sealed_by_us_but(void **state)
{
    struct memory m;
    struct gate_fixture f;
    struct way_back w;
    struct errand e;
    uint8_t room[200] = {0};
    memory_init(&m);
    gate_make(&f, &m.arena, "g", SECRET_A);
    struct record_out o = {.p = room, .cap = sizeof room};
    record_put_time(&o, NOW);
    record_put_time(&o, 0);
    record_put_byte(&o, 0);
    record_put_span(&o, SPAN("a.test"));
    record_put_span(&o, SPAN("/"));
    record_put_span(&o, SPAN_NONE);
    for (size_t n = 0; n <= o.n + 1; n++) {
        struct span text = seal_bytes(&f.gate, "way back g", span_make(room, n), &m.arena);
        assert_int_equal(way_back_open(&f.gate, text, NOW, &m.arena, &w), n == o.n);
    }
    o = (struct record_out){.p = room, .cap = sizeof room};
    record_put_time(&o, NOW);
    record_put_span(&o, span_make(browser, sizeof browser));
    for (size_t i = 0; i < 4; i++)
        record_put_span(&o, SPAN("x"));
    room[o.n] = 0;
    for (size_t n = 0; n <= o.n + 1; n++) {
        struct span text = seal_bytes(&f.gate, "pin page g", span_make(room, n), &m.arena);
        assert_int_equal(errand_open(&f.gate, ERRAND_PIN, text, NOW, &m.arena, &e), n == o.n);
    }
    memory_fini(&m);
}

/* Nobody makes us open what is longer than anything we seal on the way. */
static void test_too_long(void **state)
{
    struct memory m;
    struct gate_fixture f;
    struct errand e = {.browser = span_make(browser, sizeof browser), .made_s = NOW}, out;
    memory_init(&m);
    gate_make(&f, &m.arena, "g", SECRET_A);
    uint8_t *to = arena_zalloc(&m.arena, 9000);
    for (size_t n = 7000; n <= 9000; n += 2000) {
        e.to = span_make(to, n);
        struct span text = errand_seal(&f.gate, &e, &m.arena);
        assert_non_null(text.p);
        assert_int_equal(errand_open(&f.gate, ERRAND_GITHUB, text, NOW, &m.arena, &out), n == 7000);
    }
    memory_fini(&m);
}

static void test_other_gates_and_keys(void **state)
{
    struct memory m;
    struct gate_fixture f, other_name, other_key;
    struct way_back in = example(), out;
    struct errand e;
    memory_init(&m);
    gate_make(&f, &m.arena, "g", SECRET_A);
    gate_make(&other_name, &m.arena, "h", SECRET_A);
    gate_make(&other_key, &m.arena, "g", SECRET_B);
    struct span text = way_back_seal(&f.gate, &in, &m.arena);
    assert_false(way_back_open(&other_name.gate, text, NOW, &m.arena, &out));
    assert_false(way_back_open(&other_key.gate, text, NOW, &m.arena, &out));
    assert_false(errand_open(&f.gate, ERRAND_GITHUB, text, NOW, &m.arena, &e));
    assert_false(errand_open(&f.gate, ERRAND_PIN, text, NOW, &m.arena, &e));
    memory_fini(&m);
}

/* What one secret sealed is opened as long as it stands behind a newer one. */
static void test_rotation(void **state)
{
    struct memory m;
    struct gate_fixture f, g;
    struct way_back in = example(), out;
    memory_init(&m);
    gate_make(&f, &m.arena, "g", SECRET_A);
    fixture_init(&g, "g", "app.test");
    fixture_add(&g, "anna", "pw", NULL);
    struct span both[] = {SECRET_B, SECRET_A};
    assert_true(res_ok(gate_config_seal(&g.gate, both, 2, &m.arena)));
    assert_true(way_back_open(&g.gate, way_back_seal(&f.gate, &in, &m.arena), NOW, &m.arena, &out));
    assert_false(way_back_open(&f.gate, way_back_seal(&g.gate, &in, &m.arena), NOW, &m.arena, &out));
    memory_fini(&m);
}

/* A target that a browser would take for another place is not gone to, even if we sealed it. */
static void test_targets(void **state)
{
    static const struct {
        const char *target;
        bool good;
    } table[] = {{"/", true},  {"/a//b", true},  {"//evil.test", false},        {"/\\evil.test", false}, {"", false},
                 {"a", false}, {"/a\nb", false}, {"https://evil.test/", false}, {"/?x=//", true}};
    struct memory m;
    struct gate_fixture f;
    memory_init(&m);
    gate_make(&f, &m.arena, "g", SECRET_A);
    for (size_t i = 0; i < COUNT(table); i++) {
        struct way_back in = example(), out;
        in.target = span_of(table[i].target);
        if (way_back_open(&f.gate, way_back_seal(&f.gate, &in, &m.arena), NOW, &m.arena, &out) != table[i].good)
            fail_msg("%s", table[i].target);
    }
    memory_fini(&m);
}

static void test_long_target_leads_to_the_root(void **state)
{
    struct memory m;
    struct gate_fixture f;
    struct way_back in = example(), out;
    memory_init(&m);
    gate_make(&f, &m.arena, "g", SECRET_A);
    char *longest = arena_alloc(&m.arena, WAY_BACK_TARGET_MAX + 1);
    memset(longest, 'a', WAY_BACK_TARGET_MAX + 1);
    longest[0] = '/';
    in.target = span_make(longest, WAY_BACK_TARGET_MAX);
    assert_true(way_back_open(&f.gate, way_back_seal(&f.gate, &in, &m.arena), NOW, &m.arena, &out));
    CHECK_SPAN("whole", out.target, in.target);
    in.target = span_make(longest, WAY_BACK_TARGET_MAX + 1);
    assert_true(way_back_open(&f.gate, way_back_seal(&f.gate, &in, &m.arena), NOW, &m.arena, &out));
    CHECK_SPAN("root", out.target, SPAN("/"));
    memory_fini(&m);
}

static void test_errand(void **state)
{
    struct memory m;
    struct gate_fixture f;
    struct errand in = {.kind = ERRAND_GITHUB,
                        .browser = span_make(browser, sizeof browser),
                        .nonce = span_make(nonce, sizeof nonce),
                        .verifier = SPAN("verifier"),
                        .address = SPAN("a@b.test"),
                        .to = SPAN("sealed"),
                        .made_s = NOW},
                  out;
    memory_init(&m);
    gate_make(&f, &m.arena, "g", SECRET_A);
    struct span text = errand_seal(&f.gate, &in, &m.arena);
    assert_false(errand_open(&f.gate, ERRAND_PIN, text, NOW, &m.arena, &out));
    assert_false(errand_open(&f.gate, ERRAND_GITHUB, text, NOW + STATE_MAX_S + 1, &m.arena, &out));
    assert_true(errand_open(&f.gate, ERRAND_GITHUB, text, NOW + STATE_MAX_S, &m.arena, &out));
    CHECK_SPAN("browser", out.browser, in.browser);
    CHECK_SPAN("nonce", out.nonce, in.nonce);
    CHECK_SPAN("verifier", out.verifier, in.verifier);
    CHECK_SPAN("address", out.address, in.address);
    CHECK_SPAN("to", out.to, in.to);
    in.browser = SPAN("short");
    assert_false(errand_open(&f.gate, ERRAND_GITHUB, errand_seal(&f.gate, &in, &m.arena), NOW, &m.arena, &out));
    memory_fini(&m);
}

/* RFC 7636 Appendix B. */
static void test_challenge(void **state)
{
    struct memory m;
    memory_init(&m);
    CHECK_SPAN("S256", errand_challenge(SPAN("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), &m.arena),
               SPAN("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
    struct span a = errand_random(&m.arena), b = errand_random(&m.arena);
    assert_int_equal(a.n, 43);
    assert_false(span_eq(a, b));
    memory_fini(&m);
}

static void test_browser(void **state)
{
    static const struct {
        const char *what, *cookies;
        bool found;
    } table[] = {
        {"none", "a=b", false},
        {"ours", "a=b; " BROWSER_COOKIE "=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", true},
        {"two",
         BROWSER_COOKIE "=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA; " BROWSER_COOKIE
                        "=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
         false},
        {"short", BROWSER_COOKIE "=AAAA", false},
        {"of another alphabet", BROWSER_COOKIE "=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+", false},
        {"long", BROWSER_COOKIE "=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false},
        {"empty", BROWSER_COOKIE "=", false},
    };
    struct memory m;
    memory_init(&m);
    for (size_t i = 0; i < COUNT(table); i++) {
        struct http_request r;
        char line[400];
        snprintf(line, sizeof line, "Cookie: %s", table[i].cookies);
        request_make(&r, &m.arena, line);
        CHECK(table[i].what, (browser_hash(&r, &m.arena).n == BROWSER_HASH) == table[i].found);
        CHECK(table[i].what, browser_has_cookie(&r) == (i > 0));
    }
    struct span hash, set, name, value, rest;
    assert_true(browser_new(&m.arena, &hash, &set));
    span_cut(set, ';', &value, &rest);
    span_cut(value, '=', &name, &value);
    CHECK_SPAN("attributes", rest, SPAN(" Path=/; Secure; HttpOnly; SameSite=Lax"));
    uint8_t sum[32];
    assert_true(res_ok(sha256(value, sum)));
    CHECK_SPAN("hash", hash, span_make(sum, sizeof sum));
    memory_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_way_back),
        cmocka_unit_test(test_odd_ways_back),
        cmocka_unit_test(test_not_sealed),
        cmocka_unit_test(test_sealed_by_us_but),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_other_gates_and_keys),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_long_target_leads_to_the_root),
        cmocka_unit_test(test_errand),
        cmocka_unit_test(test_challenge),
        cmocka_unit_test(test_browser),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

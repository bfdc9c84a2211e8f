/* What a browser carries through a sign-in: whole, of this gate, for one purpose, in time, or nothing. */
#include "support.h"

#include "base/crypto/mac.h"
#include "gate/errand.h"

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
    assert_true(way_back_open(&f.gate, text, NOW + WAY_BACK_MAX_S, &m.arena, &out));
    assert_false(way_back_open(&f.gate, text, NOW + WAY_BACK_MAX_S + 1, &m.arena, &out));
    for (size_t i = 0; i < text.n; i++) {
        char *bent = arena_alloc(&m.arena, text.n);
        memcpy(bent, text.p, text.n);
        bent[i] = bent[i] == 'A' ? 'B' : 'A';
        assert_false(way_back_open(&f.gate, span_make(bent, text.n), NOW, &m.arena, &out));
        assert_false(way_back_open(&f.gate, span_make(text.p, i), NOW, &m.arena, &out));
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

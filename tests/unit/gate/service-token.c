/* Service tokens and the bypass secret: alone, and as gate_check() takes them. */
#include "stage.h"

#include "base/crypto/mac.h"
#include "gate/ledger.h"
#include "gate/service_token.h"

#define CI "tgs_ci-secret"
#define CI_OLD "tgs_ci-old-secret"
#define PROBE "tgs_probe-secret"

/* The stage's gate with two tokens, one of them in the middle of a rotation. */
struct tokens {
    uint8_t sums[3][32];
    struct span hashes[3];
    struct service_token all[3];
};

static void tokens_init(struct tokens *t, struct stage *s)
{
    static const char *const secrets[] = {CI, CI_OLD, PROBE};
    for (size_t i = 0; i < COUNT(secrets); i++) {
        assert_true(res_ok(sha256(span_of(secrets[i]), t->sums[i])));
        t->hashes[i] = span_make(t->sums[i], 32);
    }
    t->all[0] = (struct service_token){
        .name = SPAN("probe"), .client_id = SPAN("0123.access"), .hashes = &t->hashes[2], .hash_count = 1};
    t->all[1] =
        (struct service_token){.name = SPAN("ci"), .client_id = SPAN("ci"), .hashes = t->hashes, .hash_count = 2};
    t->all[2] = (struct service_token){.name = SPAN("unset"), .client_id = SPAN("unset")};
    s->f.gate.tokens = t->all;
    s->f.gate.token_count = 3;
    fixture_seal(&s->f, &s->m.arena, SECRET_A);
}

#define ID(x) "CF-Access-Client-Id: " x
#define SECRET(x) "\nCF-Access-Client-Secret: " x
#define JSON(id, secret)                                                                                               \
    "Authorization: {\"cf-access-client-id\": \"" id "\", \"cf-access-client-secret\": \"" secret "\"}"

static const struct {
    const char *name, *fields;
    bool json; /* the gate takes them in Authorization */
    enum gate_result result;
    const char *subject;
} claims[] = {
    {"good", ID("ci") SECRET(CI), false, GATE_IDENTIFIED, "ci"},
    {"the older secret", ID("ci") SECRET(CI_OLD), false, GATE_IDENTIFIED, "ci"},
    {"an id of its own", ID("0123.access") SECRET(PROBE), false, GATE_IDENTIFIED, "probe"},
    {"the name where there is an id", ID("probe") SECRET(PROBE), false, GATE_TOKEN_REFUSED, ""},
    {"another's secret", ID("ci") SECRET(PROBE), false, GATE_TOKEN_REFUSED, ""},
    {"wrong secret", ID("ci") SECRET("tgs_ci-secreT"), false, GATE_TOKEN_REFUSED, ""},
    {"unknown id", ID("cj") SECRET(CI), false, GATE_TOKEN_REFUSED, ""},
    {"id in another case", ID("CI") SECRET(CI), false, GATE_TOKEN_REFUSED, ""},
    {"a token without a hash", ID("unset") SECRET("x"), false, GATE_TOKEN_REFUSED, ""},
    {"no secret", ID("ci"), false, GATE_TOKEN_REFUSED, ""},
    {"empty secret", ID("ci") SECRET(""), false, GATE_TOKEN_REFUSED, ""},
    {"empty id", ID("") SECRET(CI), false, GATE_TOKEN_REFUSED, ""},
    {"no id", "CF-Access-Client-Secret: " CI, false, GATE_TOKEN_REFUSED, ""},
    {"two ids", ID("ci") "\n" ID("ci") SECRET(CI), false, GATE_TOKEN_REFUSED, ""},
    {"two secrets", ID("ci") SECRET(CI) SECRET(CI), false, GATE_TOKEN_REFUSED, ""},
    {"beside a good Basic", ID("ci") SECRET("x") "\nAuthorization: Basic YW5uYTpvcGVuIHNlc2FtZQ==", false,
     GATE_TOKEN_REFUSED, ""},
    {"beside a good bypass secret", ID("ci") SECRET("x") "\nx-vercel-protection-bypass: " CI, false, GATE_TOKEN_REFUSED,
     ""},
    {"the app's Bearer beside it", ID("ci") SECRET(CI) "\nAuthorization: Bearer x", false, GATE_IDENTIFIED, "ci"},
    {"JSON where it is not asked for", JSON("ci", CI), false, GATE_ANONYMOUS, ""},
    {"JSON", JSON("ci", CI), true, GATE_IDENTIFIED, "ci"},
    {"JSON, wrong", JSON("ci", "x"), true, GATE_TOKEN_REFUSED, ""},
    {"JSON, cut off", "Authorization: {\"cf-access-client-id\": \"ci\"", true, GATE_TOKEN_REFUSED, ""},
    {"JSON, not strings", "Authorization: {\"cf-access-client-id\": 1, \"cf-access-client-secret\": []}", true,
     GATE_TOKEN_REFUSED, ""},
    {"JSON, empty", "Authorization: {}", true, GATE_TOKEN_REFUSED, ""},
    {"JSON, no id", "Authorization: {\"cf-access-client-secret\": \"" CI "\"}", true, GATE_TOKEN_REFUSED, ""},
    {"JSON, no secret", "Authorization: {\"cf-access-client-id\": \"ci\"}", true, GATE_TOKEN_REFUSED, ""},
    {"JSON, within",
     "Authorization: {\"a\": {\"cf-access-client-id\": \"ci\", \"cf-access-client-secret\": \"" CI "\"}}", true,
     GATE_TOKEN_REFUSED, ""},
    {"JSON twice", JSON("ci", CI) "\n" JSON("ci", CI), true, GATE_TOKEN_REFUSED, ""},
    {"JSON and fields", JSON("ci", CI) "\n" ID("ci") SECRET(CI), true, GATE_TOKEN_REFUSED, ""},
    {"JSON and half of the fields", JSON("ci", CI) "\n" ID("ci"), true, GATE_TOKEN_REFUSED, ""},
    {"JSON and Bearer", JSON("ci", CI) "\nAuthorization: Bearer x", true, GATE_TOKEN_REFUSED, ""},
    {"fields beside an object of the app's", ID("ci") SECRET(CI) "\nX-Data: {\"a\": 1}", true, GATE_IDENTIFIED, "ci"},
    {"fields where JSON would be taken", ID("ci") SECRET(CI), true, GATE_IDENTIFIED, "ci"},
    {"Bearer where JSON would be taken", "Authorization: Bearer x", true, GATE_ANONYMOUS, ""},
    {"nothing", "Accept: */*", true, GATE_ANONYMOUS, ""},
};

static void test_claims(void **state)
{
    for (size_t i = 0; i < COUNT(claims); i++) {
        struct stage s;
        struct ask a;
        struct tokens t;
        stage_init(&s, NULL);
        tokens_init(&t, &s);
        s.f.gate.token_in_authorization = claims[i].json;
        ask_init(&a, &s, "app.test", claims[i].fields);
        CHECK(claims[i].name, ask(&a) == claims[i].result);
        bool good = claims[i].result == GATE_IDENTIFIED;
        CHECK(claims[i].name, a.check.identity.way == (good ? WAY_SERVICE_TOKEN : WAY_NONE));
        CHECK_SPAN(claims[i].name, a.check.identity.subject, span_of(claims[i].subject));
        CHECK(claims[i].name, a.check.set_cookie.n == 0 && !a.check.by_cookie && !a.check.tried_basic);
        CHECK(claims[i].name, !good || a.check.ends_s > a.check.identity.proven_s);
        stage_fini(&s);
    }
}

/* A field that Connection names is a field all the same. */
static void test_dropped_field(void **state)
{
    struct stage s;
    struct ask a;
    struct tokens t;
    stage_init(&s, NULL);
    tokens_init(&t, &s);
    ask_init(&a, &s, "app.test", ID("ci") SECRET(CI));
    a.request.headers.v[0].drop = 1;
    assert_int_equal(ask(&a), GATE_TOKEN_REFUSED);
    ask_init(&a, &s, "app.test", ID("ci") "\n" ID("ci") SECRET(CI));
    a.request.headers.v[0].drop = 1;
    assert_int_equal(ask(&a), GATE_TOKEN_REFUSED);
    stage_fini(&s);
}

/* A gate without tokens knows none, whatever it is. */
static void test_no_tokens(void **state)
{
    struct stage s;
    struct ask a;
    stage_init(&s, NULL);
    ask_init(&a, &s, "app.test", ID("ci") SECRET(CI));
    assert_int_equal(ask(&a), GATE_TOKEN_REFUSED);
    ask_init(&a, &s, "app.test", "x-vercel-protection-bypass: " CI);
    assert_int_equal(ask(&a), GATE_ANONYMOUS);
    stage_fini(&s);
}

/* Hashes that could be of anybody's secret, or of none. */
static void test_odd_hashes(void **state)
{
    struct stage s;
    struct tokens t;
    struct http_request r;
    stage_init(&s, NULL);
    tokens_init(&t, &s);
    request_make(&r, &s.m.arena, ID("ci") SECRET(CI));
    assert_non_null(service_token_check(&s.f.gate, &r.headers));
    t.hashes[0].n = 31; /* the same bytes but for one */
    assert_null(service_token_check(&s.f.gate, &r.headers));
    t.hashes[0].n = 32;
    assert_true(res_ok(sha256(SPAN(""), t.sums[0])));
    request_make(&r, &s.m.arena, ID("ci") SECRET(""));
    assert_null(service_token_check(&s.f.gate, &r.headers));
    struct bypass b;
    request_make(&r, &s.m.arena, "x-vercel-protection-bypass:");
    assert_true(bypass_find(&s.f.gate, &r, &s.m.arena, &b));
    assert_null(b.token);
    stage_fini(&s);
}

/* At a gate without tokens the parameters are the app's own; a cookie is not wished for without a secret. */
static void test_bypass_of_nothing(void **state)
{
    static const struct {
        const char *target, *fields;
        bool tokens;
    } rows[] = {
        {"/?x-vercel-protection-bypass=x&x-vercel-set-bypass-cookie=true", "Accept: x", false},
        {"/?x-vercel-set-bypass-cookie=true", "Accept: x", true},
        {"/", "x-vercel-set-bypass-cookie: true", true},
        {"/", "x-vercel-protection-bypass: " CI, true}, /* dropped */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct stage s;
        struct tokens t;
        struct http_request r;
        struct bypass b;
        stage_init(&s, NULL);
        tokens_init(&t, &s);
        request_make(&r, &s.m.arena, rows[i].fields);
        r.path_query = span_of(rows[i].target);
        r.headers.v[0].drop = i == 3;
        if (!rows[i].tokens)
            s.f.gate.token_count = 0;
        CHECK(rows[i].target, bypass_find(&s.f.gate, &r, &s.m.arena, &b));
        CHECK(rows[i].target, !b.token && b.wants == BYPASS_COOKIE_NONE && b.clean_target.n == 0);
        stage_fini(&s);
    }
}

/* JSON of 1024 bytes is read, longer one is not; of two, one that was dropped counts as well. */
static void test_odd_json(void **state)
{
    struct stage s;
    struct ask a;
    struct tokens t;
    stage_init(&s, NULL);
    tokens_init(&t, &s);
    s.f.gate.token_in_authorization = true;
    for (size_t n = 1024; n <= 1025; n++) {
        char line[1100];
        int head = snprintf(line, sizeof(line), "%.*s, \"x\": \"", (int)strlen(JSON("ci", CI)) - 1, JSON("ci", CI));
        size_t all = strlen("Authorization: ") + n;
        memset(line + head, 'x', all - (size_t)head);
        memcpy(line + all - 2, "\"}", 3);
        ask_init(&a, &s, "app.test", line);
        assert_int_equal(ask(&a), n == 1024 ? GATE_IDENTIFIED : GATE_TOKEN_REFUSED);
    }
    ask_init(&a, &s, "app.test", JSON("ci", CI) "\n" JSON("ci", CI));
    a.request.headers.v[0].drop = 1;
    assert_int_equal(ask(&a), GATE_TOKEN_REFUSED);
    static const char brace[] = "{";
    assert_false(service_token_is_json(&s.f.gate, span_make(brace, 0)));
    assert_true(service_token_is_json(&s.f.gate, span_make(brace, 1)));
    assert_true(service_token_is_json(&s.f.gate, SPAN(" \t{ ")));
    stage_fini(&s);
}

static void test_long_secret(void **state)
{
    struct stage s;
    struct ask a;
    struct tokens t;
    char line[700], secret[SERVICE_TOKEN_SECRET_MAX + 2];
    memset(secret, 's', sizeof(secret));
    for (size_t n = SERVICE_TOKEN_SECRET_MAX; n <= SERVICE_TOKEN_SECRET_MAX + 1; n++) {
        stage_init(&s, NULL);
        tokens_init(&t, &s);
        assert_true(res_ok(sha256(span_make(secret, n), t.sums[0])));
        snprintf(line, sizeof(line), ID("ci") SECRET("%.*s"), (int)n, secret);
        ask_init(&a, &s, "app.test", line);
        assert_int_equal(ask(&a), n == SERVICE_TOKEN_SECRET_MAX ? GATE_IDENTIFIED : GATE_TOKEN_REFUSED);
        stage_fini(&s);
    }
}

/* --- the bypass secret -------------------------------------------------------------------------------------------- */

#define BYPASS "x-vercel-protection-bypass"
#define COOKIE "x-vercel-set-bypass-cookie"

static const struct {
    const char *name, *target, *fields;
    enum gate_result result;
    const char *subject, *site, *clean; /* site: SameSite of the cookie; clean: where to go */
} bypasses[] = {
    {"a field", "/", BYPASS ": " CI, GATE_IDENTIFIED, "ci", "", ""},
    {"in capitals", "/", "X-Vercel-Protection-Bypass: " CI, GATE_IDENTIFIED, "ci", "", ""},
    {"any token's", "/", BYPASS ": " PROBE, GATE_IDENTIFIED, "probe", "", ""},
    {"the older one", "/", BYPASS ": " CI_OLD, GATE_IDENTIFIED, "ci", "", ""},
    {"wrong", "/", BYPASS ": x", GATE_ANONYMOUS, "", "", ""},
    {"empty", "/", BYPASS ":", GATE_ANONYMOUS, "", "", ""},
    {"twice", "/", BYPASS ": " CI "\n" BYPASS ": " CI, GATE_ANONYMOUS, "", "", ""},
    {"a parameter", "/a?" BYPASS "=" CI "&b=1", "Accept: x", GATE_IDENTIFIED, "ci", "", ""},
    {"a parameter twice", "/a?" BYPASS "=" CI "&" BYPASS "=" CI, "Accept: x", GATE_ANONYMOUS, "", "", ""},
    {"a field and a parameter", "/a?" BYPASS "=" CI, BYPASS ": " CI, GATE_ANONYMOUS, "", "", ""},
    {"in the path", "/" BYPASS "=" CI, "Accept: x", GATE_ANONYMOUS, "", "", ""},
    {"a parameter that only ends so", "/?a-" BYPASS "=" CI, "Accept: x", GATE_ANONYMOUS, "", "", ""},
    {"with a cookie", "/", BYPASS ": " CI "\n" COOKIE ": true", GATE_IDENTIFIED, "ci", "Lax", ""},
    {"with a cookie for other sites", "/", BYPASS ": " CI "\n" COOKIE ": samesitenone", GATE_IDENTIFIED, "ci", "None",
     ""},
    {"with a cookie, said in another way", "/", BYPASS ": " CI "\n" COOKIE ": SameSiteNone", GATE_IDENTIFIED, "ci",
     "None", ""},
    {"with no cookie", "/", BYPASS ": " CI "\n" COOKIE ": false", GATE_IDENTIFIED, "ci", "", ""},
    {"wrong, with a cookie", "/", BYPASS ": x\n" COOKIE ": true", GATE_ANONYMOUS, "", "", ""},
    {"a cookie alone", "/?" COOKIE "=true", "Accept: x", GATE_ANONYMOUS, "", "", ""},
    {"parameters", "/a?b=1&" BYPASS "=" CI "&c&" COOKIE "=true&d=%20", "Accept: x", GATE_IDENTIFIED, "ci", "Lax",
     "/a?b=1&c&d=%20"},
    {"parameters alone", "/a?" BYPASS "=" CI "&" COOKIE "=true", "Accept: x", GATE_IDENTIFIED, "ci", "Lax", "/a"},
    {"a parameter and a field", "/a?" BYPASS "=" CI, COOKIE ": true", GATE_IDENTIFIED, "ci", "Lax", "/a"},
    {"a field, and a parameter for the cookie", "/a?" COOKIE "=true", BYPASS ": " CI, GATE_IDENTIFIED, "ci", "Lax",
     "/a"},
    {"beside a good Basic", "/a?" BYPASS "=" CI "&" COOKIE "=true",
     "Authorization: Basic YW5uYTpvcGVuIHNlc2FtZQ==", GATE_IDENTIFIED, "anna", "Lax", "/a"},
};

static void test_bypass(void **state)
{
    for (size_t i = 0; i < COUNT(bypasses); i++) {
        struct stage s;
        struct ask a;
        struct tokens t;
        stage_init(&s, NULL);
        tokens_init(&t, &s);
        ask_init(&a, &s, "app.test", bypasses[i].fields);
        a.request.path_query = span_of(bypasses[i].target);
        CHECK(bypasses[i].name, ask(&a) == bypasses[i].result);
        CHECK_SPAN(bypasses[i].name, a.check.identity.subject, span_of(bypasses[i].subject));
        CHECK_SPAN(bypasses[i].name, a.check.clean_target, span_of(bypasses[i].clean));
        CHECK(bypasses[i].name, (a.check.set_cookie.n > 0) == (bypasses[i].site[0] != '\0'));
        if (a.check.set_cookie.n) {
            struct span want =
                arena_printf(&s.m.arena, "; Path=/; Secure; HttpOnly; SameSite=%s; Max-Age=", bypasses[i].site);
            struct span rest = span_from(a.check.set_cookie, pair_of(a.check.set_cookie).n);
            CHECK(bypasses[i].name, span_has_prefix(rest, want));
            ask_init(&a, &s, "app.test", with_cookie(&s, pair_of(a.check.set_cookie)));
            CHECK(bypasses[i].name, ask(&a) == GATE_IDENTIFIED && a.check.by_cookie);
            CHECK_SPAN(bypasses[i].name, a.check.identity.subject, span_of(bypasses[i].subject));
        }
        stage_fini(&s);
    }
}

/* The session of a token ends with its hashes. */
static void test_rotation_ends_sessions(void **state)
{
    struct stage s;
    struct ask a;
    struct tokens t;
    stage_init(&s, NULL);
    tokens_init(&t, &s);
    ask_init(&a, &s, "app.test", BYPASS ": " CI "\n" COOKIE ": true");
    assert_int_equal(ask(&a), GATE_IDENTIFIED);
    const char *cookie = with_cookie(&s, pair_of(a.check.set_cookie));
    ask_init(&a, &s, "app.test", cookie);
    assert_int_equal(ask(&a), GATE_IDENTIFIED);
    struct gate_fixture was = s.f;
    a.check.gate = &was.gate;
    assert_true(gate_still_proves(s.thread, &a.check, &s.f.gate));
    t.all[1].hash_count = 1;
    s.f.gate.tokens = t.all;
    fixture_seal(&s.f, &s.m.arena, SECRET_A);
    assert_false(gate_still_proves(s.thread, &a.check, &s.f.gate));
    ask_init(&a, &s, "app.test", cookie);
    assert_int_equal(ask(&a), GATE_ANONYMOUS);
    ask_init(&a, &s, "app.test", ID("ci") SECRET(CI_OLD));
    assert_int_equal(ask(&a), GATE_TOKEN_REFUSED);
    ask_init(&a, &s, "app.test", ID("ci") SECRET(CI));
    assert_int_equal(ask(&a), GATE_IDENTIFIED);
    stage_fini(&s);
}

/* --- before the origin -------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *target, *left;
} cleaned[] = {
    {"nothing of ours", "/a?b=1&c", "/a?b=1&c"},
    {"no query", "/a", "/a"},
    {"empty query", "/a?", "/a?"},
    {"alone", "/a?" BYPASS "=x", "/a"},
    {"without a value", "/a?" BYPASS, "/a"},
    {"first", "/a?" BYPASS "=x&b=1", "/a?b=1"},
    {"last", "/a?b=1&" BYPASS "=x", "/a?b=1"},
    {"between, twice", "/a?b=1&" BYPASS "=x&" COOKIE "=true&c=%2F&" BYPASS "=y", "/a?b=1&c=%2F"},
    {"empty ones stay", "/a?&&" BYPASS "=x&&b", "/a?&&&b"},
    {"a question mark in the query", "/a?b=?" BYPASS "&c", "/a?b=?" BYPASS "&c"},
    {"a longer name", "/a?" BYPASS "2=x", "/a?" BYPASS "2=x"},
    {"an address", "https://app.test/a?" BYPASS "=x&b", "https://app.test/a?b"},
};

static void test_clean(void **state)
{
    struct memory m;
    memory_init(&m);
    for (size_t i = 0; i < COUNT(cleaned); i++)
        CHECK_SPAN(cleaned[i].name, bypass_clean(span_of(cleaned[i].target), &m.arena), span_of(cleaned[i].left));
    memory_fini(&m);
}

static const struct {
    const char *name;
    bool tokens, json;
    const char *field;
    bool goes;
} stripped[] = {
    {"id", true, false, "CF-Access-Client-Id: x", true},
    {"id at a gate without tokens", false, false, "CF-Access-Client-Id: x", true},
    {"secret", false, false, "CF-Access-Client-Secret: x", true},
    {"bypass", true, false, "X-Vercel-Protection-Bypass: x", true},
    {"bypass in another spelling", true, false, "x_vercel_protection_bypass: x", true},
    {"cookie", true, false, "x-vercel-set-bypass-cookie: true", true},
    {"bypass at a gate without tokens is the app's", false, false, "X-Vercel-Protection-Bypass: x", false},
    {"another field of theirs", true, false, "X-Vercel-Id: x", false},
    {"JSON", true, true, "Authorization: {\"a\": 1}", true},
    {"JSON where it is the app's", true, false, "Authorization: {\"a\": 1}", false},
    {"Bearer", true, true, "Authorization: Bearer x", false},
};

static void test_stripped(void **state)
{
    for (size_t i = 0; i < COUNT(stripped); i++) {
        struct stage s;
        struct tokens t;
        struct http_request r;
        stage_init(&s, NULL);
        tokens_init(&t, &s);
        if (!stripped[i].tokens)
            s.f.gate.token_count = 0;
        s.f.gate.token_in_authorization = stripped[i].json;
        request_make(&r, &s.m.arena, stripped[i].field);
        r.path_query = SPAN("/a?" BYPASS "=x");
        assert_true(gate_strip_request(&s.f.gate, (struct gate_list){&s.f.gate, 1}, &r, &s.m.arena));
        CHECK(stripped[i].name, r.headers.v[0].drop == stripped[i].goes);
        CHECK_SPAN(stripped[i].name, r.path_query, stripped[i].tokens ? SPAN("/a") : SPAN("/a?" BYPASS "=x"));
        stage_fini(&s);
    }
}

/* What a page loads names the page's address; what the app says in other fields is its own. */
static void test_referer(void **state)
{
    struct stage s;
    struct tokens t;
    struct http_request r;
    stage_init(&s, NULL);
    tokens_init(&t, &s);
    request_make(&r, &s.m.arena,
                 "Referer: https://app.test/a?" BYPASS "=x&b=1\nReferer:\nX-Seen: https://app.test/a?" BYPASS "=x");
    r.headers.v[1].value = SPAN_NONE;
    assert_true(gate_strip_request(&s.f.gate, (struct gate_list){&s.f.gate, 1}, &r, &s.m.arena));
    CHECK_SPAN("referer", r.headers.v[0].value, SPAN("https://app.test/a?b=1"));
    CHECK_SPAN("nothing", r.headers.v[1].value, SPAN_NONE);
    CHECK_SPAN("another", r.headers.v[2].value, SPAN("https://app.test/a?" BYPASS "=x"));
    stage_fini(&s);
}

/* --- sealing ------------------------------------------------------------------------------------------------------ */

static void test_sealing(void **state)
{
    static const char *const whats[] = {"as it is",  "no name", "no id",    "short hash",
                                        "same name", "same id", "long name"};
    char text[130];
    memset(text, 'n', sizeof(text));
    for (size_t i = 0; i < COUNT(whats); i++) {
        struct stage s;
        struct tokens t;
        const struct span secret = SECRET_A;
        stage_init(&s, NULL);
        tokens_init(&t, &s);
        s.f.gate.tokens = t.all;
        if (i == 1)
            t.all[0].name = SPAN_NONE;
        if (i == 2)
            t.all[0].client_id = SPAN_NONE;
        if (i == 3)
            t.hashes[1].n = 31;
        if (i == 4)
            t.all[0].name = SPAN("ci");
        if (i == 5)
            t.all[0].client_id = SPAN("ci");
        if (i == 6)
            t.all[0].name = span_make(text, 129);
        CHECK(whats[i], res_ok(gate_config_seal(&s.f.gate, &secret, 1, &s.m.arena)) == (i == 0));
        if (i == 0) {
            CHECK_SPAN("sorted", s.f.gate.tokens[0].name, SPAN("ci"));
            assert_memory_not_equal(s.f.gate.tokens[0].fingerprint, s.f.gate.tokens[1].fingerprint, 16);
        }
        stage_fini(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_odd_hashes),
        cmocka_unit_test(test_bypass_of_nothing),
        cmocka_unit_test(test_odd_json),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_dropped_field),
        cmocka_unit_test(test_no_tokens),
        cmocka_unit_test(test_long_secret),
        cmocka_unit_test(test_bypass),
        cmocka_unit_test(test_rotation_ends_sessions),
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_stripped),
        cmocka_unit_test(test_referer),
        cmocka_unit_test(test_sealing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

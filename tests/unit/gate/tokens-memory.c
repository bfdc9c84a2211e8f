/* Memory that ends, and libcrypto that fails, while a proof is made or read: there is a whole one, or none. What fails here has done its work
 * before it says so: who does not listen goes on with something good, and is found out. */
#include "stage.h"

#include "../base/need.h"
#include "base/clock.h"
#include "base/crypto/mac.h"
#include "base/crypto/random.h"
#include "base/crypto/seal.h"
#include "gate/assertion.h"
#include "gate/errand.h"
#include "gate/jwks.h"
#include "gate/jwt.h"
#include "gate/ledger.h"
#include "gate/service_token.h"
#include "gate/share_link.h"

#define NOW 1800000000

/* --- calls that fail as allocations do ------------------------------------------------------------------------------ */

struct res __real_mac_sum(struct mac *m, const struct span *parts, size_t count, uint8_t out[MAC_SIZE]);
struct res __wrap_mac_sum(struct mac *m, const struct span *parts, size_t count, uint8_t out[MAC_SIZE]);
struct res __real_sha256(struct span s, uint8_t out[32]);
struct res __wrap_sha256(struct span s, uint8_t out[32]);
struct res __real_random_bytes(uint8_t *out, size_t n);
struct res __wrap_random_bytes(uint8_t *out, size_t n);
struct res __real_rsa_sign(const struct rsa_key *k, struct span message, uint8_t *signature, size_t cap, size_t *len);
struct res __wrap_rsa_sign(const struct rsa_key *k, struct span message, uint8_t *signature, size_t cap, size_t *len);
bool __real_rsa_parts(const struct rsa_key *k, uint8_t *n, size_t *n_len, uint8_t *e, size_t *e_len);
bool __wrap_rsa_parts(const struct rsa_key *k, uint8_t *n, size_t *n_len, uint8_t *e, size_t *e_len);
struct res __real_seal_make(const uint8_t *key, struct span purpose, struct span plain, char *out, size_t *n);
struct res __wrap_seal_make(const uint8_t *key, struct span purpose, struct span plain, char *out, size_t *n);

static struct res unless_it_fails(struct res r)
{
    return alloc_may() ? r : res_err("no");
}

static bool garbles; /* what fails leaves something else */

struct res __wrap_mac_sum(struct mac *m, const struct span *parts, size_t count, uint8_t out[MAC_SIZE])
{
    struct res r = unless_it_fails(__real_mac_sum(m, parts, count, out));
    if (garbles && !res_ok(r))
        memset(out, 0xee, MAC_SIZE);
    return r;
}

struct res __wrap_sha256(struct span s, uint8_t out[32])
{
    return unless_it_fails(__real_sha256(s, out));
}

struct res __wrap_random_bytes(uint8_t *out, size_t n)
{
    return unless_it_fails(__real_random_bytes(out, n));
}

struct res __wrap_rsa_sign(const struct rsa_key *k, struct span message, uint8_t *signature, size_t cap, size_t *len)
{
    return unless_it_fails(__real_rsa_sign(k, message, signature, cap, len));
}

bool __wrap_rsa_parts(const struct rsa_key *k, uint8_t *n, size_t *n_len, uint8_t *e, size_t *e_len)
{
    return __real_rsa_parts(k, n, n_len, e, e_len) && alloc_may();
}

struct res __wrap_seal_make(const uint8_t *key, struct span purpose, struct span plain, char *out, size_t *n)
{
    return unless_it_fails(__real_seal_make(key, purpose, plain, out, n));
}

/* --- what is tried with ----------------------------------------------------------------------------------------------- */

static struct rsa_key *key;
static struct memory memory; /* of what is made before memory ends */
static struct gate_fixture fixture;
static struct service_token token;
static uint8_t token_sum[32];
static struct span token_hash;

static int setup(void **state)
{
    const struct span secret = SECRET_A;
    struct text pem;
    text_init(&pem);
    memory_init(&memory);
    assert_true(res_ok(rsa_make_pem(&pem)));
    key = rsa_from_pem(text_span(&pem));
    assert_non_null(key);
    text_fini(&pem);
    fixture_init(&fixture, "g", "app.test");
    fixture_add(&fixture, "anna", "pw", NULL);
    assert_true(res_ok(sha256(SPAN("secret"), token_sum)));
    token_hash = span_make(token_sum, sizeof(token_sum));
    token =
        (struct service_token){.name = SPAN("ci"), .client_id = SPAN("ci.id"), .hashes = &token_hash, .hash_count = 1};
    fixture.gate.tokens = &token;
    fixture.gate.token_count = 1;
    fixture.gate.share_links = true;
    assert_true(res_ok(gate_config_seal(&fixture.gate, &secret, 1, &memory.arena)));
    return 0;
}

static int teardown(void **state)
{
    rsa_key_free(key);
    memory_fini(&memory);
    return 0;
}

/* All of it is needed. */
static bool as_promised(const struct need *n, bool whole)
{
    assert_int_equal(whole, !n->ended);
    return whole;
}

/* --- tokens for others ------------------------------------------------------------------------------------------------ */

#define CLAIMS "{\"iss\":\"i\",\"aud\":\"a\",\"exp\":1800000300}"

static const struct jwt_expect expect = {.issuer = SPAN("i"), .audience = SPAN("a"), .now_s = NOW};

static struct json_doc *read_jwt(struct span text)
{
    struct jwt t;
    const char *why = jwt_read(text, &t);
    return why ? NULL : jwt_open(&t, key, &expect, &why);
}

static bool make_a_jwt(struct need *n)
{
    struct text t;
    text_init(&t);
    need_begin(n);
    bool whole = res_ok(jwt_make(key, SPAN("k"), SPAN(CLAIMS), &t));
    need_end(n);
    struct json_doc *claims = whole ? read_jwt(text_span(&t)) : NULL;
    assert_int_equal(claims != NULL, whole);
    json_free(claims);
    text_fini(&t);
    return as_promised(n, whole);
}

static bool read_a_jwt(struct need *n)
{
    struct text t;
    text_init(&t);
    assert_true(res_ok(jwt_make(key, SPAN("k"), SPAN(CLAIMS), &t)));
    need_begin(n);
    struct json_doc *claims = read_jwt(text_span(&t));
    bool whole = claims;
    json_free(claims);
    need_end(n);
    text_fini(&t);
    return as_promised(n, whole);
}

/* What is not whole already does not become so. */
static void test_a_broken_text_stays_broken(void **state)
{
    struct text t;
    text_init(&t);
    t.failed = true;
    assert_false(res_ok(jwt_make(key, SPAN("k"), SPAN(CLAIMS), &t)));
    text_fini(&t);
}

static bool name_a_key(struct need *n)
{
    char kid[JWKS_KID], want[JWKS_KID];
    assert_true(jwks_kid(key, want));
    memset(kid, 0, sizeof(kid));
    need_begin(n);
    bool whole = jwks_kid(key, kid);
    need_end(n);
    assert_int_equal(memcmp(kid, want, sizeof(kid)) == 0, whole);
    return as_promised(n, whole);
}

static bool write_a_key(struct need *n)
{
    struct text t;
    text_init(&t);
    need_begin(n);
    jwks_add(&t, key, SPAN("k"));
    need_end(n);
    bool whole = !t.failed;
    text_fini(&t);
    return as_promised(n, whole);
}

static bool read_a_set(struct need *n)
{
    struct text t;
    text_init(&t);
    text_add(&t, SPAN("{\"keys\":["));
    jwks_add(&t, key, SPAN("k"));
    text_add(&t, SPAN("]}"));
    need_begin(n);
    struct jwks *s = jwks_parse(text_span(&t));
    need_end(n);
    bool whole = s && jwks_find(s, SPAN("k"));
    jwks_free(s);
    text_fini(&t);
    return as_promised(n, whole);
}

static void test_jwt(void **state)
{
    need_sweep("make", make_a_jwt);
    need_sweep("read", read_a_jwt);
    need_sweep("name", name_a_key);
    need_sweep("write", write_a_key);
    need_sweep("set", read_a_set);
}

static bool is_assertion(struct span text)
{
    const struct jwt_expect e = {.issuer = SPAN("https://app.test"), .audience = SPAN("tag"), .now_s = clock_wall_s()};
    struct jwt t;
    const char *why = jwt_read(text, &t);
    struct json_doc *claims = why ? NULL : jwt_open(&t, key, &e, &why);
    bool good = claims && !span_eq(jwt_text(claims, "identity_nonce", 99), SPAN("eeeeeeeeeeeeeeee")) &&
                !span_has_prefix(jwt_text(claims, "sub", 99), SPAN("eeeeeeee-")) &&
                jwt_text(claims, "identity_nonce", 99).n == 16 && jwt_text(claims, "sub", 99).n == 36;
    json_free(claims);
    return good;
}

/* What could not be signed is not remembered either; what is remembered is given out whole. */
static bool assert_who_at(struct need *n, bool again)
{
    struct stage s;
    struct memory tiny;
    const struct assertion_keys keys = {.key = key, .kid = SPAN("k"), .subject = {7}};
    memory_init_tiny(&tiny);
    stage_init(&s, NULL);
    struct gate_check c = {.gate = &s.f.gate, .host = SPAN("app.test"), .arena = &tiny.arena};
    c.identity = (struct identity){.way = WAY_BASIC, .gate = s.f.gate.name, .subject = SPAN("anna")};
    c.ends_s = clock_wall_s() + 100;
    const struct assertion a = {.keys = &keys, .check = &c, .audience = SPAN("tag"), .port = -1};
    if (again)
        assert_true(is_assertion(assertion_of(s.thread, &a)));
    need_begin(n);
    struct span text = assertion_of(s.thread, &a);
    need_end(n);
    bool whole = text.p;
    assert_true(whole || n->ended);
    assert_true(!whole || is_assertion(text));
    assert_true(is_assertion(assertion_of(s.thread, &a)));
    memory_fini(&tiny);
    stage_fini(&s);
    return whole;
}

static bool assert_who(struct need *n)
{
    return assert_who_at(n, false);
}

static bool assert_who_again(struct need *n)
{
    return assert_who_at(n, true);
}

static void test_assertion(void **state)
{
    garbles = true;
    need_sweep("assertion", assert_who);
    need_sweep("assertion again", assert_who_again);
    garbles = false;
}

/* --- tokens of our own ------------------------------------------------------------------------------------------------ */

static const struct circle circle = {CIRCLE_DOMAIN, SPAN("app.test"), SPAN("a.app.test")};

static bool make_a_token(struct need *n)
{
    const struct session s = session_of("anna", NOW, NOW);
    char text[TOKEN_TEXT_MAX];
    need_begin(n);
    size_t size = token_make(&fixture.gate, &circle, &s, text);
    need_end(n);
    return as_promised(n, size > 0);
}

static bool read_a_token(struct need *n)
{
    const struct session s = session_of("anna", NOW, NOW);
    struct session out;
    char text[TOKEN_TEXT_MAX];
    uint8_t raw[TOKEN_RAW_MAX];
    size_t size = token_make(&fixture.gate, &circle, &s, text);
    need_begin(n);
    bool whole = token_is_genuine(&fixture.gate, &circle, span_make(text, size), raw, &out);
    need_end(n);
    return as_promised(n, whole);
}

static const struct share_link link_made = {.id = {1},
                                            .made_s = NOW,
                                            .ends_s = NOW + 100,
                                            .host = SPAN("a.app.test"),
                                            .scope = SPAN("/a path that is too long to lie beside anything else "
                                                          "in one of the tiny blocks/"),
                                            .note = SPAN("x")};

static bool make_a_link(struct need *n)
{
    char text[SHARE_TEXT_MAX];
    need_begin(n);
    size_t size = share_link_make(&fixture.gate, &link_made, text);
    need_end(n);
    return as_promised(n, size > 0);
}

static bool open_a_link(struct need *n)
{
    struct share_link out;
    char text[SHARE_TEXT_MAX];
    uint8_t raw[SHARE_RAW_MAX];
    size_t size = share_link_make(&fixture.gate, &link_made, text);
    need_begin(n);
    enum share_verdict v = share_link_open(&fixture.gate, link_made.host, span_make(text, size), NOW, raw, &out);
    need_end(n);
    assert_true(v == SHARE_GOOD || v == SHARE_BAD);
    return as_promised(n, v == SHARE_GOOD);
}

static bool who_has_a_link(struct need *n)
{
    struct memory tiny;
    struct identity who;
    memory_init_tiny(&tiny);
    need_begin(n);
    bool whole = share_link_identity(&fixture.gate, &link_made, &tiny.arena, &who);
    need_end(n);
    assert_true(!whole || (who.subject.n == 2 * SHARE_ID && span_eq(who.scope, link_made.scope)));
    memory_fini(&tiny);
    return as_promised(n, whole);
}

static bool where_a_link_leads(struct need *n)
{
    struct memory tiny;
    memory_init_tiny(&tiny);
    need_begin(n);
    bool whole = share_link_target(&link_made, &tiny.arena).p;
    need_end(n);
    memory_fini(&tiny);
    return as_promised(n, whole);
}

static bool mint_a_session(struct need *n)
{
    const struct identity who = {.way = WAY_BASIC, .gate = SPAN("g"), .subject = SPAN("anna")};
    struct gate_minted minted;
    struct memory tiny;
    memory_init_tiny(&tiny);
    const struct gate_mint m = {.gate = &fixture.gate, .host = SPAN("a.app.test"), .who = &who, .arena = &tiny.arena};
    need_begin(n);
    bool whole = gate_mint(&m, &minted);
    need_end(n);
    memory_fini(&tiny);
    return as_promised(n, whole);
}

static bool check_a_service_token(struct need *n)
{
    struct http_request r;
    request_make(&r, &memory.arena, "CF-Access-Client-Id: ci.id\nCF-Access-Client-Secret: secret");
    need_begin(n);
    bool whole = service_token_check(&fixture.gate, &r.headers) == fixture.gate.tokens;
    need_end(n);
    return as_promised(n, whole);
}

static bool clean_an_address(struct need *n)
{
    struct memory tiny;
    memory_init_tiny(&tiny);
    need_begin(n);
    struct span left = bypass_clean(SPAN("/a?x-vercel-protection-bypass=x&b"), &tiny.arena);
    need_end(n);
    assert_true(!left.p || span_eq(left, SPAN("/a?b")));
    memory_fini(&tiny);
    return as_promised(n, left.p);
}

static void test_own(void **state)
{
    need_sweep("make a token", make_a_token);
    need_sweep("read a token", read_a_token);
    need_sweep("make a link", make_a_link);
    need_sweep("open a link", open_a_link);
    need_sweep("who has a link", who_has_a_link);
    need_sweep("where it leads", where_a_link_leads);
    need_sweep("mint", mint_a_session);
    need_sweep("service token", check_a_service_token);
    need_sweep("clean", clean_an_address);
}

static const struct ledger_entry entry = {
    .kind = LEDGER_IDENTITY, .way = WAY_BASIC, .gate = SPAN("g"), .name = SPAN("anna"), .at_s = NOW};

static bool write_an_entry(struct need *n)
{
    uint8_t k[LEDGER_KEY], value[200];
    size_t key_n, size;
    need_begin(n);
    bool whole = ledger_encode(&entry, k, &key_n, value, sizeof(value), &size);
    need_end(n);
    return as_promised(n, whole);
}

static bool read_an_entry(struct need *n)
{
    uint8_t k[LEDGER_KEY], value[200];
    size_t key_n, size;
    struct ledger_entry out;
    assert_true(ledger_encode(&entry, k, &key_n, value, sizeof(value), &size));
    need_begin(n);
    bool whole = ledger_decode(span_make(k, key_n), span_make(value, size), NOW, &out);
    need_end(n);
    return as_promised(n, whole);
}

static void test_ledger(void **state)
{
    need_sweep("write", write_an_entry);
    need_sweep("read", read_an_entry);
}

/* --- errands ---------------------------------------------------------------------------------------------------------- */

static const uint8_t browser[BROWSER_HASH] = {1}, nonce[16] = {2};

static const struct way_back way_back = {.host = SPAN("a.test"), .port = -1, .target = SPAN("/"), .made_s = NOW};

static const struct errand errand = {.kind = ERRAND_PIN,
                                     .browser = {browser, sizeof(browser)},
                                     .nonce = {nonce, sizeof(nonce)},
                                     .address = SPAN("a@b.c"),
                                     .made_s = NOW};

static bool seal_a_way_back(struct need *n)
{
    struct memory tiny;
    memory_init_tiny(&tiny);
    need_begin(n);
    bool whole = way_back_seal(&fixture.gate, &way_back, &tiny.arena).p;
    need_end(n);
    memory_fini(&tiny);
    return as_promised(n, whole);
}

static bool open_a_way_back(struct need *n)
{
    struct memory tiny;
    struct way_back out;
    memory_init_tiny(&tiny);
    struct span text = way_back_seal(&fixture.gate, &way_back, &memory.arena);
    need_begin(n);
    bool whole = way_back_open(&fixture.gate, text, NOW, &tiny.arena, &out);
    need_end(n);
    memory_fini(&tiny);
    return as_promised(n, whole);
}

static bool seal_an_errand(struct need *n)
{
    struct memory tiny;
    memory_init_tiny(&tiny);
    need_begin(n);
    bool whole = errand_seal(&fixture.gate, &errand, &tiny.arena).p;
    need_end(n);
    memory_fini(&tiny);
    return as_promised(n, whole);
}

static bool open_an_errand(struct need *n)
{
    struct memory tiny;
    struct errand out;
    memory_init_tiny(&tiny);
    struct span text = errand_seal(&fixture.gate, &errand, &memory.arena);
    need_begin(n);
    bool whole = errand_open(&fixture.gate, ERRAND_PIN, text, NOW, &tiny.arena, &out);
    need_end(n);
    memory_fini(&tiny);
    return as_promised(n, whole);
}

static bool make_a_verifier(struct need *n)
{
    struct memory tiny;
    memory_init_tiny(&tiny);
    need_begin(n);
    bool whole = errand_random(&tiny.arena).p;
    need_end(n);
    memory_fini(&tiny);
    return as_promised(n, whole);
}

static bool make_a_challenge(struct need *n)
{
    struct memory tiny;
    memory_init_tiny(&tiny);
    need_begin(n);
    bool whole = errand_challenge(SPAN("verifier"), &tiny.arena).p;
    need_end(n);
    memory_fini(&tiny);
    return as_promised(n, whole);
}

static bool know_a_browser(struct need *n)
{
    struct memory tiny;
    struct http_request r;
    memory_init_tiny(&tiny);
    request_make(&r, &memory.arena, "Cookie: " BROWSER_COOKIE "=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    need_begin(n);
    bool whole = browser_hash(&r, &tiny.arena).n == BROWSER_HASH;
    need_end(n);
    memory_fini(&tiny);
    return as_promised(n, whole);
}

static bool mark_a_browser(struct need *n)
{
    struct memory tiny;
    struct span hash, set_cookie;
    memory_init_tiny(&tiny);
    need_begin(n);
    bool whole = browser_new(&tiny.arena, &hash, &set_cookie);
    need_end(n);
    assert_true(!whole || (hash.n == BROWSER_HASH && set_cookie.n > 43));
    memory_fini(&tiny);
    return as_promised(n, whole);
}

static void test_errands(void **state)
{
    need_sweep("seal a way back", seal_a_way_back);
    need_sweep("open a way back", open_a_way_back);
    need_sweep("seal an errand", seal_an_errand);
    need_sweep("open an errand", open_an_errand);
    need_sweep("verifier", make_a_verifier);
    need_sweep("challenge", make_a_challenge);
    need_sweep("know a browser", know_a_browser);
    need_sweep("mark a browser", mark_a_browser);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jwt),    cmocka_unit_test(test_a_broken_text_stays_broken),
        cmocka_unit_test(test_own),    cmocka_unit_test(test_assertion),
        cmocka_unit_test(test_ledger), cmocka_unit_test(test_errands),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

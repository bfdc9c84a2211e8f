/* What origins are told: made of who was proven, signed once, forgotten in time. */
#include "gate/assertion.h"

#include "base/clock.h"
#include "gate/jwt.h"
#include "gate/state.h"
#include "support.h"

struct fixture {
    struct memory m;
    struct loop *loop;
    struct gate_shared *shared;
    struct gate_thread *thread;
    struct rsa_key *key;
    struct service_token tokens[2]; /* one more than the gate has */
    struct gate_config gate;
    struct assertion_keys keys;
    struct gate_check check;
    struct assertion a;
};

static struct rsa_key *new_key(void)
{
    struct text pem;
    text_init(&pem);
    assert_true(res_ok(rsa_make_pem(&pem)));
    struct rsa_key *k = rsa_from_pem(text_span(&pem));
    assert_non_null(k);
    text_fini(&pem);
    return k;
}

static int setup(void **state)
{
    static const struct gate_limits limits = {5, 50, 60, 8, 4};
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    memory_init(&f->m);
    f->loop = loop_new();
    f->shared = gate_shared_new(&limits);
    f->thread = gate_thread_new(f->shared, f->loop);
    f->key = new_key();
    f->tokens[0] = (struct service_token){.name = SPAN("ci"), .client_id = SPAN("ci.access")};
    f->tokens[1] = (struct service_token){.name = SPAN("gone"), .client_id = SPAN("gone.access")};
    f->gate = (struct gate_config){.name = SPAN("team"), .tokens = f->tokens, .token_count = 1};
    f->gate.session.sign_in_host = SPAN("in.example.org");
    f->keys = (struct assertion_keys){.key = f->key, .kid = SPAN("k"), .subject = {7}};
    f->check = (struct gate_check){.gate = &f->gate, .host = SPAN("a.example.org"), .arena = &f->m.arena};
    f->check.identity = (struct identity){.way = WAY_EMAIL,
                                          .gate = f->gate.name,
                                          .subject = SPAN("me@x.org"),
                                          .email = SPAN("me@x.org"),
                                          .proven_s = clock_wall_s()};
    f->check.by_cookie = true;
    f->check.session_id[0] = 1;
    f->check.ends_s = clock_wall_s() + 7200;
    f->a = (struct assertion){.keys = &f->keys, .check = &f->check, .audience = SPAN("tag"), .port = -1};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    gate_thread_free(f->thread);
    gate_shared_free(f->shared);
    loop_free(f->loop);
    rsa_key_free(f->key);
    arena_fini(&f->m.arena);
    slab_fini(&f->m.blocks);
    free(f);
    return 0;
}

static struct span make(const struct fixture *f)
{
    struct span s = assertion_of(f->thread, &f->a);
    assert_non_null(s.p);
    return s;
}

static struct json_doc *claims_of(const struct fixture *f, const char *issuer)
{
    const struct jwt_expect e = {.issuer = span_of(issuer), .audience = f->a.audience, .now_s = clock_wall_s()};
    struct jwt t;
    const char *why = jwt_read(make(f), &t);
    assert_null(why);
    struct json_doc *claims = jwt_open(&t, f->key, &e, &why);
    if (!claims)
        fail_msg("%s", why);
    return claims;
}

static int64_t number(const struct json_doc *claims, const char *name)
{
    return json_as_int(json_get(json_root(claims), name));
}

static void people(void **state)
{
    struct fixture *f = *state;
    struct json_doc *claims = claims_of(f, "https://in.example.org");
    char sub[ASSERTION_SUB];
    CHECK_SPAN("email", jwt_text(claims, "email", 99), SPAN("me@x.org"));
    CHECK_SPAN("type", jwt_text(claims, "type", 99), SPAN("app"));
    assert_true(assertion_sub(&f->keys, &f->check.identity, sub));
    CHECK_SPAN("sub", jwt_text(claims, "sub", 99), span_make(sub, sizeof(sub)));
    assert_int_equal(number(claims, "exp"), f->check.ends_s);
    assert_true(number(claims, "nbf") <= number(claims, "iat"));
    assert_int_equal(jwt_text(claims, "identity_nonce", 99).n, 16);
    assert_null(json_get(json_root(claims), "common_name"));
    json_free(claims);
}

/* All that was proven, in words of our own. */
static void proven(void **state)
{
    static const enum identity_way ways[] = {WAY_BASIC, WAY_GITHUB, WAY_EMAIL, WAY_SERVICE_TOKEN, WAY_SHARE_LINK};
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT(ways); i++) {
        f->check.identity.way = ways[i];
        f->check.identity.login = ways[i] == WAY_GITHUB ? SPAN("me") : SPAN_NONE;
        struct json_doc *claims = claims_of(f, "https://in.example.org");
        const struct json_value *ours = json_get(json_root(claims), "tiergate");
        assert_int_equal(json_count(ours), ways[i] == WAY_GITHUB ? 4 : 3);
        CHECK_SPAN("way", json_as_string(json_get(ours, "way")), span_of(identity_way_name(ways[i])));
        CHECK_SPAN("gate", json_as_string(json_get(ours, "gate")), SPAN("team"));
        CHECK_SPAN("subject", json_as_string(json_get(ours, "subject")), SPAN("me@x.org"));
        CHECK_SPAN("login", json_as_string(json_get(ours, "login")), f->check.identity.login);
        json_free(claims);
    }
}

/* Nobody passes for a machine by being called as one. */
static void names_of_machines(void **state)
{
    static const struct {
        enum identity_way way;
        const char *subject, *name;
    } rows[] = {{WAY_SERVICE_TOKEN, "ci", "ci.access"},
                {WAY_SERVICE_TOKEN, "gone", ""},
                {WAY_SERVICE_TOKEN, "c", ""},
                {WAY_BASIC, "ci", ""},
                {WAY_SHARE_LINK, "ci", ""},
                {WAY_ACTIONS, "ci", "ci"}};
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct identity who = {.way = rows[i].way, .subject = span_of(rows[i].subject)};
        CHECK_SPAN(rows[i].subject, assertion_common_name(&f->gate, &who), span_of(rows[i].name));
    }
}

/* Eight, four, four, four and twelve hex digits, of version 8 and the variant of RFC 9562. */
static void looks_like_a_uuid(void **state)
{
    struct fixture *f = *state;
    char sub[ASSERTION_SUB + 1] = "";
    for (int n = 0; n < 50; n++) {
        f->check.identity.subject = arena_printf(&f->m.arena, "%d", n);
        assert_true(assertion_sub(&f->keys, &f->check.identity, sub));
        assert_int_equal(sub[ASSERTION_SUB], 0);
        for (size_t i = 0; i < ASSERTION_SUB; i++)
            assert_non_null(strchr(i == 8 || i == 13 || i == 18 || i == 23 ? "-" : "0123456789abcdef", sub[i]));
        assert_int_equal(sub[14], '8');
        assert_non_null(strchr("89ab", sub[19]));
    }
}

static struct span nonce_of(struct fixture *f)
{
    struct json_doc *claims = claims_of(f, "https://in.example.org");
    struct span nonce = arena_copy(&f->m.arena, jwt_text(claims, "identity_nonce", 99));
    json_free(claims);
    return nonce;
}

/* One for one session, wherever; another for the next one. */
static void nonces(void **state)
{
    struct fixture *f = *state;
    struct span one = nonce_of(f);
    for (size_t i = 0; i < one.n; i++)
        assert_non_null(strchr("0123456789abcdef", one.p[i]));
    f->check.host = SPAN("b.example.org");
    f->a.audience = SPAN("other");
    CHECK_SPAN("elsewhere", nonce_of(f), one);
    f->check.session_id[3] = 9;
    assert_false(span_eq(nonce_of(f), one));
    f->check.session_id[3] = 0;
    f->keys.subject[0]++;
    f->keys.kid = SPAN("after"); /* nothing that is remembered */
    assert_false(span_eq(nonce_of(f), one));
}

static void machines(void **state)
{
    static const struct {
        enum identity_way way;
        const char *subject, *name;
    } rows[] = {{WAY_SERVICE_TOKEN, "ci", "ci.access"}, {WAY_ACTIONS, "o/r", "o/r"}};
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        f->check.identity = (struct identity){
            .way = rows[i].way, .gate = f->gate.name, .subject = span_of(rows[i].subject), .proven_s = clock_wall_s()};
        struct json_doc *claims = claims_of(f, "https://in.example.org");
        CHECK_SPAN(rows[i].subject, jwt_text(claims, "common_name", 99), span_of(rows[i].name));
        const struct json_value *sub = json_get(json_root(claims), "sub");
        assert_true(sub && json_type_of(sub) == JSON_T_STRING && json_as_string(sub).n == 0);
        assert_null(json_get(json_root(claims), "email"));
        json_free(claims);
    }
}

static void issuers(void **state)
{
    struct fixture *f = *state;
    f->a.port = 8443;
    json_free(claims_of(f, "https://in.example.org:8443"));
    f->a.port = 443;
    json_free(claims_of(f, "https://in.example.org"));
    f->gate.session.sign_in_host = SPAN_NONE;
    json_free(claims_of(f, "https://a.example.org"));
}

static void a_day_at_most(void **state)
{
    struct fixture *f = *state;
    f->check.ends_s = clock_wall_s() + 1000000;
    struct json_doc *claims = claims_of(f, "https://in.example.org");
    assert_true(number(claims, "exp") <= clock_wall_s() + 86400);
    json_free(claims);
    f->check.ends_s = clock_wall_s() - 1;
    assert_null(assertion_of(f->thread, &f->a).p);
}

static void remembered(void **state)
{
    struct fixture *f = *state;
    struct span first = make(f);
    f->loop->now_ms += 299000;
    assert_true(span_eq(make(f), first));
    /* Another second in the claims tells whether it was signed anew. */
    int64_t then = clock_wall_s();
    while (clock_wall_s() == then)
        ;
    assert_true(span_eq(make(f), first));
    f->loop->now_ms += 1000;
    assert_false(span_eq(make(f), first));
    /* Never beyond its end. */
    f->check.ends_s = clock_wall_s() + 10;
    first = make(f);
    f->loop->now_ms += 10000;
    then = clock_wall_s();
    while (clock_wall_s() == then)
        ;
    assert_false(span_eq(make(f), first));
}

/* What was proven by the request itself ends later with each one: that alone makes no new signature. */
static void without_a_cookie(void **state)
{
    struct fixture *f = *state;
    f->check.by_cookie = false;
    struct span first = make(f);
    f->check.ends_s += 5;
    assert_true(span_eq(make(f), first));
    f->check.by_cookie = true;
    assert_false(span_eq(make(f), first));
}

static void differs(const struct fixture *f, struct span first, const char *what)
{
    CHECK(what, !span_eq(make(f), first));
}

/* Nobody is given what was signed for somebody else, or for elsewhere. */
static void told_apart(void **state)
{
    struct fixture *f = *state;
    const struct fixture was = *f;
    struct span first = make(f);
#define OTHER(change)                                                                                                  \
    do {                                                                                                               \
        change;                                                                                                        \
        differs(f, first, #change);                                                                                    \
        f->check = was.check, f->a = was.a, f->keys = was.keys, f->gate = was.gate;                                    \
        assert_true(span_eq(make(f), first));                                                                          \
    } while (0)
    OTHER(f->check.identity.subject = SPAN("we@x.org"));
    OTHER(f->check.identity.email = SPAN("we@x.org"));
    OTHER(f->check.identity.login = SPAN("me"));
    f->check.identity.login = SPAN("we");
    differs(f, first, "login");
    first = make(f);
    f->check.identity.login = SPAN("me");
    differs(f, first, "another login");
    f->check = was.check;
    first = make(f);
    OTHER(f->check.identity.way = WAY_BASIC);
    OTHER(f->check.session_id[15] = 1);
    OTHER(f->check.ends_s++);
    OTHER(f->a.audience = SPAN("tah"));
    OTHER(f->a.port = 1);
    OTHER(f->keys.kid = SPAN("l"));
    OTHER(f->gate.session.sign_in_host = SPAN("on.example.org"));
    /* Nor does one field run into the next. */
    OTHER((f->check.identity.subject = SPAN("me@x.orgme@x.org"), f->check.identity.email = SPAN("")));
#undef OTHER
    /* A gate without a sign-in host: each host says that it is the issuer. */
    f->gate.session.sign_in_host = SPAN_NONE;
    first = make(f);
    f->check.host = SPAN("b.example.org");
    differs(f, first, "host");
}

static void subjects(void **state)
{
    struct fixture *f = *state;
    struct identity who = f->check.identity;
    char sub[ASSERTION_SUB], other[ASSERTION_SUB];
    assert_true(assertion_sub(&f->keys, &who, sub));
    who.proven_s += 1000;
    who.login = SPAN("renamed");
    assert_true(assertion_sub(&f->keys, &who, other));
    assert_memory_equal(sub, other, ASSERTION_SUB);
    who.way = WAY_BASIC;
    assert_true(assertion_sub(&f->keys, &who, other));
    assert_memory_not_equal(sub, other, ASSERTION_SUB);
    who = f->check.identity;
    who.gate = SPAN("other");
    assert_true(assertion_sub(&f->keys, &who, other));
    assert_memory_not_equal(sub, other, ASSERTION_SUB);
    f->keys.subject[0] ^= 1;
    assert_true(assertion_sub(&f->keys, &f->check.identity, other));
    assert_memory_not_equal(sub, other, ASSERTION_SUB);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(people),     TEST(proven),           TEST(names_of_machines), TEST(looks_like_a_uuid),
        TEST(nonces),     TEST(machines),         TEST(issuers),           TEST(a_day_at_most),
        TEST(remembered), TEST(without_a_cookie), TEST(told_apart),        TEST(subjects)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

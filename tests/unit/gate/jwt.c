/* Tokens of others: what is taken, and every known way to make one that should not be. The signatures of hostile ones are right unless the
 * row is about them, so that nothing but the row's own fault refuses it. */
#include "gate/jwt.h"
#include "support.h"

#define NOW 1800000000
#define GOOD_HEAD "{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":\"JWT\"}"
#define TIMES "\"exp\":1800000300,\"nbf\":1799999400,\"iat\":1800000000"
#define FROM_TO "\"iss\":\"https://issuer.test\",\"aud\":\"https://us.test\""
#define GOOD_CLAIMS "{" FROM_TO "," TIMES ",\"name\":\"x\",\"lines\":\"a\\nb\",\"slash\":\"a/b\"}"

static const struct jwt_expect expect = {
    .issuer = SPAN("https://issuer.test"), .audience = SPAN("https://us.test"), .now_s = NOW};

struct fixture {
    struct rsa_key *ours, *strange;
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
    static struct fixture f;
    f.ours = new_key();
    f.strange = new_key();
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    rsa_key_free(f->ours);
    rsa_key_free(f->strange);
    return 0;
}

static void add64(struct text *t, struct span s)
{
    char *room = malloc(BASE64_SIZE(s.n) + 1);
    assert_non_null(room);
    text_add(t, span_make(room, base64url_encode(s, room)));
    free(room);
}

/* Header and claims as they stand there, signed. */
static void sign(struct text *t, const struct rsa_key *k, const char *head, struct span claims)
{
    uint8_t signature[RSA_SIGNATURE];
    size_t n;
    text_init(t);
    add64(t, span_of(head));
    text_add(t, SPAN("."));
    add64(t, claims);
    assert_true(res_ok(rsa_sign(k, text_span(t), signature, sizeof(signature), &n)));
    text_add(t, SPAN("."));
    add64(t, span_make(signature, n));
}

static struct json_doc *open_text(struct span text, const struct rsa_key *k, const char **why)
{
    struct jwt t;
    *why = jwt_read(text, &t);
    return *why ? NULL : jwt_open(&t, k, &expect, why);
}

static bool takes(struct span text, const struct rsa_key *k)
{
    const char *why;
    struct json_doc *claims = open_text(text, k, &why);
    assert_true(!claims == !!why);
    json_free(claims);
    return claims;
}

static void check_head(const struct fixture *f, const char *head, bool good)
{
    struct text t;
    sign(&t, f->ours, head, SPAN(GOOD_CLAIMS));
    CHECK(head, takes(text_span(&t), f->ours) == good);
    text_fini(&t);
}

static void headers(void **state)
{
    static const char *const good[] = {GOOD_HEAD, "{\"kid\":\"k1\",\"alg\":\"RS256\"}",
                                       "{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":\"jwt\",\"x5t\":\"abc\"}",
                                       " {\"alg\" : \"RS256\" , \"kid\":\"k1\" } "};
    static const char *const bad[] = {
        "{\"alg\":\"none\",\"kid\":\"k1\"}",
        "{\"alg\":\"None\",\"kid\":\"k1\"}",
        "{\"alg\":\"\",\"kid\":\"k1\"}",
        "{\"alg\":\"rs256\",\"kid\":\"k1\"}",
        "{\"alg\":\"RS256 \",\"kid\":\"k1\"}",
        "{\"alg\":\"HS256\",\"kid\":\"k1\"}",
        "{\"alg\":\"RS512\",\"kid\":\"k1\"}",
        "{\"alg\":\"PS256\",\"kid\":\"k1\"}",
        "{\"alg\":\"ES256\",\"kid\":\"k1\"}",
        "{\"alg\":[\"RS256\"],\"kid\":\"k1\"}",
        "{\"alg\":{\"alg\":\"RS256\"},\"kid\":\"k1\"}",
        "{\"alg\":null,\"kid\":\"k1\"}",
        "{\"kid\":\"k1\"}",
        "{\"Alg\":\"RS256\",\"kid\":\"k1\"}",
        "{\"alg\":\"RS256\",\"alg\":\"RS256\",\"kid\":\"k1\"}",
        "{\"alg\":\"none\",\"alg\":\"RS256\",\"kid\":\"k1\"}",
        "{\"alg\":\"RS256\",\"kid\":\"k1\",\"kid\":\"k2\"}",
        "{\"alg\":\"RS256\",\"kid\":\"k1\",\"\\u006bid\":\"k2\"}",
        "{\"alg\":\"RS256\"}",
        "{\"alg\":\"RS256\",\"kid\":\"\"}",
        "{\"alg\":\"RS256\",\"kid\":1}",
        "{\"alg\":\"RS256\",\"kid\":[\"k1\"]}",
        "{\"alg\":\"RS256\",\"kid\":\"k 1\"}",
        "{\"alg\":\"RS256\",\"kid\":\"k\\\"1\"}",
        "{\"alg\":\"RS256\",\"kid\":\"k\\\\1\"}",
        "{\"alg\":\"RS256\",\"kid\":\"k\\u007f\"}",
        "{\"alg\":\"RS256\",\"kid\":\"k\\u00001\"}",
        "{\"alg\":\"RS256\",\"kid\":\"k\\n1\"}",
        "{\"alg\":\"RS256\",\"kid\":\"k1\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"RS256\",\"kid\":\"k1\",\"crit\":[]}",
        "{\"alg\":\"RS256\",\"kid\":\"k1\",\"b64\":false}",
        "{\"alg\":\"RS256\",\"kid\":\"k1\",\"jku\":\"https://evil.test/\"}",
        "{\"alg\":\"RS256\",\"kid\":\"k1\",\"x5u\":\"https://evil.test/\"}",
        "{\"alg\":\"RS256\",\"kid\":\"k1\",\"jwk\":{}}",
        "{\"alg\":\"RS256\",\"kid\":\"k1\",\"x5c\":[]}",
        "{\"alg\":\"RS256\",\"kid\":\"k1\",\"zip\":\"DEF\"}",
        "{\"alg\":\"RS256\",\"kid\":\"k1\",\"enc\":\"A128GCM\"}",
        "{\"alg\":\"RS256\",\"kid\":\"k1\",\"cty\":\"JWT\"}",
        "{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":\"at+jwt\"}",
        "{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":null}",
        "{\"alg\":\"RS256\",\"kid\":\"k1\"} {}",
        "{\"alg\":\"RS256\",\"kid\":\"k1\",}",
        "{\"alg\":\"RS256\",\"kid\":\"k1\"} // yes",
        "{\"alg\":\"RS256\",//\n\"kid\":\"k1\"}",
        "[\"alg\",\"RS256\",\"kid\",\"k1\"]",
        "\"RS256\"",
        "{}",
        "",
        "{\"alg\":\"RS256\",\"kid\":\"k1\\\"}",
    };
    for (size_t i = 0; i < COUNT(good); i++)
        check_head(*state, good[i], true);
    for (size_t i = 0; i < COUNT(bad); i++)
        check_head(*state, bad[i], false);
}

static void check_claims(const struct fixture *f, const char *claims, bool good)
{
    struct text t;
    sign(&t, f->ours, GOOD_HEAD, span_of(claims));
    CHECK(claims, takes(text_span(&t), f->ours) == good);
    text_fini(&t);
}

static void claims(void **state)
{
    static const char *const good[] = {
        GOOD_CLAIMS,
        "{" FROM_TO ",\"exp\":1800000001}",
        "{" FROM_TO ",\"exp\":1799999941}", /* clocks differ by so much */
        "{" FROM_TO ",\"exp\":1800000300,\"nbf\":1800000060,\"iat\":1800000060}",
        "{\"iss\":\"https://issuer.test\",\"aud\":[\"a\",\"https://us.test\"]," TIMES "}",
        "{\"iss\":\"https://issuer.test\",\"aud\":[\"https://us.test\",\"a\"]," TIMES "}",
        "{" FROM_TO "," TIMES ",\"a\":\"\\\"/\\\\\",\"b\":\"/\"}",
        "{\"iss\":\"https://issuer.test\",\"aud\":[\"https://us.test\"]," TIMES ",\"more\":{\"a\":[1,2.5,null]}}",
        "{\"iss\":\"https:\\/\\/issuer.test\",\"aud\":\"https://us.test\"," TIMES "}",
    };
    static const char *const bad[] = {
        "{" FROM_TO ",\"exp\":1799999940}",
        "{" FROM_TO "}",
        "{" FROM_TO ",\"exp\":\"1800000300\"}",
        "{" FROM_TO ",\"exp\":1800000300.5}",
        "{" FROM_TO ",\"exp\":1.8e9}",
        "{" FROM_TO ",\"exp\":1e300}",
        "{" FROM_TO ",\"exp\":9223372036854775807}",
        "{" FROM_TO ",\"exp\":9223372036854775808}",
        "{" FROM_TO ",\"exp\":-1}",
        "{" FROM_TO ",\"exp\":null}",
        "{" FROM_TO ",\"exp\":true}",
        "{" FROM_TO ",\"exp\":[1800000300]}",
        "{" FROM_TO ",\"exp\":1800000300,\"exp\":1}",
        "{" FROM_TO ",\"exp\":1,\"exp\":1800000300}",
        "{" FROM_TO ",\"exp\":1800000300,\"nbf\":1800000061}",
        "{" FROM_TO ",\"exp\":1800000300,\"iat\":1800000061}",
        "{" FROM_TO ",\"exp\":1800000300,\"nbf\":null}",
        "{" FROM_TO ",\"exp\":1800000300,\"nbf\":\"0\"}",
        "{" FROM_TO ",\"exp\":1800000300,\"iat\":-5}",
        "{\"iss\":\"https://issuer.test\"," TIMES "}",
        "{\"iss\":\"https://issuer.test\",\"aud\":\"\"," TIMES "}",
        "{\"iss\":\"https://issuer.test\",\"aud\":\"https://us.test/\"," TIMES "}",
        "{\"iss\":\"https://issuer.test\",\"aud\":\"https://us.tes\"," TIMES "}",
        "{\"iss\":\"https://issuer.test\",\"aud\":[]," TIMES "}",
        "{\"iss\":\"https://issuer.test\",\"aud\":[[\"https://us.test\"]]," TIMES "}",
        "{\"iss\":\"https://issuer.test\",\"aud\":[\"https://us.test\",1]," TIMES "}",
        "{\"iss\":\"https://issuer.test\",\"aud\":[\"a\",\"b\"]," TIMES "}",
        "{\"iss\":\"https://issuer.test\",\"aud\":{\"a\":\"https://us.test\"}," TIMES "}",
        "{\"iss\":\"https://issuer.test\",\"aud\":null," TIMES "}",
        "{\"aud\":\"https://us.test\"," TIMES "}",
        "{\"iss\":\"https://issuer.test/\",\"aud\":\"https://us.test\"," TIMES "}",
        "{\"iss\":\"https://issuer.test.evil.test\",\"aud\":\"https://us.test\"," TIMES "}",
        "{\"iss\":\"HTTPS://ISSUER.TEST\",\"aud\":\"https://us.test\"," TIMES "}",
        "{\"iss\":[\"https://issuer.test\"],\"aud\":\"https://us.test\"," TIMES "}",
        "{\"iss\":null,\"aud\":\"https://us.test\"," TIMES "}",
        "{\"iss\":\"https://issuer.test\\u0000\",\"aud\":\"https://us.test\"," TIMES "}",
        "{\"a\":{\"b\":1,\"b\":2}," FROM_TO "," TIMES "}",
        "[" GOOD_CLAIMS "]",
        "{" FROM_TO "," TIMES "} // comment",
        "{" FROM_TO "," TIMES ",\"a\":\"\\\\\"} // comment",
        "{" FROM_TO "," TIMES,
        "null",
        "",
    };
    for (size_t i = 0; i < COUNT(good); i++)
        check_claims(*state, good[i], true);
    for (size_t i = 0; i < COUNT(bad); i++)
        check_claims(*state, bad[i], false);
}

/* --- the text itself -------------------------------------------------------------------------------------------------- */

static void every_byte_counts(void **state)
{
    const struct fixture *f = *state;
    struct text t;
    sign(&t, f->ours, GOOD_HEAD, SPAN(GOOD_CLAIMS));
    assert_true(takes(text_span(&t), f->ours));
    assert_false(takes(text_span(&t), f->strange));
    for (size_t i = 0; i < t.n; i++) {
        char was = t.p[i];
        t.p[i] = (char)(was == 'A' ? 'B' : 'A');
        assert_false(takes(text_span(&t), f->ours));
        t.p[i] = '.';
        assert_true(was == '.' || !takes(text_span(&t), f->ours));
        t.p[i] = was;
        assert_false(takes(span_make(t.p, i), f->ours));
    }
    text_fini(&t);
}

static void check_around(const struct fixture *f, const char *before, const char *after)
{
    struct text t, all;
    text_init(&all);
    sign(&t, f->ours, GOOD_HEAD, SPAN(GOOD_CLAIMS));
    text_addf(&all, "%s%.*s%s", before, (int)t.n, t.p, after);
    CHECK(after, !takes(text_span(&all), f->ours));
    text_fini(&all);
    text_fini(&t);
}

static void nothing_around(void **state)
{
    static const char *const more[] = {"=", "==", ".", ".x", "..", " ", "\n", "A", "AAAA", "+", "/"};
    for (size_t i = 0; i < COUNT(more); i++)
        check_around(*state, "", more[i]);
    check_around(*state, " ", "");
    check_around(*state, ".", "");
    check_around(*state, "Bearer ", "");
}

/* Two texts for the same bytes would be two tokens that are used up one by one. */
static void one_text_for_one_token(void **state)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const struct fixture *f = *state;
    struct text t;
    sign(&t, f->ours, GOOD_HEAD, SPAN(GOOD_CLAIMS));
    char *last = &t.p[t.n - 1]; /* 256 bytes leave four bits in it that mean nothing */
    char was = *last;
    unsigned good = 0;
    for (size_t i = 0; i < 64; i++) {
        *last = digits[i];
        good += takes(text_span(&t), f->ours);
    }
    assert_int_equal(good, 1);
    *last = was;
    text_fini(&t);
}

/* Two parts, or one, are none, before anything is verified. */
static void fewer_parts(void **state)
{
    const struct fixture *f = *state;
    struct text t;
    struct jwt j;
    sign(&t, f->ours, GOOD_HEAD, SPAN(GOOD_CLAIMS));
    for (size_t n = t.n; n > 0; n--) {
        bool three = memchr(t.p, '.', n) != memrchr(t.p, '.', n);
        assert_int_equal(jwt_read(span_make(t.p, n), &j) == NULL, three);
    }
    text_fini(&t);
}

static void names_of_keys(void **state)
{
    const struct fixture *f = *state;
    char kid[JWT_KID_MAX + 1];
    memset(kid, 'k', sizeof(kid));
    for (size_t n = JWT_KID_MAX; n <= JWT_KID_MAX + 1; n++) {
        struct text head, t;
        struct jwt j;
        bool good = n == JWT_KID_MAX;
        text_init(&t);
        text_init(&head);
        assert_int_equal(res_ok(jwt_make(f->ours, span_make(kid, n), SPAN(GOOD_CLAIMS), &t)), good);
        assert_true(!good || takes(text_span(&t), f->ours));
        text_fini(&t);
        text_addf(&head, "{\"alg\":\"RS256\",\"kid\":\"%.*s\"}", (int)n, kid);
        sign(&t, f->ours, head.p, SPAN(GOOD_CLAIMS));
        assert_int_equal(takes(text_span(&t), f->ours), good);
        assert_int_equal(jwt_read(text_span(&t), &j) == NULL, good);
        assert_true(!good || j.kid_n == n);
        text_fini(&head);
        text_fini(&t);
    }
}

/* Claims that are not in the one form of base64url, rightly signed. */
static void other_base64(void **state)
{
    const struct fixture *f = *state;
    static const char *const ends[] = {"", "=", "A", "*", " "};
    for (size_t i = 0; i < COUNT(ends); i++) {
        struct text t;
        uint8_t signature[RSA_SIGNATURE];
        size_t n;
        text_init(&t);
        add64(&t, SPAN(GOOD_HEAD));
        text_add(&t, SPAN("."));
        add64(&t, SPAN(GOOD_CLAIMS));
        text_add(&t, span_of(ends[i]));
        assert_true(res_ok(rsa_sign(f->ours, text_span(&t), signature, sizeof(signature), &n)));
        text_add(&t, SPAN("."));
        add64(&t, span_make(signature, n));
        CHECK(ends[i], takes(text_span(&t), f->ours) == (i == 0));
        text_fini(&t);
    }
}

static void too_long(void **state)
{
    const struct fixture *f = *state;
    struct text claims_text, t, head;
    text_init(&claims_text);
    text_add(&claims_text, SPAN("{" FROM_TO "," TIMES ",\"x\":\""));
    for (size_t i = 0; i < 12000; i++)
        text_add(&claims_text, SPAN("x"));
    text_add(&claims_text, SPAN("\"}"));
    sign(&t, f->ours, GOOD_HEAD, text_span(&claims_text));
    assert_true(t.n > JWT_MAX && !takes(text_span(&t), f->ours));
    text_fini(&t);
    text_init(&head);
    text_add(&head, SPAN("{\"alg\":\"RS256\",\"kid\":\"k1\""));
    for (size_t i = 0; i < 800; i++)
        text_add(&head, SPAN(" "));
    text_add(&head, SPAN("}"));
    sign(&t, f->ours, head.p, SPAN(GOOD_CLAIMS));
    assert_false(takes(text_span(&t), f->ours));
    text_fini(&t);
    text_fini(&head);
    text_fini(&claims_text);
    assert_false(takes(SPAN_NONE, f->ours));
    assert_false(takes(SPAN(".."), f->ours));
}

static void nested(void **state)
{
    const struct fixture *f = *state;
    struct text deep, t;
    text_init(&deep);
    text_add(&deep, SPAN("{" FROM_TO "," TIMES ",\"x\":"));
    for (size_t i = 0; i < 1000; i++)
        text_add(&deep, SPAN("["));
    for (size_t i = 0; i < 1000; i++)
        text_add(&deep, SPAN("]"));
    text_add(&deep, SPAN("}"));
    sign(&t, f->ours, GOOD_HEAD, text_span(&deep));
    assert_false(takes(text_span(&t), f->ours));
    text_fini(&t);
    /* A token within a token. */
    struct text inner;
    sign(&inner, f->ours, GOOD_HEAD, SPAN(GOOD_CLAIMS));
    sign(&t, f->ours, GOOD_HEAD, text_span(&inner));
    assert_false(takes(text_span(&t), f->ours));
    text_fini(&inner);
    text_fini(&t);
    text_fini(&deep);
}

/* --- made and read ---------------------------------------------------------------------------------------------------- */

static void round_trip(void **state)
{
    const struct fixture *f = *state;
    struct text t;
    const char *why;
    text_init(&t);
    text_add(&t, SPAN("before "));
    assert_true(res_ok(jwt_make(f->ours, SPAN("k1"), SPAN(GOOD_CLAIMS), &t)));
    struct json_doc *claims_doc = open_text(span_from(text_span(&t), 7), f->ours, &why);
    assert_non_null(claims_doc);
    CHECK_SPAN("claim", jwt_text(claims_doc, "name", 10), SPAN("x"));
    assert_int_equal(jwt_text(claims_doc, "name", 0).n, 0);
    assert_int_equal(jwt_text(claims_doc, "name", 1).n, 1);
    assert_int_equal(jwt_text(claims_doc, "lines", 10).n, 0);
    assert_int_equal(jwt_text(claims_doc, "exp", 10).n, 0);
    assert_int_equal(jwt_text(claims_doc, "nothing", 10).n, 0);
    json_free(claims_doc);
    assert_false(res_ok(jwt_make(f->ours, SPAN("a\"b"), SPAN("{}"), &t)));
    assert_false(res_ok(jwt_make(f->ours, SPAN(""), SPAN("{}"), &t)));
    text_fini(&t);
}

static void nothing_expected_nothing_taken(void **state)
{
    const struct fixture *f = *state;
    const struct jwt_expect none[] = {{.issuer = SPAN(""), .audience = SPAN("https://us.test"), .now_s = NOW},
                                      {.issuer = SPAN("https://issuer.test"), .audience = SPAN(""), .now_s = NOW}};
    static const char *const says[] = {"{\"iss\":\"\",\"aud\":\"https://us.test\"," TIMES "}",
                                       "{\"iss\":\"https://issuer.test\",\"aud\":\"\"," TIMES "}"};
    for (size_t i = 0; i < COUNT(none); i++) {
        struct text t;
        struct jwt j;
        const char *why;
        sign(&t, f->ours, GOOD_HEAD, span_of(says[i]));
        assert_null(jwt_read(text_span(&t), &j));
        assert_null(jwt_open(&j, f->ours, &none[i], &why));
        text_fini(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers),
        cmocka_unit_test(claims),
        cmocka_unit_test(every_byte_counts),
        cmocka_unit_test(nothing_around),
        cmocka_unit_test(one_text_for_one_token),
        cmocka_unit_test(fewer_parts),
        cmocka_unit_test(names_of_keys),
        cmocka_unit_test(other_base64),
        cmocka_unit_test(too_long),
        cmocka_unit_test(nested),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(nothing_expected_nothing_taken),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

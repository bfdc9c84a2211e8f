/* Sets of keys: which of them count, and how they are named. */
#include "gate/jwks.h"
#include "support.h"

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

static size_t count_of(const char *text)
{
    struct jwks *s = jwks_parse(span_of(text));
    size_t n = s ? jwks_count(s) : 99;
    jwks_free(s);
    return n;
}

static char *key_text(const struct rsa_key *k, const char *kid)
{
    struct text t;
    text_init(&t);
    jwks_add(&t, k, span_of(kid));
    assert_false(t.failed);
    return t.p;
}

static void sets(void **state)
{
    const struct fixture *f = *state;
    char *a = key_text(f->ours, "a"), *b = key_text(f->strange, "b"), *again = key_text(f->strange, "a");
    char kid[JWKS_KID], other[JWKS_KID];
    struct text t;
    text_init(&t);
    text_addf(&t, "{\"keys\":[%s,{\"kty\":\"EC\",\"kid\":\"e\"},%s]}", a, b);
    struct jwks *s = jwks_parse(text_span(&t));
    assert_non_null(s);
    assert_int_equal(jwks_count(s), 2);
    assert_non_null(jwks_find(s, SPAN("a")));
    assert_null(jwks_find(s, SPAN("e")));
    assert_null(jwks_find(s, SPAN("")));
    assert_true(jwks_kid(f->ours, kid) && jwks_kid(jwks_find(s, SPAN("a")), other));
    assert_memory_equal(kid, other, JWKS_KID);
    assert_true(jwks_kid(f->strange, other));
    assert_memory_not_equal(kid, other, JWKS_KID);
    jwks_free(s);
    text_fini(&t);
    text_addf(&t, "{\"keys\":[%s,%s,%s]}", a, again, a);
    s = jwks_parse(text_span(&t));
    assert_non_null(s);
    assert_null(jwks_find(s, SPAN("a")));
    assert_int_equal(jwks_count(s), 1); /* the name stays taken */
    jwks_free(s);
    text_fini(&t);
    free(a);
    free(b);
    free(again);
}

/* RFC 7638 §3.1. */
static void thumbprint(void **state)
{
    static const char set[] =
        "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"2011-04-29\",\"alg\":\"RS256\",\"e\":\"AQAB\",\"n\":"
        "\"0vx7agoebGcQSuuPiLJXZptN9nn"
        "drQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-"
        "5JsGY4Hc5n9yBXArwl93lqt7"
        "_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-"
        "bFTWhAI4vMQFh6W"
        "eZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\"}]}";
    struct jwks *s = jwks_parse(SPAN(set));
    char kid[JWKS_KID], want[JWKS_KID + 1];
    uint8_t sum[33];
    size_t n = 0;
    assert_non_null(s);
    assert_true(jwks_kid(jwks_find(s, SPAN("2011-04-29")), kid));
    assert_true(base64url_decode(SPAN("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"), sum, sizeof(sum), &n));
    for (size_t i = 0; i < n; i++)
        snprintf(want + 2 * i, 3, "%02x", sum[i]);
    CHECK_SPAN("kid", span_make(kid, sizeof(kid)), span_of(want));
    jwks_free(s);
}

/* Names of 1 to 256 bytes, and 32 keys at most. */
static void limits_of_sets(void **state)
{
    const struct fixture *f = *state;
    char kid[258] = "";
    memset(kid, 'k', 257);
    for (size_t n = 0; n <= 257; n += n == 1 ? 255 : 1) {
        struct text t;
        text_init(&t);
        text_add(&t, SPAN("{\"keys\":["));
        jwks_add(&t, f->ours, span_make(kid, n));
        text_add(&t, SPAN("]}"));
        struct jwks *s = jwks_parse(text_span(&t));
        assert_non_null(s);
        assert_int_equal(jwks_count(s), n > 0 && n < 257);
        assert_int_equal(jwks_find(s, span_make(kid, n)) != NULL, n > 0 && n < 257);
        jwks_free(s);
        text_fini(&t);
    }
    for (size_t n = JWKS_KEYS_MAX; n <= JWKS_KEYS_MAX + 1; n++) {
        struct text t;
        text_init(&t);
        for (size_t i = 0; i < n; i++) {
            text_add(&t, i ? SPAN(",") : SPAN("{\"keys\":["));
            jwks_add(&t, f->ours, span_make(kid, i + 1));
        }
        text_add(&t, SPAN("]}"));
        assert_int_equal(count_of(t.p), n == JWKS_KEYS_MAX ? JWKS_KEYS_MAX : 99);
        text_fini(&t);
    }
    jwks_free(NULL);
}

static void bad_sets(void **state)
{
    static const struct {
        const char *text;
        size_t n;
    } rows[] = {
        {"{\"keys\":[]}", 0},
        {"{}", 99},
        {"[]", 99},
        {"", 99},
        {"{\"keys\":{}}", 99},
        {"{\"keys\":\"x\"}", 99},
        {"{\"keys\":[1,null,\"x\",[],{}]}", 0},
        {"{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}", 0}, /* short */
        {"{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"AAAA\"}]}", 0},
        {"{\"keys\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}", 99},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK(rows[i].text, count_of(rows[i].text) == rows[i].n);
}

/* What is not said to be for RS256 signatures, or says otherwise. */
static void uses(void **state)
{
    static const struct {
        const char *from, *to;
        size_t n;
    } rows[] = {{"\"use\":\"sig\"", "\"use\":\"enc\"", 0}, {"\"alg\":\"RS256\"", "\"alg\":\"PS256\"", 0},
                {"\"use\":\"sig\"", "\"use\":[\"s\"]", 0}, {"\"use\":\"sig\"", "\"usa\":\"sig\"", 1},
                {"\"kty\":\"RSA\"", "\"kty\":\"rsa\"", 0}, {"\"e\":\"AQAB\"", "\"e\":\"AQAC\"", 0},
                {"\"e\":\"AQAB\"", "\"e\":\"AQA=\"", 0},   {"\"n\":\"", "\"n\":\"*", 0},
                {"\"e\":\"AQAB\"", "\"f\":\"AQAB\"", 0},   {"\"n\":\"", "\"m\":\"", 0},
                {"\"kty\":\"RSA\"", "\"ktz\":\"RSA\"", 0}, {"\"alg\":\"RS256\"", "\"alh\":\"RS256\"", 1},
                {"\"alg\":\"RS256\"", "\"alg\":null", 0},  {"\"kid\":\"a\"", "\"kid\":[1]", 0}};
    char *a = key_text(((const struct fixture *)*state)->ours, "a");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text t;
        const char *at = strstr(a, rows[i].from);
        assert_non_null(at);
        text_init(&t);
        text_addf(&t, "{\"keys\":[%.*s%s%s]}", (int)(at - a), a, rows[i].to, at + strlen(rows[i].from));
        CHECK(rows[i].to, count_of(t.p) == rows[i].n);
        text_fini(&t);
    }
    free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets),     cmocka_unit_test(thumbprint), cmocka_unit_test(limits_of_sets),
        cmocka_unit_test(bad_sets), cmocka_unit_test(uses),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

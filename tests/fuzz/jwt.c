/* Any bytes as a token of somebody else. The first byte chooses: 0: bytes as claims under a good header, signed by the harness, so that the
 * reader behind the signature is reached; 1: bytes as a header before good claims, signed too; 2: bytes as a set of keys; else the text
 * as it is, which nobody has signed. What is taken is signed, in time, from and for whom it must be. */
#include "base/crypto/base64.h"
#include "gate/jwks.h"
#include "gate/jwt.h"
#include "must.h"

#include <stdlib.h>

#define NOW 1000000

static const struct jwt_expect expect = {.issuer = SPAN("i"), .audience = SPAN("a"), .now_s = NOW};

static struct rsa_key *key(void)
{
    static struct rsa_key *k;
    struct text pem;
    if (k)
        return k;
    text_init(&pem);
    MUST(res_ok(rsa_make_pem(&pem)));
    k = rsa_from_pem(text_span(&pem));
    MUST(k);
    text_fini(&pem);
    return k;
}

static void check_taken(const struct json_doc *claims)
{
    const struct json_value *exp = json_get(json_root(claims), "exp");
    MUST(json_type_of(json_root(claims)) == JSON_T_OBJECT);
    MUST(exp && json_type_of(exp) == JSON_T_INT && json_as_int(exp) > NOW - JWT_SKEW_S);
    MUST(span_eq(jwt_text(claims, "iss", 10), SPAN("i")));
}

static bool opens(struct span text)
{
    struct jwt t;
    const char *why = jwt_read(text, &t);
    if (why)
        return false;
    MUST(t.kid_n > 0 && t.kid_n <= JWT_KID_MAX);
    struct json_doc *claims = jwt_open(&t, key(), &expect, &why);
    MUST(!claims == !!why);
    if (claims)
        check_taken(claims);
    json_free(claims);
    return claims;
}

static void check_claims(struct span claims)
{
    struct text t;
    text_init(&t);
    MUST(res_ok(jwt_make(key(), SPAN("k"), claims, &t)));
    (void)opens(text_span(&t));
    text_fini(&t);
}

static void add64(struct text *t, struct span s)
{
    char *room = malloc(BASE64_SIZE(s.n) + 1);
    MUST(room);
    text_add(t, span_make(room, base64url_encode(s, room)));
    free(room);
}

static void check_head(struct span head)
{
    uint8_t signature[RSA_BYTES_MAX];
    size_t n;
    struct text t;
    text_init(&t);
    add64(&t, head);
    text_add(&t, SPAN("."));
    add64(&t, SPAN("{\"iss\":\"i\",\"aud\":\"a\",\"exp\":1000001}"));
    MUST(res_ok(rsa_sign(key(), text_span(&t), signature, sizeof signature, &n)));
    text_add(&t, SPAN("."));
    add64(&t, span_make(signature, n));
    (void)opens(text_span(&t));
    text_fini(&t);
}

static void check_set(struct span text)
{
    struct jwks *s = jwks_parse(text);
    MUST(!s || jwks_count(s) <= JWKS_KEYS_MAX);
    MUST(!s || !jwks_find(s, SPAN("")));
    jwks_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = span_make(data + 1, size ? size - 1 : 0);
    if (size == 0)
        return 0;
    switch (data[0]) {
    case 0:
        check_claims(rest);
        break;
    case 1:
        check_head(rest);
        break;
    case 2:
        check_set(rest);
        break;
    default:
        MUST(!opens(rest));
    }
    return 0;
}

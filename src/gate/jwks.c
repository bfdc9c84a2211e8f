#include "gate/jwks.h"

#include "base/crypto/base64.h"
#include "base/crypto/mac.h"
#include "base/hex.h"
#include "base/json.h"

#include <stdlib.h>

#define KID_MAX 256
#define PART_TEXT_MAX BASE64_SIZE(RSA_BYTES_MAX)

struct jwk {
    struct rsa_key *key; /* owns; NULL: the name is there twice */
    size_t kid_n;
    char kid[KID_MAX];
};

struct jwks {
    size_t n;
    struct jwk keys[];
};

/* --- reading ---------------------------------------------------------------------------------------------------------- */

static struct span text_of(const struct json_value *jwk, const char *name)
{
    return json_as_string(json_get(jwk, name));
}

/* Where it is said, it must be this. */
static bool says(const struct json_value *jwk, const char *name, struct span want)
{
    const struct json_value *v = json_get(jwk, name);
    return !v || span_eq(json_as_string(v), want);
}

/* Empty where it is none: no key is made of that. */
static struct span part_of(const struct json_value *jwk, const char *name, uint8_t room[RSA_BYTES_MAX])
{
    size_t n = 0;
    base64url_decode(text_of(jwk, name), room, RSA_BYTES_MAX, &n);
    return span_make(room, n);
}

static struct rsa_key *key_of(const struct json_value *jwk)
{
    uint8_t n[RSA_BYTES_MAX], e[RSA_BYTES_MAX];
    if (!span_eq(text_of(jwk, "kty"), SPAN("RSA")) || !says(jwk, "alg", SPAN("RS256")) ||
        !says(jwk, "use", SPAN("sig")))
        return NULL;
    return rsa_from_parts(part_of(jwk, "n", n), part_of(jwk, "e", e));
}

static struct jwk *find(const struct jwks *s, struct span kid)
{
    for (size_t i = 0; i < s->n; i++)
        if (span_eq(span_make(s->keys[i].kid, s->keys[i].kid_n), kid))
            return (struct jwk *)(uintptr_t)&s->keys[i]; /* const for jwks_find alone */
    return NULL;
}

/* Which of two would count is not for an attacker to choose. */
static void spoil(struct jwk *k)
{
    rsa_key_free(k->key);
    k->key = NULL;
}

static void read_one(struct jwks *s, const struct json_value *jwk)
{
    struct span kid = text_of(jwk, "kid");
    struct jwk *same = find(s, kid), *k = &s->keys[s->n];
    if (same)
        spoil(same);
    if (same || kid.n == 0 || kid.n > KID_MAX)
        return;
    k->key = key_of(jwk);
    if (!k->key)
        return;
    memcpy(k->kid, kid.p, kid.n);
    k->kid_n = kid.n;
    s->n++;
}

static struct jwks *read_all(const struct json_value *keys)
{
    size_t n = json_count(keys);
    if (json_type_of(keys) != JSON_T_ARRAY || n > JWKS_KEYS_MAX)
        return NULL;
    struct jwks *s = calloc(1, sizeof(*s) + (n + 1) * sizeof(s->keys[0]));
    for (size_t i = 0; s && i < n; i++)
        read_one(s, json_at(keys, i));
    return s;
}

struct jwks *jwks_parse(struct span text)
{
    struct json_error err;
    struct json_doc *doc = json_parse(text, &err);
    const struct json_value *keys = doc ? json_get(json_root(doc), "keys") : NULL;
    struct jwks *s = read_all(keys);
    json_free(doc);
    return s;
}

void jwks_free(struct jwks *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        rsa_key_free(s->keys[i].key);
    free(s);
}

size_t jwks_count(const struct jwks *s)
{
    return s->n;
}

const struct rsa_key *jwks_find(const struct jwks *s, struct span kid)
{
    const struct jwk *k = find(s, kid);
    return k ? k->key : NULL;
}

/* --- writing ---------------------------------------------------------------------------------------------------------- */

struct parts {
    char n[PART_TEXT_MAX], e[PART_TEXT_MAX];
    size_t n_n, e_n;
};

static bool parts_of(const struct rsa_key *key, struct parts *p)
{
    uint8_t n[RSA_BYTES_MAX], e[RSA_BYTES_MAX];
    size_t n_len = sizeof(n), e_len = sizeof(e);
    if (!rsa_parts(key, n, &n_len, e, &e_len))
        return false;
    p->n_n = base64url_encode(span_make(n, n_len), p->n);
    p->e_n = base64url_encode(span_make(e, e_len), p->e);
    return true;
}

bool jwks_kid(const struct rsa_key *key, char kid[JWKS_KID])
{
    struct parts p;
    struct text t;
    uint8_t sum[32];
    if (!parts_of(key, &p))
        return false;
    text_init(&t);
    text_addf(&t, "{\"e\":\"%.*s\",\"kty\":\"RSA\",\"n\":\"%.*s\"}", (int)p.e_n, p.e, (int)p.n_n, p.n);
    bool ok = !t.failed && res_ok(sha256(text_span(&t), sum));
    if (ok)
        hex_put(sum, sizeof(sum), kid);
    text_fini(&t);
    return ok;
}

void jwks_add(struct text *out, const struct rsa_key *key, struct span kid)
{
    struct parts p;
    if (!parts_of(key, &p)) {
        out->failed = true;
        return;
    }
    text_add(out, SPAN("{\"kty\":\"RSA\",\"alg\":\"RS256\",\"use\":\"sig\",\"kid\":\""));
    text_add_json(out, kid);
    text_addf(out, "\",\"e\":\"%.*s\",\"n\":\"%.*s\"}", (int)p.e_n, p.e, (int)p.n_n, p.n);
}

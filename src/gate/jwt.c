#include "gate/jwt.h"

#include "base/count.h"
#include "base/crypto/base64.h"

#include <stdlib.h>

#define FAR_S ((int64_t)1 << 40) /* beyond any time that is meant, and far from overflowing */

/* --- making ----------------------------------------------------------------------------------------------------------- */

static bool is_plain(struct span kid)
{
    for (size_t i = 0; i < kid.n; i++)
        if (kid.p[i] <= 0x20 || kid.p[i] >= 0x7f || kid.p[i] == '"' || kid.p[i] == '\\')
            return false;
    return kid.n > 0 && kid.n <= JWT_KID_MAX;
}

static void add_base64(struct text *out, struct span s)
{
    char *room = malloc(BASE64_SIZE(s.n) + 1);
    if (room)
        text_add(out, span_make(room, base64url_encode(s, room)));
    out->failed = out->failed || !room;
    free(room);
}

static void add_head(struct text *out, struct span kid)
{
    struct text head;
    text_init(&head);
    text_addf(&head, "{\"alg\":\"RS256\",\"kid\":\"%.*s\",\"typ\":\"JWT\"}", SPAN_ARG(kid));
    add_base64(out, text_span(&head));
    out->failed = out->failed || head.failed;
    text_fini(&head);
}

static struct res sign(const struct rsa_key *key, struct text *out, size_t from)
{
    uint8_t signature[RSA_BYTES_MAX];
    size_t n;
    struct res r = rsa_sign(key, span_from(text_span(out), from), signature, sizeof(signature), &n);
    if (!res_ok(r))
        return r;
    text_add(out, SPAN("."));
    add_base64(out, span_make(signature, n));
    return out->failed ? res_err("out of memory") : RES_OK;
}

struct res jwt_make(const struct rsa_key *key, struct span kid, struct span claims, struct text *out)
{
    size_t from = out->n;
    if (!is_plain(kid))
        return res_err("the name of the key cannot be written");
    add_head(out, kid);
    text_add(out, SPAN("."));
    add_base64(out, claims);
    return sign(key, out, from);
}

/* --- reading ---------------------------------------------------------------------------------------------------------- */

/* base/json.h takes comments, which JSON does not have: nobody who means well writes them here. Outside of strings a slash begins one, and a
 * backslash is an error. */
static bool has_comment(struct span s)
{
    bool in_string = false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == '"')
            in_string = !in_string;
        else if (!in_string && s.p[i] == '/')
            return true;
    }
    return false;
}

/* NULL: no JSON in canonical base64url, or no memory. */
static struct json_doc *read_json(struct span encoded)
{
    struct json_error err;
    uint8_t *room = malloc(encoded.n + 1);
    size_t n = 0; /* and so no JSON, where it is no base64url */
    if (!room)
        return NULL;
    base64url_decode(encoded, room, encoded.n, &n);
    struct json_doc *doc = has_comment(span_make(room, n)) ? NULL : json_parse(span_make(room, n), &err);
    free(room);
    return doc;
}

/* Members of a header that do not make the token mean something else. x5t names the key in another way; the key that we have counts. */
static bool is_harmless(struct span key)
{
    static const struct span known[] = {{(const uint8_t *)"alg", 3},
                                        {(const uint8_t *)"kid", 3},
                                        {(const uint8_t *)"typ", 3},
                                        {(const uint8_t *)"x5t", 3}};
    for (size_t i = 0; i < COUNT(known); i++)
        if (span_eq(key, known[i]))
            return true;
    return false;
}

static struct span text_of(const struct json_value *object, const char *name)
{
    return json_as_string(json_get(object, name));
}

static const char *check_head(const struct json_value *head)
{
    const struct json_value *typ = json_get(head, "typ");
    for (size_t i = 0; i < json_count(head); i++)
        if (!is_harmless(json_key_at(head, i)))
            return "the token's header holds what we do not take";
    if (!span_eq(text_of(head, "alg"), SPAN("RS256")))
        return "the token is not signed with RS256";
    return typ && !span_eq_nocase(json_as_string(typ), SPAN("JWT")) ? "the token is of another type" : NULL;
}

static const char *read_head(const struct json_value *head, struct jwt *out)
{
    const char *problem = check_head(head);
    struct span kid = text_of(head, "kid");
    if (problem)
        return problem;
    if (!is_plain(kid))
        return "the token does not name its key";
    memcpy(out->kid, kid.p, kid.n);
    out->kid_n = kid.n;
    return NULL;
}

const char *jwt_read(struct span text, struct jwt *out)
{
    struct span head, rest;
    *out = (struct jwt){.kid_n = 0};
    if (text.n > JWT_MAX)
        return "the token is too long";
    span_cut(text, '.', &head, &rest); /* without a first point there is no second one */
    if (!span_cut(rest, '.', &out->claims, &out->signature) || head.n > JWT_HEAD_MAX)
        return "no token in three parts";
    out->said = span_make(text.p, head.n + 1 + out->claims.n);
    struct json_doc *doc = read_json(head);
    const char *problem = doc ? read_head(json_root(doc), out) : "the token's header cannot be read";
    json_free(doc);
    return problem;
}

/* --- believing -------------------------------------------------------------------------------------------------------- */

static bool is_signed(const struct jwt *t, const struct rsa_key *key)
{
    uint8_t signature[RSA_BYTES_MAX];
    size_t n = 0; /* and so no signature, where it is no base64url */
    base64url_decode(t->signature, signature, sizeof(signature), &n);
    return rsa_verify(key, t->said, span_make(signature, n));
}

static bool is_time(const struct json_value *v)
{
    return json_type_of(v) == JSON_T_INT && json_as_int(v) >= 0 && json_as_int(v) < FAR_S;
}

/* exp must be there; the others, where they are, must not lie ahead. */
static const char *check_times(const struct json_value *claims, int64_t now_s)
{
    static const char *const begins[] = {"nbf", "iat"};
    const struct json_value *exp = json_get(claims, "exp");
    if (!is_time(exp))
        return "the token does not say when it ends";
    if (json_as_int(exp) <= now_s - JWT_SKEW_S)
        return "the token is too old";
    for (size_t i = 0; i < COUNT(begins); i++) {
        const struct json_value *v = json_get(claims, begins[i]);
        if (v && (!is_time(v) || json_as_int(v) > now_s + JWT_SKEW_S))
            return "the token is not valid yet";
    }
    return NULL;
}

/* RFC 7519 §4.1.3. A list with anything but texts in it is none. */
static bool is_for(const struct json_value *aud, struct span want)
{
    bool found = false;
    if (json_type_of(aud) != JSON_T_ARRAY)
        return span_eq(json_as_string(aud), want);
    for (size_t i = 0; i < json_count(aud); i++) {
        if (json_type_of(json_at(aud, i)) != JSON_T_STRING)
            return false;
        found = found || span_eq(json_as_string(json_at(aud, i)), want);
    }
    return found;
}

static const char *check_claims(const struct json_value *claims, const struct jwt_expect *e)
{
    if (e->issuer.n == 0 || !span_eq(text_of(claims, "iss"), e->issuer))
        return "the token is of another issuer";
    if (e->audience.n == 0 || !is_for(json_get(claims, "aud"), e->audience))
        return "the token is for another audience";
    return check_times(claims, e->now_s);
}

struct json_doc *jwt_open(const struct jwt *t, const struct rsa_key *key, const struct jwt_expect *e, const char **why)
{
    *why = "the token's signature is wrong";
    if (!is_signed(t, key))
        return NULL;
    struct json_doc *claims = read_json(t->claims);
    *why = claims ? check_claims(json_root(claims), e) : "the token's claims cannot be read";
    if (!*why)
        return claims;
    json_free(claims);
    return NULL;
}

struct span jwt_text(const struct json_doc *claims, const char *name, size_t max)
{
    struct span s = text_of(json_root(claims), name);
    return s.n <= max && !span_has_control(s) ? s : SPAN_NONE;
}

/* What origins are told by (gate/assertion.h): the keys of the state folder, and what is shown of them. */
#include "config/build.h"

#include "base/crypto/mac.h"
#include "base/crypto/rsa.h"
#include "config/access_keys.h"
#include "gate/jwks.h"

struct shown {
    struct text keys, certificates;
    size_t first_n; /* bytes of the current one's certificate */
};

static void add_certificate(struct text *t, struct span kid, struct span pem)
{
    text_add(t, SPAN("{\"kid\":\""));
    text_add_json(t, kid);
    text_add(t, SPAN("\",\"cert\":\""));
    text_add_json(t, pem);
    text_add(t, SPAN("\"}"));
}

static void show(struct shown *s, const struct rsa_key *key, struct span kid, struct span certificate)
{
    if (s->keys.n) {
        text_add(&s->keys, SPAN(","));
        text_add(&s->certificates, SPAN(","));
    }
    jwks_add(&s->keys, key, kid);
    add_certificate(&s->certificates, kid, certificate);
    if (!s->first_n)
        s->first_n = s->certificates.n;
}

static void free_key(const void *p)
{
    rsa_key_free((struct rsa_key *)(uintptr_t)p); /* const for config_memory_defer alone */
}

static void wipe_subject(const void *p)
{
    wipe((void *)(uintptr_t)p, 32);
}

static void take_key(struct build *b, const struct access_key *k, struct shown *s, struct assertion_keys *out)
{
    char *kid = build_alloc(b, 1, JWKS_KID);
    struct rsa_key *key = rsa_from_pem(k->key);

    if (!kid || !key || !jwks_kid(key, kid) || !config_memory_defer(b->mem, free_key, key)) {
        rsa_key_free(key);
        b->failed = true;
        return;
    }
    show(s, key, span_make(kid, JWKS_KID), k->certificate);
    if (out->key)
        return;
    out->key = key;
    out->kid = span_make(kid, JWKS_KID);
}

/* The names that Access has; its public_cert is the current one. */
static struct span body_of(struct build *b, const struct shown *s)
{
    if (s->keys.failed || s->certificates.failed) {
        b->failed = true;
        return SPAN_NONE;
    }
    struct span body = arena_printf(b->arena, "{\"keys\":[%.*s],\"public_cert\":%.*s,\"public_certs\":[%.*s]}\n",
                                    (int)s->keys.n, s->keys.n ? s->keys.p : "", s->first_n ? (int)s->first_n : 4,
                                    s->first_n ? s->certificates.p : "null", (int)s->certificates.n,
                                    s->certificates.n ? s->certificates.p : "");

    b->failed |= !body.p;
    return body;
}

static void take_all(struct build *b, const struct access_keys *keys, struct shown *s)
{
    struct assertion_keys *out = &b->snapshot->access;

    memcpy(out->subject, keys->subject, sizeof(out->subject));
    b->failed |= !config_memory_defer(b->mem, wipe_subject, out->subject);
    for (size_t i = 0; i < keys->n && !b->failed; i++)
        take_key(b, &keys->v[i], s, out);
}

/* Without a state folder there are no keys: nothing is asserted, and origins that ask for it let nobody in. */
void build_access_keys(struct build *b)
{
    struct span file;
    struct access_keys keys;
    struct json_doc *doc = NULL;
    struct shown s = {.first_n = 0};

    text_init(&s.keys);
    text_init(&s.certificates);
    if (bundle_find(b->bundle, BLOB_STATE, SPAN(ACCESS_KEYS_FILE), &file)) {
        if (access_keys_read(file, &keys, &doc))
            take_all(b, &keys, &s);
        else
            b->failed = true; /* the loader has read the same bytes: there is no memory */
        wipe(&keys, sizeof(keys));
    }
    b->snapshot->access.certs = body_of(b, &s);
    json_free(doc);
    text_fini(&s.keys);
    text_fini(&s.certificates);
}

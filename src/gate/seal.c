/* The last step of building a gate's configuration: keys, fingerprints, the hash for unknown users, the digest. */
#include "gate/gate.h"

#include "base/arena.h"
#include "base/count.h"
#include "base/crypto/mac.h"
#include "gate/basic.h"
#include "gate/crypt_hash.h"
#include "gate/fingerprint.h"

#include <stdlib.h>

#define SECRET_MIN 32
#define NAME_MAX_BYTES 128

bool gate_hash_is_known(struct span hash)
{
    return crypt_hash_kind(hash) != CRYPT_KIND_NONE;
}

/* --- session keys ------------------------------------------------------------------------------------------------- */

/* What browsers carry, and links, are of one gate alone, also where gates share a secret. */
static struct res derive_own(struct span secret, struct span purpose, struct span gate, uint8_t out[32])
{
    uint8_t info[64 + NAME_MAX_BYTES];
    memcpy(info, purpose.p, purpose.n);
    memcpy(info + purpose.n, gate.p, gate.n);
    return hkdf_sha256(secret, SPAN_NONE, span_make(info, purpose.n + gate.n), out, 32);
}

static struct res derive_key(struct span secret, struct span gate, struct session_key *out)
{
    if (secret.n < SECRET_MIN)
        return res_err("a session secret needs at least 32 bytes");
    struct res r = hkdf_sha256(secret, SPAN_NONE, SPAN("tiergate session token v1 key"), out->key, sizeof(out->key));
    if (res_ok(r))
        r = hkdf_sha256(secret, SPAN_NONE, SPAN("tiergate session token v1 key id"), out->id, sizeof(out->id));
    if (res_ok(r))
        r = derive_own(secret, SPAN("tiergate browser seal v1 key of "), gate, out->seal);
    return res_ok(r) ? derive_own(secret, SPAN("tiergate share link v1 key of "), gate, out->link) : r;
}

static struct res derive_keys(struct session_config *s, struct span gate, const struct span *secrets, size_t count)
{
    if (count == 0 || count > SESSION_KEYS)
        return res_err("a session needs one to four secrets");
    for (size_t i = 0; i < count; i++) {
        struct res r = derive_key(secrets[i], gate, &s->keys[i]);
        if (!res_ok(r))
            return r;
    }
    s->key_count = count;
    return RES_OK;
}

const struct session_key *session_key_find(const struct session_config *s, struct span id)
{
    for (size_t i = 0; i < s->key_count; i++)
        if (span_eq(span_make(s->keys[i].id, sizeof(s->keys[i].id)), id))
            return &s->keys[i];
    return NULL;
}

/* --- users -------------------------------------------------------------------------------------------------------- */

static struct res check_user(const struct basic_user *u)
{
    if (u->name.n == 0 || u->name.n > BASIC_USER_MAX)
        return res_err("a user name has 1 to 128 bytes");
    if (span_find(u->name, ':') < u->name.n)
        return res_err("a user name cannot hold a colon");
    if (u->hash.n && u->secret.n)
        return res_err("a user has a hash or a plain secret, not both");
    if (u->secret.n > BASIC_PASSWORD_MAX)
        return res_err("a password has at most 256 bytes");
    if (u->hash.n && !gate_hash_is_known(u->hash))
        return res_err("a password hash must be bcrypt, yescrypt, sha512-crypt or sha256-crypt, and not too costly");
    return RES_OK;
}

static struct res fingerprint(struct mac *m, struct span gate, struct basic_user *u)
{
    const struct span parts[] = {SPAN("basic"), gate, u->name, u->hash, u->secret};
    return fingerprint_make(m, parts, COUNT(parts), u->fingerprint);
}

static int by_name(const void *a, const void *b)
{
    const struct basic_user *x = a, *y = b;
    return span_cmp(x->name, y->name);
}

/* They are sorted. */
static bool has_twins(const struct basic_user *users, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (span_eq(users[i].name, users[i - 1].name))
            return true;
    return false;
}

static struct res seal_users(struct basic_user *users, size_t count, struct span gate)
{
    struct mac *m = fingerprint_mac();
    struct res r = m ? RES_OK : res_err("out of memory");
    qsort(users, count, sizeof(*users), by_name);
    if (has_twins(users, count))
        r = res_err("a user is there twice");
    for (size_t i = 0; i < count && res_ok(r); i++) {
        r = check_user(&users[i]);
        if (res_ok(r))
            r = fingerprint(m, gate, &users[i]);
    }
    mac_free(m);
    return r;
}

/* The costliest hash with its last character changed: it costs as much and nothing fits it. That an unknown user is
 * refused does not hang on it: check.c never takes its outcome for a match. */
static struct res make_dummy(struct basic_config *b, struct arena *a)
{
    const struct basic_user *costliest = NULL;
    for (size_t i = 0; i < b->user_count; i++)
        if (b->users[i].hash.n && (!costliest || crypt_hash_cost(b->users[i].hash) > crypt_hash_cost(costliest->hash)))
            costliest = &b->users[i];
    b->dummy_hash = SPAN_NONE;
    if (!costliest)
        return RES_OK;
    size_t n = costliest->hash.n;
    uint8_t *copy = arena_alloc(a, n);
    if (!copy)
        return res_err("out of memory");
    memcpy(copy, costliest->hash.p, n);
    copy[n - 1] = copy[n - 1] == '.' ? '/' : '.';
    b->dummy_hash = span_make(copy, n);
    return RES_OK;
}

static struct res seal_basic(struct basic_config *b, struct span gate, struct arena *a)
{
    struct basic_user *users = arena_zalloc(a, (b->user_count + 1) * sizeof(*users));
    if (!users)
        return res_err("out of memory");
    if (b->user_count)
        memcpy(users, b->users, b->user_count * sizeof(*users));
    struct res r = seal_users(users, b->user_count, gate);
    b->users = users;
    return res_ok(r) ? make_dummy(b, a) : r;
}

/* --- digest ------------------------------------------------------------------------------------------------------- */

struct digest {
    struct mac *mac;
    uint8_t sum[MAC_SIZE]; /* of all so far */
    struct res res;
};

static void digest_add(struct digest *d, const void *p, size_t n)
{
    const struct span parts[] = {span_make(d->sum, sizeof(d->sum)), span_make(p, n)};
    uint8_t sum[MAC_SIZE] = {0};
    if (!res_ok(d->res))
        return;
    d->res = mac_sum(d->mac, parts, 2, sum);
    memcpy(d->sum, sum, sizeof(sum));
}

static void digest_span(struct digest *d, struct span s)
{
    digest_add(d, s.p, s.n);
}

static void digest_session(struct digest *d, const struct session_config *s)
{
    digest_span(d, s->domain);
    digest_span(d, s->cookie);
    digest_add(d, &s->lifetime_s, sizeof(s->lifetime_s));
    digest_add(d, &s->idle_s, sizeof(s->idle_s));
    for (size_t i = 0; i < s->key_count; i++) {
        digest_add(d, s->keys[i].id, sizeof(s->keys[i].id));
        digest_add(d, s->keys[i].key, sizeof(s->keys[i].key));
    }
}

/* The fingerprints hold what each way is; here stands which of them the gate has. */
static void digest_ways(struct digest *d, const struct gate_config *g)
{
    const uint8_t has[] = {g->github != NULL, g->email_pin != NULL, g->actions != NULL, g->share_links,
                           g->token_in_authorization};
    digest_add(d, has, sizeof(has));
    digest_add(d, g->fingerprints, sizeof(g->fingerprints));
    for (size_t i = 0; i < g->token_count; i++) {
        digest_span(d, g->tokens[i].name);
        digest_span(d, g->tokens[i].client_id);
        digest_add(d, g->tokens[i].fingerprint, sizeof(g->tokens[i].fingerprint));
    }
}

static struct res seal_digest(struct gate_config *g)
{
    struct digest d = {.mac = mac_new(SPAN("tiergate gate digest v2")), .res = RES_OK};
    if (!d.mac)
        return res_err("out of memory");
    digest_span(&d, g->name);
    digest_session(&d, &g->session);
    for (size_t i = 0; g->basic && i < g->basic->user_count; i++) {
        digest_span(&d, g->basic->users[i].name);
        digest_add(&d, g->basic->users[i].fingerprint, sizeof(g->basic->users[i].fingerprint));
    }
    digest_ways(&d, g);
    memcpy(g->digest, d.sum, sizeof(g->digest));
    mac_free(d.mac);
    return d.res;
}

struct res gate_config_seal(struct gate_config *g, const struct span *secrets, size_t count, struct arena *a)
{
    if (g->name.n == 0 || g->name.n > NAME_MAX_BYTES)
        return res_err("a gate's name has 1 to 128 bytes");
    if (!http_is_token(g->session.cookie) || g->session.cookie.n > NAME_MAX_BYTES)
        return res_err("a cookie's name is a token of at most 128 bytes");
    if (g->session.domain.n > HOST_MAX || g->session.lifetime_s == 0)
        return res_err("a session needs a lifetime, and a domain of at most 253 bytes");
    struct res r = derive_keys(&g->session, g->name, secrets, count);
    if (res_ok(r) && g->basic)
        r = seal_basic(g->basic, g->name, a);
    if (res_ok(r))
        r = fingerprint_ways(g, a);
    return res_ok(r) ? seal_digest(g) : r;
}

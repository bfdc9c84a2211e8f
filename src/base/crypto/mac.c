#include "base/crypto/mac.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

struct mac {
    EVP_MAC_CTX *ctx; /* owns; keyed, so that each message needs a reset only and fetches nothing */
};

/* OpenSSL's parameters are not const, though it only reads these. */
static OSSL_PARAM octets(const char *name, struct span s)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)s.p, s.n);
}

static OSSL_PARAM digest_sha256(void)
{
    static const char name[] = "SHA256";

    return OSSL_PARAM_construct_utf8_string("digest", (char *)(uintptr_t)name, sizeof(name) - 1);
}

struct mac *mac_new(struct span key)
{
    OSSL_PARAM params[] = {digest_sha256(), OSSL_PARAM_construct_end()};
    struct mac *m = key.n ? malloc(sizeof(*m)) : NULL;
    EVP_MAC *hmac = m ? EVP_MAC_fetch(NULL, "HMAC", NULL) : NULL;

    if (!m)
        return NULL;
    m->ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    EVP_MAC_free(hmac); /* the context holds a reference */
    if (m->ctx && EVP_MAC_init(m->ctx, key.p, key.n, params) == 1)
        return m;
    mac_free(m);
    return NULL;
}

void mac_free(struct mac *m)
{
    if (!m)
        return;
    EVP_MAC_CTX_free(m->ctx); /* wipes the key */
    free(m);
}

/* Short messages go to OpenSSL in one piece: each update costs about as much as hashing a block. */
struct gather {
    struct mac *m;
    uint8_t bytes[256];
    size_t n;
    bool failed;
};

static void gather_flush(struct gather *g)
{
    if (g->n && !g->failed && EVP_MAC_update(g->m->ctx, g->bytes, g->n) != 1)
        g->failed = true;
    g->n = 0;
}

static void gather_add(struct gather *g, const void *p, size_t n)
{
    if (n > sizeof(g->bytes) - g->n)
        gather_flush(g);
    if (n > sizeof(g->bytes)) {
        g->failed = g->failed || EVP_MAC_update(g->m->ctx, p, n) != 1;
        return;
    }
    if (n)
        memcpy(g->bytes + g->n, p, n);
    g->n += n;
}

struct res mac_sum(struct mac *m, const struct span *parts, size_t count, uint8_t out[MAC_SIZE])
{
    struct gather g = {.m = m, .failed = EVP_MAC_init(m->ctx, NULL, 0, NULL) != 1}; /* the same key again */
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t length = htobe64(parts[i].n);

        gather_add(&g, &length, sizeof(length));
        gather_add(&g, parts[i].p, parts[i].n);
    }
    gather_flush(&g);
    wipe(g.bytes, sizeof(g.bytes)); /* parts are passwords */
    if (g.failed || EVP_MAC_final(m->ctx, out, &n, MAC_SIZE) != 1 || n != MAC_SIZE)
        return res_err("HMAC failed");
    return RES_OK;
}

struct res hkdf_sha256(struct span secret, struct span salt, struct span info, uint8_t *out, size_t out_n)
{
    OSSL_PARAM params[5] = {digest_sha256(), octets("key", secret)};
    size_t n = 2;

    if (!secret.n || !out_n || out_n > 255 * MAC_SIZE)
        return res_err("HKDF: empty secret or wrong length");
    if (salt.n)
        params[n++] = octets("salt", salt);
    if (info.n)
        params[n++] = octets("info", info);
    params[n] = OSSL_PARAM_construct_end();

    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    bool ok = ctx && EVP_KDF_derive(ctx, out, out_n, params) == 1;

    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ok ? RES_OK : res_err("HKDF failed");
}

static struct res digest(const EVP_MD *md, struct span s, uint8_t *out)
{
    /* A NULL message of no bytes is refused by some digests. */
    if (EVP_Digest(s.n ? (const void *)s.p : "", s.n, out, NULL, md, NULL) != 1)
        return res_err("digest failed");
    return RES_OK;
}

struct res sha256(struct span s, uint8_t out[32])
{
    return digest(EVP_sha256(), s, out);
}

struct res sha1(struct span s, uint8_t out[20])
{
    return digest(EVP_sha1(), s, out);
}

bool equal_const_time(const uint8_t *a, const uint8_t *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

void wipe(void *p, size_t n)
{
    OPENSSL_cleanse(p, n);
}

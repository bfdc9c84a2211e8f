#include "base/crypto/seal.h"

#include "base/crypto/base64.h"
#include "base/crypto/mac.h"
#include "base/crypto/random.h"

#include <limits.h>
#include <stdlib.h>

#include <openssl/evp.h>

#define NONCE 12
#define TAG 16

/* Bytes that are sealed or opened: nonce, then as many as the text, then the tag. */
struct box {
    EVP_CIPHER_CTX *ctx; /* owns */
    uint8_t *bytes;      /* owns */
    size_t n;
};

static bool box_init(struct box *b, size_t n)
{
    b->ctx = EVP_CIPHER_CTX_new();
    b->bytes = malloc(n + 1);
    b->n = n;
    return b->ctx && b->bytes;
}

static void box_fini(struct box *b)
{
    EVP_CIPHER_CTX_free(b->ctx);
    if (b->bytes)
        wipe(b->bytes, b->n);
    free(b->bytes);
}

static bool begin(EVP_CIPHER_CTX *ctx, int seal, const uint8_t *key, const uint8_t *nonce, struct span purpose)
{
    int n;
    return purpose.n <= INT_MAX && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce, seal) == 1 &&
           EVP_CipherUpdate(ctx, NULL, &n, purpose.p, (int)purpose.n) == 1;
}

static bool run(EVP_CIPHER_CTX *ctx, uint8_t *out, const uint8_t *in, size_t count)
{
    int n = 0;
    /* A final step of this mode writes nothing: it makes the tag, or compares it. */
    return (count == 0 || EVP_CipherUpdate(ctx, out, &n, in, (int)count) == 1) && (size_t)n == count &&
           EVP_CipherFinal_ex(ctx, out + count, &n) == 1 && n == 0;
}

static bool seal(struct box *b, const uint8_t *key, struct span purpose, struct span plain)
{
    uint8_t *text = b->bytes + NONCE;
    return res_ok(random_bytes(b->bytes, NONCE)) && begin(b->ctx, 1, key, b->bytes, purpose) &&
           run(b->ctx, text, plain.p, plain.n) &&
           EVP_CIPHER_CTX_ctrl(b->ctx, EVP_CTRL_AEAD_GET_TAG, TAG, text + plain.n) == 1;
}

struct res seal_make(const uint8_t key[SEAL_KEY], struct span purpose, struct span plain, char *out, size_t *n)
{
    struct box b;
    if (plain.n > INT_MAX - SEAL_EXTRA)
        return res_err("too much to be sealed");
    bool ok = box_init(&b, plain.n + SEAL_EXTRA) && seal(&b, key, purpose, plain);
    *n = ok ? base64url_encode(span_make(b.bytes, b.n), out) : 0;
    box_fini(&b);
    return ok ? RES_OK : res_err("sealing failed");
}

/* Opened in place: nothing unproven ever reaches the caller. */
static bool unseal(struct box *b, const uint8_t *key, struct span purpose, struct span text, size_t *plain)
{
    size_t got = 0;
    if (!base64url_decode(text, b->bytes, b->n, &got) || got < SEAL_EXTRA)
        return false;
    uint8_t *in = b->bytes + NONCE;
    *plain = got - SEAL_EXTRA;
    return begin(b->ctx, 0, key, b->bytes, purpose) &&
           EVP_CIPHER_CTX_ctrl(b->ctx, EVP_CTRL_AEAD_SET_TAG, TAG, in + *plain) == 1 && run(b->ctx, in, in, *plain);
}

bool seal_open(const uint8_t key[SEAL_KEY], struct span purpose, struct span text, uint8_t *out, size_t cap, size_t *n)
{
    struct box b;
    size_t plain = 0;
    *n = 0;
    if (cap > INT_MAX - SEAL_EXTRA || text.n > SEAL_TEXT_SIZE(cap))
        return false;
    bool ok = box_init(&b, cap + SEAL_EXTRA) && unseal(&b, key, purpose, text, &plain);
    if (ok && plain)
        memcpy(out, b.bytes + NONCE, plain);
    *n = ok ? plain : 0;
    box_fini(&b);
    return ok;
}

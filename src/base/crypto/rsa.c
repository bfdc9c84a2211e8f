#include "base/crypto/rsa.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <stdlib.h>

#include "base/clock.h"
#include "base/crypto/random.h"
#include "base/crypto/x509_pem.h"

#define BITS 2048
#define BITS_MAX 4096
#define EXPONENT_MAX 8 /* bytes of a foreign exponent: all in use have 3, and a long one makes each check slow */
#define CERTIFICATE_DAYS 3650
#define CN_MAX 64u       /* RFC 5280 appendix A: ub-common-name */
#define CLOCK_SLACK 3600 /* a client's clock may be behind ours */

struct rsa_key {
    EVP_PKEY *pkey; /* owns */
    bool is_private;
};

/* --- keys --------------------------------------------------------------------------------------------------------- */

/* Odd, not 1, and below 2^64. */
static bool is_good_exponent(const BIGNUM *e)
{
    return BN_is_odd(e) && !BN_is_one(e) && !BN_is_negative(e) && BN_num_bytes(e) <= EXPONENT_MAX;
}

static bool is_good(EVP_PKEY *pkey)
{
    BIGNUM *n = NULL, *e = NULL;
    bool ok = EVP_PKEY_is_a(pkey, "RSA") && EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
              EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_num_bits(n) >= BITS &&
              BN_num_bits(n) <= BITS_MAX && BN_is_odd(n) && is_good_exponent(e);
    BN_free(n);
    BN_free(e);
    return ok;
}

/* Takes pkey, which may be NULL. */
static struct rsa_key *key_of(EVP_PKEY *pkey, bool is_private)
{
    struct rsa_key *k = pkey != NULL && is_good(pkey) ? calloc(1, sizeof *k) : NULL;
    ERR_clear_error();
    if (k == NULL) {
        EVP_PKEY_free(pkey);
        return NULL;
    }
    *k = (struct rsa_key){pkey, is_private};
    return k;
}

struct res rsa_make_pem(struct text *out)
{
    EVP_PKEY *pkey = EVP_RSA_gen(BITS);
    bool ok = pkey != NULL && x509_pem_add_key(out, pkey);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return ok ? RES_OK : res_err("the RSA key could not be made");
}

struct rsa_key *rsa_from_pem(struct span pem)
{
    return key_of(x509_pem_key(pem), true);
}

static EVP_PKEY *public_of(const OSSL_PARAM *params)
{
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, (OSSL_PARAM *)(uintptr_t)params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

static EVP_PKEY *public_from(struct span n, struct span e)
{
    BIGNUM *modulus = BN_bin2bn(n.p, (int)n.n, NULL), *exponent = BN_bin2bn(e.p, (int)e.n, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    if (modulus != NULL && exponent != NULL && build != NULL &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
        params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY *pkey = params != NULL ? public_of(params) : NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(modulus);
    BN_free(exponent);
    return pkey;
}

/* RFC 7518 §2: as few bytes as the number needs. What begins with a zero is no such number, and would be another name of a key. */
static bool is_minimal(struct span s, size_t least, size_t most)
{
    return s.n >= least && s.n <= most && s.p[0] != 0;
}

struct rsa_key *rsa_from_parts(struct span n, struct span e)
{
    bool fits = is_minimal(n, BITS / 8, BITS_MAX / 8) && is_minimal(e, 1, EXPONENT_MAX);
    return fits ? key_of(public_from(n, e), false) : NULL;
}

void rsa_key_free(struct rsa_key *k)
{
    if (k == NULL)
        return;
    EVP_PKEY_free(k->pkey);
    free(k);
}

static bool put_part(const struct rsa_key *k, const char *name, uint8_t *out, size_t *len)
{
    BIGNUM *part = NULL;
    size_t cap = *len;
    bool ok = EVP_PKEY_get_bn_param(k->pkey, name, &part) == 1 && (size_t)BN_num_bytes(part) <= cap;
    *len = ok ? (size_t)BN_bn2bin(part, out) : 0;
    BN_free(part);
    return ok;
}

bool rsa_parts(const struct rsa_key *k, uint8_t *n, size_t *n_len, uint8_t *e, size_t *e_len)
{
    bool ok = put_part(k, OSSL_PKEY_PARAM_RSA_N, n, n_len) && put_part(k, OSSL_PKEY_PARAM_RSA_E, e, e_len);
    ERR_clear_error();
    return ok;
}

/* --- signatures --------------------------------------------------------------------------------------------------- */

struct res rsa_sign(const struct rsa_key *k, struct span message, uint8_t *signature, size_t cap, size_t *len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    *len = cap;
    bool ok = k->is_private && ctx != NULL &&
              EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, k->pkey, NULL) == 1 &&
              EVP_DigestSign(ctx, signature, len, message.p, message.n) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    if (!ok)
        *len = 0;
    return ok ? RES_OK : res_err("no signature could be made");
}

/* RFC 8017 §8.2.2: as long as the modulus, padded as PKCS #1 v1.5 (EVP's default for RSA) does. */
bool rsa_verify(const struct rsa_key *k, struct span message, struct span signature)
{
    if (signature.n != (size_t)EVP_PKEY_get_size(k->pkey))
        return false;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", NULL, NULL, k->pkey, NULL) == 1 &&
              EVP_DigestVerify(ctx, signature.p, signature.n, message.p, message.n) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}

/* --- certificate -------------------------------------------------------------------------------------------------- */

/* RFC 5280 §4.1.2.2: unpredictable, positive. */
static bool set_serial(X509 *cert)
{
    uint8_t bytes[16];
    BIGNUM *n = res_ok(random_bytes(bytes, sizeof bytes)) ? BN_bin2bn(bytes, sizeof bytes, NULL) : NULL;
    bool ok = n != NULL && !BN_is_zero(n) && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL;
    BN_free(n);
    return ok;
}

static bool set_names(X509 *cert, struct span common_name)
{
    X509_NAME *name = X509_get_subject_name(cert);
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, common_name.p, (int)common_name.n, -1, 0) == 1 &&
           X509_set_issuer_name(cert, name) == 1;
}

static bool set_dates(X509 *cert)
{
    time_t from = (time_t)clock_wall_s() - CLOCK_SLACK;
    return ASN1_TIME_set(X509_getm_notBefore(cert), from) != NULL &&
           ASN1_TIME_adj(X509_getm_notAfter(cert), from, CERTIFICATE_DAYS, 0) != NULL;
}

struct res rsa_certificate_pem(const struct rsa_key *k, struct span common_name, struct text *out)
{
    bool fits = k->is_private && common_name.n > 0 && common_name.n <= CN_MAX && !span_has_control(common_name);
    X509 *cert = fits ? X509_new() : NULL;
    bool ok = cert != NULL && X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
              set_names(cert, common_name) && set_dates(cert) && X509_set_pubkey(cert, k->pkey) == 1 &&
              X509_sign(cert, k->pkey, EVP_sha256()) > 0 && x509_pem_add_cert(out, cert);
    X509_free(cert);
    ERR_clear_error();
    return ok ? RES_OK : res_err("the certificate could not be made");
}

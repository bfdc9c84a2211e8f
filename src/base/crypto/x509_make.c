#include "base/crypto/x509.h"

#include "base/clock.h"
#include "base/crypto/mac.h"
#include "base/crypto/random.h"
#include "base/crypto/x509_pem.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <stdio.h>

#define CN_MAX 64u /* RFC 5280 appendix A: ub-common-name */
#define CA_DAYS 3650
#define LEAF_DAYS 397    /* browsers refuse more than 398 */
#define CLOCK_SLACK 3600 /* a client's clock may be behind ours */
#define DAY 86400

void x509_pair_init(struct x509_pair *pair)
{
    text_init(&pair->cert);
    text_init(&pair->key);
}

void x509_pair_fini(struct x509_pair *pair)
{
    text_wipe(&pair->key);
    text_fini(&pair->cert);
}

/* RFC 5280 §4.1.2.2: unpredictable, positive. */
static bool set_serial(X509 *cert)
{
    uint8_t bytes[16];
    BIGNUM *n = res_ok(random_bytes(bytes, sizeof(bytes))) ? BN_bin2bn(bytes, sizeof(bytes), NULL) : NULL;
    bool ok = n && !BN_is_zero(n) && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));

    BN_free(n);
    return ok;
}

static bool set_subject(X509 *cert, const char *cn)
{
    X509_NAME *name = X509_get_subject_name(cert);

    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0) == 1;
}

static bool set_dates(X509 *cert, int days)
{
    time_t from = (time_t)clock_wall_s() - CLOCK_SLACK;

    return ASN1_TIME_set(X509_getm_notBefore(cert), from) && ASN1_TIME_adj(X509_getm_notAfter(cert), from, days, 0);
}

static bool add_ext(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);

    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = ext && X509_add_ext(cert, ext, -1) == 1;

    X509_EXTENSION_free(ext);
    return ok;
}

/* Made from bytes and not from libcrypto's "DNS:a,IP:b" text, in which a comma would begin another name. */
static GENERAL_NAME *make_name(struct span s)
{
    char text[256];
    uint8_t address[16];
    int n = snprintf(text, sizeof(text), "%.*s", SPAN_ARG(s));
    size_t size = inet_pton(AF_INET, text, address) == 1 ? 4 : inet_pton(AF_INET6, text, address) == 1 ? 16 : 0;
    bool usable = (size_t)n == s.n && (size || x509_is_name(s));
    GENERAL_NAME *name = usable ? GENERAL_NAME_new() : NULL;
    ASN1_STRING *value = name ? ASN1_STRING_type_new(size ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING) : NULL;

    if (value && ASN1_STRING_set(value, size ? (const void *)address : (const void *)s.p, (int)(size ? size : s.n))) {
        GENERAL_NAME_set0_value(name, size ? GEN_IPADD : GEN_DNS, value);
        return name;
    }
    ASN1_STRING_free(value);
    GENERAL_NAME_free(name);
    return NULL;
}

static bool add_names(X509 *cert, const struct span *names, size_t count)
{
    GENERAL_NAMES *list = GENERAL_NAMES_new();
    bool ok = list && count;

    for (size_t i = 0; i < count && ok; i++) {
        GENERAL_NAME *name = make_name(names[i]);

        ok = name && sk_GENERAL_NAME_push(list, name) > 0;
        if (!ok)
            GENERAL_NAME_free(name);
    }
    ok = ok && X509_add1_ext_i2d(cert, NID_subject_alt_name, list, 0, X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(list);
    return ok;
}

static X509 *begin(EVP_PKEY *key, const char *cn, int days)
{
    X509 *cert = X509_new();

    if (cert && X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) && set_subject(cert, cn) &&
        set_dates(cert, days) && X509_set_pubkey(cert, key) == 1)
        return cert;
    X509_free(cert);
    return NULL;
}

static bool finish(X509 *cert, EVP_PKEY *key, EVP_PKEY *signer, struct x509_pair *out)
{
    return X509_sign(cert, signer, EVP_sha256()) > 0 && x509_pem_add_cert(&out->cert, cert) &&
           x509_pem_add_key(&out->key, key);
}

static struct res result_of(bool ok, struct x509_pair *out)
{
    ERR_clear_error();
    if (ok)
        return RES_OK;
    x509_pair_fini(out);
    return res_err("the certificate could not be made");
}

struct res x509_make_ca(struct span hostname, struct x509_pair *out)
{
    char cn[CN_MAX + 1];

    if (!hostname.n || hostname.n > 255)
        return res_err("no usable host name");
    snprintf(cn, sizeof(cn), "tiergate local CA %.*s", SPAN_ARG(hostname)); /* cut is good enough: it is a label */

    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = key ? begin(key, cn, CA_DAYS) : NULL;
    bool ok = cert && X509_set_issuer_name(cert, X509_get_subject_name(cert)) == 1 &&
              add_ext(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
              add_ext(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
              add_ext(cert, cert, NID_subject_key_identifier, "hash") && finish(cert, key, key, out);

    X509_free(cert);
    EVP_PKEY_free(key);
    return result_of(ok, out);
}

/* A leaf that outlives its authority would fail long before its own date. */
static bool keep_within(X509 *cert, const X509 *ca)
{
    int order = ASN1_TIME_compare(X509_get0_notAfter(cert), X509_get0_notAfter(ca));

    return order == -2 ? false : order <= 0 || X509_set1_notAfter(cert, X509_get0_notAfter(ca)) == 1;
}

static bool make_leaf(X509 *ca, EVP_PKEY *ca_key, EVP_PKEY *key, X509 *cert, struct x509_pair *out)
{
    return X509_check_private_key(ca, ca_key) == 1 && keep_within(cert, ca) &&
           X509_set_issuer_name(cert, X509_get_subject_name(ca)) == 1 &&
           add_ext(cert, ca, NID_basic_constraints, "critical,CA:FALSE") &&
           add_ext(cert, ca, NID_key_usage, "critical,digitalSignature") &&
           add_ext(cert, ca, NID_ext_key_usage, "serverAuth") &&
           add_ext(cert, ca, NID_subject_key_identifier, "hash") &&
           add_ext(cert, ca, NID_authority_key_identifier, "keyid:always") && finish(cert, key, ca_key, out);
}

struct res x509_make_leaf(const struct x509_pair *ca, const struct span *names, size_t count, struct x509_pair *out)
{
    X509 *ca_cert = x509_pem_cert(text_span(&ca->cert));
    EVP_PKEY *ca_key = x509_pem_key(text_span(&ca->key));
    EVP_PKEY *key = ca_cert && ca_key ? EVP_EC_gen("P-256") : NULL;
    X509 *cert = key ? begin(key, "tiergate dev", LEAF_DAYS) : NULL;
    bool ok = cert && add_names(cert, names, count) && make_leaf(ca_cert, ca_key, key, cert, out);

    X509_free(cert);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
    X509_free(ca_cert);
    return result_of(ok, out);
}

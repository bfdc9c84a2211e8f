#include "pki.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <assert.h>
#include <stdlib.h>

#define DAY 86400

struct pki {
    EVP_PKEY *key;
    X509 *cert;
    struct text pem;
    long serial;
};

static void add_ext(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert(ext && X509_add_ext(cert, ext, -1) == 1);
    X509_EXTENSION_free(ext);
}

static X509 *begin(struct pki *p, EVP_PKEY *key, const char *cn, long from_s, long until_s)
{
    X509 *cert = X509_new();
    assert(cert);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++p->serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), from_s);
    X509_gmtime_adj(X509_getm_notAfter(cert), until_s);
    X509_set_pubkey(cert, key);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
    return cert;
}

static void take_pem(BIO *bio, struct text *out)
{
    char *p;
    long n = BIO_get_mem_data(bio, &p);
    text_init(out);
    text_add(out, span_make(p, (size_t)n));
    BIO_free(bio);
}

static void write_cert(X509 *cert, struct text *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert(PEM_write_bio_X509(bio, cert) == 1);
    take_pem(bio, out);
}

static void write_key(EVP_PKEY *key, struct text *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    take_pem(bio, out);
}

struct pki *pki_new(const char *name)
{
    struct pki *p = calloc(1, sizeof *p);
    p->key = EVP_EC_gen("P-256");
    p->cert = begin(p, p->key, name, -DAY, 10 * DAY);
    X509_set_issuer_name(p->cert, X509_get_subject_name(p->cert));
    add_ext(p->cert, p->cert, NID_basic_constraints, "critical,CA:TRUE");
    assert(X509_sign(p->cert, p->key, EVP_sha256()) > 0);
    write_cert(p->cert, &p->pem);
    return p;
}

void pki_free(struct pki *p)
{
    EVP_PKEY_free(p->key);
    X509_free(p->cert);
    text_fini(&p->pem);
    free(p);
}

struct span pki_ca(const struct pki *p)
{
    return text_span(&p->pem);
}

void pki_issue(struct pki *p, const struct pki_wish *wish, struct pki_cert *out)
{
    bool dated = wish->from_s || wish->until_s;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = begin(p, key, "leaf.test", dated ? wish->from_s : -DAY, dated ? wish->until_s : DAY);
    X509_set_issuer_name(cert, X509_get_subject_name(wish->self_signed ? cert : p->cert));
    if (wish->san)
        add_ext(cert, p->cert, NID_subject_alt_name, wish->san);
    assert(X509_sign(cert, wish->self_signed ? key : p->key, EVP_sha256()) > 0);
    write_cert(cert, &out->cert);
    write_key(key, &out->key);
    X509_free(cert);
    EVP_PKEY_free(key);
}

void pki_unreadable(struct pki *p, struct text *pem)
{
    X509 *cert = begin(p, p->key, "unreadable.test", -DAY, DAY);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    assert(value && ASN1_OCTET_STRING_set(value, (const unsigned char *)"?", 1) == 1);
    X509_EXTENSION *ext = X509_EXTENSION_create_by_NID(NULL, NID_basic_constraints, 1, value);
    X509_set_issuer_name(cert, X509_get_subject_name(p->cert));
    assert(ext && X509_add_ext(cert, ext, -1) == 1 && X509_sign(cert, p->key, EVP_sha256()) > 0);
    write_cert(cert, pem);
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(value);
    X509_free(cert);
}

void pki_cert_fini(struct pki_cert *c)
{
    text_fini(&c->cert);
    text_fini(&c->key);
}

#include "base/crypto/x509_pem.h"

#include <limits.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

/* Without a callback libcrypto would ask for a pass phrase on the terminal. */
static int no_password(char *buf, int size, int rwflag, void *user)
{
    return -1;
}

static BIO *open_pem(struct span pem)
{
    return pem.n && pem.n <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
}

X509 *x509_pem_cert(struct span pem)
{
    BIO *bio = open_pem(pem);
    X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, no_password, NULL) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    return cert;
}

/* At the end of the text, and only there, PEM_read_bio says that no start line follows. */
static bool at_end(void)
{
    unsigned long e = ERR_peek_last_error();

    return ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
}

bool x509_pem_chain_ok(struct span pem)
{
    BIO *bio = open_pem(pem);
    size_t count = 0;
    X509 *cert;

    ERR_clear_error();
    while (bio && (cert = PEM_read_bio_X509(bio, NULL, no_password, NULL))) {
        X509_free(cert);
        count++;
    }

    bool ok = count && at_end();

    BIO_free(bio);
    ERR_clear_error();
    return ok;
}

EVP_PKEY *x509_pem_key(struct span pem)
{
    BIO *bio = open_pem(pem);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    return key;
}

/* Takes bio. */
static bool take_bio(struct text *out, BIO *bio, bool written)
{
    char *p = NULL;
    long n = written ? BIO_get_mem_data(bio, &p) : 0;

    if (n > 0)
        text_add(out, span_make(p, (size_t)n));
    BIO_free(bio);
    return n > 0 && !out->failed;
}

bool x509_pem_add_cert(struct text *out, X509 *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());

    return take_bio(out, bio, bio && PEM_write_bio_X509(bio, cert) == 1);
}

/* The secure memory buffer wipes what it held. */
bool x509_pem_add_key(struct text *out, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_secmem());

    return take_bio(out, bio, bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
}

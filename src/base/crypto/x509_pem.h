/* PEM to and from libcrypto's objects. For x509.c and x509_make.c alone. */
#ifndef TG_BASE_CRYPTO_X509_PEM_H
#define TG_BASE_CRYPTO_X509_PEM_H

#include "base/text.h"

#include <openssl/x509.h>

/* The first certificate; NULL: none, or no memory. The caller frees. */
X509 *x509_pem_cert(struct span pem);
/* One certificate or more, and each readable. */
bool x509_pem_chain_ok(struct span pem);
/* An unencrypted private key; NULL: none, encrypted, or no memory. The caller frees. */
EVP_PKEY *x509_pem_key(struct span pem);
/* False: no memory. */
bool x509_pem_add_cert(struct text *out, X509 *cert);
bool x509_pem_add_key(struct text *out, EVP_PKEY *key);

#endif

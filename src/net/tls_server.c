#include "net/tls_impl.h"

#include "base/count.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <limits.h>
#include <stdlib.h>

#define CIPHERS_12                                                                                                     \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"                         \
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

SSL_CTX *tls_ctx_new(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    if (!ctx)
        return NULL;
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 || SSL_CTX_set_cipher_list(ctx, CIPHERS_12) != 1 ||
        SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    /* One read(2) takes header and body of a record; the buffer's default size holds one. */
    SSL_CTX_set_read_ahead(ctx, 1);
    return ctx;
}

/* Without it OpenSSL would ask for a passphrase on the terminal. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
    return 0;
}

static BIO *open_pem(struct span pem)
{
    return pem.n == 0 || pem.n > INT_MAX ? NULL : BIO_new_mem_buf(pem.p, (int)pem.n);
}

static struct res load_key(SSL_CTX *ctx, struct span pem)
{
    BIO *bio = open_pem(pem);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    if (!key)
        return res_err("the key is not a private key in PEM without passphrase");
    int ok = SSL_CTX_use_PrivateKey(ctx, key);
    EVP_PKEY_free(key);
    return ok == 1 ? RES_OK : res_err("the key does not belong to the certificate");
}

static struct res load_rest_of_chain(SSL_CTX *ctx, BIO *bio)
{
    X509 *next;
    while ((next = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL) {
        if (SSL_CTX_add0_chain_cert(ctx, next) != 1) {
            X509_free(next);
            return res_err("a certificate of the chain cannot be used");
        }
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return res_err("the certificate chain is not in PEM to its end");
    ERR_clear_error();
    return RES_OK;
}

static struct res describe(struct tls_cert *cert, X509 *leaf)
{
    unsigned n = sizeof cert->fingerprint;
    if (X509_digest(leaf, EVP_sha256(), cert->fingerprint, &n) != 1)
        return res_err("the certificate has no fingerprint");
    return tls_names_init(&cert->names, leaf);
}

static struct res load_chain(struct tls_cert *cert, struct span pem)
{
    BIO *bio = open_pem(pem);
    X509 *leaf = bio ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;
    struct res r = RES_OK;
    if (!leaf)
        r = res_err("the certificate is not in PEM");
    else if (SSL_CTX_use_certificate(cert->ctx, leaf) != 1)
        r = res_err("the certificate cannot be used (its key or signature may be too weak)");
    if (res_ok(r))
        r = describe(cert, leaf);
    if (res_ok(r))
        r = load_rest_of_chain(cert->ctx, bio);
    X509_free(leaf);
    BIO_free(bio);
    return r;
}

/* RFC 7301 §3.2: a client that offers only what we do not speak is told so; one that offers nothing speaks HTTP/1.1. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in, unsigned in_n,
                   void *arg)
{
    static const struct {
        unsigned bit;
        unsigned char list[9], n;
    } ours[] = {{TLS_ALPN_HTTP2, "\x02h2", 3}, {TLS_ALPN_HTTP1, "\x08http/1.1", 9}};
    const struct tls_server *server = arg;
    for (size_t i = 0; i < COUNT(ours); i++) {
        unsigned char *chosen;
        if (!(server->alpn & ours[i].bit))
            continue;
        if (SSL_select_next_proto(&chosen, out_n, ours[i].list, ours[i].n, in, in_n) != OPENSSL_NPN_NEGOTIATED)
            continue;
        *out = chosen;
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static struct res cert_init(struct tls_cert *cert, struct tls_server *server, const struct tls_pair *pair)
{
    cert->ctx = tls_ctx_new(TLS_server_method());
    if (!cert->ctx || !tls_ticket_install(cert->ctx))
        return res_err("no TLS context");
    SSL_CTX_set_app_data(cert->ctx, server);
    SSL_CTX_set_session_cache_mode(cert->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(cert->ctx, 1);
    SSL_CTX_set_client_hello_cb(cert->ctx, tls_on_client_hello, server);
    SSL_CTX_set_alpn_select_cb(cert->ctx, on_alpn, server);
    struct res r = load_chain(cert, pair->cert_pem);
    if (!res_ok(r))
        return r;
    /* What matters is set again per connection: fingerprint and SNI together (tls_on_client_hello). */
    SSL_CTX_set_session_id_context(cert->ctx, cert->fingerprint, sizeof cert->fingerprint);
    return load_key(cert->ctx, pair->key_pem);
}

static struct res server_init(struct tls_server *t, const struct tls_pair *pairs, size_t count, struct span secret)
{
    t->bio = tls_bio_method_new();
    if (!t->bio)
        return res_err("out of memory");
    struct res r = tls_ticket_init(&t->ticket, secret);
    for (size_t i = 0; i < count && res_ok(r); i++) {
        t->count = i + 1;
        r = cert_init(&t->certs[i], t, &pairs[i]);
    }
    return r;
}

struct res tls_server_new(const struct tls_pair *pairs, size_t count, struct span ticket_secret, unsigned alpn,
                          struct tls_server **out)
{
    *out = NULL;
    if (count == 0)
        return res_err("no certificate");
    struct tls_server *t = calloc(1, sizeof *t + count * sizeof t->certs[0]);
    if (!t)
        return res_err("out of memory");
    atomic_init(&t->refs, 1);
    t->alpn = alpn;
    struct res r = server_init(t, pairs, count, ticket_secret);
    if (res_ok(r))
        *out = t;
    else
        tls_server_unref(t);
    return r;
}

struct tls_server *tls_server_ref(struct tls_server *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void tls_server_unref(struct tls_server *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < t->count; i++) {
        SSL_CTX_free(t->certs[i].ctx);
        tls_names_fini(&t->certs[i].names);
    }
    tls_ticket_fini(&t->ticket);
    BIO_meth_free(t->bio);
    free(t);
}

const struct tls_cert *tls_server_choose(const struct tls_server *t, struct span sni)
{
    if (sni.n == 0)
        return &t->certs[0];
    for (size_t i = 0; i < t->count; i++)
        if (tls_names_has_exact(&t->certs[i].names, sni))
            return &t->certs[i];
    for (size_t i = 0; i < t->count; i++)
        if (tls_names_has_wildcard(&t->certs[i].names, sni))
            return &t->certs[i];
    return NULL;
}

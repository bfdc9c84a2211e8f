#include "net/tls_impl.h"

#include "base/count.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <limits.h>
#include <stdlib.h>

/* Where Debian keeps all of them in one file. It is read once, here; the directory of single files, OpenSSL's other
 * way, would be opened during handshakes on the loop's thread. */
#define SYSTEM_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

/* What OpenSSL finds out of a certificate at its first use it writes into it: now, and not while loop threads share it.
 * False: its extensions cannot be read. One of the system's many then counts for nothing; one's own is an error. */
static bool settle(X509 *ca)
{
    return X509_check_purpose(ca, -1, 0) == 1;
}

static void settle_all(SSL_CTX *ctx)
{
    STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx));
    for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
        X509 *ca = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));
        if (ca)
            (void)settle(ca);
    }
}

static bool read_system(SSL_CTX *ctx)
{
    const char *named = getenv(X509_get_default_cert_file_env());
    const char *files[] = {named, X509_get_default_cert_file(), SYSTEM_BUNDLE};
    for (size_t i = 0; i < COUNT(files); i++)
        if (files[i] && SSL_CTX_load_verify_file(ctx, files[i]) == 1)
            return true;
    return SSL_CTX_set_default_verify_paths(ctx) == 1;
}

static bool load_system(SSL_CTX *ctx)
{
    if (!read_system(ctx))
        return false;
    settle_all(ctx);
    return true;
}

static struct res add_each(X509_STORE *store, BIO *bio)
{
    static const struct res not_pem = {"the CA file is not a list of certificates in PEM"};
    X509 *ca;
    size_t added = 0;
    for (; (ca = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL; added++) {
        bool usable = settle(ca), kept = usable && X509_STORE_add_cert(store, ca) == 1;
        X509_free(ca);
        if (!usable)
            return res_err("a certificate in the CA file has extensions that cannot be read");
        if (!kept)
            return res_err("a certificate of the CA file cannot be kept");
    }
    return added > 0 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? RES_OK : not_pem;
}

static struct res load_pem(SSL_CTX *ctx, struct span pem)
{
    BIO *bio = pem.n > INT_MAX ? NULL : BIO_new_mem_buf(pem.p, (int)pem.n);
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    ERR_clear_error();
    struct res r = bio ? add_each(store, bio) : res_err("the CA file cannot be read");
    BIO_free(bio);
    ERR_clear_error();
    /* Whoever names an intermediate as `ca` trusts that and nothing above it. */
    return res_ok(r) && X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) != 1 ? res_err("no TLS context") : r;
}

static struct res client_init(struct tls_client *t, const struct tls_client_config *config)
{
    static const unsigned char alpn[] = "\x08http/1.1";
    t->verify = config->verify;
    t->bio = tls_bio_method_new();
    t->ctx = tls_ctx_new(TLS_client_method());
    if (!t->bio || !t->ctx || SSL_CTX_set_alpn_protos(t->ctx, alpn, sizeof alpn - 1) != 0)
        return res_err("no TLS context");
    SSL_CTX_set_verify(t->ctx, t->verify == TLS_VERIFY_FULL ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(t->ctx, tls_on_new_session);
    if (t->verify == TLS_VERIFY_OFF)
        return RES_OK;
    if (config->ca_pem.n == 0)
        return load_system(t->ctx) ? RES_OK : res_err("the system's CA certificates cannot be read");
    return load_pem(t->ctx, config->ca_pem);
}

struct res tls_client_new(const struct tls_client_config *config, struct tls_client **out)
{
    *out = NULL;
    struct tls_client *t = calloc(1, sizeof *t);
    if (!t)
        return res_err("out of memory");
    atomic_init(&t->refs, 1);
    struct res r = client_init(t, config);
    if (res_ok(r))
        *out = t;
    else
        tls_client_unref(t);
    return r;
}

struct tls_client *tls_client_ref(struct tls_client *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void tls_client_unref(struct tls_client *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    SSL_CTX_free(t->ctx);
    BIO_meth_free(t->bio);
    free(t);
}

void tls_session_free(struct tls_session *s)
{
    if (!s)
        return;
    SSL_SESSION_free(s->session);
    tls_client_unref(s->client);
    free(s->name);
    free(s);
}

#include "net/stream_tls.h"
#include "net/stream_impl.h"

#include "base/crypto/mac.h"

#include <openssl/x509v3.h>

#include <stdlib.h>

/* --- both sides --------------------------------------------------------------------------------------------------- */

static bool attach(struct stream *s, SSL_CTX *ctx, const BIO_METHOD *method)
{
    struct tls_conn *tls = s->tls;
    tls->ssl = SSL_new(ctx);
    BIO *bio = tls->ssl ? BIO_new(method) : NULL;
    if (!bio)
        return false;
    BIO_set_data(bio, s);
    SSL_set_bio(tls->ssl, bio, bio);
    return SSL_set_app_data(tls->ssl, s) == 1; /* the callbacks find their stream by it */
}

static bool begin(struct stream *s)
{
    s->ops = &stream_tls_ops;
    s->tls = calloc(1, sizeof *s->tls);
    stream_set_cost(s, STREAM_COST + STREAM_COST_HANDSHAKE);
    return s->tls != NULL;
}

/* --- server ------------------------------------------------------------------------------------------------------- */

bool stream_tls_accept(struct stream *s, struct tls_server *server)
{
    if (!begin(s))
        return false;
    s->tls->server = tls_server_ref(server);
    if (!attach(s, server->certs[0].ctx, server->bio))
        return false;
    SSL_set_accept_state(s->tls->ssl);
    return true;
}

/* RFC 6066 §3: a list with exactly one host_name. False: malformed. No extension: empty. */
static bool read_sni(SSL *ssl, struct span *out)
{
    const unsigned char *p;
    size_t n;
    *out = SPAN_NONE;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) != 1)
        return true;
    if (n < 5 || (size_t)(p[0] << 8 | p[1]) != n - 2 || p[2] != TLSEXT_NAMETYPE_host_name)
        return false;
    size_t name_n = (size_t)(p[3] << 8 | p[4]);
    if (name_n != n - 5 || name_n == 0 || name_n > TLS_SNI_MAX || memchr(p + 5, 0, name_n))
        return false;
    *out = span_make(p + 5, name_n);
    return true;
}

/* A session resumes only where certificate and SNI are those it was made with, whatever the ticket key allows: the
 * context id is a hash over both. */
static bool bind_session(SSL *ssl, const struct tls_cert *cert, struct span sni)
{
    uint8_t both[sizeof cert->fingerprint + TLS_SNI_MAX], id[32];
    memcpy(both, cert->fingerprint, sizeof cert->fingerprint);
    if (sni.n)
        memcpy(both + sizeof cert->fingerprint, sni.p, sni.n);
    return res_ok(sha256(span_make(both, sizeof cert->fingerprint + sni.n), id)) &&
           SSL_set_session_id_context(ssl, id, sizeof id) == 1;
}

int tls_on_client_hello(SSL *ssl, int *alert, void *arg)
{
    struct tls_conn *tls = ((struct stream *)SSL_get_app_data(ssl))->tls;
    struct span sni;
    if (!read_sni(ssl, &sni)) {
        *alert = SSL_AD_DECODE_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    tls->sni_n = (uint8_t)sni.n;
    for (size_t i = 0; i < sni.n; i++)
        tls->sni[i] = ascii_lower(sni.p[i]);
    sni = span_make(tls->sni, tls->sni_n);
    tls->cert = tls_server_choose(tls->server, sni);
    if (!tls->cert) {
        *alert = SSL_AD_UNRECOGNIZED_NAME;
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (SSL_set_SSL_CTX(ssl, tls->cert->ctx) != tls->cert->ctx || !bind_session(ssl, tls->cert, sni)) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* --- client ------------------------------------------------------------------------------------------------------- */

/* Without brackets and without the dot of the root. NULL: empty, a NUL inside, or no memory. */
static char *plain_name(struct span name)
{
    if (name.n >= 2 && name.p[0] == '[' && name.p[name.n - 1] == ']')
        name = span_make(name.p + 1, name.n - 2);
    if (name.n && name.p[name.n - 1] == '.')
        name.n--;
    if (name.n == 0 || memchr(name.p, 0, name.n))
        return NULL;
    return span_dup(name);
}

/* The subject's CN is not looked at (RFC 6125 §6.4.4 allowed it, browsers no longer do). */
#define NAME_FLAGS (X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT)

static bool expect_name(SSL *ssl, const char *name)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    struct addr ip;
    X509_VERIFY_PARAM_set_hostflags(param, NAME_FLAGS);
    if (!addr_parse_ip(span_of(name), &ip))
        return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1;
    if (ip.family == AF_INET)
        return X509_VERIFY_PARAM_set1_ip(param, ip.ip + 12, 4) == 1;
    return X509_VERIFY_PARAM_set1_ip(param, ip.ip, 16) == 1;
}

/* libssl verified it, and knew the name; but when it finds no memory to copy the name for the verification, it goes on
 * without one, and any certificate of the right CA passes. So whatever it says, the name is looked at here. */
bool tls_peer_has_name(const struct tls_conn *tls)
{
    X509 *cert = SSL_get0_peer_certificate(tls->ssl);
    struct addr ip;
    if (!cert || SSL_get_verify_result(tls->ssl) != X509_V_OK)
        return false;
    if (!addr_parse_ip(span_of(tls->name), &ip))
        return X509_check_host(cert, tls->name, 0, NAME_FLAGS, NULL) == 1;
    if (ip.family == AF_INET)
        return X509_check_ip(cert, ip.ip + 12, 4, 0) == 1;
    return X509_check_ip(cert, ip.ip, 16, 0) == 1;
}

static void offer_session(struct tls_conn *tls, const struct tls_session *resume)
{
    if (resume && resume->client == tls->client && strcmp(resume->name, tls->name) == 0)
        SSL_set_session(tls->ssl, resume->session);
}

/* The context offers HTTP/1.1. */
static bool offer_protocols(SSL *ssl, unsigned alpn)
{
    static const unsigned char both[] = "\x02h2\x08http/1.1";
    static const unsigned h2_n = 3, both_n = sizeof both - 1;
    if (!(alpn & TLS_ALPN_HTTP2))
        return true;
    return SSL_set_alpn_protos(ssl, both, alpn & TLS_ALPN_HTTP1 ? both_n : h2_n) == 0;
}

bool stream_tls_connect(struct stream *s, const struct stream_connect *to)
{
    if (!begin(s))
        return false;
    struct tls_conn *tls = s->tls;
    tls->client = tls_client_ref(to->tls);
    tls->name = plain_name(to->name);
    /* Without a name nothing would be verified: no connection then. */
    if (!tls->name || !attach(s, to->tls->ctx, to->tls->bio) || !expect_name(tls->ssl, tls->name) ||
        !offer_protocols(tls->ssl, to->alpn))
        return false;
    offer_session(tls, to->resume);
    SSL_set_connect_state(tls->ssl);
    return true;
}

/* Returns 1 when it keeps OpenSSL's reference. */
int tls_on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_conn *tls = ((struct stream *)SSL_get_app_data(ssl))->tls;
    struct tls_session *kept = calloc(1, sizeof *kept);
    char *name = kept ? span_dup(span_of(tls->name)) : NULL;
    if (!name) {
        free(kept);
        return 0;
    }
    *kept = (struct tls_session){session, tls_client_ref(tls->client), name};
    tls_session_free(tls->session);
    tls->session = kept;
    tls->flags |= TLS_NEW_SESSION;
    return 1;
}

/* --- questions ---------------------------------------------------------------------------------------------------- */

struct span stream_sni(const struct stream *s)
{
    return s->tls ? span_make(s->tls->sni, s->tls->sni_n) : SPAN_NONE;
}

bool stream_cert_covers(const struct stream *s, struct span host)
{
    const struct tls_cert *cert = s->tls ? s->tls->cert : NULL;
    if (!cert)
        return false;
    /* The usual case: the certificate was chosen because it covers this name. */
    if (host.n && span_eq(host, stream_sni(s)))
        return true;
    return tls_names_has_exact(&cert->names, host) || tls_names_has_wildcard(&cert->names, host);
}

bool stream_is_tls(const struct stream *s)
{
    return s->tls != NULL;
}

struct span stream_alpn(const struct stream *s)
{
    const unsigned char *p = NULL;
    unsigned n = 0;
    if (s->tls)
        SSL_get0_alpn_selected(s->tls->ssl, &p, &n);
    return span_make(p, n);
}

bool stream_alpn_refused(const struct stream *s)
{
    return s->tls && (s->tls->flags & TLS_ALPN_REFUSED);
}

bool stream_resumed(const struct stream *s)
{
    return s->tls && SSL_session_reused(s->tls->ssl);
}

struct tls_session *stream_take_session(struct stream *s)
{
    if (!s->tls)
        return NULL;
    struct tls_session *taken = s->tls->session;
    s->tls->session = NULL;
    return taken;
}

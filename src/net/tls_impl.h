/* The inside of the TLS contexts, for tls_*.c and stream_tls.c. */
#ifndef TG_NET_TLS_IMPL_H
#define TG_NET_TLS_IMPL_H

#include "net/tls.h"

#include <openssl/ssl.h>

#include <stdatomic.h>

/* The names of one certificate: lower case, sorted; IP addresses as addr_format_ip() writes them. Immutable. */
struct tls_names {
    struct span *list; /* owned, each with its bytes */
    size_t count;
};

/* False: no memory, or the certificate has no subjectAltName that we can use (*why says so). */
struct res tls_names_init(struct tls_names *names, X509 *cert) MUSTUSE;
void tls_names_fini(struct tls_names *names);
bool tls_names_has_exact(const struct tls_names *names, struct span host);
/* `*.x` covers one label (RFC 6125 §6.4.3). */
bool tls_names_has_wildcard(const struct tls_names *names, struct span host);

struct tls_cert {
    SSL_CTX *ctx; /* owned */
    struct tls_names names;
    uint8_t fingerprint[32];
};

struct tls_ticket_key {
    uint8_t name[16];
    uint8_t aes[32];
    uint8_t mac[32];
    EVP_CIPHER *cipher; /* owned; fetched once, fetching is slow */
};

struct tls_server {
    atomic_uint refs;
    BIO_METHOD *bio; /* owned */
    unsigned alpn;
    struct tls_ticket_key ticket;
    size_t count;
    struct tls_cert certs[];
};

struct tls_client {
    atomic_uint refs;
    BIO_METHOD *bio; /* owned */
    SSL_CTX *ctx;    /* owned */
    enum tls_verify verify;
};

/* Bound to the client context and the name it was made with: it is offered to no other. */
struct tls_session {
    SSL_SESSION *session;      /* owned */
    struct tls_client *client; /* owned reference */
    char *name;                /* owned */
};

/* What both sides have in common. NULL: no memory. */
SSL_CTX *tls_ctx_new(const SSL_METHOD *method);
/* Applies the ticket key of ctx's server (SSL_CTX_get_app_data). */
struct res tls_ticket_init(struct tls_ticket_key *key, struct span secret) MUSTUSE;
void tls_ticket_fini(struct tls_ticket_key *key);
bool tls_ticket_install(SSL_CTX *ctx);
/* Called by OpenSSL with the ClientHello; defined by stream_tls.c's side of the handshake through app data. */
const struct tls_cert *tls_server_choose(const struct tls_server *t, struct span sni);

/* The BIO between libssl and a stream (stream_tls.c). */
BIO_METHOD *tls_bio_method_new(void);
/* stream_tls.c; installed by tls_server_new and tls_client_new. */
int tls_on_client_hello(SSL *ssl, int *alert, void *arg);
int tls_on_new_session(SSL *ssl, SSL_SESSION *session);

/* Static texts (tls_error.c). */
const char *tls_error_text(unsigned long err);
const char *tls_verify_text(long result);

#endif

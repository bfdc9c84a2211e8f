/* TLS contexts. All of OpenSSL's libssl stays in net/. Contexts are immutable after they are made, reference-counted
 * and may be used by all threads. TLS 1.2 and 1.3, Mozilla's intermediate list without DHE, no renegotiation, no
 * compression, no early data. */
#ifndef TG_NET_TLS_H
#define TG_NET_TLS_H

#include "base/res.h"
#include "base/span.h"

/* --- the side that clients see ------------------------------------------------------------------------------------ */

struct tls_server; /* certificates by name, tickets */

/* One PEM chain with its key. */
struct tls_pair {
    struct span cert_pem, key_pem;
};

#define TLS_ALPN_HTTP1 1u
#define TLS_ALPN_HTTP2 2u

/* `ticket_secret` (>= 32 bytes): session tickets are valid for all who were made with it (it is rotated by a new
 * context). The session-id context is the fingerprint of the certificate, so no session crosses certificates. */
struct res tls_server_new(const struct tls_pair *pairs, size_t count, struct span ticket_secret, unsigned alpn,
                          struct tls_server **out) MUSTUSE;
struct tls_server *tls_server_ref(struct tls_server *t);
void tls_server_unref(struct tls_server *t);

/* --- the side that origins see ------------------------------------------------------------------------------------ */

enum tls_verify { TLS_VERIFY_FULL = 0, TLS_VERIFY_OFF };

struct tls_client_config {
    enum tls_verify verify;
    struct span ca_pem; /* empty: the system's store */
};

struct tls_client;

struct res tls_client_new(const struct tls_client_config *config, struct tls_client **out) MUSTUSE;
struct tls_client *tls_client_ref(struct tls_client *t);
void tls_client_unref(struct tls_client *t);

/* A session to resume; owned by the per-thread origin pool. */
struct tls_session;
void tls_session_free(struct tls_session *s);

#endif

/* The TLS half of a stream: stream_tls.c moves bytes, stream_tls_setup.c makes it and answers questions about it. */
#ifndef TG_NET_STREAM_TLS_H
#define TG_NET_STREAM_TLS_H

#include "net/tls_impl.h"

#define TLS_PARTIAL 1u     /* libssl holds part of a record: nothing comes out before the next edge */
#define TLS_DIRECT 2u      /* the record being made is the last one there is: straight to the socket */
#define TLS_NEW_SESSION 4u /* a session ticket has been taken since buffers were last freed */
#define TLS_ALPN_REFUSED 8u
#define TLS_SNI_MAX 255

struct stream_ops;

struct tls_conn {
    SSL *ssl;                    /* owned; its BIO belongs to it */
    struct tls_server *server;   /* owned reference; one of the two is set */
    struct tls_client *client;   /* owned reference */
    const struct tls_cert *cert; /* borrowed from server: the one shown */
    struct tls_session *session; /* owned: the newest to resume */
    char *name;                  /* owned: client side, what was verified */
    int sock_errno;
    unsigned flags;
    uint8_t sni_n;
    uint8_t sni[TLS_SNI_MAX];
};

extern const struct stream_ops stream_tls_ops;

/* Client side, after the handshake: has the origin proved the name that it was asked by? In doubt not. */
bool tls_peer_has_name(const struct tls_conn *tls);

#endif

/* One mail by SMTP, with TLS (smtps://) or STARTTLS (smtp://, which is refused when the server offers none), AUTH where a user is named. By the
 * fetcher: the same loop, names, certificates and bounds. thread: the loop's. */
#ifndef TG_NET_MAIL_H
#define TG_NET_MAIL_H

#include "net/fetch.h"

struct mail {
    struct span url; /* smtps://host[:465], smtp://host[:587] */
    struct span username, password;
    struct span from, to; /* addresses without names: "gate@example.com" */
    struct span message;  /* RFC 5322, lines ended by CRLF, header included */
    uint32_t timeout_ms;  /* for all of it; 0: 20 s */
};

struct mail_reply {
    enum fetch_error error;
    unsigned status;      /* the server's last answer, 0: none */
    bool refused_address; /* it would not take this recipient: 5xx to RCPT */
    const char *detail;
};

/* Copies everything; as fetch_start. */
struct fetch *mail_send(struct fetcher *f, const struct mail *m,
                        void (*on_done)(void *arg, const struct mail_reply *reply), void *arg);

#endif

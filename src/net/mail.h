/* One mail by SMTP, with TLS (smtps://) or STARTTLS (smtp://, which is refused when the server offers none), AUTH PLAIN or LOGIN where a
 * user is named. By the fetcher: the same loop, names, certificates and bounds. thread: the loop's. */
#ifndef TG_NET_MAIL_H
#define TG_NET_MAIL_H

#include "net/fetch.h"

struct mail {
    struct span url;                /* smtps://host[:465], smtp://host[:587] */
    struct span username, password; /* empty username: no login */
    struct span ehlo;               /* host name that we say is ours; empty: the domain of `from` */
    struct span from, to;           /* as mail_is_address() wants them */
    /* RFC 5322 with its header: ASCII, no line longer than 998 bytes, each ended by CRLF, no other CR or LF. Dots are stuffed here. */
    struct span message;
    uint32_t timeout_ms; /* for all of it; 0: 20 s */
};

struct mail_reply {
    enum fetch_error error;
    unsigned status;      /* the server's last answer, 0: none */
    bool refused_address; /* it would not take this recipient: 5xx to RCPT */
    const char *detail;   /* static */
};

/* "gate@example.com": one dot-atom of letters, digits and RFC 5322's signs but for quotes, one `@`, a host name; 254 bytes at most.
 * Nothing that it lets through can end an SMTP command or a header field. */
bool mail_is_address(struct span s);

/* Copies everything; as fetch_start. */
struct fetch *mail_send(struct fetcher *f, const struct mail *m,
                        void (*on_done)(void *arg, const struct mail_reply *reply), void *arg);

#endif

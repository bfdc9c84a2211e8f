/* The mail with a one-time PIN. Pure. */
#ifndef TG_GATE_SIGNIN_PIN_MAIL_H
#define TG_GATE_SIGNIN_PIN_MAIL_H

#include "base/text.h"

#define PIN_DIGITS 8
#define PIN_MAIL_RANDOM 16

struct pin_mail {
    struct span from;         /* as configured: "plyr staging <gate@plyr.fm>" or the address alone */
    struct span from_address; /* "gate@plyr.fm" */
    struct span to;           /* as mail_is_address() wants it */
    struct span host;         /* where it was asked for */
    struct span client;       /* the asker's address; empty: not known */
    const char *pin;          /* PIN_DIGITS digits */
    int64_t now_s;
    uint8_t random[PIN_MAIL_RANDOM]; /* for Message-ID and boundary; not secret */
};

/* RFC 5322, as net/mail.h wants it: plain text and HTML that say the same, without a link, an image or anything to be fetched. The PIN is not in the
 * subject: mail servers write subjects into their logs, and locked phones show them. out->failed: no memory. */
void pin_mail_compose(const struct pin_mail *m, struct text *out);

#endif

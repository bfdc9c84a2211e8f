/* The inside of a mail that is being sent. For mail*.c. */
#ifndef TG_NET_MAIL_IMPL_H
#define TG_NET_MAIL_IMPL_H

#include "net/fetch_impl.h"
#include "net/mail.h"

#define MAIL_ANSWER_MAX 1024 /* a line of the server; RFC 5321 §4.5.3.1.5 says 512 */
#define MAIL_HEARD_MAX (16 * 1024)

/* What was sent last; the first of them by libcurl: greeting, EHLO, STARTTLS and AUTH. */
enum mail_stage { MAIL_CONNECT = 0, MAIL_FROM, MAIL_RCPT, MAIL_DATA, MAIL_MESSAGE };

struct mail_fetch {
    struct fetch base;
    void (*on_done)(void *arg, const struct mail_reply *reply);
    char *username, *password; /* owned; NULL: no login */
    struct text from, to, message;
    enum mail_stage stage;
    struct text out; /* owned; one command, or the message with its dots stuffed */
    size_t sent;
    char answer[MAIL_ANSWER_MAX];
    size_t answer_n, heard;
    unsigned status;
    bool logged_in, refused_address;
};

/* --- mail_check.c ------------------------------------------------------------------------------------------------- */

bool mail_is_host(struct span s);
bool mail_is_message(struct span s);
/* Adds the message with its dots stuffed, and the dot that ends it (RFC 5321 §4.5.2). */
void mail_stuff(struct text *out, struct span message);
/* The three digits that a line of an answer begins with; 0: none. *last: no more lines of it come. */
unsigned mail_status(struct span line, bool *last);

/* --- mail_talk.c -------------------------------------------------------------------------------------------------- */

/* libcurl has connected and logged in: what is left of the dialogue. Ends the fetch. */
void mail_talk_begin(struct mail_fetch *m);

#endif

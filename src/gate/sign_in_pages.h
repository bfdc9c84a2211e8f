/* The pages of signing in: server-rendered, no scripts, one column on every screen, dark and light, for keyboards and screen
 * readers as for phones. Each is a whole answer; everything that is shown is escaped. Pure. */
#ifndef TG_GATE_SIGN_IN_PAGES_H
#define TG_GATE_SIGN_IN_PAGES_H

#include "gate/answer.h"
#include "gate/signin.h"

#define SIGN_IN_PATH "/.tiergate/sign-in"
#define GITHUB_PATH "/.tiergate/github"
#define CALLBACK_PATH "/.tiergate/github/callback"
#define PIN_PATH "/.tiergate/pin"
#define HAND_OFF_PATH "/.tiergate/hand-off"
#define SIGNED_IN_PATH "/.tiergate/signed-in"
#define ANOTHER_FIELD "another"
#define SIGN_OUT_PATH "/.tiergate/sign-out"

/* What a page says above its form. */
enum page_note {
    NOTE_NONE = 0,
    NOTE_ADDRESS,     /* what was typed is no e-mail address */
    NOTE_PIN_WRONG,   /* wrong, used up, too old, or meant for another browser: never which */
    NOTE_SENT_AGAIN,  /* if the address may come in, another code is on its way */
    NOTE_LIMITED,     /* retry_after_s */
    NOTE_EXPIRED,     /* ten minutes are over, or the page was another browser's: begin again */
    NOTE_NO_COOKIE,   /* signed in a moment ago, and here again: the browser does not keep our cookie */
    NOTE_UNREACHABLE, /* GitHub */
    NOTE_CANCELLED,   /* said no at GitHub */
    NOTE_FAILED       /* ours to mend */
};

/* 200 (429 when limited): ways to sign in to `site`. */
struct sign_in_page {
    struct span to;   /* the sealed way back, for hidden fields and links; empty: none */
    struct span site; /* the host that is signed in to */
    bool github, email_pin, basic;
    bool another;        /* GitHub is to ask which account, instead of taking the one that was not let in once more */
    struct span address; /* typed before */
    enum page_note note;
    uint32_t retry_after_s;
};
/* GitHub: a link to GITHUB_PATH?[another=1&]to=…; PIN: a form that POSTs `address` and `to` to PIN_PATH; Basic: a link to SIGN_IN_PATH?with=basic&to=…. */
bool answer_sign_in_page(const struct answer_request *q, const struct sign_in_page *p, struct answer *out);

/* 200 (429 …): asks for the code that was sent. */
struct pin_page {
    struct span state; /* sealed: hidden field of both forms */
    struct span site, address, to;
    enum page_note note;
    uint32_t retry_after_s;
};
/* A form that POSTs `code` and `state` to PIN_PATH, another that POSTs `again=1` and `state`, and a link back to SIGN_IN_PATH. */
bool answer_pin_page(const struct answer_request *q, const struct pin_page *p, struct answer *out);

/* 403: proven, and not let in. */
struct denied_page {
    enum signin_outcome why;
    struct span subject; /* login or address */
    struct span what;    /* the organisation */
    struct span site, to;
    /* Where it is mended: an organisation's owner lets the app in there, or an invitation waits there. An https URL; empty: nowhere */
    struct span approve;
};
bool answer_denied_page(const struct answer_request *q, const struct denied_page *p, struct answer *out);

/* 200: "You are signed in", for windows that a page opened for it: with a script-free way to go on to `site`. */
bool answer_signed_in_page(const struct answer_request *q, struct span site, struct answer *out);

/* LOGO_PATH: the image of the rules file, kept by browsers for an hour; 404 without one. Its bytes are borrowed from q->look. */
bool answer_logo(const struct answer_request *q, struct answer *out);

#endif

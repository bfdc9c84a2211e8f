/* What an asker without a good identity gets (docs/askers.md), and every other page that is ours: refusals,
 * origin failures, redirects, sign-out. Builds a complete response head and body in the arena; sends nothing. Pure. */
#ifndef TG_GATE_ANSWER_H
#define TG_GATE_ANSWER_H

#include "gate/gate.h"
#include "gate/look.h"

enum asker {
    ASKER_TOKEN = 0,  /* service token headers present */
    ASKER_PREFLIGHT,  /* genuine CORS preflight */
    ASKER_WEBSOCKET,  /* upgrade with Origin */
    ASKER_NAVIGATION, /* GET navigation */
    ASKER_POST_NAVIGATION,
    ASKER_SCRIPT, /* any other Sec-Fetch-* */
    ASKER_CLIENT  /* curl, probes, API clients */
};

/* canonical: the path is canonical (a preflight needs it). */
enum asker asker_of(const struct http_request *r, bool canonical);

/* May pages of this origin read our answers? Filled by edge from the snapshot. */
struct cors_grant {
    struct span origin; /* the Origin field when it is in the circle or in cors.origins; else empty */
};

struct answer {
    struct http_response head; /* status, headers; BODY_LENGTH */
    struct span body;          /* empty for HEAD as well as by nature; head.content_length says what GET would get */
};

struct answer_request {
    const struct http_request *request; /* may be NULL (malformed before it was parsed) */
    enum asker asker;
    const struct gate_config *gate; /* may be NULL */
    struct cors_grant cors;
    const char *reason;              /* static token: value of the Tiergate field */
    uint32_t retry_after_s;          /* 0: none */
    struct span request_id;          /* shown on pages, so that a person can name it */
    struct span tier;                /* so */
    const struct pages_config *look; /* may be NULL */
    const struct identity *who;      /* who is signed in; may be NULL */
    /* Absolute URL of the sign-in page with its way back; empty: this host's, without one. */
    struct span sign_in;
    const struct span *set_cookies; /* Set-Cookie values to add (deletions) */
    size_t set_cookie_count;        /* empty ones are left out */
    bool clear_cache;               /* Clear-Site-Data: "cache" */
    struct span allow;              /* 405: value of Allow (RFC 9110 §15.5.6); empty: "GET, HEAD" */
    struct arena *arena;
};

/* All of them: Tiergate, Cache-Control: no-store, Vary: Cookie, Authorization (plus Origin with CORS). Framing and Date
 * are the connection's. False: no memory, or a value that no field may hold; *out must not be used. */
/* 401 by asker: page with challenge, JSON {error, sign_in}, JSON with CORS (a preflight: answer_preflight); the Basic
 * challenge not where it would pop a dialog in an app. */
bool answer_sign_in(const struct answer_request *q, bool tried_basic, struct answer *out);
/* 400 403 404 405 408 413 421 429 431 500 501 502 503 504 …: page for navigations, JSON
 * for others, text of the status. */
bool answer_status(const struct answer_request *q, unsigned status, struct answer *out);
/* 308 (or 302) to location. */
bool answer_redirect(const struct answer_request *q, unsigned status, struct span location, struct answer *out);
/* 204 to a genuine preflight: allow-origin, credentials, method and headers echoed, Max-Age 600; 403 without grant. */
bool answer_preflight(const struct answer_request *q, struct answer *out);
/* 200 page "signed out" (navigations) or JSON, with the deletions and Clear-Site-Data: "cache". */
bool answer_signed_out(const struct answer_request *q, struct answer *out);
/* 200 page with a form (POST) for GET /.tiergate/sign-out: signing out changes state, so GET alone never does it. */
bool answer_sign_out_form(const struct answer_request *q, struct answer *out);
/* 200 "ok\n" text/plain of /.tiergate/health. */
bool answer_health(const struct answer_request *q, struct answer *out);
/* 200 JSON of /.tiergate/session: {"signed_in":true,"way":"basic","gate":"beta","user":"…","proven":wall clock,"ends_in":seconds} or
 * {"signed_in":false}. */
bool answer_session(const struct answer_request *q, const struct identity *who, int64_t ends_in_s, struct answer *out);

/* 200 with bytes that are the same for whoever asks, kept by browsers for an hour; 304 for who has them. */
struct kept_answer {
    const char *type;
    struct span bytes; /* borrowed by the answer */
    const char *tag;   /* ETag, in its quotes (RFC 9110 §8.8.3) */
};
bool answer_kept(const struct answer_request *q, const struct kept_answer *k, struct answer *out);

#endif

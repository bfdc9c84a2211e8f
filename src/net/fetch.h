/* Requests that we make ourselves, to a few known services: HTTP/1.1 over TLS by libcurl's multi interface on the loop. Names are
 * resolved by our resolver, certificates verified against the system's (SSL_CERT_FILE, SSL_CERT_DIR as for origins). Never a redirect, a
 * proxy, a cookie or a scheme but https; a fresh handle and connection for each; bounded in number, time and size. thread: the loop's. */
#ifndef TG_NET_FETCH_H
#define TG_NET_FETCH_H

#include "base/span.h"
#include "net/loop.h"
#include "net/resolver.h"

#define FETCH_MAX 64 /* under way at a time, mails included */
#define FETCH_HEAD_MAX (64 * 1024)

struct fetcher;
struct fetch;

struct fetch_field {
    struct span name, value;
};

struct fetch_request {
    const char *method; /* "GET", "POST", … */
    struct span url;    /* https://…, ASCII, no user in it */
    const struct fetch_field *fields;
    size_t field_count;
    struct span body;       /* with POST; Content-Type is among the fields */
    uint32_t timeout_ms;    /* for all of it; 0: 10 s */
    size_t max_body;        /* 0: 256 KiB */
    bool allows_plain_http; /* never but in tests of this file */
};

enum fetch_error {
    FETCH_OK = 0,
    FETCH_RESOLVE,
    FETCH_CONNECT,
    FETCH_TIMEOUT,
    FETCH_TLS, /* handshake or certificate */
    FETCH_TOO_LARGE,
    FETCH_BROKEN,  /* what came is no HTTP (SMTP), or ended early */
    FETCH_BUSY,    /* too many under way */
    FETCH_INVALID, /* what was asked for is not allowed: URL, method, field, address, message */
    FETCH_REFUSED, /* the mail server said no */
    FETCH_MEMORY
};

struct fetch_reply {
    enum fetch_error error; /* not FETCH_OK: the rest is empty */
    const char *detail;     /* static */
    unsigned status;
    struct span body;
    /* Value of the last field of that name (any case), trailers left out; empty: none. */
    struct span (*field)(const struct fetch_reply *r, const char *name);
    const void *fields; /* for it */
};

/* resolver: borrowed, outlives it. NULL: no memory. */
struct fetcher *fetcher_new(struct loop *loop, struct resolver *resolver);
/* Reads the system's certificates anew (some milliseconds), as at a reload. False: they cannot be read, or no memory; then those from
 * before stay, and when there are none each fetch ends with FETCH_TLS. */
bool fetcher_load_authorities(struct fetcher *f);
/* Cancels all. May be called from inside on_done. */
void fetcher_free(struct fetcher *f);
/* Copies everything. on_done comes later, exactly once, never from inside the call; what it is given is valid during the call. NULL: no memory. */
struct fetch *fetch_start(struct fetcher *f, const struct fetch_request *r,
                          void (*on_done)(void *arg, const struct fetch_reply *reply), void *arg);
/* No on_done any more. Not for one whose on_done has been called, or is being called. */
void fetch_cancel(struct fetch *one);
const char *fetch_error_text(enum fetch_error e); /* for audit lines and pages; static */

#endif

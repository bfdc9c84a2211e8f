/* The inside of fetches and mails: one struct fetch each, with a multi handle of its own, so that no connection, answer of the resolver
 * or TLS session of one can ever serve another, and freeing it frees everything. For fetch*.c and mail*.c. */
#ifndef TG_NET_FETCH_IMPL_H
#define TG_NET_FETCH_IMPL_H

#include <curl/curl.h>

#include "base/text.h"
#include "net/fetch.h"
#include "net/tls.h"
#include "net/watch.h"

struct fetch_socket;

/* What a fetch of HTTP and a mail do differently. */
struct fetch_kind {
    const char *const *schemes; /* NULL at the end; the last one only where the fetch allows it */
    /* The options of the easy handle that are not common to all. False: no memory. */
    bool (*set_options)(struct fetch *one);
    /* libcurl is done; ends the fetch, now or later. */
    void (*on_transfer)(struct fetch *one, CURLcode code);
    /* Calls the owner's on_done; error and detail are set. */
    void (*tell)(struct fetch *one);
    void (*release)(struct fetch *one); /* frees the whole struct */
};

/* First member of struct http_fetch and struct mail_fetch. */
struct fetch {
    struct fetch *next, *prev; /* in fetcher->all */
    struct fetcher *fetcher;   /* back */
    const struct fetch_kind *kind;
    void *arg; /* on_done's */
    struct resolve question;
    struct timer deadline;   /* for all of it */
    struct timer curl_timer; /* libcurl's own */
    struct loop_task failed; /* tells of an error that was there at the start */
    enum fetch_error error;
    const char *detail; /* static; NULL: fetch_error_text() */
    CURLU *url;         /* owned, as are those below */
    CURLM *multi;
    CURL *easy;
    struct curl_slist *addresses; /* CURLOPT_RESOLVE */
    struct fetch_socket *sockets;
    struct watch *watch; /* of the socket, once libcurl has left it to a mail */
    char *scheme, *host; /* curl_free() */
    uint16_t port;
};

struct fetcher {
    struct loop *loop;            /* back */
    struct resolver *resolver;    /* borrowed */
    struct tls_client *authority; /* owned; its store has the system's certificates. NULL: they cannot be read */
    struct fetch *all;
    unsigned count;
    bool has_curl; /* curl_global_init() was called */
};

/* --- fetch.c ------------------------------------------------------------------------------------------------------ */

/* Sets up the common part of a zeroed `one` and counts it in. False: no memory for a timer; then fetch_drop() frees all. */
bool fetch_init(struct fetcher *f, struct fetch *one, const struct fetch_kind *kind, void *arg) MUSTUSE;
/* Takes the URL apart; `default_port` 0: the scheme's. False: it is told later that this fetch is not allowed. */
bool fetch_take_url(struct fetch *one, struct span url, uint16_t default_port, bool last_scheme);
/* Resolves, connects and goes on; on_transfer is next, unless it fails before. */
void fetch_go(struct fetch *one, uint32_t timeout_ms);
/* Ends it with this outcome in a later turn. */
void fetch_fail_later(struct fetch *one, enum fetch_error e, const char *detail);
/* Tells the owner and frees it. NULL detail: fetch_error_text(e). */
void fetch_end(struct fetch *one, enum fetch_error e, const char *detail);
/* Frees it untold. */
void fetch_drop(struct fetch *one);

/* --- fetch_curl.c ------------------------------------------------------------------------------------------------- */

/* Makes the handles and lets libcurl begin. False: no memory. */
bool fetch_curl_begin(struct fetch *one, const struct addr *addrs, size_t count) MUSTUSE;
void fetch_curl_fini(struct fetch *one);
enum fetch_error fetch_curl_error(const struct fetch *one, CURLcode code, const char **detail);

#endif

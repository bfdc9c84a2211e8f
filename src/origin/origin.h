/* Origins: names to connections. Each loop thread has its own pools; a connection is used again only from a provably
 * clean state. thread: the loop's, except origin_config, which is immutable. Design §5 Bodies, §7. */
#ifndef TG_ORIGIN_ORIGIN_H
#define TG_ORIGIN_ORIGIN_H

#include "base/arena.h"
#include "net/resolver.h"
#include "net/stream.h"
#include "net/timer.h"

#define ORIGIN_DRAINED_AT (16u * 1024) /* of a request, when so much or less is left to send: on_drained */

/* --- immutable configuration, part of a snapshot ------------------------------------------------------------------ */

enum origin_name {
    ORIGIN_NAME_OWN = 0,
    ORIGIN_NAME_CLIENT /* host: "client" */,
    ORIGIN_NAME_FIXED /* host: "some.name" */
};

enum origin_http {
    ORIGIN_HTTP_1 = 0,
    ORIGIN_HTTP_2,   /* by ALPN, or with prior knowledge without TLS */
    ORIGIN_HTTP_AUTO /* what the origin prefers, by ALPN; never without TLS */
};

struct origin_header {
    struct span name, value;
};

struct origin_config {
    struct span name;                    /* key in the rules file */
    struct tls_client *tls;              /* NULL: http:// ; owns a reference */
    struct span host_before, host_after; /* host of the url; a capture stands between them when has_capture */
    bool has_capture;
    enum origin_http http;
    uint16_t port;
    struct span port_suffix; /* ":5173"; empty when the port is the scheme's own */
    enum origin_name host_mode;
    struct span host_fixed;
    const struct origin_header *headers;
    size_t header_count;
    uint32_t connect_timeout_ms;    /* resolve + connect + handshake, all attempts together; default 10 s */
    uint32_t first_byte_timeout_ms; /* request sent → head of the response; default 60 s */
    uint32_t idle_timeout_ms;       /* between bytes of a response or while we wait to send; default 10 min; 0: none */
    uint32_t pool_idle_ms;          /* an idle pooled connection lives at most; default 30 s */
    uint32_t pool_size;             /* idle connections per thread and target; default 32 */
    uint64_t
        key; /* hash of all that decides whether connections can be shared (url, tls, ca, verify, http): set by config */
};

/* --- state -------------------------------------------------------------------------------------------------------- */

struct origin_thread;

/* NULL: no memory. */
struct origin_thread *origin_thread_new(struct loop *loop, struct resolver *resolver);
/* Nothing may be lent any more; whoever still waits hears nothing. */
void origin_thread_free(struct origin_thread *t);
/* At most so many connections wait in the pools, of all targets together; 1 at least. */
void origin_thread_keep(struct origin_thread *t, size_t idle);
/* Closes what is idle in pools (drain, or a reload that changed origins); what is lent or being connected now is not
 * pooled afterwards. */
void origin_thread_flush(struct origin_thread *t);

enum origin_error {
    ORIGIN_OK = 0,
    ORIGIN_RESOLVE, /* 502 origin-dns */
    ORIGIN_REFUSED, /* 502 origin-refused (after patience) */
    ORIGIN_UNREACHABLE,
    ORIGIN_TIMEOUT,     /* 504 origin-connect-timeout */
    ORIGIN_TLS_VERIFY,  /* 502 origin-certificate */
    ORIGIN_TLS,         /* 502 origin-tls */
    ORIGIN_LIMIT,       /* 503 too many connections to it */
    ORIGIN_MEMORY,      /* 503 */
    ORIGIN_DESCRIPTORS, /* 503 */
    ORIGIN_NO_HTTP2     /* 502: it was to speak HTTP/2 and does not */
};

struct origin_lane;

/* A connection to an origin, lent to one exchange; with HTTP/2 its part of one. */
struct origin_conn {
    struct stream *stream;        /* owned by the origin layer: ended by origin_drop alone */
    struct origin_lane *lane;     /* HTTP/2 (lane.h): the stream is others' too, only to be looked at; NULL: HTTP/1 */
    bool reused;                  /* was there before: may turn out dead */
    unsigned uses;                /* exchanges so far, this one included */
    uint32_t connect_us;          /* 0 when reused */
    struct origin_target *target; /* back */
    struct origin_conn *next, *prev;
};

/* Embedded in the exchange; zeroed before on_conn and arg are filled. */
struct origin_wait {
    void (*on_conn)(void *arg, struct origin_conn *conn, enum origin_error error,
                    const char *detail); /* conn NULL: failed; detail: static text for the log */
    void *arg;
    /* internal: */
    struct origin_attempt *attempt;
    struct loop_task told; /* a failure on its way to on_conn */
    enum origin_error error;
    const char *detail;
    struct origin_target *parked; /* waits for what another one's attempt brings */
    struct origin_wait *next, *prev;
};

struct origin_ask {
    const struct origin_config *origin; /* alive until done */
    struct span captured;               /* for a template */
    struct span tls_name;               /* name to verify and to send as SNI */
    bool fresh;                         /* no pooled connection (a retry) */
    bool http1;                         /* HTTP/1.1, whatever the origin is said to speak */
};

/* With HTTP/2 those who ask while a connection is being made wait for it together, a hundred at most for each.
 *
 * A pooled connection is returned at once (non-NULL, on_conn is not called); else on_conn comes later. The stream's
 * events are to be set by the taker at once. Attempts: every address (IPv6 and IPv4 in turn, the next one starts 250 ms
 * after the last if that is still silent); a refused or reset connect is tried again with growing pauses (100 ms … 1 s)
 * until connect_timeout: machines that start on demand. Verification failures are final at once. */
struct origin_conn *origin_take(struct origin_thread *t, const struct origin_ask *ask, struct origin_wait *w);
/* No on_conn any more. No effect when it has been called, or on a zeroed struct. */
void origin_cancel(struct origin_wait *w);
/* Back into the pool: only when request and response were both complete, in and out are empty and the response allowed
 * it. Any byte or close that arrives while pooled closes it. Dropped instead when the stream is not clean or the pool
 * is full. */
void origin_give(struct origin_thread *t, struct origin_conn *c);
/* A lane's stream is reset unless it has ended; its connection lives on. */
void origin_drop(struct origin_thread *t, struct origin_conn *c, enum stream_close how);
/* The host of the url with the capture filled in; p == NULL: no memory. */
struct span origin_host(const struct origin_config *o, struct span captured, struct arena *a);

#endif

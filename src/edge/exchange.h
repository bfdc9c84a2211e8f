/* Inside of edge/: one request and its response, blind to the HTTP version of the client's side.
 *
 *   route -> decide -> gate -> connect -> relay ( -> tunnel ) -> done
 *                         \-> own: an endpoint of ours waits for a form, or for the sign-in service
 *
 * Each step returns whether to go on at once (EX_MORE), to wait for a callback (EX_WAIT), or that the exchange is over (EX_END). */
#ifndef TG_EDGE_EXCHANGE_H
#define TG_EDGE_EXCHANGE_H

#include "edge/pace.h"
#include "edge/thread.h"
#include "gate/answer.h"
#include "http/h1/h1.h"
#include "http/h2/h2.h"
#include "http/host.h"
#include "http/path.h"

enum ex_state { EX_ROUTE = 0, EX_DECIDE, EX_GATE, EX_OWN, EX_CONNECT, EX_RELAY, EX_TUNNEL, EX_DONE };
enum ex_next { EX_MORE = 0, EX_WAIT, EX_END };

struct exchange;
struct names;
struct tunnel;

/* What an exchange needs of the connection it came by. */
struct client_ops {
    /* Writes the final head; framing is the connection's business (resp->body says how long the body is). False: no memory. */
    bool (*send_head)(struct exchange *x, struct http_response *resp, const struct headers *extra);
    /* At once: the final head may take its time. */
    bool (*send_interim)(struct exchange *x, unsigned status, const struct headers *fields);
    /* Moves n bytes out of `from`. */
    bool (*send_body)(struct exchange *x, struct chunkq *from, size_t n);
    /* Before send_end: fields that follow the payload. NULL: not by this version. */
    bool (*send_trailers)(struct exchange *x, const struct headers *h);
    bool (*send_end)(struct exchange *x);
    void (*flush)(struct exchange *x);
    size_t (*backlog)(const struct exchange *x);
    /* How much of the response may wait here for the client, together with what is read ahead of an origin with HTTP/1. */
    size_t (*high)(const struct exchange *x);
    /* Moves request payload that is there into x->from_client, up to what it may hold. */
    enum h1_body_state (*read_body)(struct exchange *x);
    /* What came behind the payload, after H1_BODY_END; NULL: nothing. The pointer is NULL where they are thrown away. */
    struct headers *(*trailers)(struct exchange *x);
    /* Why read_body said H1_BODY_BAD: static text. */
    const char *(*body_error)(const struct exchange *x);
    /* The 101 was written: the connection is a tunnel's from here on. False: no memory. */
    bool (*start_tunnel)(struct exchange *x);
    /* The exchange is over. `cut`: the response is incomplete, the client must notice. */
    void (*done)(struct exchange *x, bool cut);
    bool (*is_tls)(const struct exchange *x);
    bool (*cert_covers)(const struct exchange *x, struct span host);
    size_t (*early_bytes)(const struct exchange *x); /* received behind this request's head or body */
    /* An answer was given without the rest of the request: can the connection carry another one all the same? */
    bool (*can_go_on)(const struct exchange *x);
    /* The tunnel's view: bytes as they come and go, without HTTP's framing. */
    struct chunkq *(*tunnel_in)(struct exchange *x);
    struct chunkq *(*tunnel_out)(struct exchange *x); /* flush() sends what was added */
    enum stream_input (*tunnel_input)(const struct exchange *x);
    void (*tunnel_took)(struct exchange *x, size_t n); /* n bytes out of tunnel_in: the client may send more */
    uint64_t (*tunnel_written)(const struct exchange *x);
    enum pace_verdict (*tunnel_pace)(struct exchange *x, const struct pace_limits *l, uint64_t now_ms);
    void (*tunnel_finish)(struct exchange *x); /* nothing follows what is in tunnel_out */
    /* The tunnel is over; x may be gone afterwards. */
    void (*tunnel_end)(struct exchange *x);
};

/* What came of reading from an origin. */
enum origin_says {
    ORIGIN_WAITS = 0, /* more is to come */
    ORIGIN_DONE,      /* a head lies in x->resp; the body is complete with what was read */
    ORIGIN_WRONG,     /* no HTTP that may pass: x->origin_error */
    ORIGIN_WENT,      /* before it was complete */
    ORIGIN_NO_MEMORY
};

/* What an exchange needs of the connection to its origin, x->origin. */
struct origin_ops {
    /* It was taken just now: from here on it tells relay_origin_events. */
    void (*open)(struct exchange *x);
    /* The request's head with these fields more. False: no memory. */
    bool (*send_head)(struct exchange *x, const struct headers *extra);
    /* Moves n bytes out of `from`. */
    bool (*send_body)(struct exchange *x, struct chunkq *from, size_t n);
    bool (*send_trailers)(struct exchange *x, const struct headers *h); /* as client_ops; NULL: not by this version */
    bool (*send_end)(struct exchange *x);
    void (*flush)(struct exchange *x);
    size_t (*backlog)(const struct exchange *x); /* of the request */
    /* The next head, interim or final, into x->resp. */
    enum origin_says (*read_head)(struct exchange *x);
    /* The final head is in x->resp: what follows is its body. */
    void (*begin_body)(struct exchange *x);
    /* Moves payload that is there into x->from_origin, up to the client's high(). */
    enum origin_says (*read_body)(struct exchange *x);
    struct headers *(*trailers)(struct exchange *x); /* as client_ops, after ORIGIN_DONE; NULL: thrown away */
    /* What is there was read as far as the client takes it: the origin may send as much as there is room for. */
    void (*resume)(struct exchange *x);
    const char *(*why_went)(const struct exchange *x); /* static text */
    /* It went, and said that it has not looked at the request. */
    bool (*had_no_effect)(const struct exchange *x);
    /* Then: all payload that was sent comes back into x->from_client. False, and NULL: some of it has left. */
    bool (*take_back)(struct exchange *x);
    /* Request and final response are complete: can the connection carry another exchange? */
    bool (*is_clean)(const struct exchange *x);
    /* For sweeps. */
    uint64_t (*moved)(const struct exchange *x); /* grows with everything that comes or goes */
    enum pace_verdict (*pace)(struct exchange *x, const struct pace_limits *l, uint64_t now_ms);
    /* As pace_is_behind. */
    bool (*is_behind)(const struct exchange *x, uint32_t for_ms, uint32_t rate, uint64_t now_ms);
    size_t (*holds)(const struct exchange *x);
    void (*may_hold)(struct exchange *x); /* high() may have changed */
};

enum resp_state {
    RESP_NONE = 0, /* nothing of the origin's answer has arrived */
    RESP_HEAD,     /* bytes have, the head is not complete */
    RESP_BODY,     /* the final head went to the client */
    RESP_END       /* all of it did */
};

struct errand;
struct signin_call;
struct signin_reply;

/* own.h: what an endpoint of ours waits for. */
struct own_wait {
    enum { OWN_NOTHING = 0, OWN_FORM, OWN_ANSWER } kind;
    enum ex_next (*form)(struct exchange *x, struct span fields);
    enum ex_next (*answer)(struct exchange *x, const struct signin_reply *r);
    struct signin_call *call;
    uint64_t since_ms;
};

struct exchange {
    struct exchange *next, *prev; /* conn->exchanges */
    const struct client_ops *client;
    struct conn *conn;          /* back */
    struct h2_stream *lane;     /* HTTP/2: the stream that it came by, while it is open */
    struct edge_thread *thread; /* back */
    struct snapshot_hold *hold; /* counted */
    const struct snapshot *snapshot;
    struct arena arena;
    enum ex_state state;

    struct http_request req;
    struct h1_error parse_error; /* status != 0: the head was refused by the codec */
    struct host host;            /* normal form of what was asked for */
    const struct host_config *site;
    struct span captured;
    struct path path;
    struct addr client_addr; /* for rules, limits, logs; family 0: unknown */
    enum asker asker;
    struct cors_grant cors;
    struct span request_id; /* 32 hex digits: also the trace id */
    struct decision decision;
    struct gate_check check;
    const struct identity *who;          /* NULL: anonymous */
    const struct own_endpoint *endpoint; /* one of ours instead of an origin */
    struct own_wait own_wait;            /* of the endpoint, in EX_OWN */
    struct chunkq form;                  /* what came of a body that it reads */
    /* Between the steps of a sign-in (sign_in*.c) */
    const struct errand *errand;
    struct span sealed_to, session_cookie;
    bool again; /* the code is asked for once more */
    bool own;   /* answered by tiergate as its own business: an endpoint, health, a redirect */
    bool preflight_to_origin;

    bool heard;         /* HTTP/2: its head is complete; one that the session refuses never is */
    struct place place; /* from the way to the origin to the end */
    struct origin_wait wait;
    struct origin_conn *origin;   /* lent */
    const struct origin_ops *via; /* how to speak to it */
    const char *origin_error;     /* static: what was wrong with what it said */
    struct span origin_host_name; /* of the url, capture filled in */
    struct span host_field;       /* Host as the origin gets it */
    const struct names *names;    /* NULL until something has to be translated */
    bool te_trailers;             /* the client takes trailers (gRPC insists that its server is told) */
    bool tried_fresh;             /* the one retry was used */
    struct chunkq from_client;    /* request payload not yet given to the origin */
    bool request_sent;            /* all of it lies in the origin's out queue */
    bool body_taken;              /* payload went to an origin: no retry any more */
    enum h1_body_state body_state;
    bool continue_sent;
    struct http_response resp;
    struct h1_body resp_body;
    struct chunkq from_origin; /* response payload not yet given to the client */
    enum resp_state resp_state;
    size_t resp_scanned;
    unsigned interims;
    struct tunnel *tunnel;        /* owns, in EX_TUNNEL */
    bool must_close;              /* the client's connection ends with this exchange */
    uint64_t origin_seen;         /* bytes moved on the origin stream at the last sweep */
    uint64_t origin_ms;           /* loop time of the last progress there */
    struct pace origin_pace;      /* of what we send there */
    uint64_t rate_ms, rate_bytes; /* since when the request body's rate is measured, and bytes_in then; 0: not yet */

    /* for the log */
    unsigned status;
    const char *reason; /* static: value of Tiergate, or of the failure */
    const char *detail; /* static, may be NULL */
    uint64_t start_us, gate_us, connect_us, first_byte_us;
    uint64_t bytes_in, bytes_out; /* payload */
};

/* How much a queue of its body's bytes may hold now. */
static inline size_t exchange_high(const struct exchange *x)
{
    return x->place.modest ? EDGE_HIGH_TIGHT : edge_high(x->thread);
}

/* How much of the request may wait for the origin: as of the answer for the client. Less than that, and nobody would tell of room again. */
static inline size_t exchange_origin_high(const struct exchange *x)
{
    size_t n = x->client->high(x);
    return n < EDGE_HIGH_TIGHT ? EDGE_HIGH_TIGHT : n;
}
_Static_assert(EDGE_HIGH_TIGHT >= ORIGIN_DRAINED_AT + EDGE_READ_LEAST, "or nobody would");

/* Takes a hold of the thread's snapshot. NULL: no memory. */
struct exchange *exchange_new(struct edge_thread *t, struct conn *c, const struct client_ops *ops);
/* x->req (or parse_error) is filled in: go. */
void exchange_start(struct exchange *x);
/* Releases everything, the origin's connection too. */
void exchange_free(struct exchange *x);

/* Told by the connection. */
void exchange_on_body(struct exchange *x);    /* request payload may have arrived */
void exchange_on_drained(struct exchange *x); /* the client took bytes */
void exchange_on_client_lost(struct exchange *x);
void exchange_sweep(struct exchange *x);

/* --- between the files of the exchange ------------------------------------------------------------------------------ */

void exchange_run(struct exchange *x);
enum ex_next exchange_route(struct exchange *x);
enum ex_next exchange_decide(struct exchange *x);
enum ex_next exchange_gate(struct exchange *x);
/* From an endpoint that has the gate's verdict: the session does not do; what came beside its cookie may. The endpoint is asked once more. */
enum ex_next exchange_prove_anew(struct exchange *x);
enum ex_next exchange_connect(struct exchange *x);
enum ex_next exchange_relay(struct exchange *x);

/* Our own answers: the exchange is over with them. `reason`: static token. */
enum ex_next exchange_refuse(struct exchange *x, unsigned status, const char *reason);
enum ex_next exchange_reply(struct exchange *x, struct answer *a, const char *reason);
void exchange_answer_request(struct exchange *x, const char *reason, struct answer_request *q);
/* Not asked any more, or not believed: its connection serves nobody else. */
void exchange_drop_origin(struct exchange *x);
/* Would a client take this status for an open WebSocket? Over HTTP/2 any 2xx opens one (RFC 8441 §5). */
static inline bool exchange_reads_as_open(const struct exchange *x, unsigned status)
{
    return x->lane && x->req.websocket && status / 100 == 2;
}
/* Over, in whatever state: logs, and tells the connection. */
enum ex_next exchange_end(struct exchange *x, bool cut);

/* recheck.c: would the rules that are in force now, if they are others than it began with, admit it too? */
bool exchange_still_stands(struct exchange *x);

/* client_address.c: who asks. */
struct addr exchange_client_address(const struct exchange *x);
/* circle.c: does the Origin field name a page of this request's circle? */
bool exchange_origin_in_circle(const struct exchange *x);
struct cors_grant exchange_cors_grant(const struct exchange *x);

/* forward.c: the request's head to the origin. False: no memory. */
bool forward_send_head(struct exchange *x);
/* Once per exchange, before the first forward_send_head. */
bool forward_prepare(struct exchange *x);
/* The origin's own name in the fields of its answer becomes the public one. */
bool forward_translate_response(struct exchange *x);
/* respond.c: is this a browser's first answer behind a gate that is still new here (hosts[].clear_cache_until)? */
bool respond_clears_cache(const struct exchange *x);
/* trailers.c: what may pass of the fields behind a payload: to origins that speak HTTP/2, and to clients that do. False: no memory. */
bool trailers_to_origin(struct exchange *x);
bool trailers_to_client(struct exchange *x);
/* The origin's final head as the client gets it. */
bool respond_prepare(struct exchange *x, struct headers *extra);

/* access_log.c */
void exchange_log(const struct exchange *x);

#endif

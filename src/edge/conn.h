/* Inside of edge/: one HTTP/1 client connection, from accept to close. Reads heads and request bodies, writes responses, one exchange at a
 * time; pipelined requests wait in the stream's input. */
#ifndef TG_EDGE_CONN_H
#define TG_EDGE_CONN_H

#include "edge/exchange.h"
#include "edge/pace.h"
#include "edge/thread.h"
#include "http/h1/h1.h"

enum conn_state {
    CONN_HANDSHAKE = 0, /* TLS under way */
    CONN_IDLE,          /* between requests, no byte of the next one */
    CONN_HEAD,          /* part of a head is there */
    CONN_EXCHANGE,
    CONN_DISCARD, /* the response is out; the rest of a refused request's body is read and thrown away */
    CONN_TUNNEL,
    CONN_H2, /* HTTP/2, until it is closed: h2_conn.c */
    CONN_CLOSED
};

enum conn_end {
    CONN_KEEP = 0, /* another request may follow */
    CONN_FINISH,   /* close after what was written has gone */
    CONN_CUT       /* the response is incomplete: the client must notice */
};

struct h2_side {
    struct h2_session *session; /* owns */
    unsigned heads;             /* requests whose head is not complete */
    unsigned streams;           /* open now */
    unsigned waiting;           /* requests whose head is complete, and that have not begun */
    enum { H2_CONN_IDLE = 0, H2_CONN_BUSY } state;
    bool signed_in; /* somebody was, in an exchange that is over */
    enum { H2_LEAVING_NOT = 0, H2_LEAVING_NOTICED, H2_LEAVING_SAID } leaving;
    uint64_t notice_ms; /* loop time */
};

struct conn {
    struct edge_thread *thread; /* back */
    struct conn *next, *prev;   /* thread->conns */
    struct stream *stream;      /* owns; NULL when closed */
    enum conn_state state;
    struct loop_task task;         /* what follows the end of an exchange; at last: freeing */
    struct listen_config listen;   /* text not valid: copied by value from the snapshot at accept */
    struct addr peer;              /* TCP peer, or what the PROXY header said */
    struct addr counted;           /* what edge_address_enter counted; family 0: nothing */
    struct address_count *address; /* … and where; NULL: nowhere */
    bool place_lent;               /* the place at an origin that it brought is in use (places.h) */
    bool peer_trusted;             /* one of client_address.trusted_proxies */
    uint64_t deadline_ms;          /* loop time; 0: none. Checked by the sweep */
    uint64_t since_ms;             /* loop time at which this wait began; not in CONN_EXCHANGE and CONN_TUNNEL */
    struct pace pace;              /* of what we send */
    bool guest;                    /* see shed.h */
    size_t scanned;                /* of the head being scanned */
    uint32_t requests;
    struct exchange *exchanges; /* owns; one at most with HTTP/1 */
    struct h1_body body;        /* decoder of the request body */
    enum body_kind framing;     /* of the response being written */
    enum conn_end end;          /* what follows the exchange */
    struct h2_side h2;          /* in CONN_H2 */
};

/* Takes the accepted fd (closed on failure). `peer` is who it is, PROXY header already applied. */
void conn_start(struct edge_thread *t, int fd, const struct listen_config *listen, const struct addr *peer,
                bool trusted, const struct addr *counted);
void conn_close(struct conn *c, enum stream_close how);
void conn_sweep(struct conn *c);
/* The thread has new rules, or a new ledger: what they would not admit ends, WebSockets with 4401 or 4403. Returns how many that were. */
unsigned conn_recheck(struct conn *c);
/* Draining: ends at once what is idle, marks the rest. */
void conn_drain(struct conn *c, enum edge_drain how);

#endif

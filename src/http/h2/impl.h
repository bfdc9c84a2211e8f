/* Inside of h2/. */
#ifndef TG_HTTP_H2_IMPL_H
#define TG_HTTP_H2_IMPL_H

#include <nghttp2/nghttp2.h>

#include "http/h2/flood.h"
#include "http/h2/h2.h"

enum h2_stream_flag {
    H2S_WEBSOCKET = 1,   /* extended CONNECT: the stream's payload is the tunnel's */
    H2S_WAITING = 2,     /* nghttp2 asked for payload when there was none */
    H2S_FINISHED = 4,    /* nothing will be added to `out` any more */
    H2S_RESET_ASKED = 8, /* by the user */
    H2S_FINAL = 16,      /* the (final) head is complete: more fields are trailers */
    H2S_SENT = 32,       /* as a client: the request's head has left */
    H2S_ANSWERED = 64,   /* as a server: the response has left, the request has not ended */
    H2S_BEGUN = 128      /* as a client: a byte of the request's head may have left */
};

/* Identifiers that a client left out: they are closed without ever having been used (RFC 9113 §5.1.1). */
struct h2_gap {
    int32_t first, last;
};
#define H2_GAPS 8u

/* What a stream that nobody reads may hold; those who are read are given more. */
#define H2_FIRST_WINDOW (16u << 10)

struct h2_session {
    nghttp2_session *ng;
    struct h2_config config;
    struct slab *chunks; /* borrows */
    const struct h2_events *events;
    void *arg;
    struct h2_stream *first;     /* owns: the open streams */
    int32_t last_id;             /* the highest that the client has opened */
    struct h2_gap gaps[H2_GAPS]; /* the newest ones, a ring */
    unsigned gap_count;
    bool last_said; /* the last word of going away */
    bool ranks;     /* the client has said a priority: where it says none, it means the default one */
    int64_t widest; /* strict.c, during SETTINGS */
    struct h2_flood flood;
    struct chunkq *sink; /* during h2_session_write: where frames go, until it holds sink_high */
    size_t sink_high;
    const char *error; /* static: why it ended itself */
    bool is_client, is_greeted;
    unsigned asked; /* as a client: open streams */
    bool forgets;   /* as a client: some that have not left are not to leave any more */
    uint64_t pings;
};

/* receive.c: sets what is called when frames come. */
void h2_receive_callbacks(nghttp2_session_callbacks *c);
/* send.c: the source of a stream's DATA. */
ssize_t h2_offer_payload(nghttp2_session *ng, int32_t id, uint8_t *buf, size_t n, uint32_t *flags,
                         nghttp2_data_source *source, void *user);
/* send.c: the same for those that leave. */
void h2_send_callbacks(nghttp2_session_callbacks *c);

/* client.c: streams of which nothing has left, and that were cancelled or will not be taken, are gone at once. */
void h2_client_forget_unsent(struct h2_session *h);
/* client_receive.c, for clients: instead of some of the above. */
void h2_client_callbacks(nghttp2_session_callbacks *c);

/* fields.c: counts a field of s; over `most` it is noted as `status`. False: so far beyond that the connection should end. */
bool h2_field_counts(struct h2_stream *s, const struct h2_config *most, unsigned status, struct span name,
                     struct span value);
/* Adds a field that is no pseudo field, if its form is right (else it is noted as `status`). False: no memory. */
bool h2_field_add(struct h2_stream *s, struct headers *to, uint64_t ascii_only, unsigned status, bool permanent,
                  struct span name, struct span value);
/* The first thing wrong with s stays. */
void h2_stream_fail(struct h2_stream *s, unsigned status, const char *why);
/* A field of the trailers. False: no memory. */
bool h2_trailer_add(struct h2_stream *s, unsigned status, bool permanent, struct span name, struct span value);

/* response.c: the same of a response. */
bool h2_response_field(struct h2_stream *s, struct span name, struct span value, bool permanent);
void h2_response_begins(struct h2_stream *s);
/* The head is complete; s->error says whether it may pass. */
void h2_response_complete(struct h2_stream *s, bool ended);

/* trailers.c: called when payload has ended and h2_stream_send_trailers() had been. */
bool h2_trailers_submit(struct h2_stream *s);
void h2_trailers_free(struct h2_stream *s);

/* strict.c: what nghttp2 lets pass; when a frame's head is there, and when all of it is. */
void h2_strict_begin(struct h2_session *h, const nghttp2_frame_hd *hd);
void h2_strict_frame(struct h2_session *h, const nghttp2_frame *frame);

/* request.c: one field of a request's head or trailers; `permanent`: the name's bytes outlive the session. What is wrong with it is noted in
 * s->error. False: it is so far beyond the limits that the connection should end. */
bool h2_request_field(struct h2_stream *s, struct span name, struct span value, bool permanent);
/* The head is complete. `ended`: there is no payload. */
void h2_request_complete(struct h2_stream *s, bool ended);

/* receive.c: s is one of its session's. */
void h2_stream_link(struct h2_stream *s);
/* receive.c: the user is told that it is gone. */
void h2_stream_free(struct h2_stream *s);
/* receive.c: tells of the end of all, and frees them. */
void h2_streams_free(struct h2_session *h);

/* session.c */
struct h2_stream *h2_stream_of(struct h2_session *h, int32_t id);
/* What streams may hold at first counts from the peer's ACK on, for those that were open before too: nghttp2 has taken from them what they were
 * given beyond it. */
void h2_widen_again(struct h2_session *h);

#endif

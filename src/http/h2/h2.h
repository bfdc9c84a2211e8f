/* HTTP/2 (RFC 9113, HPACK 7541, WebSockets 8441, priorities 9218): one connection on nghttp2, as a server; as a client: client.h.
 * Bytes go in, frames come out; no I/O, no clock but the time that it is told. What breaks a limit or the protocol ends the connection by
 * itself: the last frames then say why (GOAWAY), and h2_session_is_over().
 *
 * Callbacks come from inside h2_session_read(), h2_session_write() and h2_session_free() only. They may call the functions of streams and
 * h2_session_end(), but not these three. thread: the chunks' slab's. */
#ifndef TG_HTTP_H2_H2_H
#define TG_HTTP_H2_H2_H

#include "base/chunkq.h"
#include "http/h1/h1.h"
#include "http/message.h"

struct h2_session;

struct h2_config {
    size_t head_bytes; /* of a request's head, decoded, cookie crumbs and dropped fields included */
    size_t fields;
    unsigned streams; /* at once, and no more than 100; 0: as many */
};

enum h2_input {
    H2_INPUT_OPEN = 0,
    H2_INPUT_END,  /* the request is complete */
    H2_INPUT_RESET /* by either side; nothing can be sent any more */
};

enum h2_code { /* RFC 9113 §7, those that we say */
               H2_NO_ERROR = 0,
               H2_PROTOCOL_ERROR = 1,
               H2_INTERNAL_ERROR = 2,
               H2_FLOW_CONTROL_ERROR = 3,
               H2_CANCEL = 8,
               H2_ENHANCE_YOUR_CALM = 11
};

/* One request and its response. Lives until on_gone. */
struct h2_stream {
    struct h2_session *session; /* back */
    int32_t id;
    void *owner;      /* the user's: set in on_begin */
    struct chunkq in; /* request payload; the user takes from it, then calls h2_stream_took() */
    enum h2_input input;
    struct chunkq out;   /* response payload; the user adds to it, then calls h2_stream_wake() */
    uint64_t bytes_sent; /* response payload that left */
    uint64_t seen_sent;  /* the user's, for deadlines: bytes_sent at the last look, and when it changed */
    uint64_t seen_ms;
    uint64_t answered_ms; /* the user's: since when h2_stream_is_answered() */
    /* internal: */
    struct h2_stream *next, *prev;
    struct arena *arena; /* the user's, until h2_stream_leave() */
    struct http_request *req;
    struct h1_error error;
    struct span scheme, protocol;
    size_t head_bytes, fields, declined;
    size_t window; /* so much payload may come before it is taken */
    unsigned flags;
    uint32_t code; /* RFC 9113 §7: why it was reset */
    /* as a client: */
    enum http_method to;
    struct http_response *resp;
    struct h2_config limits;
    struct headers trailers_in;   /* v == NULL: none came */
    struct h2_trailers *trailers; /* owns: to be sent */
};

/* Where a request's head is to be put. */
struct h2_head {
    struct arena *arena;
    struct http_request *req;
};

struct h2_events {
    /* A request begins: fills in *head, sets s->owner. False: no memory, the stream is refused. */
    bool (*on_begin)(void *arg, struct h2_stream *s, struct h2_head *head);
    /* The head is complete; refused->status != 0: by the codec, an answer is expected all the same. For a WebSocket (extended CONNECT) it
     * reads as GET with req->websocket; Sec-WebSocket-Key is for the user to make up. */
    void (*on_head)(void *arg, struct h2_stream *s, const struct h1_error *refused);
    /* s->in grew, or s->input changed. */
    void (*on_input)(void *arg, struct h2_stream *s);
    /* s->out became less. */
    void (*on_sent)(void *arg, struct h2_stream *s);
    /* The last that is heard of s, also when on_head never came. */
    void (*on_gone)(void *arg, struct h2_stream *s);
};

/* NULL: no memory. */
struct h2_session *h2_session_new(const struct h2_config *config, struct slab *chunks, const struct h2_events *events,
                                  void *arg);
void h2_session_free(struct h2_session *h);
/* Takes all bytes of `in`. False: it is over (what is left to say is still to be written). */
bool h2_session_read(struct h2_session *h, struct chunkq *in, uint64_t now_ms);
/* Adds frames to `out` until it holds `high` bytes or there is nothing more to say now. False: no memory: nothing more can be said. */
bool h2_session_write(struct h2_session *h, struct chunkq *out, size_t high);
/* Would h2_session_write() have something to add? */
bool h2_session_wants_write(const struct h2_session *h);
/* Nothing more to be read or written. */
bool h2_session_is_over(const struct h2_session *h);
/* Why it ended itself: static text for the log; NULL if it did not. */
const char *h2_session_error(const struct h2_session *h);
/* The first of the open streams, which are linked by `next`; NULL when there is none. */
struct h2_stream *h2_session_first(const struct h2_session *h);
/* Much waits for h2_session_write() besides payload: a peer that provokes answers and reads none is not to be listened to meanwhile. */
bool h2_session_is_clogged(const struct h2_session *h);

/* Going away: first the notice that leaves requests on their way a chance, a moment later the last word; streams go on (RFC 9113
 * §6.8). */
void h2_session_notice(struct h2_session *h);
void h2_session_last_stream(struct h2_session *h);
/* GOAWAY with this code; all streams end with the connection. `why`: static text. */
void h2_session_end(struct h2_session *h, enum h2_code code, const char *why);

/* Interim heads (1xx). Fields that are dropped or concern one connection are left out. False: no memory. */
bool h2_stream_interim(struct h2_stream *s, unsigned status, const struct headers *fields);
/* The final head, from `r` and `extra` (may be NULL); with BODY_NONE, or an empty BODY_LENGTH, it ends the stream. A 101 is said as 200
 * (RFC 8441 §5). False: no memory, or a field of `extra` is not one line. */
bool h2_stream_respond(struct h2_stream *s, const struct http_response *r, const struct headers *extra);
void h2_stream_wake(struct h2_stream *s);
/* The response ends with what is in `out`. If the request has not ended by then, a little of the rest is taken and thrown away, and more of it
 * declined by a reset (RFC 9113 §8.1). */
void h2_stream_finish(struct h2_stream *s);
/* The same for a tunnel, whose client may go on after the response has ended: from here on it may not. */
void h2_stream_finish_both(struct h2_stream *s);
/* These fields follow what is in `out` at the end: call before h2_stream_finish(). They are copied. False: no memory. */
bool h2_stream_send_trailers(struct h2_stream *s, const struct headers *h);
/* What came behind the payload, once it has ended; NULL: nothing. Their form was checked, their meaning was not. */
struct headers *h2_stream_trailers(struct h2_stream *s);
/* The owner goes: nothing of its arena is used any more, and s->owner is NULL in the events that still come. */
void h2_stream_leave(struct h2_stream *s);
/* The response has left, and the request has not ended: its stream should not stay for long. */
bool h2_stream_is_answered(const struct h2_stream *s);
/* Payload, or of a server only the end: with a window of nothing that waits as well. */
bool h2_stream_has_unsent(const struct h2_stream *s);
/* Its peer lets nothing through until it has widened the stream's window; the connection's is not asked. */
bool h2_stream_is_shut(const struct h2_stream *s);
/* So much payload may come before it is taken: 16 KiB, until this says more. Less than before has no effect. */
void h2_stream_widen(struct h2_stream *s, size_t window);
/* n bytes were taken from s->in: the client may send as many again. */
void h2_stream_took(struct h2_stream *s, size_t n);
/* RST_STREAM; on_gone comes with the next write. */
void h2_stream_reset(struct h2_stream *s, enum h2_code code);

#endif

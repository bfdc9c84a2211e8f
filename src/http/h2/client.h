/* HTTP/2 as a client: the same sessions and streams (h2.h), seen from the side that asks. What differs: streams begin with h2_client_ask(),
 * and a stream's on_head tells of each head that came, interim ones too; s->input may say then that it is all of the response. on_begin is never called.
 *
 * Responses are held against what h1_parse_response() asks of one. Server push is a connection error (RFC 9113 §8.4). */
#ifndef TG_HTTP_H2_CLIENT_H
#define TG_HTTP_H2_CLIENT_H

#include "http/h2/h2.h"

#define H2_CLIENT_STREAMS 100u /* at most, whatever the server allows */

struct h2_ask {
    const struct http_request *req;
    struct span scheme, authority;
    const struct headers *extra; /* may be NULL */
    bool te_trailers;
    bool ends; /* there is no payload */
    /* Where heads are put, one after the other, and fields of trailers; until h2_stream_leave(). */
    struct arena *arena;
    struct http_response *resp;
    struct h2_config limits; /* of each head, and of the trailers */
    size_t window;           /* so much payload may come before it is taken */
    void *owner;
};

/* NULL: no memory. */
struct h2_session *h2_client_new(struct slab *chunks, const struct h2_events *events, void *arg);
/* The server's SETTINGS have come: it speaks HTTP/2, and what it allows is known. */
bool h2_client_is_greeted(const struct h2_session *h);
/* How many more streams it takes now. 0 for ever once it goes away. */
unsigned h2_client_room(const struct h2_session *h);
/* Both ends of the stream have been said: it closes by itself, and a reset would only count against us. */
bool h2_stream_is_over(const struct h2_stream *s);
/* It takes no more streams, now or later. */
bool h2_client_is_leaving(const struct h2_session *h);
/* Only with room. NULL: no memory, or a field of `extra` or the authority is not one line. */
struct h2_stream *h2_client_ask(struct h2_session *h, const struct h2_ask *ask);
/* From now on so much payload may come before it is taken. What the server was told already it may use up. */
void h2_client_set_window(struct h2_stream *s, size_t window);
/* The stream was reset, or never looked at because the server goes away, or nothing of it has left: the request had no effect (RFC 9113
 * §8.7). */
bool h2_client_was_refused(const struct h2_stream *s);

#endif

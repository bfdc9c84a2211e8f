/* A server's user for the tests of its HTTP/2 codec: notes what it is told, answers what is complete unless it is silent. */
#ifndef TG_TESTS_HTTP_H2_SITE_H
#define TG_TESTS_HTTP_H2_SITE_H

#include "support.h"

#include "h2_kit.h"
#include "http/h2/h2.h"

#define TEXT 60000
#define BYTES 600000

/* How a client begins, and what it asks. */
#define HELLO "P\nS\nA\n"
#define GET ":method=GET|:scheme=https|:authority=a.test|:path=/"
#define POST ":method=POST|:scheme=https|:authority=a.test|:path=/up"
#define WS ":method=CONNECT|:protocol=websocket|:scheme=https|:authority=a.test|:path=/ws"

struct site {
    struct memory m;
    struct h2_session *session;
    char told[TEXT];
    bool silent; /* answers nothing */
    bool holds;  /* takes no payload */
};

struct request {
    struct arena arena;
    struct http_request req;
    size_t got;
};

extern const struct h2_config site_config;

void site_init(struct site *t, bool silent);
void site_fini(struct site *t);
/* Five bytes, or none. */
void site_answer(struct site *t, struct h2_stream *s, unsigned status, bool with_body);
/* What the client would read now. */
void site_collect(struct site *t, struct h2_reader *r, char *seen);

/* A client that speaks step by step; `seen` is all that it has read. */
struct talk {
    struct site t;
    struct h2_reader *r;
    struct chunkq in;
    char seen[TEXT];
};

void talk_begin(struct talk *k, bool silent);
void talk_end(struct talk *k);
/* In the words of h2_frames(). False: the session is over. */
bool talk_sends(struct talk *k, const char *words);
/* The same, which must not end it; the newest stream. */
struct h2_stream *talk_asks(struct talk *k, const char *words);
void talk_hears(struct talk *k);

#endif

/* Two streams that face each other over loopback TCP on one loop, and what happened to each. */
#ifndef TG_TESTS_NET_PAIR_H
#define TG_TESTS_NET_PAIR_H

#include "net/stream.h"

struct pair;

struct end {
    struct pair *pair;
    struct stream *stream;
    struct end *peer;
    unsigned opened, reads, drained;
    size_t got;  /* bytes taken by the pattern reader */
    size_t sent; /* bytes given by the pattern writer */
    size_t to_send;
    bool consumes; /* takes what arrives and checks it against the pattern */
    bool corrupt;
    bool finishes;                  /* stream_finish when all is sent */
    void (*on_read)(struct end *e); /* instead of the above */
    void (*on_open)(struct end *e);
};

struct pair_config {
    struct tls_server *server;
    struct tls_client *client;
    const char *name; /* of the server */
    const struct tls_session *resume;
    int socket_buffer; /* SO_SNDBUF, SO_RCVBUF; 0: the system's */
    struct stream_limits limits;
};

struct pair {
    struct loop *loop;
    struct end client, server;
    struct stream_limits limits;
    bool (*is_done)(struct pair *p); /* asked after each callback */
    bool timed_out;
    struct timer tick;
    unsigned ticks; /* left: a machine that stands still takes one, however long */
};

void pair_init(struct pair *p, const struct pair_config *config);
void pair_fini(struct pair *p);
/* Until is_done, at most ms. False: time is up. */
bool pair_run(struct pair *p, bool (*is_done)(struct pair *p), unsigned ms);
/* Lets the loop run for ms. */
void pair_rest(struct pair *p, unsigned ms);
bool pair_is_open(struct pair *p);
/* Bytes of a pattern in which no position looks like another nearby. */
uint8_t pattern_at(size_t i);
/* Fills out with more of the pattern and flushes. */
void end_send(struct end *e);
/* Bytes that are not the pattern. */
void end_put(struct end *e, const char *text);
void end_close(struct end *e, enum stream_close how);

#endif

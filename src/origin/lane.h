/* A lane: one exchange's stream on a connection with HTTP/2 that it shares. What was received is kept here, so that the end of the stream or
 * of the connection takes nothing away that came before it. thread: the loop's. */
#ifndef TG_ORIGIN_LANE_H
#define TG_ORIGIN_LANE_H

#include "http/h2/client.h"
#include "origin/origin.h"

struct origin_shared;

struct origin_lane {
    struct origin_conn conn;
    struct origin_shared *shared; /* back; NULL: the connection has ended */
    struct h2_stream *stream;     /* NULL: not asked yet, or over */
    struct stream_events events;  /* on_read: something of the below changed; on_drained: payload left */
    void *arg;
    bool head;                /* a head lies where it was to be put, and was not looked at; the reader clears it */
    bool wrong;               /* what came may not pass: error says why */
    bool refused;             /* the request had no effect */
    enum h2_input input;      /* END: the response is complete with what lies in `in` */
    struct chunkq in;         /* payload; who takes from it calls origin_lane_took() */
    struct chunkq unsent;     /* refused, and nothing of the request's payload has left: what was to leave */
    bool nothing_left;        /* `unsent` is all of it */
    struct headers *trailers; /* valid with END, in the asker's arena; NULL: none */
    struct headers trailers_kept;
    const char *error; /* static: why it ended, or what was wrong */
    uint64_t moved;    /* bytes that came or went */
    uint64_t asked_ms;
    struct origin_lane *next, *prev; /* of shared */
};

/* Once. ask->owner is filled in. False: no memory. */
bool origin_lane_ask(struct origin_lane *l, struct h2_ask *ask);
void origin_lane_took(struct origin_lane *l, size_t n);
/* Writes what was added to stream->out, before the loop waits again. */
void origin_lane_flush(struct origin_lane *l);

#endif

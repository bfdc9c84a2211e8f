/* A whole connection's bytes for a session, in pieces: what the fuzz targets of both ends of HTTP/2 share. */
#ifndef TG_TESTS_FUZZ_H2_TALK_H
#define TG_TESTS_FUZZ_H2_TALK_H

#include "h1.h"

#include "http/h2/h2.h"

/* Nobody reads it. */
static inline void talk_write_out(struct h2_session *h, struct memory *m)
{
    struct chunkq out;
    chunkq_init(&out, &m->chunks);
    MUST(h2_session_write(h, &out, 20000));
    chunkq_clear(&out);
}

/* The first byte of an input: the pieces (two bits) and the user's manners. */
static inline size_t talk_piece(uint8_t first)
{
    static const size_t pieces[] = {1, 7, 100, 100000};
    return pieces[first >> 6];
}

/* `before` comes in the first piece. `reads`: the peer reads between the pieces. */
static inline void talk_read_in(struct h2_session *h, struct memory *m, struct span before, struct span bytes,
                                size_t piece, bool reads)
{
    struct chunkq in;
    uint64_t now = 1000;
    chunkq_init(&in, &m->chunks);
    MUST(chunkq_append(&in, before));
    while (h2_session_read(h, &in, now++) && bytes.n > 0) {
        size_t n = bytes.n < piece ? bytes.n : piece;
        MUST(chunkq_append(&in, span_make(bytes.p, n)));
        bytes = span_from(bytes, n);
        if (reads)
            talk_write_out(h, m);
    }
    chunkq_clear(&in);
    talk_write_out(h, m);
}

#endif

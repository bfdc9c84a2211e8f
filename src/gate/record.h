/* Small records of our own: numbers big-endian, texts behind a length of two bytes. Reading never goes beyond the end and leaves what is
 * wrong in `bad`; a reader that is bad, or has bytes left, read no record of ours. */
#ifndef TG_GATE_RECORD_H
#define TG_GATE_RECORD_H

#include "base/span.h"
#include "policy/identity.h"

struct record_out {
    uint8_t *p;
    size_t n, cap;
    bool full;
};

void record_put(struct record_out *o, const void *p, size_t n);
void record_put_byte(struct record_out *o, unsigned b);
void record_put_time(struct record_out *o, int64_t t); /* not negative */
void record_put_span(struct record_out *o, struct span s);
void record_put_identity(struct record_out *o, const struct identity *who);

struct record_in {
    struct span rest;
    bool bad;
};

/* n bytes; empty when they are not there. */
struct span record_take(struct record_in *in, size_t n);
unsigned record_take_byte(struct record_in *in);
/* Bad: none, or a way that there is not. */
enum identity_way record_take_way(struct record_in *in);
int64_t record_take_time(struct record_in *in);
struct span record_take_span(struct record_in *in);
/* Spans borrow from the record. */
struct identity record_take_identity(struct record_in *in);
/* Was it read to its end, and right? */
bool record_done(const struct record_in *in);

#endif

/* What the origin says to a request, and how: one string of bytes, and where it stops. */
#ifndef MIXUP_ANSWER_H
#define MIXUP_ANSWER_H

#include "ask.h"
#include "bytes.h"

enum answer_end {
    ANSWER_KEEP = 0,
    ANSWER_FIN,
    ANSWER_RESET,
    ANSWER_HALF_CLOSE, /* FIN, and goes on reading */
    ANSWER_TUNNEL
};

struct answer {
    struct bytes flat; /* owned */
    size_t whole;      /* at so many bytes the client has all it is due; SIZE_MAX: never */
    size_t piece;      /* sent at once */
    unsigned pause_us; /* between pieces */
    unsigned wait_us;  /* before the first */
    bool early;        /* does not wait for the request's body */
    enum answer_end end;
};

#define ANSWER_POISON "the answer that belongs to nobody"

/* The caller has cleared it, flat kept. `fault`: the ask's, or FAULT_NONE when it comes again. */
void answer_make(struct answer *to, const struct ask *a, uint64_t key, enum fault fault);
/* A whole answer that nobody asked for. */
void answer_add_poison(struct bytes *to);

#endif

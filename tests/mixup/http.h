/* As much of HTTP/1 as both ends need to judge what reaches them: written apart from tiergate's codec on purpose. */
#ifndef MIXUP_HTTP_H
#define MIXUP_HTTP_H

#include "bytes.h"

#include <stdbool.h>

#define HEAD_MAX 8192u

/* A head, taken out of what arrived. */
struct head {
    size_t n;
    char text[HEAD_MAX + 1]; /* ends with the empty line */
};

enum head_state { HEAD_MORE = 0, HEAD_DONE, HEAD_BAD };

enum head_state head_take(struct head *h, struct bytes *in);
/* How often the field is there; its value, cut to size, if so (the last one). */
unsigned head_field(const struct head *h, const char *name, char *value, size_t size);
bool head_says(const struct head *h, const char *name, const char *value);
/* Of a status line; 0: it is none. */
unsigned head_status(const struct head *h);

enum body_kind { BODY_NONE = 0, BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_END };
enum body_state {
    BODY_MORE = 0,
    BODY_DONE,
    BODY_BAD,    /* not HTTP */
    BODY_FOREIGN /* a byte that belongs to something else */
};

struct body {
    enum body_kind kind;
    uint64_t left; /* of the length, or of the chunk */
    bool in_chunk; /* or behind its data */
    uint64_t key;  /* whose bytes these must be */
    size_t at;
    bool any; /* not ours to judge */
};

/* How the head says that its body travels. */
void body_of_head(struct body *b, const struct head *h, bool until_end);
/* Takes and judges what has arrived. */
enum body_state body_take(struct body *b, struct bytes *in);

#endif

/* A queue of bytes that grows. The tool ends when there is no memory. */
#ifndef MIXUP_BYTES_H
#define MIXUP_BYTES_H

#include <stddef.h>
#include <stdint.h>

struct bytes {
    uint8_t *p; /* owned */
    size_t off, end, cap;
};

static inline size_t bytes_count(const struct bytes *b)
{
    return b->end - b->off;
}

static inline const uint8_t *bytes_at(const struct bytes *b)
{
    return b->p + b->off;
}

/* Room for n more behind the end, to be filled by the caller, who then adds to `end`. */
uint8_t *bytes_room(struct bytes *b, size_t n);
void bytes_add(struct bytes *b, const void *p, size_t n);
void bytes_print(struct bytes *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void bytes_text(struct bytes *b, const char *text);
void bytes_drop(struct bytes *b, size_t n);
void bytes_clear(struct bytes *b);
void bytes_fini(struct bytes *b);

#endif

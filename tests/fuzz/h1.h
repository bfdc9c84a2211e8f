/* What both kinds of heads have in common. */
#ifndef TG_FUZZ_H1_H
#define TG_FUZZ_H1_H

#include "http/h1/h1.h"
#include "must.h"

struct memory {
    struct slab blocks, chunks;
    struct arena arena;
};

static inline void memory_init(struct memory *m)
{
    slab_init(&m->blocks, 4096, 2);
    slab_init(&m->chunks, CHUNK_BLOCK, 2);
    arena_init(&m->arena, &m->blocks);
}

static inline void memory_fini(struct memory *m)
{
    arena_fini(&m->arena);
    MUST(m->chunks.used == 0 && m->blocks.used == 0);
    slab_fini(&m->blocks);
    slab_fini(&m->chunks);
}

/* All of q, in the arena. */
static inline struct span take_bytes(struct memory *m, struct chunkq *q)
{
    size_t n = q->bytes;
    uint8_t *p = arena_alloc(&m->arena, n);
    MUST(p);
    chunkq_copy(q, n, p);
    chunkq_clear(q);
    return span_make(p, n);
}

static inline enum h1_scan scan_in_steps(struct memory *m, struct span bytes, size_t step, size_t max, size_t *head_n)
{
    struct chunkq q;
    size_t scanned = 0;
    enum h1_scan result = H1_SCAN_MORE;
    chunkq_init(&q, &m->chunks);
    for (size_t at = 0; at < bytes.n && result == H1_SCAN_MORE; at += step) {
        size_t n = bytes.n - at < step ? bytes.n - at : step;
        MUST(chunkq_append(&q, span_make(bytes.p + at, n)));
        result = h1_scan_head(&q, max, &scanned, head_n);
    }
    chunkq_clear(&q);
    return result;
}

/* Whole or byte by byte: the same end. */
static inline enum h1_scan check_scan(struct memory *m, struct span bytes, size_t max, size_t *head_n)
{
    size_t other_n = *head_n = 0;
    enum h1_scan scan = scan_in_steps(m, bytes, bytes.n ? bytes.n : 1, max, head_n);
    MUST(scan == scan_in_steps(m, bytes, 1, max, &other_n) && *head_n == other_n && *head_n <= bytes.n);
    return scan;
}

/* One line each, whatever came. */
static inline void check_fields(const struct headers *h)
{
    for (size_t i = 0; i < h->n; i++) {
        struct span value = h->v[i].value;
        MUST(http_is_token(h->v[i].name) && span_eq(span_trim(value), value));
        for (size_t at = 0; at < value.n; at++)
            MUST(value.p[at] == '\t' || (value.p[at] >= 0x20 && value.p[at] != 0x7f));
    }
}

#endif

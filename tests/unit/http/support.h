/* What the tests of http/ share: memory, queues fed in pieces, checks that name their case. */
#ifndef TG_TESTS_HTTP_SUPPORT_H
#define TG_TESTS_HTTP_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/count.h"
#include "http/h1/h1.h"

/* A table's bytes, which may hold NUL. */
#define S(literal)                                                                                                     \
    {                                                                                                                  \
        (const uint8_t *)(literal), sizeof(literal) - 1                                                                \
    }

#define CHECK(name, condition)                                                                                         \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fail_msg("%s: %s", name, #condition);                                                                      \
    } while (0)

#define CHECK_SPAN(name, got, want)                                                                                    \
    do {                                                                                                               \
        struct span got_ = (got), want_ = (want);                                                                      \
        if (!span_eq(got_, want_))                                                                                     \
            fail_msg("%s: %s is \"%.*s\", not \"%.*s\"", name, #got, SPAN_ARG(got_), SPAN_ARG(want_));                 \
    } while (0)

struct memory {
    struct slab blocks, chunks;
    struct arena arena;
};

static inline void memory_init(struct memory *m)
{
    slab_init(&m->blocks, 4096, 4);
    slab_init(&m->chunks, CHUNK_BLOCK, 4);
    arena_init(&m->arena, &m->blocks);
}

/* Everything handed out has come back. */
static inline void memory_fini(struct memory *m)
{
    arena_fini(&m->arena);
    assert_int_equal(m->blocks.used, 0);
    assert_int_equal(m->chunks.used, 0);
    slab_fini(&m->blocks);
    slab_fini(&m->chunks);
}

/* Appends s as a chunk of its own, so that a parser meets the boundary in memory too. */
static inline void feed(struct chunkq *q, struct span s)
{
    size_t room;
    while (s.n > 0) {
        uint8_t *at = chunkq_reserve(q, CHUNK_SIZE, &room);
        assert_non_null(at);
        size_t n = s.n < room ? s.n : room;
        memcpy(at, s.p, n);
        chunkq_commit(q, n);
        s = span_from(s, n);
    }
}

/* All bytes of the queue, in the arena. */
static inline struct span queue_text(struct memory *m, const struct chunkq *q)
{
    uint8_t *p = arena_alloc(&m->arena, q->bytes);
    assert_non_null(p);
    chunkq_copy(q, q->bytes, p);
    return span_make(p, q->bytes);
}

/* A head of exactly its bytes on the heap, so that AddressSanitizer sees a read behind it; `p` for free(). */
static inline struct span exact(struct span s, void **p)
{
    *p = malloc(s.n ? s.n : 1);
    assert_non_null(*p);
    if (s.n)
        memcpy(*p, s.p, s.n);
    return span_make(*p, s.n);
}

#endif

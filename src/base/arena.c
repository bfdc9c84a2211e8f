#include "base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_ALIGN 16u

struct arena_block {
    struct arena_block *next;
    size_t own; /* bytes, when malloc'ed for one large request; 0: from the slab */
};

/* Payload starts aligned: the header is padded to the alignment. */
#define ARENA_HEADER ((sizeof(struct arena_block) + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1))

static uint8_t *payload(struct arena_block *b)
{
    return (uint8_t *)b + ARENA_HEADER;
}

void arena_init(struct arena *a, struct slab *slab)
{
    assert(slab->size > ARENA_HEADER + ARENA_ALIGN);
    *a = (struct arena){.slab = slab};
}

static __attribute__((noinline)) void free_large(struct arena *a, struct arena_block *b)
{
    meter_sub(a->slab->meter, b->own);
    free(b);
}

void arena_reset(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *b = a->blocks;

        a->blocks = b->next;
        if (b->own)
            free_large(a, b);
        else
            slab_give(a->slab, b);
    }
    a->at = a->end = NULL;
}

void arena_fini(struct arena *a)
{
    arena_reset(a);
}

/* Both seldom: apart, so that the common case saves no registers. */
static __attribute__((noinline)) void *alloc_large(struct arena *a, size_t n)
{
    struct arena_block *b = malloc(ARENA_HEADER + n);

    if (!b)
        return NULL;
    b->own = ARENA_HEADER + n;
    meter_add(a->slab->meter, b->own);
    b->next = a->blocks;
    a->blocks = b;
    return payload(b);
}

static __attribute__((noinline)) void *alloc_in_new_block(struct arena *a, size_t n)
{
    struct arena_block *b = slab_take(a->slab);

    if (!b)
        return NULL;
    b->own = 0;
    b->next = a->blocks;
    a->blocks = b;
    a->at = payload(b) + n;
    a->end = (uint8_t *)b + (a->slab->size & ~(size_t)(ARENA_ALIGN - 1));
    return payload(b);
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (n > SIZE_MAX / 2)
        return NULL;
    n = n ? (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1) : ARENA_ALIGN;
    if (n <= (size_t)(a->end - a->at)) {
        void *p = a->at;

        a->at += n;
        return p;
    }
    /* The current block stays in use behind a large one, so that one long header does not waste its rest. */
    if (n > (a->slab->size & ~(size_t)(ARENA_ALIGN - 1)) - ARENA_HEADER)
        return alloc_large(a, n);
    return alloc_in_new_block(a, n);
}

void *arena_zalloc(struct arena *a, size_t n)
{
    void *p = arena_alloc(a, n);

    return p ? memset(p, 0, n) : NULL;
}

struct span arena_copy(struct arena *a, struct span s)
{
    uint8_t *p = arena_alloc(a, s.n);

    if (!p)
        return SPAN_NONE;
    if (s.n)
        memcpy(p, s.p, s.n);
    return span_make(p, s.n);
}

struct span arena_join(struct arena *a, const struct span *parts, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += parts[i].n;
    uint8_t *out = arena_alloc(a, n), *at = out;
    for (size_t i = 0; out && i < count; i++) {
        if (parts[i].n > 0)
            memcpy(at, parts[i].p, parts[i].n);
        at += parts[i].n;
    }
    return out ? span_make(out, n) : SPAN_NONE;
}

struct span arena_printf(struct arena *a, const char *format, ...)
{
    size_t room = (size_t)(a->end - a->at);
    va_list ap, again;

    va_start(ap, format);
    va_copy(again, ap);
    /* Formatted straight into the rest of the block; only what does not fit is formatted twice. */
    int n = vsnprintf((char *)a->at, room, format, ap);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);

    if (p && (size_t)n >= room)
        vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    va_end(ap);
    return p ? span_make(p, (size_t)n) : SPAN_NONE;
}

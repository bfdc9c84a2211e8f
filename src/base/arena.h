/* Bump allocator for what lives as long as one exchange: freed at once. Blocks come from a slab (blocks of
 * slab->size bytes); a larger request gets a malloc'ed block of its own. Every function that allocates may return NULL
 * (a span with p == NULL): the exchange then fails with 503, nothing else. thread: the slab's. */
#ifndef TG_BASE_ARENA_H
#define TG_BASE_ARENA_H

#include <stddef.h>

#include "base/slab.h"
#include "base/span.h"

struct arena_block;

struct arena {
    struct slab *slab;
    struct arena_block *blocks;
    uint8_t *at, *end;
};

/* Takes no memory until the first allocation. */
void arena_init(struct arena *a, struct slab *slab);
void arena_fini(struct arena *a);
/* Frees all but leaves the arena usable. */
void arena_reset(struct arena *a);
/* Aligned to 16 bytes; n == 0 yields a valid pointer. */
void *arena_alloc(struct arena *a, size_t n);
void *arena_zalloc(struct arena *a, size_t n);
struct span arena_copy(struct arena *a, struct span s);
/* The parts one behind the other. */
struct span arena_join(struct arena *a, const struct span *parts, size_t count);
/* NUL-terminated behind the span's n bytes. */
struct span arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

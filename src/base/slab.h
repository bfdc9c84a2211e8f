/* Per-thread recycler of equally sized blocks. Under AddressSanitizer it passes through to malloc, so that a use after
 * free is seen. thread: the one that owns it. */
#ifndef TG_BASE_SLAB_H
#define TG_BASE_SLAB_H

#include <stddef.h>

#include "base/budget.h"

struct slab_free;

struct slab {
    size_t size; /* bytes of a block */
    size_t keep; /* blocks kept for reuse at most */
    size_t kept; /* blocks on the free list */
    size_t used; /* blocks handed out */
    struct slab_free *list;
    struct meter *meter; /* borrows, may be NULL: told of all memory that is held here, kept blocks included */
};

void slab_init(struct slab *s, size_t size, size_t keep);
/* Keeps so many at most from now on; what exceeds them is freed. */
void slab_set_keep(struct slab *s, size_t keep);
/* Frees what is kept; blocks still handed out stay their holders'. */
void slab_fini(struct slab *s);
/* A block of s->size bytes, uninitialised, or NULL when memory is out. */
void *slab_take(struct slab *s);
/* NULL is allowed. */
void slab_give(struct slab *s, void *block);

#endif

#include "base/slab.h"

#include <assert.h>
#include <stdlib.h>

/* A block on the free list says where the next one is in its own first bytes. */
struct slab_free {
    struct slab_free *next;
};

#if defined(__SANITIZE_ADDRESS__)
#define SLAB_RECYCLES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLAB_RECYCLES 0
#endif
#endif
#ifndef SLAB_RECYCLES
#define SLAB_RECYCLES 1
#endif

void slab_init(struct slab *s, size_t size, size_t keep)
{
    assert(size >= sizeof(struct slab_free));
    *s = (struct slab){.size = size, .keep = SLAB_RECYCLES ? keep : 0};
}

/* To and from malloc: apart, so that what is done a hundred times for each request stays small. */
#define SELDOM __attribute__((noinline, cold))

static SELDOM void *obtain(struct slab *s)
{
    void *block = malloc(s->size);

    if (block) {
        meter_add(s->meter, s->size);
        s->used++;
    }
    return block;
}

static SELDOM void release(struct slab *s, void *block)
{
    free(block);
    meter_sub(s->meter, s->size);
}

static void shrink_to(struct slab *s, size_t keep)
{
    while (s->kept > keep) {
        struct slab_free *block = s->list;

        s->list = block->next;
        s->kept--;
        release(s, block);
    }
}

void slab_set_keep(struct slab *s, size_t keep)
{
    s->keep = SLAB_RECYCLES ? keep : 0;
    shrink_to(s, s->keep);
}

void slab_fini(struct slab *s)
{
    shrink_to(s, 0);
}

void *slab_take(struct slab *s)
{
    struct slab_free *block = s->list;

    if (!block)
        return obtain(s);
    s->list = block->next;
    s->kept--;
    s->used++;
    return block;
}

void slab_give(struct slab *s, void *block)
{
    if (!block)
        return;
    assert(s->used > 0);
    s->used--;
    if (s->kept >= s->keep) {
        release(s, block);
        return;
    }
    struct slab_free *head = block;

    head->next = s->list;
    s->list = head;
    s->kept++;
}

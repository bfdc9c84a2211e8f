#include "config/memory.h"

#include "base/crypto/mac.h"

#include <stdlib.h>

#define BLOCK 16384

struct config_secret {
    struct config_secret *next;
    size_t n;
    uint8_t bytes[];
};

struct config_deferred {
    struct config_deferred *next;
    void (*fn)(const void *arg);
    const void *arg;
};

struct config_memory *config_memory_new(void)
{
    struct config_memory *m = calloc(1, sizeof(*m));

    if (!m)
        return NULL;
    slab_init(&m->slab, BLOCK, 0);
    arena_init(&m->arena, &m->slab);
    return m;
}

void config_memory_free(struct config_memory *m)
{
    if (!m)
        return;
    for (struct config_deferred *d = m->deferred; d; d = d->next)
        d->fn(d->arg);
    while (m->secrets) {
        struct config_secret *s = m->secrets;

        m->secrets = s->next;
        wipe(s->bytes, s->n);
        free(s);
    }
    arena_fini(&m->arena);
    slab_fini(&m->slab);
    free(m);
}

struct span config_memory_secret(struct config_memory *m, struct span s)
{
    struct config_secret *copy = calloc(1, sizeof(*copy) + s.n + 1);

    if (!copy)
        return SPAN_NONE;
    if (s.n)
        memcpy(copy->bytes, s.p, s.n);
    copy->n = s.n;
    copy->next = m->secrets;
    m->secrets = copy;
    return span_make(copy->bytes, s.n);
}

bool config_memory_defer(struct config_memory *m, void (*fn)(const void *arg), const void *arg)
{
    struct config_deferred *d = arena_alloc(&m->arena, sizeof(*d));

    if (!d)
        return false;
    *d = (struct config_deferred){m->deferred, fn, arg};
    m->deferred = d;
    return true;
}

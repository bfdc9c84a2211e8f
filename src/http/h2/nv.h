/* Fields as nghttp2 takes them. Private to h2/. nghttp2 copies names and values and puts names in lower case. */
#ifndef TG_HTTP_H2_NV_H
#define TG_HTTP_H2_NV_H

#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "http/field_rules.h"

/* More than nearly any message has. */
#define NV_FEW 48u

struct nv_list {
    nghttp2_nv few[NV_FEW];
    nghttp2_nv *v;
    size_t n;
};

/* False: no memory. */
static inline bool nv_begin(struct nv_list *f, size_t room)
{
    f->n = 0;
    f->v = room <= NV_FEW ? f->few : calloc(room, sizeof *f->v);
    return f->v != NULL;
}

static inline void nv_end(struct nv_list *f)
{
    if (f->v != f->few)
        free(f->v);
}

static inline void nv_add(struct nv_list *f, struct span name, struct span value)
{
    f->v[f->n++] = (nghttp2_nv){(uint8_t *)(uintptr_t)name.p, (uint8_t *)(uintptr_t)value.p, name.n, value.n,
                                NGHTTP2_NV_FLAG_NONE};
}

/* h may be NULL. */
static inline void nv_add_all(struct nv_list *f, const struct headers *h, uint64_t skip)
{
    for (size_t i = 0; h && i < h->n; i++)
        if (h->v[i].drop == 0 && !(skip & FIELD_BIT(h->v[i].id)))
            nv_add(f, h->v[i].name, h->v[i].value);
}

static inline size_t nv_count(const struct headers *h)
{
    return h ? h->n : 0;
}

#endif

#include "store/op.h"

#include "base/crypto/mac.h"

#include <stdlib.h>

#define FOUND_MAX (64u << 20) /* a list that is longer is none that a worker could hold */

struct op *op_new(enum op_kind kind, enum store_table table, struct span key, struct span value)
{
    struct op *o = calloc(1, sizeof(*o) + key.n + value.n);
    if (!o)
        return NULL;
    o->bytes = (uint8_t *)(o + 1);
    o->kind = kind;
    o->table = table;
    o->key_n = key.n;
    o->value_n = value.n;
    if (key.n > 0)
        memcpy(o->bytes, key.p, key.n);
    if (value.n > 0)
        memcpy(o->bytes + key.n, value.p, value.n);
    return o;
}

void op_free(struct op *o)
{
    if (!o)
        return;
    if (o->found.p)
        wipe(o->found.p, o->found.n);
    free(o->found.p);
    wipe(o->bytes, o->key_n + o->value_n);
    free(o);
}

void op_list_add(struct op_list *l, struct op *o)
{
    o->next = NULL;
    if (l->tail)
        l->tail->next = o;
    else
        l->head = o;
    l->tail = o;
}

struct op *op_list_take(struct op_list *l)
{
    struct op *o = l->head;
    if (!o)
        return NULL;
    l->head = o->next;
    if (!l->head)
        l->tail = NULL;
    return o;
}

/* --- what was found ----------------------------------------------------------------------------------------------- */

struct record {
    int64_t ends_s;
    uint32_t key_n, value_n;
};

static bool make_room(struct found *f, size_t n)
{
    if (n > FOUND_MAX - f->n)
        return false;
    if (f->n + n <= f->cap)
        return true;
    size_t cap = f->n + n > 2 * f->cap ? f->n + n : 2 * f->cap;
    uint8_t *p = malloc(cap); /* no realloc: what it leaves behind would not be wiped */
    if (!p)
        return false;
    if (f->n > 0) {
        memcpy(p, f->p, f->n);
        wipe(f->p, f->n);
    }
    free(f->p);
    f->p = p;
    f->cap = cap;
    return true;
}

bool found_add(struct found *f, const void *p, size_t n)
{
    if (n == 0)
        return true;
    if (!make_room(f, n))
        return false;
    memcpy(f->p + f->n, p, n);
    f->n += n;
    return true;
}

bool found_add_record(struct found *f, struct span key, struct span value, int64_t ends_s)
{
    struct record r = {.ends_s = ends_s, .key_n = (uint32_t)key.n, .value_n = (uint32_t)value.n};
    return found_add(f, &r, sizeof(r)) && found_add(f, key.p, key.n) && found_add(f, value.p, value.n);
}

void found_tell(const struct found *f, store_each each, void *arg)
{
    for (size_t at = 0; at < f->n;) {
        struct record r;
        memcpy(&r, f->p + at, sizeof(r));
        const uint8_t *key = f->p + at + sizeof(r);
        each(arg, span_make(key, r.key_n), span_make(key + r.key_n, r.value_n), r.ends_s);
        at += sizeof(r) + r.key_n + r.value_n;
    }
}

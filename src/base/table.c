#include "base/table.h"

#include <stdlib.h>

void table_init(struct table *t)
{
    memset(t, 0, sizeof(*t));
    t->key = hash_key_random();
    t->size = TABLE_FIRST;
    t->buckets = t->first;
}

void table_fini(struct table *t)
{
    if (t->buckets != t->first)
        free(t->buckets);
    t->buckets = t->first;
    t->size = TABLE_FIRST;
    t->count = 0;
    memset(t->first, 0, sizeof(t->first));
}

static struct table_link **bucket_of(const struct table *t, uint64_t hash)
{
    return &t->buckets[hash & (t->size - 1)];
}

static struct table_link *from(struct table_link *l, uint64_t hash)
{
    while (l && l->hash != hash)
        l = l->next;
    return l;
}

struct table_link *table_find(const struct table *t, uint64_t hash)
{
    return from(*bucket_of(t, hash), hash);
}

struct table_link *table_again(const struct table_link *l)
{
    return from(l->next, l->hash);
}

/* Without memory the chains only get longer. */
static void grow(struct table *t)
{
    struct table_link **before = t->buckets, **buckets = calloc(t->size * 4, sizeof(struct table_link *));
    size_t size = t->size;
    if (!buckets)
        return;
    t->buckets = buckets;
    t->size *= 4;
    for (size_t i = 0; i < size; i++) {
        for (struct table_link *l = before[i], *next; l; l = next) {
            struct table_link **at = bucket_of(t, l->hash);
            next = l->next;
            l->next = *at;
            *at = l;
        }
    }
    if (before != t->first)
        free(before);
}

void table_put(struct table *t, struct table_link *l, uint64_t hash)
{
    if (t->count >= t->size)
        grow(t);
    struct table_link **at = bucket_of(t, hash);
    l->hash = hash;
    l->next = *at;
    *at = l;
    t->count++;
}

void table_remove(struct table *t, struct table_link *l)
{
    struct table_link **at = bucket_of(t, l->hash);
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    t->count--;
}

struct table_link *table_next(const struct table *t, const struct table_link *after)
{
    if (after && after->next)
        return after->next;
    for (size_t i = after ? (after->hash & (t->size - 1)) + 1 : 0; i < t->size; i++)
        if (t->buckets[i])
            return t->buckets[i];
    return NULL;
}

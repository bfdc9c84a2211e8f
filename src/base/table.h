/* A hash table of what others own: its links lie in the members, so that putting one in cannot fail. */
#ifndef TG_BASE_TABLE_H
#define TG_BASE_TABLE_H

#include "base/hash.h"

#define TABLE_FIRST 64

struct table_link {
    struct table_link *next;
    uint64_t hash;
};

/* Stays where it is: it may point into itself. */
struct table {
    struct hash_key key;
    size_t size, count; /* size: a power of two */
    struct table_link **buckets;
    struct table_link *first[TABLE_FIRST];
};

void table_init(struct table *t);
/* Forgets the members. */
void table_fini(struct table *t);
static inline uint64_t table_hash(const struct table *t, struct span name)
{
    return hash_span(t->key, name);
}
/* The first, and then the next, of those that may have this hash; NULL: no more. */
struct table_link *table_find(const struct table *t, uint64_t hash);
struct table_link *table_again(const struct table_link *l);
void table_put(struct table *t, struct table_link *l, uint64_t hash);
void table_remove(struct table *t, struct table_link *l);
/* All of them: after == NULL: the first; NULL: no more. Between two, nothing may be put in; the one before may go once the next is known. */
struct table_link *table_next(const struct table *t, const struct table_link *after);

#endif

#include "gate/cache.h"

#include "base/crypto/mac.h"
#include "base/hash.h"

#include <stdlib.h>

#define WAYS 8  /* so that hardly a set is full while a third of the table is used */
#define SWEPT 8 /* entries that are looked at for each new one: what has expired is not kept for long */

struct cache_entry {
    uint8_t *bytes; /* owns: the key, then the value; NULL: free */
    size_t key_n, value_n;
    uint64_t hash; /* of the key */
    uint64_t expires_ms;
    uint64_t used; /* the tick of the last use */
};

struct cache {
    struct hash_key hash;
    size_t sets;
    size_t bytes, bytes_max; /* of keys and values */
    size_t hand;             /* the entry that is swept next */
    uint64_t tick;
    struct cache_entry entries[];
};

struct cache *cache_new(size_t entries, size_t bytes)
{
    size_t sets = (entries + WAYS - 1) / WAYS;
    struct cache *c = calloc(1, sizeof(*c) + sets * WAYS * sizeof(c->entries[0]));
    if (!c)
        return NULL;
    c->hash = hash_key_random();
    c->sets = sets;
    c->bytes_max = bytes;
    return c;
}

static void entry_clear(struct cache *c, struct cache_entry *e)
{
    if (!e->bytes)
        return;
    c->bytes -= e->key_n + e->value_n;
    wipe(e->bytes, e->key_n + e->value_n);
    free(e->bytes);
    *e = (struct cache_entry){0};
}

void cache_free(struct cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->sets * WAYS; i++)
        entry_clear(c, &c->entries[i]);
    free(c);
}

static struct cache_entry *set_of(struct cache *c, uint64_t hash)
{
    return &c->entries[hash % c->sets * WAYS];
}

/* Bytes are compared only where the hashes agree, which nobody brings about without their key: so the time tells nothing. */
static bool entry_has_key(const struct cache_entry *e, uint64_t hash, struct span key)
{
    return e->bytes && e->hash == hash && span_eq(span_make(e->bytes, e->key_n), key);
}

static struct cache_entry *set_find(struct cache_entry *set, uint64_t hash, struct span key)
{
    for (size_t i = 0; i < WAYS; i++)
        if (entry_has_key(&set[i], hash, key))
            return &set[i];
    return NULL;
}

bool cache_get(struct cache *c, struct span key, uint64_t now_ms, struct span *value)
{
    uint64_t hash = hash_span(c->hash, key);
    struct cache_entry *e = set_find(set_of(c, hash), hash, key);
    if (!e)
        return false;
    if (now_ms >= e->expires_ms) {
        entry_clear(c, e);
        return false;
    }
    e->used = ++c->tick;
    *value = span_make(e->bytes + e->key_n, e->value_n);
    return true;
}

/* The entry of that key, else a free one, else the longest unused. */
static struct cache_entry *set_place(struct cache_entry *set, uint64_t hash, struct span key)
{
    struct cache_entry *place = set_find(set, hash, key);
    if (place)
        return place;
    place = set;
    for (size_t i = 0; i < WAYS; i++)
        if (set[i].used < place->used)
            place = &set[i];
    return place;
}

/* Some of what has expired goes, and then whatever comes, until there is room for n bytes, which may be no more than all. */
static void sweep(struct cache *c, size_t n, uint64_t now_ms)
{
    for (size_t i = 0; i < SWEPT || c->bytes > c->bytes_max - n; i++) {
        struct cache_entry *e = &c->entries[c->hand++ % (c->sets * WAYS)];
        if (i >= SWEPT || now_ms >= e->expires_ms)
            entry_clear(c, e);
    }
}

void cache_put(struct cache *c, struct span key, struct span value, uint64_t now_ms, uint64_t expires_ms)
{
    size_t n = key.n + value.n;
    uint8_t *bytes = n <= c->bytes_max ? malloc(n + 1) : NULL;
    if (!bytes)
        return;
    uint64_t hash = hash_span(c->hash, key);
    struct cache_entry *e = set_place(set_of(c, hash), hash, key);
    memcpy(bytes, key.p, key.n); /* before anything goes: they may be the cache's own */
    if (value.n)
        memcpy(bytes + key.n, value.p, value.n);
    entry_clear(c, e);
    sweep(c, n, now_ms);
    c->bytes += n;
    *e = (struct cache_entry){
        .bytes = bytes, .key_n = key.n, .value_n = value.n, .hash = hash, .expires_ms = expires_ms, .used = ++c->tick};
}

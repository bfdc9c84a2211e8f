/* How many connections each client address has open, all threads together: one address must not take all places.
 * Touched at accept and close only, hence one lock. */
#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "edge/thread.h"

#define BUCKETS 1024u

struct address_count {
    struct address_count *next;
    struct cidr bucket;
    uint32_t open;
};

struct address_counts {
    pthread_mutex_t lock;
    struct hash_key key;
    struct address_count *buckets[BUCKETS];
};

struct address_counts *address_counts_new(void)
{
    struct address_counts *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->key = hash_key_random();
    if (pthread_mutex_init(&c->lock, NULL) != 0) {
        free(c);
        return NULL;
    }
    return c;
}

void address_counts_free(struct address_counts *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        while (c->buckets[i]) {
            struct address_count *e = c->buckets[i];
            c->buckets[i] = e->next;
            free(e);
        }
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static struct address_count **find(struct address_counts *c, const struct cidr *bucket)
{
    uint64_t h = hash_span(c->key, span_make(bucket->ip, sizeof bucket->ip));
    struct address_count **at = &c->buckets[h % BUCKETS];
    while (*at && memcmp((*at)->bucket.ip, bucket->ip, sizeof bucket->ip) != 0)
        at = &(*at)->next;
    return at;
}

static bool enter_locked(struct address_counts *c, const struct cidr *bucket, uint32_t max)
{
    struct address_count **at = find(c, bucket);
    if (*at) {
        if ((*at)->open >= max)
            return false;
        (*at)->open++;
        return true;
    }
    struct address_count *e = calloc(1, sizeof *e);
    if (!e)
        return false;
    e->bucket = *bucket;
    e->open = 1;
    *at = e;
    return true;
}

bool edge_address_enter(struct edge_shared *s, const struct addr *a, uint32_t max)
{
    if (a->family == 0)
        return true;
    struct cidr bucket = addr_bucket(a);
    pthread_mutex_lock(&s->addresses->lock);
    bool ok = enter_locked(s->addresses, &bucket, max);
    pthread_mutex_unlock(&s->addresses->lock);
    return ok;
}

void edge_address_leave(struct edge_shared *s, const struct addr *a)
{
    if (a->family == 0)
        return;
    struct cidr bucket = addr_bucket(a);
    pthread_mutex_lock(&s->addresses->lock);
    struct address_count **at = find(s->addresses, &bucket);
    struct address_count *e = *at;
    if (e && --e->open == 0) {
        *at = e->next;
        free(e);
    }
    pthread_mutex_unlock(&s->addresses->lock);
}

/* Looked up at accept and close, and behind a trusted proxy for what needs a place, hence one lock. */
#include "edge/addresses.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "edge/thread.h"

#define BUCKETS 1024u

struct address_count {
    struct address_count *next;
    struct cidr bucket;
    uint32_t open;                   /* connections */
    uint32_t users;                  /* those, and who holds it without one */
    atomic_uint places[PLACE_KINDS]; /* without the lock: whoever counts here is one of the users */
    _Atomic uint64_t wanted_ms;
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

static struct address_count **slot_of(struct address_counts *c, const struct cidr *bucket)
{
    uint64_t h = hash_span(c->key, span_make(bucket->ip, sizeof bucket->ip));
    struct address_count **at = &c->buckets[h % BUCKETS];
    while (*at && memcmp((*at)->bucket.ip, bucket->ip, sizeof bucket->ip) != 0)
        at = &(*at)->next;
    return at;
}

/* One more user. NULL: no memory. */
static struct address_count *use(struct address_counts *c, const struct cidr *bucket)
{
    struct address_count **at = slot_of(c, bucket);
    if (!*at)
        *at = calloc(1, sizeof **at);
    if (!*at)
        return NULL;
    (*at)->bucket = *bucket;
    (*at)->users++;
    return *at;
}

static void leave_locked(struct address_counts *c, struct address_count *e)
{
    if (--e->users > 0)
        return;
    *slot_of(c, &e->bucket) = e->next;
    free(e);
}

static struct address_count *enter_locked(struct address_counts *c, const struct cidr *bucket, uint32_t max)
{
    struct address_count *e = use(c, bucket);
    if (!e)
        return NULL;
    if (e->open >= max) {
        leave_locked(c, e);
        return NULL;
    }
    e->open++;
    return e;
}

bool edge_address_enter(struct edge_shared *s, const struct addr *a, uint32_t max, struct address_count **out)
{
    *out = NULL;
    if (a->family == 0)
        return true;
    struct cidr bucket = addr_bucket(a);
    pthread_mutex_lock(&s->addresses->lock);
    *out = enter_locked(s->addresses, &bucket, max);
    pthread_mutex_unlock(&s->addresses->lock);
    return *out != NULL;
}

void edge_address_leave(struct edge_shared *s, struct address_count *e)
{
    if (!e)
        return;
    pthread_mutex_lock(&s->addresses->lock);
    e->open--;
    leave_locked(s->addresses, e);
    pthread_mutex_unlock(&s->addresses->lock);
}

struct address_count *edge_address_hold(struct edge_shared *s, const struct addr *a)
{
    if (a->family == 0)
        return NULL;
    struct cidr bucket = addr_bucket(a);
    pthread_mutex_lock(&s->addresses->lock);
    struct address_count *e = use(s->addresses, &bucket);
    pthread_mutex_unlock(&s->addresses->lock);
    return e;
}

void edge_address_let_go(struct edge_shared *s, struct address_count *e)
{
    pthread_mutex_lock(&s->addresses->lock);
    leave_locked(s->addresses, e);
    pthread_mutex_unlock(&s->addresses->lock);
}

atomic_uint *edge_address_places(struct address_count *e, unsigned kind)
{
    return &e->places[kind];
}

_Atomic uint64_t *edge_address_wanted(struct address_count *e)
{
    return &e->wanted_ms;
}

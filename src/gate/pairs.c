#include "gate/pairs.h"

#include <pthread.h>
#include <stdlib.h>

#define PAIRS 1024

struct shared_pairs {
    pthread_mutex_t lock;
    struct cache *cache; /* pair -> when it expires */
};

struct shared_pairs *shared_pairs_new(void)
{
    struct shared_pairs *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->cache = cache_new(PAIRS, PAIRS * 64);
    if (s->cache && pthread_mutex_init(&s->lock, NULL) == 0)
        return s;
    cache_free(s->cache);
    free(s);
    return NULL;
}

void shared_pairs_free(struct shared_pairs *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->lock);
    cache_free(s->cache);
    free(s);
}

static struct span key_of(const struct pair *pair)
{
    return span_make(pair->sum, sizeof(pair->sum));
}

uint64_t pairs_find(const struct gate_thread *t, const struct pair *pair)
{
    struct shared_pairs *s = t->shared->pairs;
    uint64_t expires = 0;
    struct span value = SPAN_NONE;
    pthread_mutex_lock(&s->lock);
    if (cache_get(s->cache, key_of(pair), t->loop->now_ms, &value) && value.n == sizeof(expires))
        memcpy(&expires, value.p, sizeof(expires));
    pthread_mutex_unlock(&s->lock);
    return expires;
}

uint64_t pairs_remember(const struct gate_thread *t, const struct pair *pair)
{
    struct shared_pairs *s = t->shared->pairs;
    uint64_t expires = t->loop->now_ms + PAIR_TTL_MS;
    pthread_mutex_lock(&s->lock);
    cache_put(s->cache, key_of(pair), span_make(&expires, sizeof(expires)), t->loop->now_ms, expires);
    pthread_mutex_unlock(&s->lock);
    return expires;
}

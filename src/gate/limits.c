#include "gate/limits.h"

#include "base/hash.h"

#include <pthread.h>
#include <stdlib.h>

#define SETS 1024
#define WAYS 8
/* Attempts at once of somebody without failures: the first page of a test run with many workers. */
#define PENDING_AT_FIRST 16u

struct limit_entry {
    uint64_t key;      /* 0: free */
    uint64_t until_ms; /* end of the window that the first failure began */
    uint32_t failures;
    uint32_t pending;
};

struct limits {
    struct hash_key hash;
    pthread_mutex_t lock;
    /* under lock */
    struct gate_limits config;
    struct limit_entry entries[SETS * WAYS];
};

struct limits *limits_new(const struct gate_limits *config)
{
    struct limits *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    if (pthread_mutex_init(&l->lock, NULL) != 0) {
        free(l);
        return NULL;
    }
    l->hash = hash_key_random();
    l->config = *config;
    return l;
}

void limits_set(struct limits *l, const struct gate_limits *config)
{
    pthread_mutex_lock(&l->lock);
    l->config = *config;
    pthread_mutex_unlock(&l->lock);
}

void limits_free(struct limits *l)
{
    if (!l)
        return;
    pthread_mutex_destroy(&l->lock);
    free(l);
}

struct limit_ticket limits_ticket(const struct limits *l, const struct addr *client, struct span gate, struct span user)
{
    struct cidr bucket = addr_bucket(client);
    uint8_t text[2 + sizeof(bucket.ip) + 2 + 256 + 256];
    size_t n = 0;
    text[n++] = bucket.bits;
    text[n++] = client->family != 0;
    memcpy(text + n, bucket.ip, sizeof(bucket.ip));
    n += sizeof(bucket.ip);
    struct limit_ticket t = {.address = hash_span(l->hash, span_make(text, n)) | 1};
    struct span parts[2] = {gate, user};
    for (size_t i = 0; i < 2; i++) {
        size_t part = parts[i].n < 255 ? parts[i].n : 255;
        text[n++] = (uint8_t)part;
        if (part)
            memcpy(text + n, parts[i].p, part);
        n += part;
    }
    t.user = hash_span(l->hash, span_make(text, n)) | 1;
    return t;
}

static struct limit_entry *set_of(struct limits *l, uint64_t key)
{
    return &l->entries[(key >> 8) % SETS * WAYS];
}

static bool is_over_time(const struct limit_entry *e, uint64_t now_ms)
{
    return e->failures > 0 && now_ms >= e->until_ms;
}

static struct limit_entry *entry_find(struct limits *l, uint64_t key, uint64_t now_ms)
{
    struct limit_entry *set = set_of(l, key);
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].key != key)
            continue;
        if (is_over_time(&set[i], now_ms))
            set[i].failures = 0;
        return &set[i];
    }
    return NULL;
}

static uint32_t at_least_one(uint32_t n)
{
    return n ? n : 1;
}

/* Must this entry, which is not over time, stay? Those of both kinds share the table, so the lower of both limits is what
 * makes one locked. */
static bool is_held(const struct limits *l, const struct limit_entry *e)
{
    uint32_t user = at_least_one(l->config.failures_per_user), address = at_least_one(l->config.failures_per_address);
    return e->pending > 0 || e->failures >= (user < address ? user : address);
}

/* A free entry, else the one with the fewest failures that need not stay; NULL when all must. */
static struct limit_entry *entry_make(struct limits *l, uint64_t key, uint64_t now_ms)
{
    struct limit_entry *set = set_of(l, key), *best = NULL;
    for (size_t i = 0; i < WAYS; i++) {
        if (is_over_time(&set[i], now_ms))
            set[i].failures = 0;
        if (!is_held(l, &set[i]) && (!best || set[i].failures < best->failures))
            best = &set[i];
    }
    if (best)
        *best = (struct limit_entry){.key = key};
    return best;
}

static enum limit_verdict verdict_of(const struct limit_entry *e, uint32_t limit, uint64_t now_ms,
                                     uint32_t *retry_after_s)
{
    if (!e)
        return LIMIT_OK;
    limit = at_least_one(limit);
    if (e->failures >= limit) {
        *retry_after_s = (uint32_t)((e->until_ms - now_ms + 999) / 1000);
        return LIMIT_OVER;
    }
    uint32_t at_once = e->failures > 0 ? limit - e->failures : limit > PENDING_AT_FIRST ? limit : PENDING_AT_FIRST;
    if (e->pending < at_once)
        return LIMIT_OK;
    *retry_after_s = 1;
    return LIMIT_BUSY;
}

static enum limit_verdict judge(struct limits *l, struct limit_ticket t, uint64_t now_ms, uint32_t *retry_after_s)
{
    enum limit_verdict v =
        verdict_of(entry_find(l, t.address, now_ms), l->config.failures_per_address, now_ms, retry_after_s);
    if (v != LIMIT_OK)
        return v;
    return verdict_of(entry_find(l, t.user, now_ms), l->config.failures_per_user, now_ms, retry_after_s);
}

static bool reserve(struct limits *l, uint64_t key, uint64_t now_ms)
{
    struct limit_entry *e = entry_find(l, key, now_ms);
    if (!e)
        e = entry_make(l, key, now_ms);
    if (!e)
        return false;
    e->pending++;
    return true;
}

static void release(struct limits *l, uint64_t key, uint64_t now_ms, bool wrong)
{
    struct limit_entry *e = entry_find(l, key, now_ms);
    if (!e)
        return;
    if (e->pending > 0)
        e->pending--;
    if (wrong && e->failures++ == 0)
        e->until_ms = now_ms + (uint64_t)at_least_one(l->config.window_s) * 1000;
    if (e->pending == 0 && e->failures == 0)
        *e = (struct limit_entry){0};
}

/* Both entries or none. Keys that are the same would be released twice as well, so nothing is lost by it. */
static bool reserve_both(struct limits *l, struct limit_ticket t, uint64_t now_ms)
{
    if (!reserve(l, t.address, now_ms))
        return false;
    if (reserve(l, t.user, now_ms))
        return true;
    release(l, t.address, now_ms, false);
    return false;
}

enum limit_verdict limits_begin(struct limits *l, struct limit_ticket t, uint64_t now_ms, uint32_t *retry_after_s)
{
    pthread_mutex_lock(&l->lock);
    enum limit_verdict v = judge(l, t, now_ms, retry_after_s);
    if (v == LIMIT_OK && !reserve_both(l, t, now_ms)) {
        *retry_after_s = at_least_one(l->config.window_s);
        v = LIMIT_OVER;
    }
    pthread_mutex_unlock(&l->lock);
    return v;
}

enum limit_verdict limits_peek(struct limits *l, struct limit_ticket t, uint64_t now_ms, uint32_t *retry_after_s)
{
    pthread_mutex_lock(&l->lock);
    enum limit_verdict v = judge(l, t, now_ms, retry_after_s);
    pthread_mutex_unlock(&l->lock);
    /* Who only waits takes no place of his own. */
    return v == LIMIT_BUSY ? LIMIT_OK : v;
}

void limits_end(struct limits *l, struct limit_ticket t, enum attempt_outcome outcome, uint64_t now_ms)
{
    pthread_mutex_lock(&l->lock);
    release(l, t.address, now_ms, outcome == ATTEMPT_WRONG);
    release(l, t.user, now_ms, outcome == ATTEMPT_WRONG);
    pthread_mutex_unlock(&l->lock);
}

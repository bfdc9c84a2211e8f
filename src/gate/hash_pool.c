#include "gate/hash_pool.h"

#include "base/crypto/mac.h"
#include "base/thread.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct hash_pool {
    pthread_t thread;
    struct crypt_room *room; /* the thread's */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* under lock */
    struct hash_job queue; /* ring head; the job that runs is still counted, but not on it */
    struct hash_job *running;
    uint32_t queued;
    uint32_t max, max_per_address;
    bool stopping;
};

struct hash_job *hash_job_new(struct span password, struct span hash, const struct addr *client)
{
    if (password.n > BASIC_PASSWORD_MAX || hash.n >= CRYPT_HASH_MAX)
        return NULL;
    struct hash_job *j = calloc(1, sizeof(*j));
    if (!j)
        return NULL;
    memcpy(j->password, password.p, password.n);
    memcpy(j->hash, hash.p, hash.n);
    j->bucket = addr_bucket(client);
    return j;
}

void hash_job_free(struct hash_job *j)
{
    if (!j)
        return;
    wipe(j, sizeof(*j));
    free(j);
}

static void unlink_job(struct hash_pool *p, struct hash_job *j)
{
    j->prev->next = j->next;
    j->next->prev = j->prev;
    p->queued--;
}

/* --- on the loop -------------------------------------------------------------------------------------------------- */

static void on_message(void *arg)
{
    struct hash_job *j = arg;
    if (!j->abandoned)
        j->on_done(j);
    hash_job_free(j);
}

static void on_dropped(void *arg)
{
    hash_job_free(arg);
}

/* --- on the hash thread ------------------------------------------------------------------------------------------- */

static void wait_a_little(struct hash_pool *p)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 10000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&p->wake, &p->lock, &until);
}

/* Under lock: a loop goes away only after its jobs were abandoned, which needs the lock too. Somebody waits for this
 * result, so when memory is out it is tried again. False: nobody wants it any more. */
static bool deliver(struct hash_pool *p, struct hash_job *j)
{
    while (!j->abandoned && !p->stopping) {
        if (loop_post(j->loop, on_message, on_dropped, j))
            return true;
        wait_a_little(p);
    }
    return false;
}

static struct hash_job *next_job(struct hash_pool *p)
{
    while (!p->stopping && p->queue.next == &p->queue)
        pthread_cond_wait(&p->wake, &p->lock);
    if (p->stopping)
        return NULL;
    struct hash_job *j = p->queue.next;
    unlink_job(p, j);
    j->state = HASH_TAKEN;
    p->running = j;
    return j;
}

static void *run(void *arg)
{
    struct hash_pool *p = arg;
    struct hash_job *j;
    pthread_mutex_lock(&p->lock);
    while ((j = next_job(p)) != NULL) {
        pthread_mutex_unlock(&p->lock);
        enum crypt_verdict verdict = crypt_hash_check(p->room, j->password, j->hash);
        pthread_mutex_lock(&p->lock);
        j->verdict = verdict;
        p->running = NULL;
        if (!deliver(p, j))
            hash_job_free(j);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* --- from the loops ----------------------------------------------------------------------------------------------- */

struct hash_pool *hash_pool_new(uint32_t queue, uint32_t per_address)
{
    struct hash_pool *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->queue.next = p->queue.prev = &p->queue;
    p->max = queue;
    p->max_per_address = per_address;
    p->room = crypt_room_new();
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    if (p->room && thread_start(&p->thread, run, p))
        return p;
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    crypt_room_free(p->room);
    free(p);
    return NULL;
}

void hash_pool_set_limits(struct hash_pool *p, uint32_t queue, uint32_t per_address)
{
    pthread_mutex_lock(&p->lock);
    p->max = queue;
    p->max_per_address = per_address;
    pthread_mutex_unlock(&p->lock);
}

void hash_pool_free(struct hash_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    crypt_room_free(p->room);
    free(p);
}

static bool same_bucket(const struct cidr *a, const struct cidr *b)
{
    return a->bits == b->bits && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static uint32_t jobs_of(const struct hash_pool *p, const struct cidr *bucket)
{
    uint32_t n = p->running && same_bucket(&p->running->bucket, bucket);
    for (const struct hash_job *j = p->queue.next; j != &p->queue; j = j->next)
        n += same_bucket(&j->bucket, bucket);
    return n;
}

bool hash_pool_add(struct hash_pool *p, struct hash_job *j)
{
    pthread_mutex_lock(&p->lock);
    bool room = p->queued < p->max && jobs_of(p, &j->bucket) < p->max_per_address;
    if (room) {
        j->state = HASH_QUEUED;
        j->prev = p->queue.prev;
        j->next = &p->queue;
        j->prev->next = p->queue.prev = j;
        p->queued++;
        pthread_cond_signal(&p->wake);
    }
    pthread_mutex_unlock(&p->lock);
    return room;
}

/* Under lock. */
static bool take_back(struct hash_pool *p, struct hash_job *j)
{
    bool waits = j->state == HASH_QUEUED;
    if (waits)
        unlink_job(p, j);
    return waits;
}

bool hash_pool_withdraw(struct hash_pool *p, struct hash_job *j)
{
    pthread_mutex_lock(&p->lock);
    bool mine = take_back(p, j);
    pthread_mutex_unlock(&p->lock);
    if (mine)
        hash_job_free(j);
    return mine;
}

void hash_pool_abandon(struct hash_pool *p, struct hash_job *j)
{
    pthread_mutex_lock(&p->lock);
    bool mine = take_back(p, j);
    /* From here on the job belongs to the hash thread or to the loop's mailbox, whichever has it. */
    j->abandoned = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    if (mine)
        hash_job_free(j);
}

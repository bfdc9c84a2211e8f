/* The store's thread: all that waits goes into one transaction, so that the disk is waited for once, and is answered when that is
 * on it. In between it looks whether another process has written, and takes away what has ended. */
#include "store/store_impl.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCH 1000u
#define POLL_MS 250u
#define PURGE_MS 30000u
#define PURGE_MORE_MS 100u
#define REPOST_MS 10u
#define QUIET_MS 10000u /* a disk that is full now and then is told of as often as this */

/* --- faults ------------------------------------------------------------------------------------------------------- */

static void tell_fault(struct store *s, enum db_fault f)
{
    s->writer.fault_ms = clock_mono_ms();
    if ((s->writer.told >> f & 1) == 0)
        (void)fprintf(stderr, "tiergate: store: %s\n", db_fault_text(f));
    s->writer.told |= 1u << f;
}

static void tell_success(struct store *s)
{
    if (s->writer.told == 0 || clock_mono_ms() - s->writer.fault_ms < QUIET_MS)
        return;
    (void)fputs("tiergate: store: works again\n", stderr);
    s->writer.told = 0;
}

/* --- a batch ------------------------------------------------------------------------------------------------------ */

static void refuse_all(struct op *first, enum db_fault f)
{
    for (struct op *o = first; o; o = o->next) {
        o->found.n = 0;
        o->reply = (struct store_reply){.outcome = STORE_FAILED, .detail = db_fault_text(f)};
    }
}

static bool takes_back(const struct op *first)
{
    const struct op *o = first;
    while (o && o->table != STORE_REVOKED)
        o = o->next;
    return o;
}

static enum db_fault run_batch(struct db *d, struct op *first, bool writes)
{
    int64_t now_s = clock_wall_s();
    if (writes)
        db_use(d, takes_back(first));
    enum db_fault f = db_begin(d, writes);
    for (struct op *o = first; o && f == DB_FINE; o = o->next)
        f = db_run(d, o, now_s);
    if (f == DB_FINE)
        f = db_commit(d);
    if (f != DB_FINE)
        db_undo(d);
    return f;
}

/* What one of them meets, all of them get: they saw each other's changes, which are undone. */
static bool carry_out(struct store *s, struct op *first, bool writes)
{
    enum db_fault f = run_batch(s->writer.db, first, writes);
    if (f == DB_FINE) {
        if (writes)
            tell_success(s);
        return true;
    }
    refuse_all(first, f);
    tell_fault(s, f);
    return false;
}

/* --- between batches ---------------------------------------------------------------------------------------------- */

static void purge(struct store *s, uint64_t now_ms)
{
    bool more;
    enum db_fault f = db_purge(s->writer.db, clock_wall_s(), &more);
    if (f != DB_FINE) {
        db_undo(s->writer.db);
        tell_fault(s, f);
    }
    s->writer.purge_ms = now_ms + (more ? PURGE_MORE_MS : PURGE_MS);
}

/* True: others have written. */
static bool look_around(struct store *s)
{
    uint64_t now_ms = clock_mono_ms();
    if (now_ms >= s->writer.purge_ms)
        purge(s, now_ms);
    if (now_ms < s->writer.poll_ms)
        return false;
    s->writer.poll_ms = now_ms + POLL_MS;
    return db_changed(s->writer.db);
}

/* --- under lock --------------------------------------------------------------------------------------------------- */

/* Somebody waits for it, so when memory is out it is tried again. */
static bool has_news(const struct store *s)
{
    return !s->shared.posted && (s->shared.finished.head || s->shared.changed);
}

static void post_news(struct store *s)
{
    if (has_news(s) && !s->shared.stopping)
        s->shared.posted = loop_post(s->loop, store_on_message, store_on_message, s->link);
}

static void wait_for_work(struct store *s)
{
    struct timespec until;
    uint64_t now_ms = clock_mono_ms(), at = s->writer.poll_ms;
    at = s->writer.purge_ms < at ? s->writer.purge_ms : at;
    at = has_news(s) && now_ms + REPOST_MS < at ? now_ms + REPOST_MS : at;
    if (at <= now_ms)
        return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + (at - now_ms) * 1000000;
    until.tv_sec += (time_t)(ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    pthread_cond_timedwait(&s->wake, &s->lock, &until);
}

/* At most BATCH of those that wait, as a list of their own. */
static struct op_list take_batch(struct store *s, bool *writes)
{
    struct op_list batch = {NULL, NULL};
    *writes = false;
    for (unsigned n = 0; n < BATCH && s->shared.queue.head; n++) {
        struct op *o = op_list_take(&s->shared.queue);
        *writes |= op_writes(o);
        op_list_add(&batch, o);
    }
    return batch;
}

static void hand_over(struct store *s, struct op_list *batch)
{
    for (struct op *o; (o = op_list_take(batch)) != NULL;)
        op_list_add(&s->shared.finished, o);
}

/* False: it was the last one. */
static bool turn(struct store *s)
{
    bool writes, worked = true, changed;
    if (!s->shared.queue.head && !s->shared.stopping)
        wait_for_work(s);
    struct op_list batch = take_batch(s, &writes);
    pthread_mutex_unlock(&s->lock);
    if (batch.head)
        worked = carry_out(s, batch.head, writes);
    changed = look_around(s);
    pthread_mutex_lock(&s->lock);
    hand_over(s, &batch);
    s->shared.changed |= changed;
    post_news(s);
    /* Who closes does not wait for a disk that does not answer. */
    return !s->shared.stopping || (s->shared.queue.head && worked);
}

void *store_writer(void *store)
{
    struct store *s = store;
    (void)pthread_setname_np(pthread_self(), "tg-store");
    pthread_mutex_lock(&s->lock);
    while (turn(s))
        ;
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

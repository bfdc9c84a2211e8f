#include "gate/flight.h"

#include "base/clock.h"
#include "gate/check.h"
#include "gate/pairs.h"

#include <stdlib.h>

enum flight_state { FLIGHT_UP = 0, FLIGHT_LANDING /* its waiters are being told */ };

struct flight {
    struct flight *next, *prev;
    struct gate_thread *thread; /* back */
    enum flight_state state;
    struct pair pair;
    struct limit_ticket ticket;
    struct hash_job *job;       /* the pool's */
    struct gate_wait *waits;    /* in order of arrival */
    enum crypt_verdict ceiling; /* the best that the outcome can be: a dummy's match is none */
};

struct flight *flight_find(struct gate_thread *t, const struct pair *pair)
{
    for (struct flight *f = t->flights; f; f = f->next)
        if (equal_const_time(f->pair.sum, pair->sum, sizeof(pair->sum)))
            return f;
    return NULL;
}

static void flight_link(struct gate_thread *t, struct flight *f)
{
    f->next = t->flights;
    if (f->next)
        f->next->prev = f;
    t->flights = f;
}

static void flight_unlink(struct flight *f)
{
    if (f->next)
        f->next->prev = f->prev;
    if (f->prev)
        f->prev->next = f->next;
    else
        f->thread->flights = f->next;
    f->next = f->prev = NULL;
}

static void flight_free(struct flight *f)
{
    wipe(f, sizeof(*f));
    free(f);
}

static void wait_link(struct flight *f, struct gate_wait *w)
{
    struct gate_wait **at = &f->waits;
    w->flight = f;
    while (*at) {
        w->prev = *at;
        at = &(*at)->next;
    }
    *at = w;
}

static void wait_unlink(struct gate_wait *w)
{
    if (w->next)
        w->next->prev = w->prev;
    if (w->prev)
        w->prev->next = w->next;
    else
        w->flight->waits = w->next;
    w->check->wait = NULL;
    w->next = w->prev = NULL;
}

/* --- landing ------------------------------------------------------------------------------------------------------ */

static void tell(struct gate_thread *t, struct gate_wait *w, enum crypt_verdict verdict, uint64_t expires_ms)
{
    struct gate_check *c = w->check;
    enum gate_result result = GATE_FAILED;
    if (verdict == CRYPT_MATCH && w->user)
        result = check_admit(t, c, w->user, expires_ms);
    else if (verdict != CRYPT_FAILED)
        result = GATE_REFUSED;
    wait_unlink(w);
    c->on_done(c->arg, result); /* may free the check */
}

static enum attempt_outcome outcome_of(enum crypt_verdict verdict)
{
    return verdict == CRYPT_MATCH ? ATTEMPT_RIGHT : verdict == CRYPT_MISMATCH ? ATTEMPT_WRONG : ATTEMPT_VOID;
}

static void on_hashed(struct hash_job *job)
{
    struct flight *f = job->arg;
    struct gate_thread *t = f->thread;
    enum crypt_verdict verdict = job->verdict < f->ceiling ? job->verdict : f->ceiling;
    f->state = FLIGHT_LANDING;
    f->job = NULL;
    flight_unlink(f); /* who comes from now on finds the pair remembered, or tries anew */
    limits_end(t->shared->limits, f->ticket, outcome_of(verdict), clock_mono_ms());
    uint64_t expires_ms = verdict == CRYPT_MATCH ? pairs_remember(t, &f->pair) : 0;
    while (f->waits) /* each may cancel others of them */
        tell(t, f->waits, verdict, expires_ms);
    flight_free(f);
}

/* --- start and end ------------------------------------------------------------------------------------------------ */

static struct flight *flight_new(struct gate_thread *t, const struct attempt *a, const struct addr *client)
{
    struct flight *f = calloc(1, sizeof(*f));
    if (!f)
        return NULL;
    f->job = hash_job_new(a->password, a->hash, client);
    if (!f->job) {
        free(f);
        return NULL;
    }
    f->job->loop = t->loop;
    f->job->on_done = on_hashed;
    f->job->arg = f;
    f->thread = t;
    f->pair = a->pair;
    f->ticket = a->ticket;
    f->ceiling = a->user && !a->plain_wrong ? CRYPT_MATCH : CRYPT_MISMATCH;
    return f;
}

enum gate_result flight_join(struct flight *f, struct gate_check *c, const struct attempt *a)
{
    struct gate_wait *w = arena_zalloc(c->arena, sizeof(*w));
    if (!w)
        return GATE_FAILED;
    w->check = c;
    w->user = a->user;
    wait_link(f, w);
    c->wait = w;
    return GATE_PENDING;
}

/* Before the job is the pool's. */
static enum gate_result flight_fail(struct flight *f, enum gate_result result)
{
    limits_end(f->thread->shared->limits, f->ticket, ATTEMPT_VOID, clock_mono_ms());
    hash_job_free(f->job);
    flight_free(f);
    return result;
}

enum gate_result flight_start(struct gate_thread *t, struct gate_check *c, const struct attempt *a)
{
    struct flight *f = flight_new(t, a, &c->client);
    if (!f) {
        limits_end(t->shared->limits, a->ticket, ATTEMPT_VOID, clock_mono_ms());
        return GATE_FAILED;
    }
    if (flight_join(f, c, a) != GATE_PENDING)
        return flight_fail(f, GATE_FAILED);
    if (!hash_pool_add(t->shared->pool, f->job)) {
        wait_unlink(f->waits);
        c->retry_after_s = 1;
        return flight_fail(f, GATE_BUSY);
    }
    flight_link(t, f);
    return GATE_PENDING;
}

void flight_leave(struct gate_thread *t, struct gate_wait *w)
{
    struct flight *f = w->flight;
    wait_unlink(w);
    if (f->waits || f->state == FLIGHT_LANDING)
        return;
    /* A hash that was begun is finished and counted: going away early must not make wrong guesses free. */
    if (!hash_pool_withdraw(t->shared->pool, f->job))
        return;
    limits_end(t->shared->limits, f->ticket, ATTEMPT_VOID, clock_mono_ms());
    flight_unlink(f);
    flight_free(f);
}

void flight_abandon_all(struct gate_thread *t)
{
    while (t->flights) {
        struct flight *f = t->flights;
        hash_pool_abandon(t->shared->pool, f->job);
        limits_end(t->shared->limits, f->ticket, ATTEMPT_VOID, clock_mono_ms());
        while (f->waits)
            wait_unlink(f->waits);
        flight_unlink(f);
        flight_free(f);
    }
}

/* The sign-in service inside of the worker: what it stands on, and the way of each ledger to all loop threads and back. ADR 0014. */
#include "control/worker_priv.h"

#include <stdlib.h>

#define AUDIT_RING 65536u
#define READ_LIMIT_MS 5000u /* a store that another worker writes to is busy for a moment, not for so long */

/* --- ledgers ------------------------------------------------------------------------------------------------------ */

/* Its way to one thread and back: with the thread, then with control again. */
struct ledger_visit {
    struct worker_ledger *of; /* back */
    struct worker_thread *thread;
    unsigned ended; /* the thread's answer */
};

struct worker_ledger {
    struct worker_ledger *next;
    struct worker *worker; /* back */
    struct ledger *ledger; /* a reference */
    unsigned waiting;      /* threads that have not answered */
    uint32_t ended;
    struct ledger_visit visits[];
};

static void ledger_drop(struct worker_ledger *l)
{
    struct worker_ledger **at = &l->worker->signin.ledgers;
    while (*at != l) {
        at = &(*at)->next;
    }
    *at = l->next;
    ledger_unref(l->ledger);
    free(l);
}

static void on_taken(void *arg)
{
    struct ledger_visit *v = arg;
    struct worker_ledger *l = v->of;
    struct worker *w = l->worker;
    l->ended += v->ended;
    if (--l->waiting > 0) {
        return;
    }
    uint64_t number = ledger_number(l->ledger);
    uint32_t ended = l->ended;
    ledger_drop(l);
    signin_ledger_taken(w->signin.service, number, ended);
}

static void take(void *arg) /* thread: the loop's */
{
    struct ledger_visit *v = arg;
    v->ended = edge_thread_set_ledger(v->thread->edge, v->of->ledger);
    if (!loop_post(v->of->worker->loop, on_taken, NULL, v)) {
        worker_die("out of memory");
    }
}

/* Threads that obey and threads that do not are worse than none: the next worker reads all of it from the store. */
static void publish(void *arg, struct ledger *ledger)
{
    struct worker *w = arg;
    struct worker_ledger *l = calloc(1, sizeof(*l) + w->thread_count * sizeof(l->visits[0]));
    if (l == NULL) {
        worker_die("out of memory");
    }
    *l = (struct worker_ledger){.next = w->signin.ledgers, .worker = w, .ledger = ledger, .waiting = w->thread_count};
    w->signin.ledgers = l;
    for (unsigned i = 0; i < w->thread_count; i++) {
        l->visits[i] = (struct ledger_visit){.of = l, .thread = &w->threads[i]};
        if (!loop_post(w->threads[i].loop, take, NULL, &l->visits[i])) {
            worker_die("out of memory");
        }
    }
    if (w->commit.needs_ledger) {
        timer_stop(&w->signin.limit);
        worker_commit_go_on(w); /* reaches the threads after the ledger */
    }
}

static void on_read_limit(void *arg)
{
    struct worker *w = arg;
    if (w->commit.needs_ledger) {
        worker_commit_give_up(w, "the store does not say whose sessions were taken back, and so nobody is let in");
    }
}

/* --- audit -------------------------------------------------------------------------------------------------------- */

/* What does not fit is counted as dropped, and that is written. */
static void write_audit(void *arg, struct span line)
{
    struct worker *w = arg;
    (void)log_ring_put(w->signin.audit, line);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static struct res make(struct worker *w)
{
    struct worker_signin *g = &w->signin;
    timer_init(&g->limit, w->loop, on_read_limit, w);
    g->audit = log_ring_new(w->log, AUDIT_RING);
    g->resolver = resolver_new(w->loop, w->resolver);
    g->fetcher = g->resolver != NULL ? fetcher_new(w->loop, g->resolver) : NULL;
    if (g->audit == NULL || g->fetcher == NULL || !timer_set(&g->limit, READ_LIMIT_MS)) {
        return res_err("out of memory");
    }
    struct signin_config c = {
        .loop = w->loop, .store = w->store, .fetcher = g->fetcher, .audit = write_audit, .publish = publish, .arg = w};
    g->service = signin_new(&c);
    return g->service != NULL ? RES_OK : res_err("out of memory");
}

struct res worker_signin_start(struct worker *w, const struct snapshot *s)
{
    struct res r = make(w);
    if (res_ok(r)) {
        worker_signin_take(w, s);
    }
    return r;
}

/* Without certificates what is asked of others fails, and says so; who need not be asked about is served. */
void worker_signin_take(struct worker *w, const struct snapshot *s)
{
    (void)fetcher_load_authorities(w->signin.fetcher);
    signin_set_gates(w->signin.service, (struct gate_list){.v = s->gates, .n = s->gate_count}, s->generation);
}

void worker_signin_stop(struct worker *w)
{
    struct worker_signin *g = &w->signin;
    signin_free(g->service);
    if (g->fetcher != NULL) {
        fetcher_free(g->fetcher);
    }
    if (g->resolver != NULL) {
        resolver_free(g->resolver);
    }
    while (g->ledgers != NULL) {
        ledger_drop(g->ledgers);
    }
    if (g->limit.loop != NULL) {
        timer_fini(&g->limit);
    }
    *g = (struct worker_signin){.service = NULL};
}

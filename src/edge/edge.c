/* The edge of one loop thread: its configuration, its listeners, its drain. Called by control; thread: the loop's. */
#include "edge/edge.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "edge/addresses.h"
#include "edge/conn.h"
#include "edge/shed.h"
#include "edge/thread.h"
#include "edge/tunnel.h"
#include "gate/cache.h"
#include "net/proxy_accept.h"

/* Lines of a busy thread for about a second; a sink that stalls longer costs request lines, never requests. */
#define LOG_RING_BYTES (1u << 20)

struct edge_shared *edge_shared_new(struct gate_shared *gate, struct log *log, size_t memory)
{
    struct edge_shared *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->gate = gate;
    s->log = log;
    s->memory = memory;
    budget_init(&s->budget, memory);
    s->addresses = address_counts_new();
    if (!s->addresses) {
        free(s);
        return NULL;
    }
    return s;
}

void edge_shared_set_signin(struct edge_shared *s, struct signin *signin)
{
    s->signin = signin;
}

struct edge_load edge_shared_load(const struct edge_shared *s)
{
    return (struct edge_load){.connections = atomic_load_explicit(&s->connections, memory_order_relaxed),
                              .memory_level = budget_level_name(budget_level(&s->budget)),
                              .memory_held = budget_held(&s->budget),
                              .memory_limit = budget_limit(&s->budget)};
}

void edge_shared_free(struct edge_shared *s)
{
    if (!s)
        return;
    address_counts_free(s->addresses);
    free(s);
}

struct snapshot_hold *snapshot_hold_take(struct edge_thread *t)
{
    t->hold->refs++;
    return t->hold;
}

void snapshot_hold_give(struct snapshot_hold *h)
{
    if (!h || --h->refs > 0)
        return;
    snapshot_unref(h->snapshot);
    free(h);
}

struct span edge_thread_date(struct edge_thread *t)
{
    int64_t now = clock_wall_s();
    if (now != t->date_s) {
        clock_format_http(now, t->date);
        t->date_s = now;
    }
    return span_make(t->date, sizeof t->date);
}

/* True: there was one to be ended; c may be closed. */
static bool end_tunnels(struct conn *c)
{
    bool any = false;
    for (struct exchange *x = c->exchanges, *next; x; x = next) {
        next = x->next;
        if (x->state != EX_TUNNEL || !tunnel_is_open(x->tunnel))
            continue;
        tunnel_close(x->tunnel, TUNNEL_RESTART);
        any = true;
    }
    return any;
}

static void sweep_conn(struct edge_thread *t, struct conn *c, uint64_t now)
{
    if (t->state == EDGE_DRAINING && now >= t->drain_ms)
        conn_close(c, STREAM_CLOSE_NOW);
    else if (t->state != EDGE_DRAINING || now < t->tunnel_cut_ms || !end_tunnels(c))
        conn_sweep(c);
}

static void edge_sweep(void *arg)
{
    struct edge_thread *t = arg;
    uint64_t now = t->loop->now_ms;
    for (struct conn *c = t->conns, *next; c; c = next) {
        next = c->next;
        sweep_conn(t, c, now);
    }
    shed_sweep(t);
    if (t->state != EDGE_GONE && !timer_set(&t->sweep, EDGE_SWEEP_MS))
        edge_thread_abort(t); /* without deadlines nothing may stay open */
}

struct edge_thread *edge_thread_new(struct edge_shared *s, struct loop *loop, const char *resolver_servers)
{
    struct edge_thread *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->shared = s;
    t->loop = loop;
    t->resolver = resolver_new(loop, resolver_servers);
    t->origins = t->resolver ? origin_thread_new(loop, t->resolver) : NULL;
    t->proxies = proxy_acceptor_new(loop);
    t->gate = gate_thread_new(s->gate, loop);
    t->scratch = policy_scratch_new();
    t->token_traces = cache_new(64, 65536);
    t->ring = log_ring_new(s->log, LOG_RING_BYTES);
    timer_init(&t->sweep, loop, edge_sweep, t);
    if (!t->resolver || !t->origins || !t->proxies || !t->gate || !t->scratch || !t->token_traces || !t->ring ||
        !timer_set(&t->sweep, EDGE_SWEEP_MS)) {
        edge_thread_free(t);
        return NULL;
    }
    return t;
}

static void listener_drop(struct edge_listener *l)
{
    listener_free(l->listener);
    free(l);
}

static void listeners_drop(struct edge_listener **list)
{
    while (*list) {
        struct edge_listener *l = *list;
        *list = l->next;
        listener_drop(l);
    }
}

void edge_thread_free(struct edge_thread *t)
{
    if (!t)
        return;
    timer_fini(&t->sweep);
    listeners_drop(&t->listeners);
    proxy_acceptor_free(t->proxies);
    gate_thread_free(t->gate);
    origin_thread_free(t->origins);
    resolver_free(t->resolver);
    policy_scratch_free(t->scratch);
    cache_free(t->token_traces);
    snapshot_hold_give(t->hold);
    t->loop->meter.budget = NULL;
    free(t);
}

static struct edge_listener *listener_make(struct edge_thread *t, const struct edge_listen *want)
{
    struct edge_listener *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->thread = t;
    l->fd = want->fd;
    l->address = want->address;
    l->listener = listener_new(t->loop, want->fd, edge_on_accept, l);
    if (!l->listener) {
        free(l);
        return NULL;
    }
    listener_set_door(l->listener, edge_is_open);
    return l;
}

static bool listens_has(const struct edge_listen *listens, size_t count, int fd)
{
    for (size_t i = 0; i < count; i++)
        if (listens[i].fd == fd)
            return true;
    return false;
}

static bool thread_listens(const struct edge_thread *t, int fd)
{
    for (const struct edge_listener *l = t->listeners; l; l = l->next)
        if (l->fd == fd)
            return true;
    return false;
}

/* New listeners are made before anything changes, so that a failure changes nothing. */
static bool listeners_make(struct edge_thread *t, const struct edge_listen *listens, size_t count,
                           struct edge_listener **made)
{
    *made = NULL;
    for (size_t i = 0; i < count; i++) {
        if (thread_listens(t, listens[i].fd))
            continue;
        struct edge_listener *l = listener_make(t, &listens[i]);
        if (!l) {
            listeners_drop(made);
            return false;
        }
        l->next = *made;
        *made = l;
    }
    return true;
}

static void listeners_commit(struct edge_thread *t, const struct edge_listen *listens, size_t count,
                             struct edge_listener *made)
{
    for (struct edge_listener **at = &t->listeners; *at;) {
        struct edge_listener *l = *at;
        if (listens_has(listens, count, l->fd)) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        listener_drop(l);
    }
    while (made) {
        struct edge_listener *l = made;
        made = l->next;
        l->next = t->listeners;
        t->listeners = l;
    }
}

static unsigned recheck_all(struct edge_thread *t)
{
    unsigned ended = 0;
    for (struct conn *c = t->conns, *next; c; c = next) {
        next = c->next;
        ended += conn_recheck(c);
    }
    return ended;
}

unsigned edge_thread_set_ledger(struct edge_thread *t, struct ledger *l)
{
    if (t->state == EDGE_GONE)
        return 0;
    gate_thread_set_ledger(t->gate, l);
    return recheck_all(t);
}

bool edge_thread_set(struct edge_thread *t, struct snapshot *snapshot, const struct edge_listen *listens, size_t count)
{
    if (t->state == EDGE_GONE)
        return true;
    if (t->state == EDGE_DRAINING)
        count = 0;
    struct snapshot_hold *hold = calloc(1, sizeof *hold);
    struct edge_listener *made;
    if (!hold || !listeners_make(t, listens, count, &made)) {
        free(hold);
        return false;
    }
    hold->snapshot = snapshot_ref(snapshot);
    hold->refs = 1;
    struct snapshot_hold *old = t->hold;
    t->hold = hold;
    listeners_commit(t, listens, count, made);
    origin_thread_keep(t->origins, snapshot->limits.origin_idle);
    shed_configure(t, &snapshot->limits);
    if (old)
        origin_thread_flush(t->origins); /* a changed origin must not live on in a pool */
    snapshot_hold_give(old);
    recheck_all(t);
    return true;
}

static void thread_gone(struct edge_thread *t)
{
    t->state = EDGE_GONE;
    timer_stop(&t->sweep);
    origin_thread_flush(t->origins);
    if (t->on_drained)
        t->on_drained(t->drained_arg);
}

void edge_thread_closed_one(struct edge_thread *t)
{
    if (t->state == EDGE_DRAINING && !t->conns)
        thread_gone(t);
}

void edge_thread_drain(struct edge_thread *t, enum edge_drain how, void (*on_done)(void *arg), void *arg)
{
    if (t->state != EDGE_SERVING)
        return;
    t->state = EDGE_DRAINING;
    t->drain = how;
    t->on_drained = on_done;
    t->drained_arg = arg;
    listeners_drop(&t->listeners);
    uint32_t all = t->hold ? t->hold->snapshot->limits.drain_timeout_ms : 0;
    uint32_t tunnels = t->hold ? t->hold->snapshot->limits.tunnel_grace_ms : 0;
    t->drain_ms = t->loop->now_ms + all;
    t->tunnel_cut_ms = t->loop->now_ms + tunnels;
    for (struct conn *c = t->conns, *next; c; c = next) {
        next = c->next;
        conn_drain(c, how);
    }
    edge_thread_closed_one(t);
}

void edge_thread_abort(struct edge_thread *t)
{
    listeners_drop(&t->listeners);
    for (struct conn *c = t->conns, *next; c; c = next) {
        next = c->next;
        conn_close(c, STREAM_CLOSE_NOW);
    }
    if (t->state == EDGE_SERVING) {
        t->state = EDGE_DRAINING;
        edge_thread_closed_one(t);
    }
}

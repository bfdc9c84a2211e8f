/* Commit: bundle → snapshot on the control thread, then the pointer to every loop thread; answered when all have it. */
#include "control/descriptors.h"
#include "control/worker_priv.h"

#include <stdio.h>
#include <unistd.h>

void worker_listen_add(struct worker *w)
{
    struct listen_entry e = {.address = wire_get_addr(&w->msg), .n = w->msg.fd_count};
    bool good = wire_done(&w->msg) && e.n == w->thread_count && w->commit.snapshot == NULL;
    for (size_t i = 0; i < e.n; i++) {
        e.fds[i] = wire_take_fd(&w->msg, i);
    }
    if (!good || !listen_set_add(&w->incoming, &e)) {
        worker_die("the supervisor sent sockets that do not fit");
    }
}

/* Sockets that serve already go on doing so under the number they have: the edge knows them by it. */
static void keep_known_sockets(struct worker *w)
{
    for (size_t i = 0; i < w->incoming.n; i++) {
        struct listen_entry *e = &w->incoming.v[i];
        const struct listen_entry *known = listen_set_find(&w->listens, &e->address);
        if (known == NULL) {
            continue;
        }
        for (size_t k = 0; k < e->n; k++) {
            (void)close(e->fds[k]);
        }
        *e = *known;
    }
}

/* The loader has judged and told everything already; what fails here was not to be expected. */
static struct snapshot *compile(const struct bundle *b)
{
    struct diags d;
    diags_init(&d);
    struct snapshot *s = config_compile(b, &d);
    if (s != NULL && !diags_ok(&d)) {
        snapshot_unref(s);
        s = NULL;
    }
    if (s == NULL) {
        diags_tell(&d, false, stderr);
    }
    diags_fini(&d);
    return s;
}

static struct res open_and_compile(int fd, struct snapshot **out)
{
    struct bundle *b;
    struct res r = bundle_open(fd, &b);
    if (!res_ok(r)) {
        return r;
    }
    *out = compile(b);
    bundle_free(b);
    return *out != NULL ? RES_OK : res_err("the bundle does not compile");
}

/* Does anybody sign in by GitHub, mail, or as a job? */
static bool asks_others(const struct snapshot *s)
{
    for (size_t i = 0; i < s->gate_count; i++) {
        const struct gate_config *g = &s->gates[i];
        if (g->github != NULL || g->email_pin != NULL || g->actions != NULL) {
            return true;
        }
    }
    return false;
}

/* Told once: a reload that changes nothing of it needs no second word, and a worker that parts none at all. */
static void fit_limits(struct worker *w, struct snapshot *s, enum worker_after after)
{
    struct limits_config *l = &s->limits;
    struct descriptors d = {
        .limit = w->nofile,
        .threads = w->thread_count,
        .sockets = w->incoming.n * w->thread_count,
        .fetches = asks_others(s) ? FETCH_MAX : 0,
    };
    uint32_t wanted = l->connections;
    uint64_t needed = descriptors_fit(&d, l);
    if (l->connections < wanted && wanted != w->too_many && after == WORKER_GOES_ON) {
        (void)fprintf(
            stderr,
            "tiergate: warning: %llu descriptors (ulimit -n, LimitNOFILE) hold %u client connections and theirs to "
            "origins; limits.connections (%u) would need %llu: raise the one or lower the other\n",
            (unsigned long long)d.limit, l->connections, wanted, (unsigned long long)needed);
        w->too_many = wanted;
    }
}

/* From here on nothing is opened but what the sandbox knows; every thread starts inside of it. */
static struct res enter_sandbox(struct worker *w, const struct snapshot *s)
{
    struct res r = w->sandboxed ? worker_sandbox_enter(&w->sandbox, s, w->resolver, w->has_store ? "." : NULL) : RES_OK;
    if (!res_ok(r)) {
        (void)fprintf(stderr, "tiergate: worker: the sandbox: %s; see --sandbox in `tiergate serve --help`\n", r.err);
    }
    return r;
}

static struct res start_log(struct worker *w)
{
    w->log = log_new(w->first_log);
    return w->log != NULL ? RES_OK : res_err("out of memory");
}

static struct res start_edge(struct worker *w, const struct snapshot *s)
{
    w->gate = gate_shared_new(&s->limits.gate);
    w->edge = w->gate != NULL ? edge_shared_new(w->gate, w->log, w->memory) : NULL;
    if (w->edge == NULL) {
        return res_err("out of memory");
    }
    edge_shared_set_signin(w->edge, w->signin.service);
    struct res r = worker_threads_start(w);
    if (res_ok(r)) {
        worker_watch_start(w);
    }
    return r;
}

/* What needs limits before it can be made. */
static struct res first_set_up(struct worker *w, const struct snapshot *s)
{
    if (w->edge != NULL) {
        return RES_OK;
    }
    struct res r = enter_sandbox(w, s);
    if (res_ok(r)) {
        r = start_log(w);
    }
    if (res_ok(r)) {
        r = worker_store_open(w);
    }
    if (res_ok(r)) {
        r = worker_signin_start(w, s);
    }
    return res_ok(r) ? start_edge(w, s) : r;
}

/* --- to the threads and back -------------------------------------------------------------------------------------- */

static void finish(struct worker *w)
{
    uint64_t generation = w->commit.snapshot->generation;
    enum worker_after after = w->commit.after;
    if (w->commit.refused) {
        /* Some threads serve the new rules, some the old ones: only a new process is sure to serve one of them. */
        worker_die("a loop thread could not take the new rules: out of memory");
    }
    listen_set_close_except(&w->listens, &w->incoming);
    w->listens = w->incoming;
    w->incoming.n = 0;
    gate_shared_set_limits(w->gate, &w->commit.snapshot->limits.gate);
    snapshot_unref(w->current);
    w->current = w->commit.snapshot;
    w->commit.snapshot = NULL;
    worker_answer(w, WIRE_COMMITTED, generation, NULL);
    if (after == WORKER_PARTS) {
        worker_drain_start(w, EDGE_DRAIN_HAND_OVER);
    }
}

static void on_answer(void *arg)
{
    struct worker_thread *t = arg;
    struct worker *w = t->worker;
    w->commit.refused |= !t->order.taken;
    if (--w->commit.waiting == 0) {
        finish(w);
    }
}

static void on_order(void *arg) /* thread: the loop's */
{
    struct worker_thread *t = arg;
    t->order.taken = edge_thread_set(t->edge, t->order.snapshot, t->order.listens, t->order.count);
    worker_thread_reply(t, on_answer);
}

static void send_order(struct worker_thread *t, struct snapshot *s, const struct listen_set *l)
{
    t->order.snapshot = s;
    t->order.count = l->n;
    for (size_t i = 0; i < l->n; i++) {
        t->order.listens[i] = (struct edge_listen){.fd = l->v[i].fds[t->index], .address = l->v[i].address};
    }
    worker_thread_post(t, on_order);
}

static void refuse(struct worker *w, uint64_t generation, enum wire_type answer, const char *why)
{
    listen_set_close_except(&w->incoming, &w->listens);
    worker_answer(w, answer, generation, why);
}

void worker_commit_go_on(struct worker *w)
{
    w->commit.needs_ledger = false;
    for (unsigned i = 0; i < w->thread_count; i++) {
        send_order(&w->threads[i], w->commit.snapshot, &w->incoming);
    }
}

/* It was the first one, and the supervisor ends who fails at that: all that was begun goes with the process. */
void worker_commit_give_up(struct worker *w, const char *why)
{
    uint64_t generation = w->commit.snapshot->generation;
    w->commit.needs_ledger = false;
    refuse(w, generation, WIRE_FAILED, why);
}

/* Is another worker needed for this? Asked before compiling for what compiling opens, afterwards for what it found. */
static bool outgrown(const struct worker *w, const struct snapshot *s, enum worker_after after)
{
    if (w->edge == NULL || after == WORKER_PARTS) {
        return false;
    }
    return s != NULL ? !worker_sandbox_has_ports(&w->sandbox, s) : !worker_sandbox_has_files(&w->sandbox);
}

/* What is open must not go on by rules that are gone: when these cannot be taken, it is cut. */
static bool may_take(const struct worker *w, enum worker_after after)
{
    return w->state == WORKER_SERVES || after == WORKER_PARTS;
}

static void fail(struct worker *w, struct snapshot *s, uint64_t generation, const char *why)
{
    if (w->current == NULL) {
        worker_signin_stop(w); /* it may know the gates of this one */
        store_close(w->store); /* whose answers are on their way to it */
        w->store = NULL;
    }
    snapshot_unref(s);
    refuse(w, generation, WIRE_FAILED, why);
}

void worker_commit_start(struct worker *w, enum worker_after after)
{
    uint64_t generation = wire_get_u64(&w->msg);
    int fd = wire_take_fd(&w->msg, 0);
    struct snapshot *s = NULL;
    struct res r = wire_done(&w->msg) && w->commit.snapshot == NULL ? RES_OK : res_err("a commit out of turn");
    if (!res_ok(r)) {
        worker_die(r.err);
    }
    keep_known_sockets(w);
    bool too_narrow = outgrown(w, NULL, after);
    if (!too_narrow) {
        r = may_take(w, after) ? open_and_compile(fd, &s) : res_err("draining");
        too_narrow = res_ok(r) && outgrown(w, s, after);
    }
    (void)close(fd);
    if (too_narrow) {
        snapshot_unref(s);
        refuse(w, generation, WIRE_OUTGROWN, NULL);
        return;
    }
    if (res_ok(r)) {
        s->generation = generation;
        fit_limits(w, s, after);
        r = first_set_up(w, s);
    }
    if (!res_ok(r)) {
        fail(w, s, generation, r.err);
        return;
    }
    w->commit = (struct worker_commit){
        .snapshot = s, .waiting = w->thread_count, .needs_ledger = w->current == NULL, .after = after};
    if (!w->commit.needs_ledger) {
        worker_signin_take(w, s); /* before the threads: what is asked by new rules must not be answered by old ones */
        worker_commit_go_on(w);
    }
}

#include "control/supervisor_priv.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/count.h"
#include "control/process.h"

#define SEND_MS 5000
#define COMMIT_LIMIT_MS 60000u
#define PART_LIMIT_MS 10000u /* what it has open goes by older rules for so long at most */
#define WORDS_AT_ONCE 8u
#define DRAIN_SPARE_MS 5000u /* the worker keeps the limits itself; beyond them it hangs */

static bool is_main(const struct supervisor *s, const struct sup_worker *w)
{
    return w == &s->workers[SUP_MAIN];
}

static bool is_successor(const struct supervisor *s, const struct sup_worker *w)
{
    return w == &s->workers[SUP_SUCCESSOR];
}

/* Can it be talked to? */
static bool listens(const struct sup_worker *w)
{
    return w->state != SUP_WORKER_NONE && w->state != SUP_WORKER_ENDING;
}

/* --- what it is told ---------------------------------------------------------------------------------------------- */

static struct res send_listens(struct supervisor *s, const struct sup_worker *w, const struct listen_set *l)
{
    for (size_t i = 0; i < l->n; i++) {
        wire_begin(&s->msg, WIRE_LISTEN);
        wire_put_addr(&s->msg, &l->v[i].address);
        for (size_t k = 0; k < l->v[i].n; k++) {
            wire_put_fd(&s->msg, l->v[i].fds[k]);
        }
        struct res r = wire_send(w->sock, &s->msg, SEND_MS);
        if (!res_ok(r)) {
            return r;
        }
    }
    return RES_OK;
}

static struct res send_log(struct supervisor *s, const struct sup_worker *w, int fd)
{
    wire_begin(&s->msg, WIRE_LOG);
    if (fd != -1) {
        wire_put_fd(&s->msg, fd);
    }
    return wire_send(w->sock, &s->msg, SEND_MS);
}

static struct res send_bundle(struct supervisor *s, const struct sup_worker *w, enum wire_type type,
                              const struct sup_config *c)
{
    wire_begin(&s->msg, type);
    wire_put_u64(&s->msg, c->generation);
    wire_put_fd(&s->msg, c->bundle_fd);
    return wire_send(w->sock, &s->msg, SEND_MS);
}

static struct res send_commit(struct supervisor *s, struct sup_worker *w, const struct sup_config *c)
{
    struct res r = send_listens(s, w, &c->listens);
    w->due_ms = clock_mono_ms() + COMMIT_LIMIT_MS;
    return res_ok(r) ? send_bundle(s, w, WIRE_COMMIT, c) : r;
}

/* A worker that cannot be talked to is of no use; its exit brings a new one. */
static void check_sent(struct sup_worker *w, struct res r)
{
    if (!res_ok(r)) {
        sup_say("the worker: %s", r.err);
        sup_worker_kill(w);
    }
}

/* The supervisor alone decides when the worker ends, so Ctrl-C and a service manager's signals pass it by. */
static void worker_signals(sigset_t *set)
{
    static const int blocked[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2};
    (void)sigemptyset(set);
    for (size_t i = 0; i < COUNT(blocked); i++) {
        (void)sigaddset(set, blocked[i]);
    }
}

static struct res start_process(struct supervisor *s, struct sup_worker *w)
{
    sigset_t blocked;
    struct process p;
    char threads[16], uid[16], gid[16];
    (void)snprintf(threads, sizeof(threads), "%u", s->threads);
    (void)snprintf(uid, sizeof(uid), "%u", (unsigned)s->user.uid);
    (void)snprintf(gid, sizeof(gid), "%u", (unsigned)s->user.gid);
    const char *sandbox = s->o->no_sandbox ? "off" : "on";
    const char *store = s->store.n > 0 ? s->store.p : "";
    const char *argv[] = {"tiergate", "worker", threads, uid, gid, sandbox, store, s->o->resolver, NULL};
    struct process_spec spec = {.argv = argv, .env = PROCESS_ENV_CLEAN, .blocked = &blocked};
    worker_signals(&blocked);
    struct res r = process_start(&spec, &p);
    if (res_ok(r)) {
        w->pid = p.pid;
        w->sock = p.sock;
        w->state = SUP_WORKER_STARTING;
    }
    return r;
}

bool sup_worker_start(struct supervisor *s, struct sup_worker *w, const struct sup_config *c)
{
    uint64_t now = clock_mono_ms();
    backoff_started(&w->backoff, now);
    if (listen_set_mend(&c->listens) > 0) {
        sup_say("a worker has ended a listening socket, and it cannot be bound anew");
    }
    struct res r = start_process(s, w);
    if (!res_ok(r)) {
        sup_say("cannot start a worker: %s", r.err);
        w->restart_ms = now + 1000;
        return false;
    }
    r = send_log(s, w, c->log_fd);
    if (res_ok(r)) {
        r = send_commit(s, w, c);
    }
    check_sent(w, r);
    return true;
}

void sup_worker_change(struct supervisor *s)
{
    struct sup_worker *w = &s->workers[SUP_MAIN];
    s->change = SUP_CHANGE_COMMITTING;
    check_sent(w, send_commit(s, w, &s->next));
}

void sup_worker_part(struct supervisor *s, struct sup_worker *w)
{
    uint64_t now = clock_mono_ms();
    if (w->state == SUP_WORKER_ENDING) {
        sup_worker_kill(w); /* it may have closed its socket, but not its connections */
        return;
    }
    if (w->end_ms == 0) {
        w->end_ms = now + s->current.drain_ms + DRAIN_SPARE_MS;
    }
    w->state = SUP_WORKER_PARTING;
    w->due_ms = now + PART_LIMIT_MS < w->end_ms ? now + PART_LIMIT_MS : w->end_ms;
    check_sent(w, send_bundle(s, w, WIRE_PART, &s->current));
}

void sup_workers_log(struct supervisor *s)
{
    for (size_t i = 0; i < SUP_PLACES; i++) {
        if (listens(&s->workers[i])) {
            check_sent(&s->workers[i], send_log(s, &s->workers[i], s->current.log_fd));
        }
    }
}

bool sup_worker_tell(struct supervisor *s, struct sup_worker *w)
{
    if (!listens(w) || w->sock == -1) {
        return false;
    }
    struct res r = wire_send(w->sock, &s->msg, SEND_MS);
    check_sent(w, r);
    return res_ok(r);
}

const char *sup_worker_state_name(enum sup_worker_state state)
{
    static const char *const names[] = {
        [SUP_WORKER_NONE] = "none",       [SUP_WORKER_STARTING] = "starting", [SUP_WORKER_SERVING] = "serving",
        [SUP_WORKER_PARTING] = "parting", [SUP_WORKER_PARTED] = "parting",    [SUP_WORKER_ENDING] = "ending",
    };
    return names[state];
}

static void drain(struct supervisor *s, struct sup_worker *w)
{
    wire_begin(&s->msg, WIRE_DRAIN);
    check_sent(w, wire_send(w->sock, &s->msg, SEND_MS));
    w->due_ms = clock_mono_ms() + s->current.drain_ms + DRAIN_SPARE_MS;
}

void sup_workers_drain(struct supervisor *s)
{
    for (size_t i = 0; i < SUP_PLACES; i++) {
        enum sup_worker_state state = s->workers[i].state;
        if (state == SUP_WORKER_STARTING || state == SUP_WORKER_SERVING) { /* the others do already */
            drain(s, &s->workers[i]);
        }
    }
}

void sup_worker_kill(struct sup_worker *w)
{
    if (w->pid != 0) {
        (void)kill(w->pid, SIGKILL);
        w->state = SUP_WORKER_ENDING;
        w->due_ms = 0;
    }
}

void sup_workers_kill(struct supervisor *s)
{
    for (size_t i = 0; i < SUP_PLACES; i++) {
        sup_worker_kill(&s->workers[i]);
    }
}

/* --- what it says ------------------------------------------------------------------------------------------------- */

static void on_parted(struct supervisor *s, struct sup_worker *w)
{
    w->state = SUP_WORKER_PARTED;
    w->due_ms = w->end_ms;
    sup_spread_check(s);
}

static void on_serving(struct supervisor *s, struct sup_worker *w, uint64_t generation)
{
    bool first = w->state == SUP_WORKER_STARTING;
    w->state = SUP_WORKER_SERVING;
    if (s->state == SUP_DRAINING) {
        return; /* it will come to that next */
    }
    w->due_ms = 0;
    if (is_successor(s, w)) {
        sup_succession_done(s);
    } else if (s->change == SUP_CHANGE_COMMITTING && generation == s->next.generation) {
        sup_change_taken(s);
    } else if (first) {
        sup_say("a new worker serves, generation %llu", (unsigned long long)generation);
    }
}

/* Was it sent that one, and has not answered yet? */
static bool awaits_commit(const struct supervisor *s, const struct sup_worker *w, uint64_t generation)
{
    switch (w->state) {
    case SUP_WORKER_STARTING:
        return generation ==
               (is_successor(s, w) || s->current.generation == 0 ? s->next.generation : s->current.generation);
    case SUP_WORKER_SERVING:
        return is_main(s, w) && s->change == SUP_CHANGE_COMMITTING && generation == s->next.generation;
    case SUP_WORKER_PARTING:
        return generation == s->current.generation;
    case SUP_WORKER_NONE:
    case SUP_WORKER_PARTED:
    case SUP_WORKER_ENDING:
        break;
    }
    return false;
}

static void on_committed(struct supervisor *s, struct sup_worker *w)
{
    uint64_t generation = wire_get_u64(&s->msg);
    if (!wire_done(&s->msg) || !awaits_commit(s, w, generation)) {
        sup_say("the worker answers what it was not asked");
        sup_worker_kill(w);
    } else if (w->state == SUP_WORKER_PARTING) {
        on_parted(s, w);
    } else {
        on_serving(s, w, generation);
    }
}

/* Its words go to a terminal: no control bytes. */
static void printable(struct span in, char *out, size_t cap)
{
    size_t n = in.n < cap - 1 ? in.n : cap - 1;
    for (size_t i = 0; i < n; i++) {
        out[i] = (char)(in.p[i] < 0x20 || in.p[i] == 0x7f ? ' ' : in.p[i]);
    }
    out[n] = '\0';
}

/* Does it answer the change that it was sent, by which nothing has changed for it? */
static bool declines(const struct supervisor *s, const struct sup_worker *w, uint64_t generation)
{
    return is_main(s, w) && w->state == SUP_WORKER_SERVING && s->change == SUP_CHANGE_COMMITTING &&
           generation == s->next.generation;
}

static void on_failed(struct supervisor *s, struct sup_worker *w)
{
    char why[500];
    uint64_t generation = wire_get_u64(&s->msg);
    printable(wire_get_bytes(&s->msg), why, sizeof(why));
    if (declines(s, w, generation)) {
        w->due_ms = 0;
        sup_change_refused(s, why);
        return;
    }
    sup_say("the worker failed: %s", why);
    sup_worker_kill(w);
}

static void on_outgrown(struct supervisor *s, struct sup_worker *w)
{
    if (s->state == SUP_DRAINING) {
        return;
    }
    if (!declines(s, w, wire_get_u64(&s->msg)) || !wire_done(&s->msg)) {
        sup_worker_kill(w);
        return;
    }
    w->due_ms = 0;
    s->change = SUP_CHANGE_OUTGROWN;
}

static void on_closed(struct sup_worker *w, enum wire_io io)
{
    (void)close(w->sock);
    w->sock = -1;
    if (io == WIRE_IO_BAD) {
        sup_say("the worker sent something that is no message");
        sup_worker_kill(w);
    } else if (w->state != SUP_WORKER_ENDING) {
        w->state = SUP_WORKER_ENDING;
        w->due_ms = clock_mono_ms() + DRAIN_SPARE_MS;
    }
}

static void on_admin_done(struct supervisor *s, struct sup_worker *w)
{
    if (!sup_admin_answered(s, w->pid)) {
        sup_say("the worker sent an answer that is none");
        sup_worker_kill(w);
    }
}

/* False: nothing more now, or ever, or it has another place now. */
static bool read_one(struct supervisor *s, struct sup_worker *w)
{
    const unsigned accept =
        WIRE_BIT(WIRE_COMMITTED) | WIRE_BIT(WIRE_FAILED) | WIRE_BIT(WIRE_OUTGROWN) | WIRE_BIT(WIRE_ADMIN_DONE);
    enum wire_io io = wire_recv(w->sock, accept, &s->msg);
    if (io != WIRE_IO_OK) {
        if (io != WIRE_IO_AGAIN) {
            on_closed(w, io);
        }
        return false;
    }
    if (s->msg.type == WIRE_COMMITTED) {
        on_committed(s, w);
    } else if (s->msg.type == WIRE_FAILED) {
        on_failed(s, w);
    } else if (s->msg.type == WIRE_ADMIN_DONE) {
        on_admin_done(s, w);
    } else {
        on_outgrown(s, w);
    }
    return w->sock != -1;
}

/* It says one word at a time, when asked: who says many keeps us from hearing anybody else, signals among them. */
void sup_worker_read(struct supervisor *s, struct sup_worker *w)
{
    for (unsigned words = 0; w->sock != -1 && read_one(s, w); words++) {
        if (words == WORDS_AT_ONCE) {
            sup_say("the worker says too much");
            sup_worker_kill(w);
            return;
        }
    }
}

/* --- its end ------------------------------------------------------------------------------------------------------ */

void sup_worker_forget(struct sup_worker *w)
{
    if (w->pid != 0 && w->sock != -1) {
        (void)close(w->sock);
    }
    w->sock = -1;
    w->pid = 0;
    w->state = SUP_WORKER_NONE;
    w->due_ms = w->end_ms = 0;
}

struct sup_worker *sup_worker_find(struct supervisor *s, pid_t pid)
{
    for (size_t i = 0; i < SUP_PLACES; i++) {
        if (s->workers[i].pid == pid) {
            return &s->workers[i];
        }
    }
    return NULL;
}

bool sup_workers_left(const struct supervisor *s)
{
    for (size_t i = 0; i < SUP_PLACES; i++) {
        if (s->workers[i].pid != 0) {
            return true;
        }
    }
    return false;
}

static void restart_later(struct sup_worker *w, const char *how)
{
    uint64_t now = clock_mono_ms();
    uint32_t wait = backoff_died(&w->backoff, now);
    w->restart_ms = now + wait;
    sup_say("the worker %s; a new one starts %s", how, wait > 0 ? "shortly" : "at once");
}

static void main_gone(struct supervisor *s, struct sup_worker *w, const char *how)
{
    if (s->state == SUP_STARTING) {
        sup_say("the worker %s before it served", how);
    } else if (s->state == SUP_RUNNING) {
        restart_later(w, how);
    }
    if (s->change == SUP_CHANGE_COMMITTING || s->change == SUP_CHANGE_OUTGROWN) {
        sup_change_refused(s, NULL);
    }
}

static void draining_gone(struct supervisor *s, const char *how, bool clean)
{
    if (!clean) {
        sup_say("the worker %s before it had drained", how);
        s->drained_badly = true;
    }
    if (!sup_workers_left(s)) {
        sup_end(s, s->drained_badly ? 1 : 0);
    }
}

void sup_worker_exited(struct supervisor *s, struct sup_worker *w, int status)
{
    char how[100];
    bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    pid_t pid = w->pid;
    sup_worker_read(s, w); /* its last words, by which it may have moved */
    w = sup_worker_find(s, pid);
    sup_worker_forget(w);
    sup_admin_worker_gone(s, pid);
    process_status_text(status, how, sizeof(how));
    if (s->state == SUP_DRAINING) {
        draining_gone(s, how, clean);
    } else if (is_main(s, w)) {
        main_gone(s, w, how);
    } else if (is_successor(s, w)) {
        sup_say("the new worker %s before it served", how);
        sup_change_refused(s, NULL);
    } else {
        if (!clean) {
            sup_say("a worker that parts %s", how);
        }
        sup_spread_check(s);
    }
}

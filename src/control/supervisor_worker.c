#include "control/supervisor_priv.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/count.h"
#include "control/process.h"

#define SEND_MS 5000
#define COMMIT_LIMIT_MS 60000u
#define DRAIN_SPARE_MS 5000u /* the worker keeps the limits itself; beyond them it hangs */

static struct res send_listens(struct supervisor *s, const struct listen_set *l)
{
    for (size_t i = 0; i < l->n; i++) {
        wire_begin(&s->msg, WIRE_LISTEN);
        wire_put_addr(&s->msg, &l->v[i].address);
        for (size_t k = 0; k < l->v[i].n; k++) {
            wire_put_fd(&s->msg, l->v[i].fds[k]);
        }
        struct res r = wire_send(s->worker.sock, &s->msg, SEND_MS);
        if (!res_ok(r)) {
            return r;
        }
    }
    return RES_OK;
}

static struct res send_log(struct supervisor *s, int fd)
{
    wire_begin(&s->msg, WIRE_LOG);
    if (fd != -1) {
        wire_put_fd(&s->msg, fd);
    }
    return wire_send(s->worker.sock, &s->msg, SEND_MS);
}

static struct res send_commit(struct supervisor *s, const struct sup_config *c)
{
    struct res r = send_listens(s, &c->listens);
    if (!res_ok(r)) {
        return r;
    }
    wire_begin(&s->msg, WIRE_COMMIT);
    wire_put_u64(&s->msg, c->generation);
    wire_put_fd(&s->msg, c->bundle_fd);
    s->worker.due_ms = clock_mono_ms() + COMMIT_LIMIT_MS;
    return wire_send(s->worker.sock, &s->msg, SEND_MS);
}

/* A worker that cannot be talked to is of no use; its exit brings a new one. */
static void check_sent(struct supervisor *s, struct res r)
{
    if (!res_ok(r)) {
        sup_say("the worker: %s", r.err);
        sup_worker_kill(s);
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

static struct res start_process(struct supervisor *s)
{
    sigset_t blocked;
    struct process p;
    char threads[16], uid[16], gid[16];
    (void)snprintf(threads, sizeof(threads), "%u", s->threads);
    (void)snprintf(uid, sizeof(uid), "%u", (unsigned)s->user.uid);
    (void)snprintf(gid, sizeof(gid), "%u", (unsigned)s->user.gid);
    const char *argv[] = {"tiergate", "worker", threads, uid, gid, s->o->resolver, NULL};
    struct process_spec spec = {.argv = argv, .env = PROCESS_ENV_CLEAN, .blocked = &blocked};
    worker_signals(&blocked);
    struct res r = process_start(&spec, &p);
    if (res_ok(r)) {
        s->worker.pid = p.pid;
        s->worker.sock = p.sock;
        s->worker.state = SUP_WORKER_STARTING;
    }
    return r;
}

void sup_worker_start(struct supervisor *s, const struct sup_config *c)
{
    uint64_t now = clock_mono_ms();
    backoff_started(&s->worker.backoff, now);
    struct res r = start_process(s);
    if (!res_ok(r)) {
        sup_say("cannot start a worker: %s", r.err);
        s->worker.restart_ms = now + 1000;
        if (s->state == SUP_STARTING) {
            sup_change_refused(s, NULL);
        }
        return;
    }
    r = send_log(s, c->log_fd);
    if (res_ok(r)) {
        r = send_commit(s, c);
    }
    check_sent(s, r);
}

void sup_worker_change(struct supervisor *s)
{
    s->change = SUP_CHANGE_COMMITTING;
    check_sent(s, send_commit(s, &s->next));
}

void sup_worker_log(struct supervisor *s)
{
    if (s->worker.state == SUP_WORKER_STARTING || s->worker.state == SUP_WORKER_SERVING) {
        check_sent(s, send_log(s, s->current.log_fd));
    }
}

void sup_worker_drain(struct supervisor *s)
{
    if (s->worker.state != SUP_WORKER_STARTING && s->worker.state != SUP_WORKER_SERVING) {
        return;
    }
    wire_begin(&s->msg, WIRE_DRAIN);
    check_sent(s, wire_send(s->worker.sock, &s->msg, SEND_MS));
    s->worker.due_ms = clock_mono_ms() + s->current.drain_ms + DRAIN_SPARE_MS;
}

void sup_worker_kill(struct supervisor *s)
{
    if (s->worker.pid != 0) {
        (void)kill(s->worker.pid, SIGKILL);
        s->worker.state = SUP_WORKER_ENDING;
        s->worker.due_ms = 0;
    }
}

/* --- what it says ------------------------------------------------------------------------------------------------- */

static void on_committed(struct supervisor *s)
{
    uint64_t generation = wire_get_u64(&s->msg);
    bool first = s->worker.state == SUP_WORKER_STARTING;
    if (!wire_done(&s->msg) || s->worker.state == SUP_WORKER_ENDING) {
        sup_worker_kill(s);
        return;
    }
    s->worker.state = SUP_WORKER_SERVING;
    if (s->state == SUP_DRAINING) {
        return; /* it will come to that next */
    }
    s->worker.due_ms = 0;
    if (s->change == SUP_CHANGE_COMMITTING && generation == s->next.generation) {
        sup_change_done(s);
    } else if (first) {
        sup_say("a new worker serves, generation %llu", (unsigned long long)generation);
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

static void on_failed(struct supervisor *s)
{
    char why[500];
    uint64_t generation = wire_get_u64(&s->msg);
    printable(wire_get_bytes(&s->msg), why, sizeof(why));
    if (s->change == SUP_CHANGE_COMMITTING && generation == s->next.generation &&
        s->worker.state == SUP_WORKER_SERVING) {
        s->worker.due_ms = 0;
        sup_change_refused(s, why);
        return;
    }
    sup_say("the worker failed: %s", why);
    sup_worker_kill(s);
}

static void on_closed(struct supervisor *s, enum wire_io io)
{
    (void)close(s->worker.sock);
    s->worker.sock = -1;
    if (io == WIRE_IO_BAD) {
        sup_say("the worker sent something that is no message");
        sup_worker_kill(s);
    } else if (s->worker.state != SUP_WORKER_ENDING) {
        s->worker.state = SUP_WORKER_ENDING;
        s->worker.due_ms = clock_mono_ms() + DRAIN_SPARE_MS;
    }
}

void sup_worker_read(struct supervisor *s)
{
    while (s->worker.sock != -1) {
        enum wire_io io = wire_recv(s->worker.sock, WIRE_BIT(WIRE_COMMITTED) | WIRE_BIT(WIRE_FAILED), &s->msg);
        if (io == WIRE_IO_AGAIN) {
            return;
        }
        if (io != WIRE_IO_OK) {
            on_closed(s, io);
        } else if (s->msg.type == WIRE_COMMITTED) {
            on_committed(s);
        } else {
            on_failed(s);
        }
    }
}

/* --- its end ------------------------------------------------------------------------------------------------------ */

static void worker_forget(struct supervisor *s)
{
    if (s->worker.sock != -1) {
        (void)close(s->worker.sock);
    }
    s->worker.sock = -1;
    s->worker.pid = 0;
    s->worker.state = SUP_WORKER_NONE;
    s->worker.due_ms = 0;
}

static void restart_later(struct supervisor *s, const char *how)
{
    uint64_t now = clock_mono_ms();
    uint32_t wait = backoff_died(&s->worker.backoff, now);
    s->worker.restart_ms = now + wait;
    sup_say("the worker was %s; a new one starts %s", how, wait > 0 ? "shortly" : "at once");
}

void sup_worker_exited(struct supervisor *s, int status)
{
    char how[100];
    bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    sup_worker_read(s); /* its last words */
    worker_forget(s);
    process_status_text(status, how, sizeof(how));
    if (s->state == SUP_DRAINING) {
        if (!clean) {
            sup_say("the worker was %s before it had drained", how);
        }
        sup_end(s, clean ? 0 : 1);
        return;
    }
    if (s->state == SUP_STARTING) {
        sup_say("the worker was %s before it served", how);
    } else if (s->state == SUP_RUNNING) {
        restart_later(s, how);
    }
    if (s->change == SUP_CHANGE_COMMITTING) {
        sup_change_refused(s, NULL);
    }
}

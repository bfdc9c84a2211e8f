/* The command line's questions: a few at a time, each with its limit, so that nobody who hangs keeps anybody waiting. What is for the workers
 * goes to all of them, and what they answer is gathered. */
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/admin.h"
#include "control/supervisor_priv.h"

#define ASK_LIMIT_MS 2000u /* to say what is wanted */
#define SEND_MS 0          /* who does not read gets no answer */
#define ONE_SAID 2400u     /* of one worker */

static void forget(struct sup_admin *a)
{
    if (a->state != SUP_ADMIN_NONE) {
        (void)close(a->fd);
    }
    *a = (struct sup_admin){.state = SUP_ADMIN_NONE};
}

static void say(struct sup_admin *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct sup_admin *a, const char *format, ...)
{
    va_list ap;
    size_t room = sizeof(a->said) - a->said_n;
    va_start(ap, format);
    int n = vsnprintf(a->said + a->said_n, room, format, ap);
    va_end(ap);
    if (n > 0) {
        a->said_n += (size_t)n < room ? (size_t)n : room - 1;
    }
}

static void reply(struct supervisor *s, struct sup_admin *a)
{
    wire_begin(&s->msg, WIRE_ADMIN_DONE);
    wire_put_u64(&s->msg, a->workers);
    wire_put_u64(&s->msg, a->good);
    wire_put_u64(&s->msg, a->threads);
    wire_put_u64(&s->msg, a->ended);
    wire_put_u64(&s->msg, clock_mono_us() - a->began_us);
    wire_put_bytes(&s->msg, span_make(a->said, a->said_n));
    (void)!res_ok(wire_send(a->fd, &s->msg, SEND_MS));
    forget(a);
}

/* --- the workers -------------------------------------------------------------------------------------------------- */

static bool is_awaited(const struct sup_admin *a)
{
    for (size_t i = 0; i < SUP_PLACES; i++) {
        if (a->asked[i] != 0) {
            return true;
        }
    }
    return false;
}

static void settle(struct supervisor *s, struct sup_admin *a)
{
    if (a->state == SUP_ADMIN_AT_WORKERS && !is_awaited(a)) {
        reply(s, a);
    }
}

/* False: it was not asked, or has answered. */
static bool strike_off(struct sup_admin *a, pid_t worker)
{
    for (size_t i = 0; i < SUP_PLACES; i++) {
        if (a->asked[i] == worker) {
            a->asked[i] = 0;
            return true;
        }
    }
    return false;
}

static void ask_workers(struct supervisor *s, struct sup_admin *a, struct span words)
{
    a->state = SUP_ADMIN_AT_WORKERS;
    a->id = ++s->admin_id;
    a->due_ms = clock_mono_ms() + ADMIN_ANSWER_MS;
    wire_begin(&s->msg, WIRE_ADMIN);
    wire_put_u64(&s->msg, a->id);
    wire_put_bytes(&s->msg, words);
    for (size_t i = 0; i < SUP_PLACES; i++) {
        struct sup_worker *w = &s->workers[i];
        if (w->pid == 0) {
            continue;
        }
        a->workers++; /* also one that cannot be asked: what it has open goes on until it has ended */
        a->asked[i] = sup_worker_tell(s, w) ? w->pid : 0;
    }
    settle(s, a);
}

/* They come from a worker, and go to a terminal: no control bytes. */
static void say_worker(struct sup_admin *a, pid_t worker, struct span text)
{
    char line[ONE_SAID];
    size_t n = text.n < sizeof(line) ? text.n : sizeof(line);
    for (size_t i = 0; i < n; i++) {
        line[i] = (char)(text.p[i] < 0x20 || text.p[i] == 0x7f ? ' ' : text.p[i]);
    }
    if (n > 0) {
        say(a, "worker %ld: %.*s\n", (long)worker, (int)n, line);
    }
}

bool sup_admin_answered(struct supervisor *s, pid_t worker)
{
    uint64_t id = wire_get_u64(&s->msg), good = wire_get_u64(&s->msg), threads = wire_get_u64(&s->msg),
             ended = wire_get_u64(&s->msg);
    struct span text = wire_get_bytes(&s->msg);
    if (!wire_done(&s->msg) || id == 0 || id > s->admin_id || good > 1) {
        return false;
    }
    for (size_t i = 0; i < ADMIN_AT_ONCE; i++) {
        struct sup_admin *a = &s->admins[i];
        if (a->state == SUP_ADMIN_AT_WORKERS && a->id == id && strike_off(a, worker)) {
            a->good += good;
            a->threads += threads;
            a->ended += ended;
            say_worker(a, worker, text);
            settle(s, a);
            break;
        }
    }
    return true; /* or nobody waits for it any more */
}

/* What it had open is closed; whether it kept in the store what was asked is not known. */
void sup_admin_worker_gone(struct supervisor *s, pid_t worker)
{
    for (size_t i = 0; i < ADMIN_AT_ONCE; i++) {
        struct sup_admin *a = &s->admins[i];
        if (a->state == SUP_ADMIN_AT_WORKERS && strike_off(a, worker)) {
            say(a, "worker %ld: has ended\n", (long)worker);
            settle(s, a);
        }
    }
}

/* --- the supervisor's own ----------------------------------------------------------------------------------------- */

static void on_status(struct supervisor *s, struct sup_admin *a)
{
    static const char *const states[] = {"starting", "running", "draining", "ended"};
    say(a, "supervisor %ld: %s, generation %llu, %llu hosts%s\n", (long)getpid(), states[s->state],
        (unsigned long long)s->current.generation, (unsigned long long)s->current.hosts,
        s->change != SUP_CHANGE_NONE ? ", a change is under way" : "");
    for (size_t i = 0; i < SUP_PLACES; i++) {
        if (s->workers[i].pid != 0) {
            say(a, "worker %ld: %s\n", (long)s->workers[i].pid, sup_worker_state_name(s->workers[i].state));
        }
    }
    ask_workers(s, a, SPAN(ADMIN_STATUS));
}

static void on_reload(struct supervisor *s, struct sup_admin *a)
{
    if (s->state != SUP_RUNNING) {
        say(a, "it does not run%s\n", s->state == SUP_STARTING ? " yet" : " any more");
        a->workers = 1;
        reply(s, a);
        return;
    }
    a->state = SUP_ADMIN_TO_RELOAD;
    a->due_ms = clock_mono_ms() + ADMIN_RELOAD_MS;
    sup_reload(s);
}

void sup_admin_load_started(struct supervisor *s)
{
    for (size_t i = 0; i < ADMIN_AT_ONCE; i++) {
        if (s->admins[i].state == SUP_ADMIN_TO_RELOAD) {
            s->admins[i].state = SUP_ADMIN_RELOADS;
        }
    }
}

void sup_admin_change_over(struct supervisor *s, bool good)
{
    for (size_t i = 0; i < ADMIN_AT_ONCE; i++) {
        struct sup_admin *a = &s->admins[i];
        if (a->state == SUP_ADMIN_RELOADS) {
            a->workers = 1;
            a->good = good;
            say(a, "generation %llu\n", (unsigned long long)s->current.generation);
            reply(s, a);
        }
    }
}

static void on_drain(struct supervisor *s, struct sup_admin *a)
{
    a->workers = a->good = 1;
    reply(s, a);
    if (s->state == SUP_STARTING || s->state == SUP_RUNNING) {
        sup_drain(s);
    }
}

/* --- who asks ----------------------------------------------------------------------------------------------------- */

static void hear(struct supervisor *s, struct sup_admin *a)
{
    char words[ADMIN_WORDS_MAX];
    const unsigned accept = WIRE_BIT(WIRE_ADMIN) | WIRE_BIT(WIRE_STATUS) | WIRE_BIT(WIRE_RELOAD) | WIRE_BIT(WIRE_DRAIN);
    enum wire_io io = wire_recv(a->fd, accept, &s->msg);
    if (io == WIRE_IO_AGAIN) {
        return;
    }
    if (io != WIRE_IO_OK) {
        forget(a);
        return;
    }
    a->began_us = clock_mono_us();
    switch (s->msg.type) {
    case WIRE_STATUS:
        on_status(s, a);
        return;
    case WIRE_RELOAD:
        on_reload(s, a);
        return;
    case WIRE_DRAIN:
        on_drain(s, a);
        return;
    default:
        break;
    }
    (void)wire_get_u64(&s->msg);
    struct span said = wire_get_bytes(&s->msg);
    if (!wire_done(&s->msg) || said.n == 0 || said.n > sizeof(words)) {
        forget(a);
        return;
    }
    memcpy(words, said.p, said.n); /* the message's room is that of the next one too */
    ask_workers(s, a, span_make(words, said.n));
}

/* NULL: there is none. */
static struct sup_admin *free_place(struct supervisor *s)
{
    for (size_t i = 0; i < ADMIN_AT_ONCE; i++) {
        if (s->admins[i].state == SUP_ADMIN_NONE) {
            return &s->admins[i];
        }
    }
    return NULL;
}

static void let_in(struct supervisor *s)
{
    struct sup_admin *a = free_place(s);
    int fd = a != NULL ? accept4(s->admin, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC) : -1;
    if (fd == -1) {
        return;
    }
    if (!admin_is_allowed(fd)) {
        (void)close(fd);
        return;
    }
    *a = (struct sup_admin){.state = SUP_ADMIN_CONNECTED, .fd = fd, .due_ms = clock_mono_ms() + ASK_LIMIT_MS};
    hear(s, a);
}

void sup_admin_poll(const struct supervisor *s, struct pollfd *p)
{
    bool room = false;
    for (size_t i = 0; i < ADMIN_AT_ONCE; i++) {
        const struct sup_admin *a = &s->admins[i];
        /* Who waits for an answer says nothing more: poll() tells of his hanging up by itself, which would keep us turning. */
        p[1 + i] = (struct pollfd){.fd = a->state == SUP_ADMIN_CONNECTED ? a->fd : -1, .events = POLLIN};
        room |= a->state == SUP_ADMIN_NONE;
    }
    p[0] = (struct pollfd){.fd = room ? s->admin : -1, .events = POLLIN};
}

void sup_admin_turn(struct supervisor *s)
{
    for (size_t i = 0; i < ADMIN_AT_ONCE; i++) {
        if (s->admins[i].state == SUP_ADMIN_CONNECTED) {
            hear(s, &s->admins[i]);
        }
    }
    if (s->admin != -1) {
        let_in(s);
    }
}

uint64_t sup_admin_due(const struct supervisor *s)
{
    uint64_t due = 0;
    for (size_t i = 0; i < ADMIN_AT_ONCE; i++) {
        uint64_t at = s->admins[i].due_ms;
        due = due == 0 || (at != 0 && at < due) ? at : due;
    }
    return due;
}

void sup_admin_on_due(struct supervisor *s, uint64_t now_ms)
{
    for (size_t i = 0; i < ADMIN_AT_ONCE; i++) {
        struct sup_admin *a = &s->admins[i];
        if (a->due_ms == 0 || now_ms < a->due_ms) {
            continue;
        }
        if (a->state == SUP_ADMIN_CONNECTED) {
            forget(a);
        } else {
            say(a, "no answer in time\n");
            reply(s, a);
        }
    }
}

/* --- life --------------------------------------------------------------------------------------------------------- */

void sup_admin_open(struct supervisor *s)
{
    if (s->o->state_dir == NULL) {
        return;
    }
    struct res r = admin_listen(s->o->state_dir, &s->admin);
    if (!res_ok(r)) {
        sup_say("warning: the socket admin.sock in the state folder: %s; revoke, status, reload and drain do not reach "
                "this one",
                r.err);
    }
}

void sup_admin_close(struct supervisor *s)
{
    for (size_t i = 0; i < ADMIN_AT_ONCE; i++) {
        forget(&s->admins[i]);
    }
    if (s->admin != -1) {
        admin_remove(s->o->state_dir);
        (void)close(s->admin);
        s->admin = -1;
    }
}

#include "control/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/count.h"
#include "control/notify.h"
#include "control/process.h"
#include "control/store_dir.h"
#include "control/supervisor_priv.h"

void sup_say(const char *format, ...)
{
    va_list ap;
    char line[1000]; /* in one write, so that lines of several processes do not mix */
    va_start(ap, format);
    (void)vsnprintf(line, sizeof(line), format, ap);
    va_end(ap);
    (void)fprintf(stderr, "tiergate: %s\n", line);
}

void sup_end(struct supervisor *s, int exit_code)
{
    s->state = SUP_ENDED;
    s->exit_code = exit_code;
}

/* --- changes of the configuration --------------------------------------------------------------------------------- */

void sup_change_refused(struct supervisor *s, const char *why)
{
    if (why != NULL) {
        sup_say("%s", why);
    }
    s->change = SUP_CHANGE_NONE;
    sup_config_drop(&s->next, &s->current);
    sup_admin_change_over(s, false);
    if (s->state == SUP_STARTING) {
        sup_say("not started");
        sup_end(s, 1);
    } else if (s->state == SUP_RUNNING) {
        sup_say("reload: refused, the running rules stay (generation %llu)", (unsigned long long)s->current.generation);
        notify_send(NOTIFY_READY);
    }
}

void sup_change_taken(struct supervisor *s)
{
    s->change = SUP_CHANGE_SPREADING;
    sup_config_drop(&s->current, &s->next);
    s->current = s->next;
    sup_config_init(&s->next);
    if (s->state != SUP_STARTING) { /* the first worker was given it before */
        sup_workers_log(s);
    }
    sup_spread_start(s);
}

void sup_change_done(struct supervisor *s)
{
    bool first = s->state == SUP_STARTING;
    s->change = SUP_CHANGE_NONE;
    if (first) {
        s->state = SUP_RUNNING;
        sup_config_say(s, "serving");
    } else {
        char what[60];
        (void)snprintf(what, sizeof(what), "reload: ok, generation %llu,", (unsigned long long)s->current.generation);
        sup_config_say(s, what);
    }
    notify_send(NOTIFY_READY);
    sup_admin_change_over(s, true);
    if (first && s->o->on_ready != NULL) {
        s->o->on_ready(s->o->arg);
    }
}

/* While a successor is on its way, it takes the place. */
static bool may_restart(const struct supervisor *s)
{
    return s->state == SUP_RUNNING && s->workers[SUP_MAIN].state == SUP_WORKER_NONE &&
           s->change != SUP_CHANGE_SUCCEEDING;
}

/* Starts whatever is due and possible now. */
static void step(struct supervisor *s)
{
    struct sup_worker *w = &s->workers[SUP_MAIN];
    if (s->state != SUP_STARTING && s->state != SUP_RUNNING) {
        return;
    }
    if (s->state == SUP_STARTING && s->change == SUP_CHANGE_READY) {
        s->change = SUP_CHANGE_COMMITTING;
        if (!sup_worker_start(s, w, &s->next)) {
            sup_change_refused(s, NULL);
        }
    } else if (may_restart(s) && clock_mono_ms() >= w->restart_ms) {
        (void)sup_worker_start(s, w, &s->current);
    } else if (s->change == SUP_CHANGE_OUTGROWN) {
        sup_succession_start(s);
    } else if (s->change == SUP_CHANGE_READY && w->state == SUP_WORKER_SERVING) {
        sup_worker_change(s);
    } else if (s->state == SUP_RUNNING && s->change == SUP_CHANGE_NONE && s->reload_wanted) {
        sup_load_start(s);
    }
}

/* --- signals ------------------------------------------------------------------------------------------------------ */

static void on_end_signal(struct supervisor *s)
{
    if (s->state == SUP_DRAINING) {
        sup_say("told twice: ending at once");
        sup_workers_kill(s);
        sup_end(s, 1);
        return;
    }
    sup_drain(s);
}

void sup_drain(struct supervisor *s)
{
    notify_send(NOTIFY_STOPPING);
    sup_load_kill(s);
    s->state = SUP_DRAINING;
    sup_workers_drain(s);
    /* The workers close their copies too: from here on nobody is kept waiting in a queue that nobody serves. */
    listen_set_close_except(&s->next.listens, &s->current.listens);
    listen_set_close_except(&s->current.listens, NULL);
    if (!sup_workers_left(s)) {
        sup_end(s, 0);
    } else {
        sup_say("draining");
    }
}

void sup_reload(struct supervisor *s)
{
    if (s->state == SUP_STARTING) {
        s->reload_wanted = true;
    } else if (s->state == SUP_RUNNING) {
        notify_send(NOTIFY_RELOADING);
        sup_config_reopen_log(s);
        s->reload_wanted = true;
    }
}

static void reap(struct supervisor *s)
{
    pid_t pid;
    int status;
    /* Any child: as process 1 of a container we inherit strangers. */
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == s->loader.pid) {
            sup_load_exited(s, status);
        }
        struct sup_worker *w = sup_worker_find(s, pid);
        if (w != NULL) {
            sup_worker_exited(s, w, status);
        }
    }
}

static void on_signal(struct supervisor *s)
{
    struct signalfd_siginfo info;
    while (read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        switch (info.ssi_signo) {
        case SIGCHLD:
            reap(s);
            break;
        case SIGHUP:
            sup_reload(s);
            break;
        case SIGTERM:
        case SIGINT:
            on_end_signal(s);
            break;
        default: /* SIGUSR1, SIGUSR2, SIGPIPE: taken, so that they do not end us */
            break;
        }
    }
}

static struct res signals_open(struct supervisor *s)
{
    static const int taken[] = {SIGCHLD, SIGHUP, SIGTERM, SIGINT, SIGPIPE, SIGUSR1, SIGUSR2};
    sigset_t set;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < COUNT(taken); i++) {
        (void)sigaddset(&set, taken[i]);
    }
    s->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return s->signals != -1 && sigprocmask(SIG_BLOCK, &set, NULL) == 0 ? RES_OK : res_err("cannot take signals");
}

/* --- the loop ----------------------------------------------------------------------------------------------------- */

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Milliseconds to the next thing that happens by itself; -1: none. */
static int wait_ms(const struct supervisor *s)
{
    uint64_t now = clock_mono_ms(), due = 0;
    due = s->loader.pid != 0 ? sooner(due, s->loader.due_ms) : due;
    for (size_t i = 0; i < SUP_PLACES; i++) {
        due = sooner(due, s->workers[i].due_ms);
    }
    if (may_restart(s)) {
        due = sooner(due, s->workers[SUP_MAIN].restart_ms);
    }
    due = sooner(due, sup_admin_due(s));
    if (due == 0) {
        return -1;
    }
    return due <= now ? 0 : (int)(due - now < 60000 ? due - now : 60000);
}

static void on_due(struct supervisor *s)
{
    uint64_t now = clock_mono_ms();
    if (s->loader.pid != 0 && s->loader.due_ms != 0 && now >= s->loader.due_ms) {
        sup_say("the loader takes too long");
        sup_load_kill(s);
    }
    for (size_t i = 0; i < SUP_PLACES; i++) {
        struct sup_worker *w = &s->workers[i];
        if (w->due_ms != 0 && now >= w->due_ms) {
            sup_say(w->state == SUP_WORKER_PARTED ? "a worker that parts takes too long"
                                                  : "the worker does not answer");
            sup_worker_kill(w);
        }
    }
    sup_admin_on_due(s, now);
}

/* Reading without need costs a system call; reading by the place that poll() saw would be wrong once a worker has moved. */
static void read_workers(struct supervisor *s)
{
    for (size_t i = 0; i < SUP_PLACES; i++) {
        sup_worker_read(s, &s->workers[i]);
    }
}

static void turn(struct supervisor *s)
{
    struct pollfd p[2 + SUP_PLACES + 1 + ADMIN_AT_ONCE] = {
        {.fd = s->signals, .events = POLLIN}, {.fd = s->loader.sock, .events = POLLIN}, /* poll() skips -1 */
    };
    for (size_t i = 0; i < SUP_PLACES; i++) {
        p[2 + i] = (struct pollfd){.fd = s->workers[i].sock, .events = POLLIN};
    }
    sup_admin_poll(s, p + 2 + SUP_PLACES);
    if (poll(p, COUNT(p), wait_ms(s)) == -1 && errno != EINTR) {
        sup_say("cannot wait for events");
        sup_end(s, 1);
        return;
    }
    if (p[1].revents != 0) {
        sup_load_read(s);
    }
    read_workers(s);
    if (p[0].revents != 0) {
        on_signal(s);
    }
    sup_admin_turn(s);
    on_due(s);
}

static void run(struct supervisor *s)
{
    sup_load_start(s);
    while (s->state != SUP_ENDED) {
        step(s);
        if (s->state != SUP_ENDED) {
            turn(s);
        }
    }
}

static struct res prepare(struct supervisor *s, const struct supervisor_options *o)
{
    s->o = o;
    s->threads = o->threads != 0 ? o->threads : process_cpus();
    s->loader.sock = s->signals = s->admin = -1;
    for (size_t i = 0; i < SUP_PLACES; i++) {
        sup_worker_forget(&s->workers[i]);
    }
    sup_config_init(&s->current);
    sup_config_init(&s->next);
    process_raise_nofile();
    struct res r = privilege_find(o->user, &s->user);
    if (!res_ok(r)) {
        return r;
    }
    if (o->user == NULL && geteuid() == 0) {
        sup_say("started as root; the worker runs as %s", s->user.name);
    }
    if (o->no_sandbox) {
        sup_say("warning: --sandbox off: a worker that was taken over could read files, start programs and connect "
                "anywhere");
    }
    text_init(&s->store);
    r = o->state_dir != NULL ? store_dir_make(o->state_dir, &s->user, &s->store) : RES_OK;
    return res_ok(r) ? signals_open(s) : r;
}

int supervisor_run(const struct supervisor_options *o)
{
    struct supervisor *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        sup_say("out of memory");
        return 1;
    }
    struct res r = prepare(s, o);
    if (res_ok(r)) {
        sup_admin_open(s);
        run(s);
    } else {
        sup_say("%s", r.err);
        s->exit_code = 1;
    }
    int code = s->exit_code;
    sup_admin_close(s);
    sup_load_kill(s);
    sup_workers_kill(s);
    sup_config_drop(&s->next, &s->current);
    sup_config_drop(&s->current, NULL);
    if (s->signals != -1) {
        (void)close(s->signals);
    }
    text_fini(&s->store);
    free(s);
    return code;
}

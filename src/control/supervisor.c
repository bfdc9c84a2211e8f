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
    if (s->state == SUP_STARTING) {
        sup_say("not started");
        sup_end(s, 1);
    } else if (s->state == SUP_RUNNING) {
        sup_say("reload: refused, the running rules stay (generation %llu)", (unsigned long long)s->current.generation);
        notify_send(NOTIFY_READY);
    }
}

void sup_change_done(struct supervisor *s)
{
    bool first = s->state == SUP_STARTING;
    s->change = SUP_CHANGE_NONE;
    sup_config_drop(&s->current, &s->next);
    s->current = s->next;
    sup_config_init(&s->next);
    if (first) {
        s->state = SUP_RUNNING;
        sup_config_say(s, "serving");
    } else {
        char what[60];
        sup_worker_log(s);
        (void)snprintf(what, sizeof(what), "reload: ok, generation %llu,", (unsigned long long)s->current.generation);
        sup_config_say(s, what);
    }
    notify_send(NOTIFY_READY);
    if (first && s->o->on_ready != NULL) {
        s->o->on_ready(s->o->arg);
    }
}

/* Starts whatever is due and possible now. */
static void step(struct supervisor *s)
{
    struct sup_worker *w = &s->worker;
    if (s->state != SUP_STARTING && s->state != SUP_RUNNING) {
        return;
    }
    if (s->state == SUP_STARTING && s->change == SUP_CHANGE_READY) {
        s->change = SUP_CHANGE_COMMITTING;
        sup_worker_start(s, &s->next);
    } else if (s->state == SUP_RUNNING && w->state == SUP_WORKER_NONE && clock_mono_ms() >= w->restart_ms) {
        sup_worker_start(s, &s->current);
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
        sup_worker_kill(s);
        sup_end(s, 1);
        return;
    }
    notify_send(NOTIFY_STOPPING);
    sup_load_kill(s);
    s->state = SUP_DRAINING;
    sup_worker_drain(s);
    /* The worker closes its copies too: from here on nobody is kept waiting in a queue that nobody serves. */
    listen_set_close_except(&s->next.listens, &s->current.listens);
    listen_set_close_except(&s->current.listens, NULL);
    if (s->worker.pid == 0) {
        sup_end(s, 0);
    } else {
        sup_say("draining");
    }
}

static void on_hup(struct supervisor *s)
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
        } else if (pid == s->worker.pid) {
            sup_worker_exited(s, status);
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
            on_hup(s);
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
    due = sooner(due, s->worker.due_ms);
    if (s->state == SUP_RUNNING && s->worker.state == SUP_WORKER_NONE) {
        due = sooner(due, s->worker.restart_ms);
    }
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
    if (s->worker.due_ms != 0 && now >= s->worker.due_ms) {
        sup_say("the worker does not answer");
        sup_worker_kill(s);
    }
}

static void turn(struct supervisor *s)
{
    struct pollfd p[] = {
        {.fd = s->signals, .events = POLLIN},
        {.fd = s->loader.sock, .events = POLLIN}, /* poll() skips -1 */
        {.fd = s->worker.sock, .events = POLLIN},
    };
    if (poll(p, 3, wait_ms(s)) == -1 && errno != EINTR) {
        sup_say("cannot wait for events");
        sup_end(s, 1);
        return;
    }
    if (p[1].revents != 0) {
        sup_load_read(s);
    }
    if (p[2].revents != 0) {
        sup_worker_read(s);
    }
    if (p[0].revents != 0) {
        on_signal(s);
    }
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
    s->loader.sock = s->worker.sock = s->signals = -1;
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
    return signals_open(s);
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
        run(s);
    } else {
        sup_say("%s", r.err);
        s->exit_code = 1;
    }
    int code = s->exit_code;
    sup_load_kill(s);
    sup_worker_kill(s);
    sup_config_drop(&s->next, &s->current);
    sup_config_drop(&s->current, NULL);
    if (s->signals != -1) {
        (void)close(s->signals);
    }
    free(s);
    return code;
}

/* The watchdog: control looks whether each loop thread turns, and ends the worker when one does not. Its connections are
 * lost anyway, and its share of the new ones would wait for ever; the supervisor starts another worker on the same
 * sockets at once. */
#include "control/worker_priv.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

/* Not by stdio: the thread that hangs may hold its lock. And never waiting: a pipe that nobody reads must not keep the
 * worker alive. */
static void tell(const char *text, size_t n)
{
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0) {
        (void)!write(STDERR_FILENO, text, n);
    }
}

static _Noreturn void end_for(const struct worker_thread *t)
{
    char line[200];
    int n = snprintf(line, sizeof(line),
                     "tiergate: worker: loop thread %u (tg-loop-%u) has not turned for %u s; this worker ends\n",
                     t->index, t->index, WATCHDOG_LOOKS * WATCHDOG_PACE_MS / 1000u);
    tell(line, n > 0 ? (size_t)n : 0);
    _exit(1); /* takes the thread along, wherever it is; no destructor runs */
}

static void look_at(struct worker_thread *t)
{
    if (t->state == THREAD_SERVES && watchdog_look(&t->watchdog, loop_turns(t->loop))) {
        end_for(t);
    }
}

static void on_pace(void *arg)
{
    struct worker *w = arg;
    for (unsigned i = 0; i < w->thread_count; i++) {
        look_at(&w->threads[i]);
    }
    if (!timer_set(&w->pace, WATCHDOG_PACE_MS)) {
        worker_die("out of memory");
    }
}

void worker_watch_start(struct worker *w)
{
    timer_init(&w->pace, w->loop, on_pace, w);
    if (!timer_set(&w->pace, WATCHDOG_PACE_MS)) {
        worker_die("out of memory");
    }
}

void worker_watch_stop(struct worker *w)
{
    if (w->pace.loop != NULL) {
        timer_fini(&w->pace);
        w->pace = (struct timer){.loop = NULL};
    }
}

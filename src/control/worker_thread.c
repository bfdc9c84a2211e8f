#include "control/worker_priv.h"

#include <stdio.h>

static bool thread_set_up(struct worker_thread *t)
{
    t->loop = loop_new();
    if (t->loop == NULL) {
        return false;
    }
    t->edge = edge_thread_new(t->worker->edge, t->loop, t->worker->resolver);
    if (t->edge == NULL) {
        loop_free(t->loop);
        t->loop = NULL;
    }
    return t->edge != NULL;
}

static void *thread_main(void *arg)
{
    struct worker_thread *t = arg;
    char name[16];
    (void)snprintf(name, sizeof(name), "tg-loop-%u", t->index % 1000);
    (void)pthread_setname_np(pthread_self(), name);
    bool ok = thread_set_up(t);
    (void)sem_post(&t->started);
    if (ok) {
        loop_run(t->loop);
        edge_thread_free(t->edge);
        loop_free(t->loop);
    }
    return NULL;
}

static struct res thread_start(struct worker_thread *t)
{
    if (sem_init(&t->started, 0, 0) == -1 || pthread_create(&t->id, NULL, thread_main, t) != 0) {
        return res_err("cannot start a loop thread");
    }
    while (sem_wait(&t->started) == -1) {
    }
    if (t->loop == NULL) {
        (void)pthread_join(t->id, NULL);
        return res_err("a loop thread found no memory or descriptors");
    }
    t->state = THREAD_SERVES;
    return RES_OK;
}

struct res worker_threads_start(struct worker *w)
{
    for (unsigned i = 0; i < w->thread_count; i++) {
        struct worker_thread *t = &w->threads[i];
        t->worker = w;
        t->index = i;
        struct res r = thread_start(t);
        if (!res_ok(r)) {
            return r;
        }
    }
    return RES_OK;
}

static void stop_run(void *arg)
{
    struct worker_thread *t = arg;
    loop_stop(t->loop);
}

void worker_threads_stop(struct worker *w)
{
    for (unsigned i = 0; i < w->thread_count; i++) {
        if (w->threads[i].state != THREAD_NONE) {
            worker_thread_post(&w->threads[i], stop_run);
        }
    }
    for (unsigned i = 0; i < w->thread_count; i++) {
        struct worker_thread *t = &w->threads[i];
        if (t->state != THREAD_NONE) {
            (void)pthread_join(t->id, NULL);
            (void)sem_destroy(&t->started);
            t->state = THREAD_NONE;
        }
    }
}

void worker_thread_post(struct worker_thread *t, void (*run)(void *thread))
{
    if (!loop_post(t->loop, run, NULL, t)) {
        worker_die("out of memory");
    }
}

void worker_thread_reply(struct worker_thread *t, void (*run)(void *thread))
{
    if (!loop_post(t->worker->loop, run, NULL, t)) {
        worker_die("out of memory");
    }
}

/* What a loop can be told to run: see net/loop.h, which knows how. */
#ifndef TG_NET_TASK_H
#define TG_NET_TASK_H

/* Embedded in its owner. Queued at most once at a time. */
struct loop_task {
    struct loop_task *next, *prev;
    void (*run)(void *arg);
    void *arg;
};

#endif

/* Threads beside the first one. */
#ifndef TG_BASE_THREAD_H
#define TG_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* The thread takes no signals: they are the first thread's, and SIGPIPE must not end anything. */
bool thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

#endif

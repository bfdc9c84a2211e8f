/* The worker: one unprivileged process with a control thread (the main one), the hash and
 * log threads, and N loop threads. */
#ifndef TG_CONTROL_WORKER_H
#define TG_CONTROL_WORKER_H

/* `tiergate worker THREADS UID GID [RESOLVER]`, started by the supervisor only. 0: drained. */
int worker_main(int argc, char **argv);

#endif

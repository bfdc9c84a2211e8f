/* The worker: one unprivileged process with a control thread (the main one), the hash and
 * log threads, and N loop threads. */
#ifndef TG_CONTROL_WORKER_H
#define TG_CONTROL_WORKER_H

/* `tiergate worker THREADS UID GID on|off STORE [RESOLVER]`, started by the supervisor only. on|off: the sandbox; STORE: its folder, or "". 0: drained. */
int worker_main(int argc, char **argv);

#endif

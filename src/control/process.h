/* Starts this same program again as a helper process, tied to us by a socket pair on
 * CONTROL_FD, and tells how one ended. */
#ifndef TG_CONTROL_PROCESS_H
#define TG_CONTROL_PROCESS_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/res.h"

#define CONTROL_FD 3

enum process_env {
    PROCESS_ENV_ALL = 0, /* the loader reads secrets from variables */
    PROCESS_ENV_CLEAN    /* the worker gets none of them, only what libraries look at */
};

struct process_spec {
    const char *const *argv; /* argv[0] is what ps shows; ends with NULL */
    enum process_env env;
    const sigset_t *blocked; /* signals that it starts with blocked */
};

struct process {
    pid_t pid;
    int sock; /* our end, non-blocking, close-on-exec; the caller closes it */
};

/* The child is killed when this thread ends, however it ends. It inherits descriptors 0
 * to 2 and its end of the pair. */
struct res process_start(const struct process_spec *spec, struct process *out) MUSTUSE;

/* "killed by signal 9 (Killed)", "exited with status 1". */
void process_status_text(int status, char *out, size_t cap);

/* Opens /dev/null for whichever of 0, 1, 2 is closed, so that no socket of ours is ever taken for stderr. */
struct res process_fill_stdio(void) MUSTUSE;
/* As many descriptors as the hard limit allows. */
void process_raise_nofile(void);
/* How many descriptors this process may have. */
uint64_t process_nofile(void);
/* CPUs this process may run on, 1 to 64. */
unsigned process_cpus(void);

#endif

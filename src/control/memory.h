/* How much memory this process may count on. */
#ifndef TG_CONTROL_MEMORY_H
#define TG_CONTROL_MEMORY_H

#include <stddef.h>

/* The machine's, or the least that a control group around us allows (both versions). Reads files below `proc` and
 * `cgroup` ("/proc", "/sys/fs/cgroup"): before the sandbox closes. SIZE_MAX: nobody says. */
size_t memory_of_machine(const char *proc, const char *cgroup);
/* What connections may hold of it when the rules do not say: half. The rest is for the program, the kernel's socket
 * buffers and the page cache. */
size_t memory_for_connections(size_t machine);

#endif

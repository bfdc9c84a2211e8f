/* What this process may still ask of the kernel: Landlock says which files may be opened and which TCP ports connected
 * to, seccomp which system calls there are. For good, for all threads that come later. ADR 0012. */
#ifndef TG_NET_SANDBOX_H
#define TG_NET_SANDBOX_H

#include <stdint.h>

#include "base/res.h"

/* A set of TCP ports. Zeroed: empty. */
struct sandbox_ports {
    uint64_t bits[65536 / 64];
};

void sandbox_ports_add(struct sandbox_ports *p, uint16_t port);
bool sandbox_ports_has(const struct sandbox_ports *p, uint16_t port);

struct sandbox_policy {
    const char *const *readable; /* files, or folders with all below them; what is not there is skipped */
    size_t readable_count;
    const char *writable; /* NULL: none. A folder: files below it may be made, read, written and removed, not cut off */
    const struct sandbox_ports *connect;
};

/* What the kernel really holds us to. */
enum sandbox_part {
    SANDBOX_FILES = 1, /* Landlock, Linux 5.13: only what is readable or writable may be opened, and only so */
    SANDBOX_PORTS = 2, /* Landlock 4, Linux 6.7: connect() to these TCP ports only, bind() to none */
    SANDBOX_PEERS = 4, /* Landlock 6, Linux 6.12: no signals and no abstract sockets to processes outside */
    SANDBOX_CALLS = 8  /* seccomp */
};

/* Needs no_new_privs, and a single thread: Landlock does not reach threads that run already. *in_force: which
 * sandbox_parts; a kernel without one of them is no error, one that has it and refuses is. */
struct res sandbox_enter(const struct sandbox_policy *p, unsigned *in_force) MUSTUSE;

#endif

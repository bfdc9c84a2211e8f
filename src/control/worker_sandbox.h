/* What this worker may open and connect to: taken from its first configuration, and for good. A configuration that needs
 * more is another worker's (supervisor_succession.c). thread: control. */
#ifndef TG_CONTROL_WORKER_SANDBOX_H
#define TG_CONTROL_WORKER_SANDBOX_H

#include <sys/types.h>

#include "config/snapshot.h"
#include "net/sandbox.h"

#define WORKER_FILES 16

/* Which file a path leads to: permission is for that one, not for its successor under the same name. */
struct worker_file {
    const char *path;
    bool again; /* opened again and again, not at the start alone */
    dev_t device;
    ino_t inode; /* 0: none */
};

/* Zeroed: nothing is held. */
struct worker_sandbox {
    unsigned in_force; /* enum sandbox_part */
    size_t file_count;
    struct worker_file files[WORKER_FILES];
    struct sandbox_ports ports;
};

/* Before any thread is started. `store`: the folder that it may write to, or NULL. Tells on stderr what this kernel cannot forbid. `resolver` as resolver_new(). */
struct res worker_sandbox_enter(struct worker_sandbox *s, const struct snapshot *first, const char *resolver,
                                const char *store) MUSTUSE;
/* May it still open what it opens again and again? Not when a file was replaced by another of its name. */
bool worker_sandbox_has_files(const struct worker_sandbox *s);
/* May it connect to the ports of all origins, and of what gates ask (GitHub, mail)? */
bool worker_sandbox_has_ports(const struct worker_sandbox *s, const struct snapshot *next);

#endif

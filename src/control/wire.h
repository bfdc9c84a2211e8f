/* What supervisor, loader and worker say to each other: typed, length-checked messages over a SOCK_SEQPACKET pair, with
 * descriptors beside them (SCM_RIGHTS). Both ends are the same program, so numbers are in its own byte order; nothing
 * is believed all the same, since a worker may be in an attacker's hands. */
#ifndef TG_CONTROL_WIRE_H
#define TG_CONTROL_WIRE_H

#include "base/res.h"
#include "base/span.h"
#include "net/addr.h"

enum wire_type {
    WIRE_ADDRESS = 1, /* loader: one address to listen on: addr */
    WIRE_SUMMARY,     /* loader, last: u64 hosts, u64 ms that a drain may take, bytes log sink; fd: the sealed bundle */
    WIRE_LISTEN,      /* to the worker: addr; fds: its bound sockets, one per thread */
    WIRE_LOG,         /* to the worker, holds at once; fd: the sink; none: nowhere */
    WIRE_COMMIT,      /* to the worker: u64 generation; fd: the sealed bundle. With the LISTENs since the last COMMIT */
    WIRE_DRAIN,       /* to the worker */
    /* To the worker: u64 generation; fd: the sealed bundle. Take these rules for what is open, listen no more, drain;
     * COMMITTED when no thread goes by older rules. */
    WIRE_PART,
    WIRE_COMMITTED, /* from the worker: u64 generation */
    WIRE_FAILED,    /* from the worker: u64 generation, bytes reason */
    WIRE_OUTGROWN,  /* from the worker: u64 generation: its sandbox is too narrow for that; nothing has changed */
    /* From the command line, and on to the workers: u64 id (the supervisor's; the command line sends 0), bytes words (control/admin.h). */
    WIRE_ADMIN,
    /* From the worker: u64 id, u64 is it done (1), u64 threads, u64 of what was open and ended, bytes text. To the command line: u64 workers,
     * u64 of them done, u64 threads, u64 ended, u64 microseconds, bytes text. */
    WIRE_ADMIN_DONE,
    WIRE_STATUS, /* from the command line; answered by ADMIN_DONE, as is the next one */
    WIRE_RELOAD, /* from the command line; answered when all go by the new rules, or they are refused */
    WIRE_TYPES
};

#define WIRE_BIT(type) (1u << (type))
#define WIRE_BODY 4096u
#define WIRE_FDS 64u /* the kernel allows 253 */

struct wire_msg {
    uint32_t type; /* enum wire_type */
    uint32_t n;    /* bytes of the body */
    uint32_t at;   /* read so far */
    uint32_t fd_count;
    bool bad;          /* a put did not fit or a get ran over the end: sticky */
    int fds[WIRE_FDS]; /* sending: borrowed; received: owned, -1 once taken */
    uint8_t body[WIRE_BODY];
};

void wire_begin(struct wire_msg *m, enum wire_type type);
void wire_put_u64(struct wire_msg *m, uint64_t v);
void wire_put_bytes(struct wire_msg *m, struct span s);
void wire_put_addr(struct wire_msg *m, const struct addr *a);
void wire_put_fd(struct wire_msg *m, int fd);
/* Waits at most timeout_ms for room. Descriptors are copied, not given away. */
struct res wire_send(int sock, const struct wire_msg *m, int timeout_ms) MUSTUSE;

enum wire_io { WIRE_IO_OK = 0, WIRE_IO_AGAIN, WIRE_IO_EOF, WIRE_IO_BAD };

/* One message without waiting. Only types of `accept` (WIRE_BITs) with as many descriptors as they have; anything else
 * is WIRE_IO_BAD, its descriptors closed. After WIRE_IO_OK the caller takes descriptors and calls wire_close_fds(). */
enum wire_io wire_recv(int sock, unsigned accept, struct wire_msg *m);
uint64_t wire_get_u64(struct wire_msg *m);
/* Borrowed from m. */
struct span wire_get_bytes(struct wire_msg *m);
struct addr wire_get_addr(struct wire_msg *m);
/* -1 when there is no i-th or it was taken. */
int wire_take_fd(struct wire_msg *m, size_t i);
/* Was all of the body read, and nothing beyond it? */
bool wire_done(const struct wire_msg *m);
void wire_close_fds(struct wire_msg *m);

#endif

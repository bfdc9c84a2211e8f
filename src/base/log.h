/* Log lines off the hot path: each thread formats into a ring of its own, one writer thread drains the rings into the
 * sink. When a ring is full because the sink stalls, lines are dropped and counted; the count is written when the sink
 * moves again. */
#ifndef TG_BASE_LOG_H
#define TG_BASE_LOG_H

#include "base/res.h"
#include "base/span.h"

struct log;      /* thread: any */
struct log_ring; /* thread: the one producer */

/* Starts the writer thread on fd (-1 writes nowhere; else it must stay open until it is replaced or log_free returns).
 * NULL: no memory or thread. */
struct log *log_new(int fd);
/* Flushes for at most flush_ms, then ends the writer. Rings are freed too; the fd in use stays open, the caller's. */
void log_free(struct log *l, unsigned flush_ms);
/* Swaps the sink (reopen); the old fd is closed by the writer once it no longer uses it, unless it is one of 0..2. */
void log_set_fd(struct log *l, int fd);
/* A ring of at least `size` bytes (65536 to 1 GiB) for the calling thread. NULL: no memory. */
struct log_ring *log_ring_new(struct log *l, size_t size);
/* Copies one whole line (with its '\n', at most 65536 bytes); false: dropped and counted. Never blocks. */
bool log_ring_put(struct log_ring *r, struct span line);
uint64_t log_dropped(const struct log *l);

#endif

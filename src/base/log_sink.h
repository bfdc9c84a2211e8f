/* The log writer's end: gathers whole lines and writes them to an fd that may stall, fail or be swapped. For log.c
 * alone. */
#ifndef TG_BASE_LOG_SINK_H
#define TG_BASE_LOG_SINK_H

#include "base/span.h"

#define LOG_LINE_MAX 65536u /* a power of two: also the smallest ring */

struct log_sink;

/* thread: any. wake: eventfd that interrupts a stalled flush; borrowed. NULL: no memory. */
struct log_sink *log_sink_new(int fd, int wake);
void log_sink_free(struct log_sink *s);
/* Asks for another fd; the caller then raises `wake`. */
void log_sink_set_fd(struct log_sink *s, int fd);
/* No flush waits beyond this time (clock_mono_us) any more; the caller then raises `wake`. */
void log_sink_end(struct log_sink *s, uint64_t deadline_us);
bool log_sink_is_ending(const struct log_sink *s);
/* Lines that a failed or swapped sink swallowed. */
uint64_t log_sink_lost(const struct log_sink *s);

/* thread: the writer. */

/* Was another fd or the end asked for, and not yet obeyed? */
bool log_sink_has_orders(const struct log_sink *s);
/* Begins to use what log_sink_set_fd asked for, if anything. */
void log_sink_take_fd(struct log_sink *s);
/* Buffers as many whole lines of a followed by b as there is room for; returns their bytes. 0: flush first. */
size_t log_sink_add(struct log_sink *s, struct span a, struct span b);
/* Writes all that is buffered, however long that takes. False: the deadline passed first; the rest is lost. */
bool log_sink_flush(struct log_sink *s);

#endif

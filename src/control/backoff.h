/* How long to wait before a process that died is started again: at once the first time, then 100 ms, doubling up to 1 s
 * while it keeps dying soon after its start. Pure. */
#ifndef TG_CONTROL_BACKOFF_H
#define TG_CONTROL_BACKOFF_H

#include <stdint.h>

struct backoff {
    uint64_t started_ms; /* of the last start */
    uint32_t next_ms;    /* 0: no death soon after a start yet */
};

void backoff_started(struct backoff *b, uint64_t now_ms);
/* It died: milliseconds from now until the next start. */
uint32_t backoff_died(struct backoff *b, uint64_t now_ms);

#endif

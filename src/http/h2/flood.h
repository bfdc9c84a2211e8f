/* What a peer may do how often, whatever else it does: every kind of frame that costs us more than it costs its sender. Private to h2/. */
#ifndef TG_HTTP_H2_FLOOD_H
#define TG_HTTP_H2_FLOOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum h2_toll {
    H2_TOLL_SETTINGS = 0,
    H2_TOLL_PING,
    H2_TOLL_PRIORITY,
    H2_TOLL_RESET,  /* by the peer, or provoked by it (CVE-2023-44487, CVE-2025-8671) */
    H2_TOLL_GLITCH, /* what is wrong but survivable */
    H2_TOLLS
};

struct h2_flood {
    uint64_t level[H2_TOLLS]; /* leaky buckets; unit: events × 60000 */
    uint64_t seen_ms;
    uint64_t wire, payload; /* bytes of frames, and of those that carry something */
    uint64_t streams, data_sent, window_updates, priorities;
    unsigned empty; /* DATA frames without a byte, one behind the other */
};

/* Lets the buckets leak. */
void h2_flood_clock(struct h2_flood *f, uint64_t now_ms);
/* False, from all of these: too many of them. */
bool h2_flood_take(struct h2_flood *f, enum h2_toll toll);
/* A frame of n bytes, header included, of which `payload` carry data or a head. */
bool h2_flood_frame(struct h2_flood *f, size_t n, size_t payload);
bool h2_flood_window_update(struct h2_flood *f);
bool h2_flood_priority(struct h2_flood *f);
/* A DATA frame of n bytes that does not end its stream. */
bool h2_flood_data(struct h2_flood *f, size_t n);

#endif

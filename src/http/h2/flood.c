#include "http/h2/flood.h"

#define MINUTE_MS 60000u
/* More overhead than this many bytes beyond eight times the payload is no conversation. */
#define OVERHEAD_FREE (1u << 20)
#define OVERHEAD_SHARE 8u
#define EMPTY_MAX 1u
/* A page that scrolls says anew which images it wants first. */
#define PRIORITIES_PER_STREAM 8u

static const struct {
    uint32_t burst, per_minute;
} tolls[H2_TOLLS] = {
    [H2_TOLL_SETTINGS] = {14, 14},    [H2_TOLL_PING] = {60, 60},     [H2_TOLL_PRIORITY] = {120, 120},
    [H2_TOLL_RESET] = {200, 33 * 60}, [H2_TOLL_GLITCH] = {375, 500},
};

void h2_flood_clock(struct h2_flood *f, uint64_t now_ms)
{
    uint64_t passed = now_ms - f->seen_ms;
    f->seen_ms = now_ms;
    if (passed == 0)
        return;
    if (passed > 60 * MINUTE_MS)
        passed = 60 * MINUTE_MS;
    for (unsigned i = 0; i < H2_TOLLS; i++) {
        uint64_t leak = passed * tolls[i].per_minute;
        f->level[i] = f->level[i] > leak ? f->level[i] - leak : 0;
    }
}

bool h2_flood_take(struct h2_flood *f, enum h2_toll toll)
{
    f->level[toll] += MINUTE_MS;
    return f->level[toll] <= (uint64_t)tolls[toll].burst * MINUTE_MS;
}

bool h2_flood_frame(struct h2_flood *f, size_t n, size_t payload)
{
    f->wire += n;
    f->payload += payload;
    return f->wire / OVERHEAD_SHARE <= f->payload + OVERHEAD_FREE;
}

/* What a peer has to say about windows follows from what we sent and from the streams that it opened. */
bool h2_flood_window_update(struct h2_flood *f)
{
    return ++f->window_updates <= 5 + 2 * (f->streams + 10 * f->data_sent);
}

bool h2_flood_priority(struct h2_flood *f)
{
    return ++f->priorities <= PRIORITIES_PER_STREAM * f->streams || h2_flood_take(f, H2_TOLL_PRIORITY);
}

bool h2_flood_data(struct h2_flood *f, size_t n)
{
    f->empty = n == 0 ? f->empty + 1 : 0;
    return f->empty <= EMPTY_MAX;
}

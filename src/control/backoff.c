#include "control/backoff.h"

#define FIRST_MS 100u
#define LONGEST_MS 1000u
#define LIVED_MS 10000u /* longer than this is not a crash loop */

void backoff_started(struct backoff *b, uint64_t now_ms)
{
    b->started_ms = now_ms;
}

uint32_t backoff_died(struct backoff *b, uint64_t now_ms)
{
    uint32_t wait = now_ms - b->started_ms >= LIVED_MS ? 0 : b->next_ms;
    b->next_ms = wait == 0 ? FIRST_MS : wait * 2 < LONGEST_MS ? wait * 2 : LONGEST_MS;
    return wait;
}

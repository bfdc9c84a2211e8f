#include "control/watchdog.h"

bool watchdog_look(struct watchdog *d, uint64_t turns)
{
    /* The first look of all compares with 0; a thread that has not turned once since then is as stuck as any. */
    d->still = turns != d->turns ? 0 : d->still + 1;
    d->turns = turns;
    return d->still >= WATCHDOG_LOOKS;
}

/* Does a loop thread still turn? Looked at in steady paces; what is counted is the looks, not the clock: a machine that
 * slept, or a process that was stopped as a whole, took no looks either and is no alarm. Pure. */
#ifndef TG_CONTROL_WATCHDOG_H
#define TG_CONTROL_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

/* An idle loop turns four times a second (EDGE_SWEEP_MS); no turn comes near five seconds. */
#define WATCHDOG_PACE_MS 500u
#define WATCHDOG_LOOKS 10u

/* What was seen of one thread. Zeroed: nothing yet. */
struct watchdog {
    uint64_t turns;
    unsigned still; /* looks on end that found it where it was */
};

/* One look. True: it has not turned for WATCHDOG_LOOKS paces. */
bool watchdog_look(struct watchdog *d, uint64_t turns);

#endif

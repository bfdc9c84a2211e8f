#include "control/descriptors.h"

#include "config/snapshot.h"

/* What is open without any client: standard streams, control, log and its wake-up, a bundle and a new log on their way
 * in, the control thread's loop and its questions to name servers, and the store's three files. */
#define PROCESS 18u
/* Of each loop thread: its event queue, its mailbox, questions to name servers. */
#define THREAD 6u
/* A listening socket, and its reserve. */
#define SOCKET 2u

/* Of the rest: one part waits idle in the pools, one is for what lingers after its connection has ended and for second
 * addresses that are tried, and the other six are pairs of client and origin. */
#define PARTS 8u
#define PAIRS 3u

static uint64_t fixed(const struct descriptors *d)
{
    return PROCESS + (uint64_t)THREAD * d->threads + (uint64_t)SOCKET * d->sockets + d->fetches;
}

static uint32_t at_least_one(uint64_t n)
{
    return n == 0 ? 1 : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static uint32_t lower(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

uint64_t descriptors_fit(const struct descriptors *d, struct limits_config *limits)
{
    uint64_t rest = d->limit > fixed(d) ? d->limit - fixed(d) : 0;
    uint64_t wanted = fixed(d) + ((uint64_t)limits->connections * PARTS + PAIRS - 1) / PAIRS;
    limits->connections = lower(limits->connections, at_least_one(rest / PARTS * PAIRS + rest % PARTS * PAIRS / PARTS));
    limits->origin_idle = lower(limits->origin_idle, at_least_one(rest / PARTS / d->threads));
    return wanted;
}

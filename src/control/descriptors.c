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
 * addresses that are tried, five are pairs of client and origin. The last one, and what pairs leave because fewer
 * connections are wanted, is for more requests at a time of connections with HTTP/2, each of which needs one at its
 * origin: half of it for strangers, half for those who are signed in, so that neither can use up the other's. */
#define PARTS 8u
#define PAIRS 5u /* times two descriptors, of twice as many parts */

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

/* n / d * m, however large. */
static uint64_t scaled(uint64_t n, unsigned m, unsigned d)
{
    return n / d * m + n % d * m / d;
}

uint64_t descriptors_fit(const struct descriptors *d, struct limits_config *limits)
{
    uint64_t rest = d->limit > fixed(d) ? d->limit - fixed(d) : 0;
    uint64_t wanted = fixed(d) + ((uint64_t)limits->connections * 2 * PARTS + PAIRS - 1) / PAIRS;
    limits->connections = lower(limits->connections, at_least_one(scaled(rest, PAIRS, 2 * PARTS)));
    limits->origin_idle = lower(limits->origin_idle, at_least_one(rest / PARTS / d->threads));
    uint64_t taken = 2 * (rest / PARTS) + 2 * (uint64_t)limits->connections;
    limits->places_more = lower(limits->places_more, at_least_one(rest > taken ? (rest - taken) / 2 : 0));
    return wanted;
}

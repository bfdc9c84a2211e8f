/* What both ends share: all requests, the groups that they come from, what went wrong, how often each thing happened. */
#ifndef MIXUP_WORLD_H
#define MIXUP_WORLD_H

#include "ask.h"
#include "wire.h"

#define GROUPS 16u
#define LANES_MAX 64u /* of a group */

enum wrong {
    WRONG_MIXED = 0,     /* a client was given what is another's */
    WRONG_REQUEST_MIXED, /* the origin was */
    WRONG_IDENTITY,      /* the origin was told of another user, or a cookie proved to be another's */
    WRONG_INCOMPLETE,    /* a broken answer looked whole */
    WRONG_TWICE,         /* what may have had an effect arrived again */
    WRONG_RETRY,         /* what may be repeated was, but too often, too late, or on a used connection */
    WRONG_POISONED,      /* a request came by a connection that had long shown itself unfit */
    WRONG_OUTCOME,       /* not what must come of it */
    WRONG_FORM,          /* not HTTP, or of nobody */
    WRONG_STUCK,         /* no end */
    WRONG_COUNT
};

/* Clients of one host, whose origin has a port of its own: a pool of its own in tiergate. In calm groups nothing happens by chance to a
 * connection that is about to be used again, so that every sound request must be answered. */
struct group {
    struct world *world; /* back */
    unsigned number;
    char host[24];
    bool client_tls, origin_tls, calm, gated;
    struct door door;
    unsigned port;
    unsigned waiting; /* requests sent that have not arrived: one of them may be on its way into an idle connection */
    unsigned hushed;  /* origin connections that wait for such a moment: nothing new is asked meanwhile */
    char cookies[ASK_USERS][512];
};

struct world {
    struct reactor reactor;
    uint64_t seed;
    uint32_t count, next, ended;
    struct ask *asks; /* owned */
    struct group groups[GROUPS];
    unsigned gate_plain, gate_tls;
    bool roused;  /* a group may ask again */
    bool lenient; /* the worker is killed meanwhile: only mix-ups count */
    uint64_t wrongs[WRONG_COUNT];
    uint64_t faults[FAULT_COUNT];   /* that happened */
    uint64_t manners[MANNER_COUNT]; /* likewise */
    uint64_t own, own_of_gate, cut, gone;
    uint64_t retries, arrivals, client_connections, origin_connections, reused, tls_asks;
    uint64_t missed_poison; /* poison that was not sent: the connection was used again before */
    uint64_t swept;         /* answered, but lost to the reset that cut the next one */
    uint64_t unlucky;       /* sound, could not be repeated, its connection was gone */
};

/* Notes and, the first times, prints it. `id` may be UINT32_MAX. */
void world_wrong(struct world *w, enum wrong wrong, uint32_t id, const char *what);
const char *world_wrong_name(unsigned wrong);
/* It has arrived, or never will. */
void world_arrived(struct world *w, struct ask *a);
/* Answer to the WebSocket key that all upgrades here carry. */
#define WORLD_WS_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define WORLD_WS_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" /* RFC 6455 §1.3 */
#define WORLD_WS_PAYLOAD 100u
/* Base64 of u0:mixup … */
const char *world_credentials(unsigned user);

#endif

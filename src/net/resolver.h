/* Names to addresses with c-ares on the loop: hosts file, A and AAAA, TTL clamped to 1–300 s, negative entries 5 s, the
 * last good answer kept for an hour while resolving fails, at most 1024 names. `*.localhost` and `localhost` are
 * loopback without asking (RFC 6761). thread: the loop's. */
#ifndef TG_NET_RESOLVER_H
#define TG_NET_RESOLVER_H

#include "net/addr.h"
#include "net/loop.h"

#define RESOLVER_MAX 16

struct resolver;

/* Embedded in its owner. */
struct resolve {
    struct loop_task task;
    struct resolve *next, *prev;
    struct resolver *resolver;
    /* count 0: failed, `why` is static text. Addresses are ordered for connecting (RFC 6724 is left to the resolver
     * library; families alternate, IPv6 first) and valid during the call. port is 0. */
    void (*on_done)(void *arg, const struct addr *addrs, size_t count, const char *why);
    void *arg;
};

/* `servers`: "ip[:port],…" for tests, or NULL for the system's. NULL result: no memory. */
struct resolver *resolver_new(struct loop *loop, const char *servers);
void resolver_free(struct resolver *r);
/* on_done comes later, never from inside the call. */
void resolver_start(struct resolver *r, struct span name, struct resolve *q);
/* No on_done any more. */
void resolver_cancel(struct resolve *q);

#endif

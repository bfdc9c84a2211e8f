/* Names to addresses with c-ares on the loop: hosts file, A and AAAA, TTL clamped to 1–300 s, negative entries 5 s, the
 * last good answer kept for an hour while resolving fails, at most 1024 names. `*.localhost` and `localhost` are
 * loopback without asking (RFC 6761); an IP literal is its own answer. Names are absolute: the search list of
 * resolv.conf takes no part. thread: the loop's. */
#ifndef TG_NET_RESOLVER_H
#define TG_NET_RESOLVER_H

#include "net/addr.h"
#include "net/loop.h"

#define RESOLVER_MAX 16

struct resolver;
struct resolver_entry;

/* Embedded in its owner, who fills on_done and arg. */
struct resolve {
    struct loop_task task;
    struct resolve *next, *prev;
    struct resolver *resolver;
    struct resolver_entry *entry; /* pinned while the question is open */
    struct addr own[2];           /* the answer where no entry is needed */
    size_t own_count;
    const char *why;
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
/* No on_done any more. No effect when it has been called already, or on a zeroed struct. */
void resolver_cancel(struct resolve *q);

#endif

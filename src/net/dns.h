/* c-ares driven by the loop: one question, one answer. Private to the resolver. thread: the loop's. */
#ifndef TG_NET_DNS_H
#define TG_NET_DNS_H

#include "net/addr.h"
#include "net/loop.h"

#define DNS_MAX 16

struct dns;

enum dns_status {
    DNS_FOUND = 0,
    DNS_ABSENT, /* an authoritative no */
    DNS_FAILED  /* nobody could say */
};

struct dns_answer {
    enum dns_status status;
    const char *why; /* static; NULL when found */
    struct addr addrs[DNS_MAX];
    size_t count;
    unsigned ttl_s; /* the least of all records on the way */
};

/* servers: as resolver_new(). NULL: no memory, or servers is malformed. */
struct dns *dns_new(struct loop *loop, const char *servers);
/* Open questions are dropped without an answer. */
void dns_free(struct dns *d);
/* on_answer may be called from inside (hosts file). name: lower case, NUL-terminated. */
void dns_ask(struct dns *d, const char *name, void (*on_answer)(void *arg, const struct dns_answer *a), void *arg);

#endif

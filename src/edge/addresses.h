/* Inside of edge/: what each client address has, all threads together: connections, which must not be all that there may be,
 * and places at the origins (places.h). Any thread. */
#ifndef TG_EDGE_ADDRESSES_H
#define TG_EDGE_ADDRESSES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct addr;
struct address_count; /* of one address */
struct address_counts;
struct edge_shared;

struct address_counts *address_counts_new(void);
void address_counts_free(struct address_counts *c);

/* One connection more. False: over `max`, or no memory. *out: where it is counted, until it leaves; NULL for address family 0, which is
 * not counted. */
bool edge_address_enter(struct edge_shared *s, const struct addr *a, uint32_t max, struct address_count **out);
void edge_address_leave(struct edge_shared *s, struct address_count *e);
/* The same without a connection. NULL: address family 0, or no memory. */
struct address_count *edge_address_hold(struct edge_shared *s, const struct addr *a);
void edge_address_let_go(struct edge_shared *s, struct address_count *e);
/* How many places of an enum place_kind it has. */
atomic_uint *edge_address_places(struct address_count *e, unsigned kind);
/* Loop time at which it was last refused one because it has enough. */
_Atomic uint64_t *edge_address_wanted(struct address_count *e);

#endif

/* Inside of edge/: what gives way while memory is short, and in which order, so that it never runs out (ADR 0013).
 *
 *   tight  queues fill less; idle connections, endless heads and strangers who do not move are let go
 *   short  strangers' new requests get 503: what people who are signed in ask for goes on
 *   full   who does not move is let go although signed in; new connections are guests; once nothing is left at all,
 *          everybody's new requests get 503
 *
 * And at any level, where strangers find no place at the origins (places.h): those of them give way who have one and do not move.
 *
 * tiergate's own answers cost no more than a refusal and are always given, the health endpoint among them. */
#ifndef TG_EDGE_SHED_H
#define TG_EDGE_SHED_H

#include "edge/exchange.h"

/* A guest is let in for one short request, so that a health probe is the last thing that fails. */
enum shed_entry { SHED_WELCOME = 0, SHED_GUEST, SHED_AWAY };

enum shed_entry shed_at_door(const struct edge_thread *t);
/* How long c may take for what others have `ms` for. */
uint32_t shed_patience_ms(const struct conn *c, uint32_t ms);
/* May this exchange not go on to its origin now? */
bool shed_refuses(const struct exchange *x);
enum ex_next shed_refuse(struct exchange *x);
/* The rules changed, or are the first. */
void shed_configure(struct edge_thread *t, const struct limits_config *l);
/* After the sweep over all connections. */
void shed_sweep(struct edge_thread *t);

#endif

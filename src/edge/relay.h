/* Inside of edge/: the two directions of a relayed exchange. Both bodies stream with bounded memory: each side is read only while the
 * other one takes. After any of these calls the exchange may be over (x->state says so). */
#ifndef TG_EDGE_RELAY_H
#define TG_EDGE_RELAY_H

#include "edge/exchange.h"

/* What the origin's connection tells the exchange. */
extern const struct stream_events relay_origin_events;

/* Request payload from the client to the origin, as much as there is and as fits. */
void relay_request(struct exchange *x);
/* The origin's answer to the client, likewise. */
void relay_response(struct exchange *x);

/* The first byte of an answer is there. */
void relay_hears_origin(struct exchange *x);
/* The origin went before its answer was complete: tries once more, or refuses. */
void relay_origin_went(struct exchange *x);
/* The origin said what is no answer. */
void relay_origin_broke(struct exchange *x, const char *why);

#endif

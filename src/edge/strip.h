/* Inside of edge/: which request fields a client may not send to an origin. Pure. */
#ifndef TG_EDGE_STRIP_H
#define TG_EDGE_STRIP_H

#include "http/headers.h"
#include "origin/origin.h"

/* Is it one of the names that say who somebody is or where they come from, in any spelling an origin could fold to it (case, any other mark for
 * `-`)?
 * `identified`: then method and subrequest overrides may pass. */
bool strip_is_ours(struct span name, bool identified);
/* Marks all such fields, and those that origins.*.headers sets, as dropped. */
void strip_request(struct headers *h, const struct origin_config *o, bool identified);

#endif

/* Inside of edge/: an upgraded connection. Copies bytes both ways with bounded memory until both sides have ended. */
#ifndef TG_EDGE_TUNNEL_H
#define TG_EDGE_TUNNEL_H

#include "edge/conn.h"

struct tunnel;

/* Takes both streams' events; the exchange stays (its log line is written at the end). The bytes that lie in the streams' inputs are sent on. NULL: no memory. */
struct tunnel *tunnel_start(struct exchange *x, struct stream *client);
/* Cuts both sides and logs. */
void tunnel_cut(struct tunnel *t, const char *reason);
void tunnel_sweep(struct tunnel *t);
void tunnel_free(struct tunnel *t);

#endif

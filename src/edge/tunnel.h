/* Inside of edge/: an upgraded connection. Copies bytes both ways with bounded memory until both sides have ended. */
#ifndef TG_EDGE_TUNNEL_H
#define TG_EDGE_TUNNEL_H

#include "edge/conn.h"

struct tunnel;

/* Why tiergate itself ends a WebSocket: codes that clients may act on. */
enum tunnel_code {
    TUNNEL_RESTART = 1012,       /* RFC 6455 registry: service restart; come again */
    TUNNEL_SESSION_ENDED = 4401, /* sign in again */
    TUNNEL_RULES_CHANGED = 4403  /* no longer allowed */
};

/* Takes the origin's events; those of the client's side come by tunnel_on_client(). The exchange stays (its log line is written at the
 * end). The bytes that lie in the inputs are sent on. NULL: no memory. */
struct tunnel *tunnel_start(struct exchange *x);
/* The client's side has sent, taken, or ended. May free t. */
void tunnel_on_client(struct tunnel *t);
/* So that a silent end of it is noticed in time. */
void tunnel_keepalive(struct stream *s);
/* Nothing has begun to end it yet. */
bool tunnel_is_open(const struct tunnel *t);
/* Says Close to the client between two of the origin's frames, and ends both sides 100 ms later. Without such a place within 50 ms
 * it is cut; so is one that is parting already. May be called again; the first code stays. May free t. */
void tunnel_close(struct tunnel *t, enum tunnel_code code);
/* No callback of the tunnel does anything any more; `reason` goes to the log. The streams are the caller's to close. */
void tunnel_cut(struct tunnel *t, const char *reason);
/* How long no byte has come or gone. */
uint64_t tunnel_silent_ms(const struct tunnel *t, uint64_t now_ms);
/* May free t. */
void tunnel_sweep(struct tunnel *t);
void tunnel_free(struct tunnel *t);

#endif

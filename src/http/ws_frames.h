/* Where WebSocket frames end (RFC 6455 §5.2), so that something of ours can be said between two of them.
 * Payloads are not looked at. Pure. */
#ifndef TG_HTTP_WS_FRAMES_H
#define TG_HTTP_WS_FRAMES_H

#include "base/span.h"

struct ws_frames {
    uint64_t left;    /* payload bytes of the frame under way */
    uint8_t head[10]; /* its header as far as it has come; servers send no mask */
    uint8_t have;     /* bytes of it; 0: at a boundary when left is 0 too */
    bool lost;        /* not the frames of a server: there are no boundaries any more */
};

bool ws_frames_at_boundary(const struct ws_frames *f);
/* Goes over s. Returns how many bytes it took: all, or, with stop, those up to the next
 * boundary (0 when it stands at one). */
size_t ws_frames_take(struct ws_frames *f, struct span s, bool stop);

#define WS_CLOSE_MAX 125
/* A server's Close frame with code and reason (at most 123 bytes of UTF-8); returns its length. */
size_t ws_close_frame(uint16_t code, struct span reason, uint8_t out[WS_CLOSE_MAX + 2]);

#endif

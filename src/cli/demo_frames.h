/* WebSocket frames of the demo's echo (RFC 6455 §5), one at a time. Pure. */
#ifndef TG_CLI_DEMO_FRAMES_H
#define TG_CLI_DEMO_FRAMES_H

#include "base/chunkq.h"

enum demo_frame { DEMO_FRAME_MORE = 0, DEMO_FRAME_DONE, DEMO_FRAME_END };

#define DEMO_FRAME_MAX 65535u /* the longest that the short head can tell */

/* Takes one whole client frame off `in` and puts the answer to it on `out`: data comes back, ping becomes pong. END: a
 * close frame was put on `out`, because one came or because the frame is not allowed; nothing follows. */
enum demo_frame demo_frame_echo(struct chunkq *in, struct chunkq *out);

#endif

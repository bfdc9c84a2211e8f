/* What RFC 9113 and RFC 9218 make an error of the connection, and nghttp2 lets pass. */
#include "http/h2/impl.h"

#define WINDOW_MAX 0x7fffffff

/* How far a stream's window, of those that are open, lies above the size that SETTINGS gave it, at most. */
static int64_t widest(const struct h2_session *h)
{
    int64_t most = INT64_MIN;
    int64_t initial = nghttp2_session_get_remote_settings(h->ng, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE);
    for (const struct h2_stream *s = h->first; s; s = s->next) {
        int64_t window = nghttp2_session_get_stream_remote_window_size(h->ng, s->id);
        if (window - initial > most)
            most = window - initial;
    }
    return most;
}

void h2_strict_begin(struct h2_session *h, const nghttp2_frame_hd *hd)
{
    if (hd->type == NGHTTP2_SETTINGS)
        h->widest = widest(h);
    else if (hd->type == NGHTTP2_PRIORITY && hd->stream_id == 0)
        h2_session_end(h, H2_PROTOCOL_ERROR, "PRIORITY for no stream");
}

/* §6.9.2: nghttp2 ends only the stream. */
static void check_windows(struct h2_session *h)
{
    int64_t initial = nghttp2_session_get_remote_settings(h->ng, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE);
    if (h->first && h->widest + initial > WINDOW_MAX)
        h2_session_end(h, H2_FLOW_CONTROL_ERROR, "SETTINGS make a window overflow");
}

void h2_strict_frame(struct h2_session *h, const nghttp2_frame *frame)
{
    if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK)) {
        check_windows(h);
    } else if (frame->hd.type == NGHTTP2_PRIORITY_UPDATE) {
        const nghttp2_ext_priority_update *p = frame->ext.payload;
        if (p && p->stream_id == 0) /* RFC 9218 §7.1 */
            h2_session_end(h, H2_PROTOCOL_ERROR, "PRIORITY_UPDATE for no stream");
    }
}

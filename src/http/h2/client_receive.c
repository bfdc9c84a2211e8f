/* What comes in as a client, and when our heads have left. The rest is receive.c's. */
#include "http/h2/client.h"
#include "http/h2/impl.h"

#define FRAME_HEAD 9u

static void flooded(struct h2_session *h, const char *why)
{
    h2_session_end(h, H2_ENHANCE_YOUR_CALM, why);
}

static void take(struct h2_session *h, enum h2_toll toll, const char *why)
{
    if (!h2_flood_take(&h->flood, toll))
        flooded(h, why);
}

/* Servers measure the line with a PING for what we sent and asked (gRPC's do); more have to be paid for. */
static void take_ping(struct h2_session *h)
{
    if (++h->pings > h->flood.streams + h->flood.data_sent)
        take(h, H2_TOLL_PING, "PING flood");
}

/* --- frames begin ------------------------------------------------------------------------------------------------- */

static int on_begin_frame(nghttp2_session *ng, const nghttp2_frame_hd *hd, void *user)
{
    struct h2_session *h = user;
    bool carries = hd->type == NGHTTP2_DATA || hd->type == NGHTTP2_HEADERS;
    if (!h2_flood_frame(&h->flood, hd->length + FRAME_HEAD, carries ? hd->length : 0))
        flooded(h, "mostly overhead");
    switch (hd->type) {
    case NGHTTP2_SETTINGS:
        take(h, H2_TOLL_SETTINGS, "SETTINGS flood");
        break;
    case NGHTTP2_PING:
        take_ping(h);
        break;
    case NGHTTP2_WINDOW_UPDATE:
        if (!h2_flood_window_update(&h->flood))
            flooded(h, "WINDOW_UPDATE flood");
        break;
    case NGHTTP2_RST_STREAM: /* that of an open stream was ours to provoke */
        if (!h2_stream_of(h, hd->stream_id))
            take(h, H2_TOLL_RESET, "reset flood");
        break;
    case NGHTTP2_PUSH_PROMISE:
        h2_session_end(h, H2_PROTOCOL_ERROR, "server push");
        break;
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA:
        break;
    default:
        take(h, H2_TOLL_GLITCH, "flood of odd frames");
        break;
    }
    return 0;
}

/* --- heads -------------------------------------------------------------------------------------------------------- */

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct h2_stream *s = h2_stream_of(user, frame->hd.stream_id);
    if (s)
        h2_response_begins(s);
    return 0;
}

static struct span span_of_rcbuf(nghttp2_rcbuf *b)
{
    nghttp2_vec v = nghttp2_rcbuf_get_buf(b);
    return span_make(v.base, v.len);
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name, nghttp2_rcbuf *value,
                     uint8_t flags, void *user)
{
    struct h2_session *h = user;
    struct h2_stream *s = h2_stream_of(h, frame->hd.stream_id);
    if (s && !h2_response_field(s, span_of_rcbuf(name), span_of_rcbuf(value), nghttp2_rcbuf_is_static(name) != 0))
        flooded(h, "head far too large");
    return 0;
}

/* What is wrong is told once, and the stream is over with it. */
static void give_up(struct h2_session *h, struct h2_stream *s)
{
    take(h, H2_TOLL_GLITCH, "too many bad responses");
    h2_stream_reset(s, H2_PROTOCOL_ERROR);
}

/* True: told of it. */
static bool head_complete(struct h2_session *h, struct h2_stream *s, bool ended)
{
    bool trailers = (s->flags & H2S_FINAL) != 0;
    if (!trailers)
        h2_response_complete(s, ended);
    if (s->error.status)
        give_up(h, s);
    if (trailers && s->error.status == 0)
        return false;
    h->events->on_head(h->arg, s, &s->error);
    return true;
}

/* --- frames end --------------------------------------------------------------------------------------------------- */

/* What streams may hold at first counts from the ACK on, for those that were open before too: nghttp2 has taken from them what they were given
 * beyond it. */
static void widen_again(struct h2_session *h)
{
    for (struct h2_stream *s = h->first; s; s = s->next)
        h2_client_set_window(s, s->window);
}

static void on_settings(struct h2_session *h, bool is_ack)
{
    if (is_ack)
        widen_again(h);
    else
        h->is_greeted = true;
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct h2_session *h = user;
    bool is_data = frame->hd.type == NGHTTP2_DATA, ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    struct h2_stream *s = frame->hd.stream_id ? h2_stream_of(h, frame->hd.stream_id) : NULL;
    h->forgets |= frame->hd.type == NGHTTP2_GOAWAY;
    if (frame->hd.type == NGHTTP2_SETTINGS)
        on_settings(h, (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0);
    if (is_data && !ends && frame->hd.length == frame->data.padlen)
        take(h, H2_TOLL_GLITCH, "empty DATA flood");
    if (!s || s->input != H2_INPUT_OPEN || (!is_data && frame->hd.type != NGHTTP2_HEADERS))
        return 0;
    if (ends)
        s->input = H2_INPUT_END; /* a head that is all of it is told of as that */
    bool told = !is_data && head_complete(h, s, ends);
    if (ends && !told)
        h->events->on_input(h->arg, s);
    return 0;
}

/* nghttp2 resets the stream by itself. */
static int on_invalid_frame(nghttp2_session *ng, const nghttp2_frame *frame, int error, void *user)
{
    struct h2_stream *s = frame->hd.stream_id ? h2_stream_of(user, frame->hd.stream_id) : NULL;
    take(user, H2_TOLL_GLITCH, "too many invalid frames");
    if (s)
        h2_stream_fail(s, 502, nghttp2_strerror(error));
    return 0;
}

static int on_invalid_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name, nghttp2_rcbuf *value,
                             uint8_t flags, void *user)
{
    struct h2_stream *s = h2_stream_of(user, frame->hd.stream_id);
    if (s)
        h2_stream_fail(s, 502, "bad-header");
    return 0;
}

/* --- ours --------------------------------------------------------------------------------------------------------- */

/* on_frame_send comes only with the next look for something to send, when the bytes are long on their way. */
static int before_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct h2_stream *s = NULL;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        s = h2_stream_of(user, frame->hd.stream_id);
    if (s)
        s->flags |= H2S_BEGUN;
    return 0;
}

static int on_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct h2_session *h = user;
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR && !h->error)
        h->error = h->is_greeted ? nghttp2_http2_strerror(frame->goaway.error_code) /* nghttp2 ended it */
                                 : "what it answers with is not HTTP/2";
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct h2_stream *s = h2_stream_of(h, frame->hd.stream_id);
    if (!s)
        return 0;
    s->flags |= H2S_SENT;
    h2_client_set_window(s, s->window);
    return 0;
}

void h2_client_callbacks(nghttp2_session_callbacks *c)
{
    nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(c, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(c, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, on_invalid_frame);
    nghttp2_session_callbacks_set_before_frame_send_callback(c, before_frame_send);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_send);
}

/* What comes in: frames to events. nghttp2 has judged their form (RFC 9113 §4 to §8) before it calls us. */
#include <stdlib.h>

#include "http/h2/impl.h"

#define FRAME_HEAD 9u
#define DECLINED_MAX (64u * 1024)

static void flooded(struct h2_session *h, const char *why)
{
    h2_session_end(h, H2_ENHANCE_YOUR_CALM, why);
}

static void take(struct h2_session *h, enum h2_toll toll, const char *why)
{
    if (!h2_flood_take(&h->flood, toll))
        flooded(h, why);
}

/* What follows is not looked at any more: a frame may hold thousands of fields that cost nothing to send. */
static int go_on(const struct h2_session *h)
{
    return h->error ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* --- stream identifiers ------------------------------------------------------------------------------------------- */

static void note_id(struct h2_session *h, int32_t id)
{
    if (id > h->last_id + 2)
        h->gaps[h->gap_count++ % H2_GAPS] = (struct h2_gap){h->last_id + 1, id - 2};
    h->last_id = id;
}

/* nghttp2 takes these for late frames of streams that are over, and ignores them. */
static bool goes_back(const struct h2_session *h, int32_t id)
{
    for (unsigned i = 0; i < H2_GAPS; i++)
        if (h->gaps[i].first && id >= h->gaps[i].first && id <= h->gaps[i].last)
            return true;
    return false;
}

/* --- frames begin ------------------------------------------------------------------------------------------------- */

static int on_begin_frame(nghttp2_session *ng, const nghttp2_frame_hd *hd, void *user)
{
    struct h2_session *h = user;
    bool carries = hd->type == NGHTTP2_DATA || hd->type == NGHTTP2_HEADERS;
    if (!h2_flood_frame(&h->flood, hd->length + FRAME_HEAD, carries ? hd->length : 0))
        flooded(h, "mostly overhead");
    h2_strict_begin(h, hd);
    switch (hd->type) {
    case NGHTTP2_SETTINGS:
        take(h, H2_TOLL_SETTINGS, "SETTINGS flood");
        break;
    case NGHTTP2_PING:
        take(h, H2_TOLL_PING, "PING flood");
        break;
    case NGHTTP2_RST_STREAM:
        take(h, H2_TOLL_RESET, "reset flood");
        break;
    case NGHTTP2_PRIORITY:
    case NGHTTP2_PRIORITY_UPDATE:
        h->ranks |= hd->type == NGHTTP2_PRIORITY_UPDATE;
        if (!h2_flood_priority(&h->flood))
            flooded(h, "PRIORITY flood");
        break;
    case NGHTTP2_WINDOW_UPDATE:
        if (!h2_flood_window_update(&h->flood))
            flooded(h, "WINDOW_UPDATE flood");
        break;
    case NGHTTP2_HEADERS:
        if (goes_back(h, hd->stream_id))
            h2_session_end(h, H2_PROTOCOL_ERROR, "stream identifier goes back");
        if (hd->stream_id > h->last_id) /* on_begin_headers is not told of those that our last word leaves out */
            h->flood.streams++;
        break;
    case NGHTTP2_DATA:
        break;
    default: /* GOAWAY, say: once is well, more is odd */
        take(h, H2_TOLL_GLITCH, "flood of odd frames");
        break;
    }
    return go_on(h);
}

/* --- heads -------------------------------------------------------------------------------------------------------- */

static struct h2_stream *stream_new(struct h2_session *h, int32_t id)
{
    struct h2_head head = {NULL, NULL};
    struct h2_stream *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->session = h;
    s->id = id;
    s->window = H2_FIRST_WINDOW;
    chunkq_init(&s->in, h->chunks);
    chunkq_init(&s->out, h->chunks);
    if (!h->events->on_begin(h->arg, s, &head)) {
        free(s);
        return NULL;
    }
    s->arena = head.arena;
    s->req = head.req;
    h2_stream_link(s);
    return s;
}

/* Whoever knows nothing of priorities (RFC 9218) would have one stream wait for all of another's payload: in turns instead. Nothing that the
 * client says is outvoted. */
static void share(struct h2_session *h, int32_t id)
{
    static const nghttp2_extpri in_turns = {.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
    if (!h->ranks)
        nghttp2_session_change_extpri_stream_priority(h->ng, id, &in_turns, 0);
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct h2_session *h = user;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    note_id(h, frame->hd.stream_id);
    if (h->last_said) /* the client has been told, or is about to be, that it may ask elsewhere */
        return nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM) == 0
                   ? 0
                   : NGHTTP2_ERR_CALLBACK_FAILURE;
    struct h2_stream *s = stream_new(h, frame->hd.stream_id);
    if (!s || nghttp2_session_set_stream_user_data(ng, s->id, s) != 0)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    share(h, s->id);
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
    h->ranks |= span_eq(span_of_rcbuf(name), SPAN("priority"));
    if (s && !h2_request_field(s, span_of_rcbuf(name), span_of_rcbuf(value), nghttp2_rcbuf_is_static(name) != 0))
        flooded(h, "head far too large");
    return go_on(h);
}

/* A field that nghttp2 would leave out silently: the whole head is refused instead. */
static int on_invalid_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name, nghttp2_rcbuf *value,
                             uint8_t flags, void *user)
{
    struct h2_stream *s = h2_stream_of(user, frame->hd.stream_id);
    if (s && s->error.status == 0)
        s->error = (struct h1_error){400, "bad-header-value"};
    return 0;
}

static void head_complete(struct h2_session *h, struct h2_stream *s, bool ended)
{
    if (ended)
        s->input = H2_INPUT_END;
    h2_request_complete(s, ended);
    s->req = NULL;
    s->flags |= H2S_FINAL; /* what may come are trailers */
    if (s->error.status)
        take(h, H2_TOLL_GLITCH, "too many bad requests");
    h->events->on_head(h->arg, s, &s->error);
}

/* --- what follows a head ------------------------------------------------------------------------------------------ */

static void input_changes(struct h2_session *h, struct h2_stream *s, enum h2_input to)
{
    s->input = to;
    h->events->on_input(h->arg, s);
}

/* Answered without it. A little is taken all the same: some clients call it an error of ours when their stream is reset although the response
 * came whole (RFC 9113 §8.1 tells them not to). */
static void decline(struct h2_stream *s, size_t n)
{
    s->declined += n;
    if (s->declined > DECLINED_MAX)
        h2_stream_reset(s, H2_NO_ERROR);
    else
        h2_stream_took(s, n);
}

bool h2_stream_is_answered(const struct h2_stream *s)
{
    return (s->flags & H2S_ANSWERED) != 0;
}

static int on_data_chunk(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data, size_t n, void *user)
{
    struct h2_session *h = user;
    struct h2_stream *s = h2_stream_of(h, id);
    /* Each stream holds its own window shut until its payload is taken; the connection's stays open, so that none holds up the others. */
    if (nghttp2_session_consume_connection(ng, n) != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (!s || s->input != H2_INPUT_OPEN)
        return 0;
    if (h2_stream_is_answered(s)) {
        decline(s, n);
        return 0;
    }
    if (!chunkq_append(&s->in, span_make(data, n)))
        h2_stream_reset(s, H2_INTERNAL_ERROR);
    h->events->on_input(h->arg, s);
    return 0;
}

static void trailers_complete(struct h2_session *h, struct h2_stream *s)
{
    if (s->error.status == 0 || s->input != H2_INPUT_OPEN)
        return;
    take(h, H2_TOLL_RESET, "reset flood"); /* asked for by us, provoked by the peer */
    h2_stream_reset(s, H2_PROTOCOL_ERROR);
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct h2_session *h = user;
    bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    bool is_data = frame->hd.type == NGHTTP2_DATA;
    struct h2_stream *s = frame->hd.stream_id ? h2_stream_of(h, frame->hd.stream_id) : NULL;
    if (is_data && !ends && !h2_flood_data(&h->flood, frame->hd.length - frame->data.padlen))
        flooded(h, "empty DATA flood");
    h2_strict_frame(h, frame);
    if (frame->hd.type == NGHTTP2_SETTINGS && (frame->hd.flags & NGHTTP2_FLAG_ACK))
        h2_widen_again(h);
    if (!s || (!is_data && frame->hd.type != NGHTTP2_HEADERS))
        return 0;
    if (!is_data && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        head_complete(h, s, ends);
        return 0;
    }
    if (!is_data)
        trailers_complete(h, s);
    if (ends && s->input == H2_INPUT_OPEN)
        input_changes(h, s, H2_INPUT_END);
    return 0;
}

static int on_invalid_frame(nghttp2_session *ng, const nghttp2_frame *frame, int error, void *user)
{
    take(user, H2_TOLL_GLITCH, "too many invalid frames");
    return 0;
}

void h2_stream_link(struct h2_stream *s)
{
    struct h2_session *h = s->session;
    s->next = h->first;
    if (s->next)
        s->next->prev = s;
    h->first = s;
}

void h2_stream_free(struct h2_stream *s)
{
    struct h2_session *h = s->session;
    h->asked -= h->is_client;
    if (s->prev)
        s->prev->next = s->next;
    else
        h->first = s->next;
    if (s->next)
        s->next->prev = s->prev;
    h->events->on_gone(h->arg, s);
    chunkq_clear(&s->in);
    chunkq_clear(&s->out);
    h2_trailers_free(s);
    free(s);
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t code, void *user)
{
    struct h2_session *h = user;
    struct h2_stream *s = h2_stream_of(h, id);
    if (!s)
        return 0;
    if (code != NGHTTP2_NO_ERROR || s->input == H2_INPUT_OPEN)
        s->input = H2_INPUT_RESET;
    s->code = code;
    h2_stream_free(s);
    return 0;
}

void h2_streams_free(struct h2_session *h)
{
    while (h->first) {
        if (!h->is_client || h->first->input == H2_INPUT_OPEN)
            h->first->input = H2_INPUT_RESET;
        h2_stream_free(h->first);
    }
}

void h2_receive_callbacks(nghttp2_session_callbacks *c)
{
    nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(c, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(c, on_invalid_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, on_invalid_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
}

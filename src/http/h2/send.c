/* What goes out: heads, payload, resets. */
#include "http/field_rules.h"
#include "http/h2/impl.h"
#include "http/h2/nv.h"

/* With its frame's head a DATA frame is then exactly one TLS record. */
#define FRAME_HEAD 9u
#define PAYLOAD_MAX (16384u - FRAME_HEAD)

/* --- payload ------------------------------------------------------------------------------------------------------ */

static ssize_t frame_payload(nghttp2_session *ng, uint8_t type, int32_t id, int32_t session_window,
                             int32_t stream_window, uint32_t max_frame, void *user)
{
    int64_t n = PAYLOAD_MAX;
    n = n < session_window ? n : session_window;
    n = n < stream_window ? n : stream_window;
    return (ssize_t)(n < max_frame ? n : max_frame);
}

ssize_t h2_offer_payload(nghttp2_session *ng, int32_t id, uint8_t *buf, size_t n, uint32_t *flags,
                         nghttp2_data_source *source, void *user)
{
    struct h2_stream *s = source->ptr;
    if (s->out.bytes == 0 && !(s->flags & H2S_FINISHED)) {
        s->flags |= H2S_WAITING;
        return NGHTTP2_ERR_DEFERRED;
    }
    n = s->out.bytes < n ? s->out.bytes : n;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (n == s->out.bytes && (s->flags & H2S_FINISHED)) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (s->trailers) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            return h2_trailers_submit(s) ? (ssize_t)n : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
    }
    return (ssize_t)n;
}

/* Copied, not handed over: pieces of 9 bytes between the chunks would make a TLS record each. */
static int send_payload(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *frame_head, size_t n,
                        nghttp2_data_source *source, void *user)
{
    struct h2_session *h = user;
    struct h2_stream *s = source->ptr;
    size_t room;
    if (h->sink->bytes >= h->sink_high)
        return NGHTTP2_ERR_WOULDBLOCK;
    uint8_t *at = chunkq_reserve(h->sink, FRAME_HEAD + n, &room);
    if (!at)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    memcpy(at, frame_head, FRAME_HEAD);
    chunkq_copy(&s->out, n, at + FRAME_HEAD);
    chunkq_commit(h->sink, FRAME_HEAD + n);
    chunkq_drop(&s->out, n);
    s->bytes_sent += n;
    h->flood.data_sent++;
    h->events->on_sent(h->arg, s);
    return 0;
}

void h2_stream_wake(struct h2_stream *s)
{
    if (!(s->flags & H2S_WAITING))
        return;
    s->flags &= ~(unsigned)H2S_WAITING;
    nghttp2_session_resume_data(s->session->ng, s->id);
}

void h2_stream_finish(struct h2_stream *s)
{
    s->flags |= H2S_FINISHED;
    h2_stream_wake(s);
}

void h2_stream_finish_both(struct h2_stream *s)
{
    s->flags &= ~(unsigned)H2S_WEBSOCKET;
    h2_stream_finish(s);
}

/* --- heads -------------------------------------------------------------------------------------------------------- */

bool h2_stream_interim(struct h2_stream *s, unsigned status, const struct headers *h)
{
    struct nv_list f;
    char text[SPAN_DECIMAL_MAX];
    if (!fields_are_writable(h) || !nv_begin(&f, nv_count(h) + 1))
        return false;
    nv_add(&f, SPAN(":status"), span_decimal(status, text));
    nv_add_all(&f, h, field_not_copied);
    int r = nghttp2_submit_headers(s->session->ng, NGHTTP2_FLAG_NONE, s->id, NULL, f.v, f.n, NULL);
    nv_end(&f);
    return r == 0;
}

static bool has_payload(const struct h2_stream *s, const struct http_response *r)
{
    if (r->status == 101)
        return true;
    return r->body != BODY_NONE && !(r->body == BODY_LENGTH && r->content_length == 0);
}

static void add_length(struct nv_list *f, const struct http_response *r, char text[SPAN_DECIMAL_MAX])
{
    const struct header *told = field_informative_length(r);
    if (r->body == BODY_LENGTH)
        nv_add(f, SPAN("content-length"), span_decimal(r->content_length, text));
    else if (told)
        nv_add(f, told->name, told->value);
}

bool h2_stream_respond(struct h2_stream *s, const struct http_response *r, const struct headers *extra)
{
    struct nv_list f;
    char status[SPAN_DECIMAL_MAX], length[SPAN_DECIMAL_MAX];
    bool switched = r->status == 101;
    uint64_t skip = field_not_copied | (switched ? FIELD_BIT(H_SEC_WEBSOCKET_ACCEPT) : 0);
    nghttp2_data_provider payload = {.source.ptr = s, .read_callback = h2_offer_payload};
    if (!fields_are_writable(extra) || !nv_begin(&f, r->headers.n + nv_count(extra) + 2))
        return false;
    nv_add(&f, SPAN(":status"), span_decimal(switched ? 200 : r->status, status));
    add_length(&f, r, length);
    nv_add_all(&f, &r->headers, skip);
    nv_add_all(&f, extra, skip);
    int rc = nghttp2_submit_response(s->session->ng, s->id, f.v, f.n, has_payload(s, r) ? &payload : NULL);
    nv_end(&f);
    if (!switched)
        s->flags &= ~(unsigned)H2S_WEBSOCKET; /* refused: a response like any other */
    return rc == 0;
}

void h2_stream_reset(struct h2_stream *s, enum h2_code code)
{
    if (s->input == H2_INPUT_RESET)
        return;
    s->input = H2_INPUT_RESET;
    s->flags |= H2S_RESET_ASKED;
    s->session->forgets |= s->session->is_client && !(s->flags & H2S_BEGUN);
    if (nghttp2_submit_rst_stream(s->session->ng, NGHTTP2_FLAG_NONE, s->id, (uint32_t)code) != 0)
        h2_session_end(s->session, H2_INTERNAL_ERROR, "out of memory");
}

/* --- frames that left --------------------------------------------------------------------------------------------- */

static int on_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct h2_session *h = user;
    struct h2_stream *s = frame->hd.stream_id ? h2_stream_of(h, frame->hd.stream_id) : NULL;
    /* A reset that nobody here asked for was provoked (CVE-2025-8671): it costs the peer what a reset of its own would. */
    if (frame->hd.type == NGHTTP2_RST_STREAM && !(s && (s->flags & H2S_RESET_ASKED)) &&
        !h2_flood_take(&h->flood, H2_TOLL_RESET))
        h2_session_end(h, H2_ENHANCE_YOUR_CALM, "reset flood");
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR && !h->error)
        h->error = nghttp2_http2_strerror(frame->goaway.error_code); /* nghttp2 ended it */
    bool ends = (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
                (frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
    if (ends && s && s->input == H2_INPUT_OPEN && !(s->flags & H2S_WEBSOCKET))
        s->flags |= H2S_ANSWERED;
    return 0;
}

bool h2_stream_has_unsent(const struct h2_stream *s)
{
    bool ends = (s->flags & H2S_FINISHED) && !(s->flags & (H2S_ANSWERED | H2S_WEBSOCKET));
    return s->out.bytes > 0 || (ends && !s->session->is_client);
}

bool h2_stream_is_shut(const struct h2_stream *s)
{
    return nghttp2_session_get_stream_remote_window_size(s->session->ng, s->id) == 0;
}

void h2_send_callbacks(nghttp2_session_callbacks *c)
{
    nghttp2_session_callbacks_set_send_data_callback(c, send_payload);
    nghttp2_session_callbacks_set_data_source_read_length_callback(c, frame_payload);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_send);
}

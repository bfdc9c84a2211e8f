/* Requests as a client. */
#include "http/h2/client.h"

#include "http/h2/impl.h"
#include "http/h2/nv.h"

static struct h2_stream *stream_new(struct h2_session *h, const struct h2_ask *ask)
{
    struct h2_stream *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->session = h;
    s->owner = ask->owner;
    s->arena = ask->arena;
    s->resp = ask->resp;
    s->limits = ask->limits;
    s->window = ask->window;
    s->to = ask->req->method;
    s->flags = ask->ends ? H2S_FINISHED : 0;
    chunkq_init(&s->in, h->chunks);
    chunkq_init(&s->out, h->chunks);
    return s;
}

/* RFC 9113 §8.3.1. Fields that HTTP/2 does not know are not written, whatever the request came by. */
static void write_head(struct nv_list *f, const struct h2_ask *ask, char length[SPAN_DECIMAL_MAX])
{
    const struct http_request *r = ask->req;
    uint64_t skip = field_not_copied | FIELD_BIT(H_HOST) | FIELD_BIT(H_EXPECT) | FIELD_BIT(H_TE);
    nv_add(f, SPAN(":method"), r->method_name);
    nv_add(f, SPAN(":scheme"), ask->scheme);
    nv_add(f, SPAN(":authority"), ask->authority);
    nv_add(f, SPAN(":path"), r->path_query);
    if (r->body == BODY_LENGTH)
        nv_add(f, SPAN("content-length"), span_decimal(r->content_length, length));
    if (ask->te_trailers)
        nv_add(f, SPAN("te"), SPAN("trailers"));
    nv_add_all(f, &r->headers, skip);
    nv_add_all(f, ask->extra, skip);
}

static bool submit(struct h2_stream *s, const struct h2_ask *ask)
{
    struct nv_list f;
    char length[SPAN_DECIMAL_MAX];
    nghttp2_data_provider payload = {.source.ptr = s, .read_callback = h2_offer_payload};
    if (!nv_begin(&f, ask->req->headers.n + nv_count(ask->extra) + 6))
        return false;
    write_head(&f, ask, length);
    s->id = nghttp2_submit_request(s->session->ng, NULL, f.v, f.n, ask->ends ? NULL : &payload, s);
    nv_end(&f);
    return s->id > 0;
}

struct h2_stream *h2_client_ask(struct h2_session *h, const struct h2_ask *ask)
{
    if (!fields_are_writable(ask->extra) || !field_is_one_line(ask->authority))
        return NULL;
    struct h2_stream *s = stream_new(h, ask);
    if (!s || !submit(s, ask)) {
        free(s);
        return NULL;
    }
    h2_stream_link(s);
    h->asked++;
    h->flood.streams++;
    return s;
}

bool h2_client_is_greeted(const struct h2_session *h)
{
    return h->is_greeted;
}

bool h2_client_is_leaving(const struct h2_session *h)
{
    return h->error || !nghttp2_session_check_request_allowed(h->ng);
}

unsigned h2_client_room(const struct h2_session *h)
{
    uint32_t most = nghttp2_session_get_remote_settings(h->ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    most = most < H2_CLIENT_STREAMS ? most : H2_CLIENT_STREAMS;
    return h2_client_is_leaving(h) || h->asked >= most ? 0 : most - h->asked;
}

void h2_client_set_window(struct h2_stream *s, size_t window)
{
    s->window = window;
    if (s->input == H2_INPUT_OPEN && (s->flags & H2S_SENT))
        nghttp2_session_set_local_window_size(s->session->ng, NGHTTP2_FLAG_NONE, s->id, (int32_t)window);
}

bool h2_client_was_refused(const struct h2_stream *s)
{
    bool unseen = s->code == NGHTTP2_REFUSED_STREAM || !(s->flags & H2S_BEGUN);
    return s->input == H2_INPUT_RESET && unseen && !(s->flags & H2S_FINAL);
}

/* nghttp2 keeps such requests until the server takes one more, which may be never; it finds nothing of ours there then. */
void h2_client_forget_unsent(struct h2_session *h)
{
    bool leaving = h2_client_is_leaving(h);
    if (!h->forgets)
        return;
    h->forgets = false;
    for (struct h2_stream *s = h->first, *next; s; s = next) {
        next = s->next;
        if ((s->flags & H2S_BEGUN) || !(leaving || (s->flags & H2S_RESET_ASKED)))
            continue;
        s->input = H2_INPUT_RESET;
        if (nghttp2_session_set_stream_user_data(h->ng, s->id, NULL) == 0)
            h2_stream_free(s);
    }
}

bool h2_stream_is_over(const struct h2_stream *s)
{
    return s->input == H2_INPUT_END && nghttp2_session_get_stream_local_close(s->session->ng, s->id) == 1;
}

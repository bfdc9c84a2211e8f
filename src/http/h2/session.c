/* One connection's life on nghttp2: settings, reading, writing, going away. */
#include <stdlib.h>

#include "base/count.h"
#include "http/h2/client.h"
#include "http/h2/impl.h"

#define STREAMS_AT_ONCE 100
#define CONNECTION_WINDOW (1 << 20)
#define CONTINUATIONS_MAX 8
#define ACKS_MAX 100
/* Frames other than payload that wait to be written. */
#define CLOGGED 100
#define QUEUE_MAX 1000

static unsigned streams_of(const struct h2_config *c)
{
    return c->streams && c->streams < STREAMS_AT_ONCE ? c->streams : STREAMS_AT_ONCE;
}

static bool submit_settings(struct h2_session *h)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams_of(&h->config)},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_FIRST_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)h->config.head_bytes},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    return nghttp2_submit_settings(h->ng, NGHTTP2_FLAG_NONE, settings, COUNT(settings)) == 0 &&
           nghttp2_session_set_local_window_size(h->ng, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW) == 0;
}

static void set_options(nghttp2_option *o)
{
    nghttp2_option_set_no_auto_window_update(o, 1);
    nghttp2_option_set_no_closed_streams(o, 1);
    nghttp2_option_set_max_continuations(o, CONTINUATIONS_MAX);
    nghttp2_option_set_max_outbound_ack(o, ACKS_MAX);
    nghttp2_option_set_builtin_recv_extension_type(o, NGHTTP2_PRIORITY_UPDATE);
}

static bool submit_client_settings(struct h2_session *h)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_FIRST_WINDOW},
    };
    return nghttp2_submit_settings(h->ng, NGHTTP2_FLAG_NONE, settings, COUNT(settings)) == 0 &&
           nghttp2_session_set_local_window_size(h->ng, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW) == 0;
}

static int make_session(struct h2_session *h, nghttp2_session_callbacks *callbacks, nghttp2_option *options)
{
    h2_receive_callbacks(callbacks);
    h2_send_callbacks(callbacks);
    set_options(options);
    if (!h->is_client)
        return nghttp2_session_server_new2(&h->ng, callbacks, h, options);
    h2_client_callbacks(callbacks);
    return nghttp2_session_client_new2(&h->ng, callbacks, h, options);
}

static bool make(struct h2_session *h)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *options = NULL;
    bool ok = nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&options) == 0;
    if (ok)
        ok = make_session(h, callbacks, options) == 0;
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(options);
    return ok && (h->is_client ? submit_client_settings(h) : submit_settings(h));
}

static struct h2_session *session_new(bool is_client, const struct h2_config *config, struct slab *chunks,
                                      const struct h2_events *events, void *arg)
{
    struct h2_session *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->is_client = is_client;
    h->config = *config;
    h->chunks = chunks;
    h->events = events;
    h->arg = arg;
    if (!make(h)) {
        h2_session_free(h);
        return NULL;
    }
    return h;
}

struct h2_session *h2_session_new(const struct h2_config *config, struct slab *chunks, const struct h2_events *events,
                                  void *arg)
{
    return session_new(false, config, chunks, events, arg);
}

struct h2_session *h2_client_new(struct slab *chunks, const struct h2_events *events, void *arg)
{
    static const struct h2_config none = {0};
    return session_new(true, &none, chunks, events, arg);
}

void h2_session_free(struct h2_session *h)
{
    if (!h)
        return;
    h2_streams_free(h);
    nghttp2_session_del(h->ng);
    free(h);
}

struct h2_stream *h2_stream_of(struct h2_session *h, int32_t id)
{
    return nghttp2_session_get_stream_user_data(h->ng, id);
}

void h2_session_end(struct h2_session *h, enum h2_code code, const char *why)
{
    if (h->error)
        return;
    h->error = why;
    nghttp2_session_terminate_session(h->ng, (uint32_t)code);
}

static enum h2_code code_of(int error)
{
    switch (error) {
    case NGHTTP2_ERR_FLOODED:
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
        return H2_ENHANCE_YOUR_CALM;
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
        return H2_PROTOCOL_ERROR;
    default:
        return H2_INTERNAL_ERROR;
    }
}

bool h2_session_read(struct h2_session *h, struct chunkq *in, uint64_t now_ms)
{
    h2_flood_clock(&h->flood, now_ms);
    while (in->bytes && !h->error) {
        struct span piece = chunkq_peek(in);
        ssize_t n = nghttp2_session_mem_recv(h->ng, piece.p, piece.n);
        if (n < 0) {
            h2_session_end(h, code_of((int)n), nghttp2_strerror((int)n));
            break;
        }
        chunkq_drop(in, (size_t)n);
        if (nghttp2_session_get_outbound_queue_size(h->ng) > QUEUE_MAX)
            h2_session_end(h, H2_ENHANCE_YOUR_CALM, "too much waits to be written");
    }
    chunkq_clear(in);
    return !h->error;
}

bool h2_session_write(struct h2_session *h, struct chunkq *out, size_t high)
{
    ssize_t n = 0;
    h2_client_forget_unsent(h);
    h->sink = out;
    h->sink_high = high;
    while (out->bytes < high) {
        const uint8_t *p;
        n = nghttp2_session_mem_send(h->ng, &p);
        if (n <= 0)
            break;
        if (!chunkq_append(out, span_make(p, (size_t)n))) {
            n = NGHTTP2_ERR_NOMEM;
            break;
        }
    }
    h->sink = NULL;
    return n >= 0;
}

bool h2_session_wants_write(const struct h2_session *h)
{
    return nghttp2_session_want_write(h->ng) != 0;
}

bool h2_session_is_over(const struct h2_session *h)
{
    return !nghttp2_session_want_read(h->ng) && !nghttp2_session_want_write(h->ng);
}

const char *h2_session_error(const struct h2_session *h)
{
    return h->error;
}

struct h2_stream *h2_session_first(const struct h2_session *h)
{
    return h->first;
}

bool h2_session_is_clogged(const struct h2_session *h)
{
    return nghttp2_session_get_outbound_queue_size(h->ng) > CLOGGED;
}

void h2_session_notice(struct h2_session *h)
{
    nghttp2_submit_shutdown_notice(h->ng);
}

void h2_session_last_stream(struct h2_session *h)
{
    h->last_said = true;
    nghttp2_submit_goaway(h->ng, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(h->ng), NGHTTP2_NO_ERROR,
                          NULL, 0);
}

static void set_window(struct h2_stream *s)
{
    nghttp2_session_set_local_window_size(s->session->ng, NGHTTP2_FLAG_NONE, s->id, (int32_t)s->window);
}

void h2_stream_widen(struct h2_stream *s, size_t window)
{
    if (window <= s->window || s->input != H2_INPUT_OPEN)
        return;
    s->window = window;
    set_window(s);
}

void h2_widen_again(struct h2_session *h)
{
    for (struct h2_stream *s = h->first; s; s = s->next)
        if (s->input == H2_INPUT_OPEN && s->window > H2_FIRST_WINDOW)
            set_window(s);
}

void h2_stream_took(struct h2_stream *s, size_t n)
{
    if (n > 0 && s->input == H2_INPUT_OPEN)
        nghttp2_session_consume_stream(s->session->ng, s->id, n);
}

/* Whatever a server may send over HTTP/2, to three requests: the first byte says in which pieces it comes and what the user does with it. Each
 * request is gone once, each head that is let through can be said in HTTP/1 and is read there as the same response, no head follows the final
 * one, and a response that ends is as long as it said. */
#include "h2_talk.h"

#include "http/h2/client.h"

#define ASKS 3

struct request {
    struct arena arena;
    struct http_request req;
    struct http_response resp;
    struct h2_stream *stream; /* NULL: gone */
    enum http_method to;
    uint64_t got;
    bool final, ended, bad;
};

struct site {
    struct memory m;
    struct h2_session *session;
    struct request r[ASKS];
    unsigned gone, manners;
};

/* RFC 9113 §10.3, §10.5: nothing in HTTP/2's form may become something else in HTTP/1's. */
static void check_in_http1(struct site *t, struct request *r)
{
    static const struct h1_limits wide = {1u << 20, 1000};
    struct http_response again, said = r->resp;
    struct h1_error error = {0, NULL};
    struct chunkq q;
    chunkq_init(&q, &t->m.chunks);
    headers_drop_hop_by_hop(&said.headers);
    if (said.status < 200)
        MUST(h1_write_interim(&q, said.status, &said.headers));
    else
        MUST(h1_write_response(&q, &said, NULL, SPAN_NONE));
    struct span text = take_bytes(&t->m, &q);
    MUST(h1_parse_response(text, &wide, r->to, &t->m.arena, &again, &error));
    MUST(again.status == r->resp.status && again.body == r->resp.body);
    MUST(again.body != BODY_LENGTH || again.content_length == r->resp.content_length);
}

static void on_head(void *arg, struct h2_stream *s, const struct h1_error *refused)
{
    struct site *t = arg;
    struct request *r = s->owner;
    MUST(r && !r->bad && (refused->status || !r->final));
    r->bad = refused->status != 0;
    if (r->bad)
        return;
    r->final = r->resp.status >= 200;
    check_fields(&r->resp.headers);
    check_in_http1(t, r);
    r->ended = s->input == H2_INPUT_END;
    MUST(!r->ended || r->final);
    if (t->manners & 4)
        h2_stream_reset(s, H2_CANCEL);
}

static void check_end(const struct request *r)
{
    MUST(r->final && !r->bad);
    MUST(r->resp.body != BODY_LENGTH || r->got == r->resp.content_length);
    MUST(r->resp.body != BODY_NONE || r->got == 0);
}

static void on_input(void *arg, struct h2_stream *s)
{
    struct site *t = arg;
    struct request *r = s->owner;
    size_t n = s->in.bytes;
    MUST(r && r->final && !r->ended && !r->bad);
    r->got += n;
    MUST(r->resp.body != BODY_LENGTH || r->got <= r->resp.content_length);
    chunkq_clear(&s->in);
    if (!(t->manners & 8)) /* else the window stays shut */
        h2_stream_took(s, n);
    if (s->input != H2_INPUT_END)
        return;
    r->ended = true;
    check_end(r);
    if (h2_stream_trailers(s))
        check_fields(h2_stream_trailers(s));
}

static void on_sent(void *arg, struct h2_stream *s)
{
}

static void on_gone(void *arg, struct h2_stream *s)
{
    struct site *t = arg;
    struct request *r = s->owner;
    MUST(r->stream == s);
    MUST(!h2_client_was_refused(s) || !r->final);
    r->stream = NULL;
    t->gone++;
}

static const struct h2_events events = {NULL, on_head, on_input, on_sent, on_gone};

static void ask(struct site *t, struct request *r, struct span method)
{
    bool posts = span_eq(method, SPAN("POST"));
    arena_init(&r->arena, &t->m.blocks);
    r->req =
        (struct http_request){.method_name = method, .path_query = SPAN("/"), .body = posts ? BODY_CHUNKED : BODY_NONE};
    r->req.method = r->to = http_method_of(method);
    MUST(headers_init(&r->req.headers, &r->arena, 1));
    struct h2_ask a = {
        .req = &r->req,
        .scheme = SPAN("https"),
        .authority = SPAN("a.test"),
        .ends = !posts,
        .arena = &r->arena,
        .resp = &r->resp,
        .limits = {.head_bytes = 8192, .fields = 50},
        .window = 65536,
        .owner = r,
    };
    r->stream = h2_client_ask(t->session, &a);
    MUST(r->stream);
    if (!posts)
        return;
    MUST(chunkq_append(&r->stream->out, SPAN("hello")));
    h2_stream_finish(r->stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct site t = {.gone = 0};
    if (size == 0)
        return 0;
    memory_init(&t.m);
    t.manners = data[0] & 63;
    t.session = h2_client_new(&t.m.chunks, &events, &t);
    MUST(t.session);
    ask(&t, &t.r[0], SPAN("GET"));
    ask(&t, &t.r[1], SPAN("HEAD"));
    ask(&t, &t.r[2], SPAN("POST"));
    if (t.manners & 32) /* before anything of it has left */
        h2_stream_reset(t.r[1].stream, H2_CANCEL);
    talk_write_out(t.session, &t.m);
    talk_read_in(t.session, &t.m, SPAN_NONE, span_make(data + 1, size - 1), talk_piece(data[0]), t.manners & 16);
    h2_session_free(t.session);
    MUST(t.gone == ASKS);
    for (unsigned i = 0; i < ASKS; i++)
        arena_fini(&t.r[i].arena);
    memory_fini(&t.m);
    return 0;
}

/* A whole connection over HTTP/2: the first byte says in which pieces the rest comes, and what the user does with it. Whatever comes: each
 * request that begins is gone once, what is accepted can be said in HTTP/1 and is read there as the same request, and no more payload arrives
 * than was announced. */
#include "h2_talk.h"

struct site {
    struct memory m;
    struct h2_session *session;
    unsigned begun, gone, manners;
};

struct request {
    struct arena arena;
    struct http_request req;
    uint64_t got;
    bool told, answered;
};

static bool on_begin(void *arg, struct h2_stream *s, struct h2_head *head)
{
    struct site *t = arg;
    struct request *r = calloc(1, sizeof *r);
    MUST(r);
    arena_init(&r->arena, &t->m.blocks);
    MUST(headers_init(&r->req.headers, &r->arena, 4));
    s->owner = r;
    *head = (struct h2_head){&r->arena, &r->req};
    t->begun++;
    return true;
}

static bool is_empty(const struct http_request *r)
{
    return r->body == BODY_NONE || (r->body == BODY_LENGTH && r->content_length == 0);
}

/* RFC 9113 §10.3, §10.5: nothing in HTTP/2's form may become something else in HTTP/1's. A HEAD that says it brings 0 bytes brings none. */
static void check_in_http1(struct site *t, struct request *r)
{
    static const struct h1_limits wide = {1u << 20, 1000};
    struct http_request again;
    struct h1_error error = {0, NULL};
    struct chunkq q;
    chunkq_init(&q, &t->m.chunks);
    headers_drop_hop_by_hop(&r->req.headers);
    MUST(h1_write_request(&q, &r->req, SPAN("a.test"), NULL, SPAN_NONE));
    struct span text = take_bytes(&t->m, &q);
    MUST(h1_parse_request(text, &wide, &t->m.arena, &again, &error));
    MUST(span_eq(again.method_name, r->req.method_name) && span_eq(again.path_query, r->req.path_query));
    MUST(again.content_length == r->req.content_length);
    MUST(again.body == r->req.body || (is_empty(&again) && is_empty(&r->req)));
    MUST(headers_count(&again.headers, H_COOKIE) <= 1 && headers_count(&again.headers, H_HOST) == 1);
}

static void answer(struct site *t, struct h2_stream *s)
{
    struct request *r = s->owner;
    bool length = t->manners & 1;
    struct http_response resp = {.status = r->req.websocket ? 101 : 200, .body = length ? BODY_LENGTH : BODY_CHUNKED};
    if (r->answered || s->input == H2_INPUT_RESET)
        return;
    r->answered = true;
    resp.content_length = 3000;
    MUST(headers_init(&resp.headers, &r->arena, 1));
    MUST(h2_stream_respond(s, &resp, NULL));
    for (unsigned i = 0; i < 30; i++)
        MUST(chunkq_append(&s->out, SPAN("01234567890123456789012345678901234567890123456789012345678901234567890123456"
                                         "78901234567890123456789")));
    h2_stream_wake(s);
    h2_stream_finish(s);
}

static void on_head(void *arg, struct h2_stream *s, const struct h1_error *refused)
{
    struct site *t = arg;
    struct request *r = s->owner;
    MUST(!r->told);
    r->told = true;
    if (refused->status == 0) {
        check_fields(&r->req.headers);
        check_in_http1(t, r);
    }
    if (refused->status || (t->manners & 2))
        answer(t, s);
    else if (t->manners & 4)
        h2_stream_reset(s, H2_CANCEL);
}

static void on_input(void *arg, struct h2_stream *s)
{
    struct site *t = arg;
    struct request *r = s->owner;
    size_t n = s->in.bytes;
    MUST(r->told);
    MUST(r->req.body != BODY_LENGTH || r->got + n <= r->req.content_length);
    MUST(n <= 65535 || (t->manners & 1));
    h2_stream_widen(s, t->manners & 1 ? 80000 : 20000);
    if (t->manners & 8)
        return; /* never takes any: the window stays shut */
    r->got += n;
    chunkq_clear(&s->in);
    h2_stream_took(s, n);
    if (s->input == H2_INPUT_END)
        answer(t, s);
}

static void on_sent(void *arg, struct h2_stream *s)
{
    MUST(((struct request *)s->owner)->answered);
}

static void on_gone(void *arg, struct h2_stream *s)
{
    struct site *t = arg;
    struct request *r = s->owner;
    t->gone++;
    arena_fini(&r->arena);
    free(r);
}

static const struct h2_events events = {on_begin, on_head, on_input, on_sent, on_gone};
static const struct h2_config config = {.head_bytes = 8192, .fields = 50};

static void converse(struct site *t, struct span bytes, size_t piece)
{
    talk_read_in(t->session, &t->m, SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), bytes, piece, t->manners & 16);
    if (t->manners & 32)
        h2_session_last_stream(t->session);
    talk_write_out(t->session, &t->m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct site t = {.begun = 0};
    if (size == 0)
        return 0;
    memory_init(&t.m);
    t.manners = data[0] & 63;
    t.session = h2_session_new(&config, &t.m.chunks, &events, &t);
    MUST(t.session);
    converse(&t, span_make(data + 1, size - 1), talk_piece(data[0]));
    h2_session_free(t.session);
    MUST(t.begun == t.gone);
    memory_fini(&t.m);
    return 0;
}

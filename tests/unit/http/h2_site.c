#include "h2_site.h"

#include <stdio.h>

static bool on_begin(void *arg, struct h2_stream *s, struct h2_head *head)
{
    struct site *t = arg;
    struct request *r = calloc(1, sizeof *r);
    assert_non_null(r);
    arena_init(&r->arena, &t->m.blocks);
    assert_true(headers_init(&r->req.headers, &r->arena, 4));
    s->owner = r;
    *head = (struct h2_head){&r->arena, &r->req};
    return true;
}

void site_answer(struct site *t, struct h2_stream *s, unsigned status, bool with_body)
{
    struct request *r = s->owner;
    struct http_response resp = {.status = status, .body = with_body ? BODY_LENGTH : BODY_NONE, .content_length = 5};
    struct headers extra;
    assert_true(headers_init(&resp.headers, &r->arena, 2));
    assert_true(headers_init(&extra, &r->arena, 2));
    assert_true(headers_add(&extra, &r->arena, SPAN("X-Name"), SPAN("Value")));
    assert_true(headers_add(&extra, &r->arena, SPAN("Connection"), SPAN("close")));
    assert_true(h2_stream_respond(s, &resp, &extra));
    if (with_body)
        assert_true(chunkq_append(&s->out, SPAN("hello")));
    h2_stream_wake(s);
    h2_stream_finish(s);
}

static void on_head(void *arg, struct h2_stream *s, const struct h1_error *refused)
{
    static const char *bodies[] = {"none", "length", "chunked", "close"};
    struct site *t = arg;
    struct request *r = s->owner;
    if (refused->status) {
        H2_SAY(t, "refused %d %u %s\n", s->id, refused->status, refused->why);
        site_answer(t, s, refused->status, false);
        return;
    }
    H2_SAY(t, "head %d %.*s %.*s at %.*s %s %llu%s%s%s", s->id, SPAN_ARG(r->req.method_name),
           SPAN_ARG(r->req.path_query), SPAN_ARG(r->req.authority), bodies[r->req.body],
           (unsigned long long)r->req.content_length, r->req.websocket ? " websocket" : "",
           r->req.expect_continue ? " expects" : "", s->input == H2_INPUT_END ? " ended" : "");
    for (size_t i = 0; i < r->req.headers.n; i++) {
        const struct header *h = &r->req.headers.v[i];
        if (!h->drop)
            H2_SAY(t, " %.*s=%.*s", SPAN_ARG(h->name), SPAN_ARG(h->value));
    }
    H2_SAY(t, "\n");
    if (s->input == H2_INPUT_END && !t->silent)
        site_answer(t, s, 200, true);
}

static void on_input(void *arg, struct h2_stream *s)
{
    struct site *t = arg;
    struct request *r = s->owner;
    size_t n = s->in.bytes;
    if (t->holds)
        return;
    r->got += n;
    chunkq_clear(&s->in);
    h2_stream_took(s, n);
    if (s->input != H2_INPUT_END)
        return;
    H2_SAY(t, "body %d %zu\n", s->id, r->got);
    if (!t->silent)
        site_answer(t, s, 200, true);
}

static void on_sent(void *arg, struct h2_stream *s)
{
}

static void on_gone(void *arg, struct h2_stream *s)
{
    struct site *t = arg;
    struct request *r = s->owner;
    H2_SAY(t, "gone %d%s\n", s->id, s->input == H2_INPUT_RESET ? " reset" : "");
    if (!r)
        return; /* left before */
    arena_fini(&r->arena);
    free(r);
}

static const struct h2_events events = {on_begin, on_head, on_input, on_sent, on_gone};
const struct h2_config site_config = {.head_bytes = 4096, .fields = 20};

void site_init(struct site *t, bool silent)
{
    *t = (struct site){.silent = silent};
    memory_init(&t->m);
    t->session = h2_session_new(&site_config, &t->m.chunks, &events, t);
    assert_non_null(t->session);
}

void site_fini(struct site *t)
{
    h2_session_free(t->session);
    memory_fini(&t->m);
}

void site_collect(struct site *t, struct h2_reader *r, char *seen)
{
    struct chunkq out;
    chunkq_init(&out, &t->m.chunks);
    assert_true(h2_session_write(t->session, &out, SIZE_MAX));
    struct arena a;
    arena_init(&a, &t->m.blocks);
    uint8_t *p = arena_alloc(&a, out.bytes);
    assert_non_null(p);
    chunkq_copy(&out, out.bytes, p);
    h2_reader_take(r, span_make(p, out.bytes), seen, TEXT);
    arena_fini(&a);
    chunkq_clear(&out);
}

/* --- talks -------------------------------------------------------------------------------------------------------- */

void talk_begin(struct talk *k, bool silent)
{
    site_init(&k->t, silent);
    k->r = h2_reader_new();
    chunkq_init(&k->in, &k->t.m.chunks);
    *k->seen = '\0';
}

void talk_end(struct talk *k)
{
    chunkq_clear(&k->in);
    h2_reader_free(k->r);
    site_fini(&k->t);
}

bool talk_sends(struct talk *k, const char *words)
{
    static uint8_t bytes[BYTES];
    feed(&k->in, span_make(bytes, h2_frames(words, bytes, sizeof bytes)));
    return h2_session_read(k->t.session, &k->in, 1);
}

void talk_hears(struct talk *k)
{
    site_collect(&k->t, k->r, k->seen);
}

struct h2_stream *talk_asks(struct talk *k, const char *words)
{
    assert_true(talk_sends(k, words));
    return h2_session_first(k->t.session);
}

/* HTTP/2 as a client: what is asked, what the server sends, what the user is told, what the server sees. Each conversation whole and split at
 * every byte. */
#include "support.h"

#include <stdio.h>

#include "h2_kit.h"
#include "http/h2/client.h"

#define TEXT 60000
#define BYTES 600000
#define MAGIC 24

struct site {
    struct memory m;
    struct h2_session *session;
    char told[TEXT];
    bool holds; /* takes no payload */
};

struct request {
    struct arena arena;
    struct http_request req;
    struct http_response resp;
    struct h2_stream *stream;
    size_t got;
};

static void say_fields(struct site *t, const struct headers *h)
{
    for (size_t i = 0; h && i < h->n; i++)
        if (!h->v[i].drop)
            H2_SAY(t, " %.*s=%.*s", SPAN_ARG(h->v[i].name), SPAN_ARG(h->v[i].value));
}

static void on_head(void *arg, struct h2_stream *s, const struct h1_error *refused)
{
    static const char *bodies[] = {"none", "length", "chunked", "close"};
    struct site *t = arg;
    struct request *r = s->owner;
    if (refused->status) {
        H2_SAY(t, "bad %d %s\n", s->id, refused->why);
        return;
    }
    H2_SAY(t, "head %d %u %s %llu%s", s->id, r->resp.status, bodies[r->resp.body],
           (unsigned long long)r->resp.content_length, s->input == H2_INPUT_END ? " ended" : "");
    say_fields(t, &r->resp.headers);
    H2_SAY(t, "\n");
}

static void on_input(void *arg, struct h2_stream *s)
{
    struct site *t = arg;
    struct request *r = s->owner;
    r->got += s->in.bytes;
    if (!t->holds) {
        size_t n = s->in.bytes;
        chunkq_clear(&s->in);
        h2_stream_took(s, n);
    }
    if (s->input != H2_INPUT_END)
        return;
    H2_SAY(t, "body %d %zu", s->id, r->got);
    say_fields(t, h2_stream_trailers(s));
    H2_SAY(t, "\n");
}

static void on_sent(void *arg, struct h2_stream *s)
{
}

static void on_gone(void *arg, struct h2_stream *s)
{
    struct site *t = arg;
    struct request *r = s->owner;
    const char *how = h2_client_was_refused(s) ? " refused" : s->input == H2_INPUT_RESET ? " reset" : "";
    H2_SAY(t, "gone %d%s%s%s\n", s->id, how, s->error.status ? " " : "", s->error.status ? s->error.why : "");
    arena_fini(&r->arena);
    free(r);
}

static const struct h2_events events = {NULL, on_head, on_input, on_sent, on_gone};

static void site_init(struct site *t)
{
    *t = (struct site){.holds = false};
    memory_init(&t->m);
    t->session = h2_client_new(&t->m.chunks, &events, t);
    assert_non_null(t->session);
}

static void site_fini(struct site *t)
{
    h2_session_free(t->session);
    memory_fini(&t->m);
}

static void make_request(struct request *r, struct span method, struct span path)
{
    r->req.method_name = method;
    r->req.method = http_method_of(method);
    r->req.path_query = path;
    if (r->req.method == M_POST)
        r->req.body = BODY_CHUNKED;
    assert_true(headers_init(&r->req.headers, &r->arena, 4));
    assert_true(headers_add(&r->req.headers, &r->arena, SPAN("X-Name"), SPAN("Value")));
    assert_true(headers_add(&r->req.headers, &r->arena, SPAN("Connection"), SPAN("close")));
    assert_true(headers_add(&r->req.headers, &r->arena, SPAN("TE"), SPAN("gzip")));
}

/* "GET /path", "POST /path" with `hello` and a trailer, "HEAD /path". */
static struct h2_stream *ask(struct site *t, const char *words)
{
    struct span method, path;
    struct request *r = calloc(1, sizeof *r);
    assert_non_null(r);
    arena_init(&r->arena, &t->m.blocks);
    span_cut(span_of(words), ' ', &method, &path);
    make_request(r, method, path);
    bool posts = r->req.method == M_POST;
    struct h2_ask a = {
        .req = &r->req,
        .scheme = SPAN("https"),
        .authority = SPAN("o.test"),
        .te_trailers = posts,
        .ends = !posts,
        .arena = &r->arena,
        .resp = &r->resp,
        .limits = {.head_bytes = 4096, .fields = 20},
        .window = 65536,
        .owner = r,
    };
    r->stream = h2_client_ask(t->session, &a);
    assert_non_null(r->stream);
    return r->stream;
}

static void send_payload(struct h2_stream *s)
{
    struct request *r = s->owner;
    struct headers h;
    assert_true(headers_init(&h, &r->arena, 2));
    assert_true(headers_add(&h, &r->arena, SPAN("X-Sum"), SPAN("5")));
    assert_true(headers_add(&h, &r->arena, SPAN("Content-Length"), SPAN("5")));
    assert_true(chunkq_append(&s->out, SPAN("hello")));
    assert_true(h2_stream_send_trailers(s, &h));
    h2_stream_finish(s);
}

/* What the server would read now. */
static void collect(struct site *t, struct h2_reader *r, size_t skip, char *seen)
{
    struct chunkq out;
    chunkq_init(&out, &t->m.chunks);
    assert_true(h2_session_write(t->session, &out, SIZE_MAX));
    struct arena a;
    arena_init(&a, &t->m.blocks);
    uint8_t *p = arena_alloc(&a, out.bytes + 1);
    assert_non_null(p);
    chunkq_copy(&out, out.bytes, p);
    h2_reader_take(r, span_make(p + skip, out.bytes - skip), seen, TEXT);
    arena_fini(&a);
    chunkq_clear(&out);
}

static void read_bytes(struct site *t, struct span bytes)
{
    struct chunkq in;
    chunkq_init(&in, &t->m.chunks);
    feed(&in, bytes);
    h2_session_read(t->session, &in, 1);
    assert_int_equal(in.bytes, 0);
}

static struct span bytes_of(const char *words)
{
    static uint8_t bytes[BYTES];
    return span_make(bytes, h2_frames(words, bytes, sizeof bytes));
}

#define HELLO "S\nA\n"
#define OK ":status=200"
#define GREETING "S\nW 0 983041\n"

static const struct {
    const char *name, *asks, *sends, *told;
} conversations[] = {
    {"all in the head", "GET /", "H 1 e " OK "|a=b", "head 1 200 length 0 ended a=b\ngone 1\n"},
    {"a length", "GET /", "H 1 - " OK "|content-length=5\nD 1 - he\nD 1 e llo",
     "head 1 200 length 5 content-length=5\nbody 1 5\ngone 1\n"},
    {"none", "GET /", "H 1 - " OK "\nD 1 e hello", "head 1 200 chunked 0\nbody 1 5\ngone 1\n"},
    {"interim", "GET /", "H 1 - :status=103|link=x\nH 1 e " OK,
     "head 1 103 none 0 link=x\nhead 1 200 length 0 ended\ngone 1\n"},
    {"HEAD", "HEAD /", "H 1 e " OK "|content-length=5", "head 1 200 none 5 ended content-length=5\ngone 1\n"},
    {"204", "GET /", "H 1 e :status=204", "head 1 204 none 0 ended\ngone 1\n"},
    {"304", "GET /", "H 1 e :status=304|content-length=7", "head 1 304 none 7 ended content-length=7\ngone 1\n"},
    {"trailers", "GET /", "H 1 - " OK "\nD 1 - x\nH 1 e grpc-status=0|y=z",
     "head 1 200 chunked 0\nbody 1 1 grpc-status=0 y=z\ngone 1\n"},
    {"continued", "GET /", "H 1 eh " OK "\nC 1 - a=b", "head 1 200 length 0 ended a=b\ngone 1\n"},
    {"reset", "GET /", "R 1 2", "gone 1 reset\n"},
    {"refused", "GET /", "R 1 7", "gone 1 refused\n"},
    {"refused too late", "GET /", "H 1 - " OK "\nR 1 7", "head 1 200 chunked 0\ngone 1 reset\n"},
    {"not looked at", "GET /", "F 7 0 0 0000000000000000", "gone 1 refused\n"},
    {"looked at", "GET /", "F 7 0 0 0000000100000000\nH 1 e " OK, "head 1 200 length 0 ended\ngone 1\n"},
    {"status 101", "GET /", "H 1 - :status=101", "gone 1 reset Invalid HTTP header field was received\n"},
    {"status 600", "GET /", "H 1 e :status=600", "bad 1 bad-status\ngone 1 reset bad-status\n"},
    {"status 099", "GET /", "H 1 e :status=099", "bad 1 bad-status\ngone 1 reset bad-status\n"},
    {"status 20", "GET /", "H 1 e :status=20", "gone 1 reset Invalid HTTP header field was received\n"},
    {"framing by another name", "GET /", "H 1 e " OK "|content_length=5",
     "bad 1 bad-header-name\ngone 1 reset bad-header-name\n"},
    {"leading zero", "GET /", "H 1 - " OK "|content-length=05\nD 1 e hello",
     "bad 1 bad-content-length\ngone 1 reset bad-content-length\n"},
    {"too many fields", "GET /", "H 1 e " OK "|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=",
     "bad 1 too-many-headers\ngone 1 reset too-many-headers\n"},
    {"each head has its own", "GET /",
     "H 1 - :status=103|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=\nH 1 e " OK "|b=",
     "head 1 103 none 0 a= a= a= a= a= a= a= a= a= a= a= a= a= a= a= a= a= a= a=\nhead 1 200 length 0 ended b=\ngone "
     "1\n"},
    {"bad trailers", "GET /", "H 1 - " OK "\nD 1 - x\nH 1 e transfer_encoding=x",
     "head 1 200 chunked 0\nbad 1 bad-header-name\ngone 1 reset bad-header-name\n"},
};

static void converse(struct site *t, size_t i, size_t split, struct span bytes)
{
    struct h2_reader *r = h2_reader_new();
    static char seen[TEXT];
    *seen = '\0';
    read_bytes(t, span_make(bytes.p, 0));
    ask(t, conversations[i].asks);
    collect(t, r, MAGIC, seen);
    read_bytes(t, span_make(bytes.p, split));
    collect(t, r, 0, seen);
    read_bytes(t, span_from(bytes, split));
    collect(t, r, 0, seen);
    h2_reader_free(r);
}

static void test_conversations(void **state)
{
    for (size_t i = 0; i < COUNT(conversations); i++) {
        char words[2000];
        (void)snprintf(words, sizeof words, HELLO "%s", conversations[i].sends);
        struct span bytes = bytes_of(words);
        for (size_t split = 0; split <= bytes.n; split++) {
            struct site t;
            site_init(&t);
            converse(&t, i, split, bytes);
            if (strcmp(t.told, conversations[i].told) != 0)
                fail_msg("%s, split at %zu: told\n%s\nnot\n%s", conversations[i].name, split, t.told,
                         conversations[i].told);
            CHECK(conversations[i].name, h2_session_error(t.session) == NULL);
            site_fini(&t);
        }
    }
}

/* --- what is asked ------------------------------------------------------------------------------------------------ */

static void test_asks(void **state)
{
    static const struct {
        const char *words, *sees;
    } rows[] = {
        {"GET /a?b", GREETING "H 1 e :method=GET|:scheme=https|:authority=o.test|:path=/a?b|x-name=Value\nW 1 1\n"},
        {"POST /", GREETING "H 1 - :method=POST|:scheme=https|:authority=o.test|:path=/|te=trailers|x-name=Value\n"
                            "W 1 1\nD 1 - 5\nH 1 e x-sum=5\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        static char seen[TEXT];
        struct site t;
        struct h2_reader *r = h2_reader_new();
        *seen = '\0';
        site_init(&t);
        struct h2_stream *s = ask(&t, rows[i].words);
        if (i == 1)
            send_payload(s);
        collect(&t, r, MAGIC, seen);
        if (strcmp(seen, rows[i].sees) != 0)
            fail_msg("%s: sees\n%s\nnot\n%s", rows[i].words, seen, rows[i].sees);
        h2_reader_free(r);
        site_fini(&t);
    }
}

static void test_room(void **state)
{
    struct site t;
    struct h2_reader *r = h2_reader_new();
    static char seen[TEXT];
    site_init(&t);
    assert_false(h2_client_is_greeted(t.session));
    read_bytes(&t, bytes_of("S 3=2\nA"));
    assert_true(h2_client_is_greeted(t.session));
    assert_int_equal(h2_client_room(t.session), 2);
    ask(&t, "GET /");
    ask(&t, "GET /");
    assert_int_equal(h2_client_room(t.session), 0);
    collect(&t, r, MAGIC, seen);
    read_bytes(&t, bytes_of("S 3=4000000000\nH 1 e " OK));
    assert_int_equal(h2_client_room(t.session), H2_CLIENT_STREAMS - 1);
    assert_false(h2_client_is_leaving(t.session));
    read_bytes(&t, bytes_of("F 7 0 0 0000000300000000"));
    assert_int_equal(h2_client_room(t.session), 0);
    assert_true(h2_client_is_leaving(t.session));
    h2_reader_free(r);
    site_fini(&t);
}

/* What has not left had no effect, and nothing is kept of it. */
static void test_unsent(void **state)
{
    struct site t;
    struct h2_reader *r = h2_reader_new();
    static char seen[TEXT];
    *seen = '\0';
    site_init(&t);
    read_bytes(&t, bytes_of(HELLO));
    collect(&t, r, MAGIC, seen);
    ask(&t, "GET /goes");
    collect(&t, r, 0, seen);
    read_bytes(&t, bytes_of("S 3=0")); /* no more streams */
    struct h2_stream *s = ask(&t, "GET /stays");
    collect(&t, r, 0, seen);
    assert_null(strstr(seen, "/stays"));
    h2_stream_reset(s, H2_CANCEL);
    collect(&t, r, 0, seen);
    assert_string_equal(t.told, "gone 3 refused\n"); /* at once: it may be long until the server takes one more */
    ask(&t, "POST /later");
    read_bytes(&t, bytes_of("F 7 0 0 0000000100000000"));
    collect(&t, r, 0, seen);
    assert_non_null(strstr(t.told, "gone 5 refused\n"));
    assert_null(strstr(seen, "/later"));
    assert_null(strstr(t.told, "gone 1"));
    read_bytes(&t, bytes_of("H 1 e " OK));
    assert_non_null(strstr(t.told, "gone 1\n"));
    assert_null(h2_session_first(t.session));
    assert_null(h2_session_error(t.session));
    h2_reader_free(r);
    site_fini(&t);
}

/* A cancelled request does not leave later, and one whose head has been handed over is no such one. */
static void test_unsent_or_not(void **state)
{
    struct site t;
    struct h2_reader *r = h2_reader_new();
    struct chunkq out;
    static char seen[TEXT];
    *seen = '\0';
    site_init(&t);
    read_bytes(&t, bytes_of(HELLO "S 3=0"));
    collect(&t, r, MAGIC, seen);
    h2_stream_reset(ask(&t, "GET /gone"), H2_CANCEL);
    collect(&t, r, 0, seen);
    read_bytes(&t, bytes_of("S 3=9"));
    ask(&t, "GET /goes");
    chunkq_init(&out, &t.m.chunks);
    assert_true(h2_session_write(t.session, &out, 1)); /* its bytes are out, nghttp2 has not yet said so */
    assert_true(out.bytes > 0);
    chunkq_clear(&out);
    assert_true(h2_session_write(t.session, &out, 1));
    while (out.bytes > 0) {
        chunkq_clear(&out);
        assert_true(h2_session_write(t.session, &out, 1));
    }
    assert_string_equal(t.told, "gone 1 refused\n");
    h2_session_free(t.session);
    t.session = NULL;
    assert_string_equal(t.told, "gone 1 refused\ngone 3 reset\n");
    h2_reader_free(r);
    memory_fini(&t.m);
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

#define PUSH "F 5 4 1 00000002828487"

static const struct {
    const char *name, *sends, *why;
} ends[] = {
    {"push", PUSH, "server push"},
    {"SETTINGS", "*20 S", "SETTINGS flood"},
    {"61 PING, one of them paid for", "*61 I", NULL},
    {"PING", "*62 I", "PING flood"},
    {"WINDOW_UPDATE", "*8 W 0 1", "WINDOW_UPDATE flood"},
    {"resets of nothing", "R 1 8\n*201 R 1 8", "reset flood"},
    {"empty DATA", "H 1 - " OK "\n*376 D 1 - ", "empty DATA flood"},
    {"PRIORITY", "*376 O 1", "flood of odd frames"},
    {"CONTINUATION", "H 1 h " OK "\n*9 C 1 h ", "Too many CONTINUATION frames following a HEADER frame"},
    {"DATA beyond what may come",
     "H 1 - " OK "\n*70 D 1 - "
     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
     NULL},
    {"HEADERS of another stream", "H 3 e " OK, "PROTOCOL_ERROR"},
    {"HEADERS of its own", "H 2 e " OK, "PROTOCOL_ERROR"},
    {"DATA before a head", "D 1 - x", "PROTOCOL_ERROR"},
};

static void test_ends(void **state)
{
    for (size_t i = 0; i < COUNT(ends); i++) {
        struct site t;
        static char words[4000], seen[TEXT];
        struct h2_reader *r = h2_reader_new();
        *seen = '\0';
        site_init(&t);
        ask(&t, "GET /");
        collect(&t, r, MAGIC, seen);
        (void)snprintf(words, sizeof words, HELLO "%s", ends[i].sends);
        read_bytes(&t, bytes_of(words));
        collect(&t, r, 0, seen);
        const char *why = h2_session_error(t.session);
        if ((why == NULL) != (ends[i].why == NULL) || (why && strcmp(why, ends[i].why) != 0))
            fail_msg("%s: ended for \"%s\"", ends[i].name, why ? why : "nothing");
        CHECK(ends[i].name, !why || strstr(seen, "G "));
        h2_reader_free(r);
        site_fini(&t);
    }
}

/* A stream that nobody reads holds its window's worth; the connection's stays open. */
static void test_windows(void **state)
{
    struct site t;
    static char seen[TEXT], words[20000], piece[16001];
    struct h2_reader *r = h2_reader_new();
    *seen = '\0';
    memset(piece, 'x', 16000);
    site_init(&t);
    t.holds = true;
    struct h2_stream *s = ask(&t, "GET /");
    collect(&t, r, MAGIC, seen);
    read_bytes(&t, bytes_of(HELLO "H 1 - " OK));
    *seen = '\0';
    collect(&t, r, 0, seen);
    assert_string_equal(seen, "A\nW 1 49151\n"); /* what the ACK has taken from it */
    (void)snprintf(words, sizeof words, "D 1 - %s", piece);
    for (unsigned i = 0; i < 4; i++)
        read_bytes(&t, bytes_of(words));
    assert_int_equal(s->in.bytes, 64000);
    assert_null(h2_session_error(t.session));
    read_bytes(&t, bytes_of(words));
    *seen = '\0';
    collect(&t, r, 0, seen);
    assert_non_null(strstr(seen, "R 1 3\n")); /* beyond the window */
    read_bytes(&t, bytes_of(words));
    assert_non_null(strstr(t.told, "gone 1 reset\n"));
    h2_reader_free(r);
    site_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversations), cmocka_unit_test(test_asks),    cmocka_unit_test(test_room),
        cmocka_unit_test(test_ends),          cmocka_unit_test(test_windows), cmocka_unit_test(test_unsent),
        cmocka_unit_test(test_unsent_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Heads written anew from what was parsed. */
#include "support.h"

static const struct h1_limits limits = {65536, 100};

struct writing {
    struct memory m;
    struct chunkq q;
    struct headers extra;
};

static void writing_init(struct writing *w)
{
    memory_init(&w->m);
    chunkq_init(&w->q, &w->m.chunks);
    assert_true(headers_init(&w->extra, &w->m.arena, 4));
}

static void writing_fini(struct writing *w)
{
    chunkq_clear(&w->q);
    memory_fini(&w->m);
}

static void add_extra(struct writing *w, struct span field)
{
    struct span name, value;
    if (field.n == 0)
        return;
    span_cut(field, ':', &name, &value);
    assert_true(headers_add(&w->extra, &w->m.arena, name, span_trim(value)));
}

#define HOST "Host: client.test\r\n"

static const struct {
    const char *name;
    struct span in, connection, extra, want;
} requests[] = {
    {"plain", S("GET /a?b HTTP/1.1\r\n" HOST "accept:  */* \r\n\r\n"), S("keep-alive"), S("X-Forwarded-Proto: https"),
     S("GET /a?b HTTP/1.1\r\nHost: origin.test\r\naccept: */*\r\nConnection: keep-alive\r\nX-Forwarded-Proto: "
       "https\r\n\r\n")},
    {"no connection",
     S("\r\nGET http://client.test?q HTTP/1.0\r\n" HOST "\r\n"),
     {NULL, 0},
     S(""),
     S("GET /?q HTTP/1.1\r\nHost: origin.test\r\n\r\n")},
    {"length", S("POST / HTTP/1.1\r\nCONTENT-LENGTH:5\r\n" HOST "\r\n"), S("close"), S(""),
     S("POST / HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 5\r\nConnection: close\r\n\r\n")},
    {"length 0",
     S("POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n"),
     {NULL, 0},
     S(""),
     S("POST / HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 0\r\n\r\n")},
    {"chunked",
     S("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: CHUNKED\r\n\r\n"),
     {NULL, 0},
     S(""),
     S("POST / HTTP/1.1\r\nHost: origin.test\r\nTransfer-Encoding: chunked\r\n\r\n")},
    {"expectation",
     S("POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nExpect: 100-continue\r\n\r\n"),
     {NULL, 0},
     S(""),
     S("POST / HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 1\r\n\r\n")},
    {"hop by hop",
     S("FOO / HTTP/1.1\r\n" HOST
       "Connection: close, X-A\r\nx-a: 1\r\nTE: trailers\r\nKeep-Alive: 5\r\nUpgrade: h2c\r\nX-B: 2\r\n\r\n"),
     {NULL, 0},
     S(""),
     S("FOO / HTTP/1.1\r\nHost: origin.test\r\nX-B: 2\r\n\r\n")},
    {"upgrade",
     S("GET /s HTTP/1.1\r\n" HOST
       "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n"),
     S("upgrade"), S(""),
     S("GET /s HTTP/1.1\r\nHost: origin.test\r\nSec-WebSocket-Version: 13\r\nConnection: upgrade\r\nUpgrade: "
       "websocket\r\n\r\n")},
    {"framing cannot be added",
     S("GET / HTTP/1.1\r\n" HOST "\r\n"),
     {NULL, 0},
     S("Content-Length: 7"),
     S("GET / HTTP/1.1\r\nHost: origin.test\r\n\r\n")},
};

static void test_requests(void **state)
{
    for (size_t i = 0; i < COUNT(requests); i++) {
        struct writing w;
        struct http_request r;
        struct h1_error err;
        writing_init(&w);
        CHECK(requests[i].name, h1_parse_request(requests[i].in, &limits, &w.m.arena, &r, &err));
        headers_drop_hop_by_hop(&r.headers);
        add_extra(&w, requests[i].extra);
        CHECK(requests[i].name, h1_write_request(&w.q, &r, SPAN("origin.test"), &w.extra, requests[i].connection));
        CHECK_SPAN(requests[i].name, queue_text(&w.m, &w.q), requests[i].want);
        writing_fini(&w);
    }
}

static const struct {
    const char *name;
    struct span in;
    enum http_method to;
    struct span connection, extra, want;
} responses[] = {
    {"length", S("HTTP/1.0 200 Fine\r\nDate: now\r\nContent-Length: 3\r\nServer: s\r\n\r\n"), M_GET, S("keep-alive"),
     S("Tiergate: ok"),
     S("HTTP/1.1 200 OK\r\nDate: now\r\nServer: s\r\nContent-Length: 3\r\nConnection: keep-alive\r\nTiergate: "
       "ok\r\n\r\n")},
    {"chunked",
     S("HTTP/1.1 404 x\r\nTransfer-Encoding: chunked\r\n\r\n"),
     M_GET,
     {NULL, 0},
     S(""),
     S("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n")},
    {"until close", S("HTTP/1.1 200 OK\r\nA: b\r\n\r\n"), M_GET, S("close"), S(""),
     S("HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\n")},
    {"HEAD keeps the length",
     S("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n"),
     M_HEAD,
     {NULL, 0},
     S(""),
     S("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n")},
    {"304 keeps the length",
     S("HTTP/1.1 304 x\r\nContent-Length: 30\r\nETag: e\r\n\r\n"),
     M_GET,
     {NULL, 0},
     S(""),
     S("HTTP/1.1 304 Not Modified\r\nETag: e\r\nContent-Length: 30\r\n\r\n")},
    {"304 without", S("HTTP/1.1 304 x\r\n\r\n"), M_GET, {NULL, 0}, S(""), S("HTTP/1.1 304 Not Modified\r\n\r\n")},
    {"204 has none",
     S("HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n"),
     M_GET,
     {NULL, 0},
     S(""),
     S("HTTP/1.1 204 No Content\r\n\r\n")},
    {"unknown status",
     S("HTTP/1.1 299 Mine\r\nContent-Length: 0\r\n\r\n"),
     M_GET,
     {NULL, 0},
     S(""),
     S("HTTP/1.1 299 Unknown\r\nContent-Length: 0\r\n\r\n")},
    {"upgrade", S("HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: Upgrade\r\nSec-WebSocket-Accept: a\r\n\r\n"),
     M_GET, S("upgrade"), S(""),
     S("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: a\r\nConnection: upgrade\r\nUpgrade: "
       "websocket\r\n\r\n")},
};

static void test_responses(void **state)
{
    for (size_t i = 0; i < COUNT(responses); i++) {
        struct writing w;
        struct http_response r;
        struct h1_error err;
        writing_init(&w);
        CHECK(responses[i].name, h1_parse_response(responses[i].in, &limits, responses[i].to, &w.m.arena, &r, &err));
        headers_drop_hop_by_hop(&r.headers);
        add_extra(&w, responses[i].extra);
        CHECK(responses[i].name, h1_write_response(&w.q, &r, &w.extra, responses[i].connection));
        CHECK_SPAN(responses[i].name, queue_text(&w.m, &w.q), responses[i].want);
        writing_fini(&w);
    }
}

static void test_interim(void **state)
{
    struct writing w;
    writing_init(&w);
    add_extra(&w, SPAN("Link: </a>"));
    add_extra(&w, SPAN("Content-Length: 5"));
    add_extra(&w, SPAN("X: dropped"));
    w.extra.v[2].drop = 1;
    assert_true(h1_write_interim(&w.q, 103, &w.extra));
    assert_true(h1_write_interim(&w.q, 100, NULL));
    CHECK_SPAN("interim", queue_text(&w.m, &w.q),
               SPAN("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"));
    writing_fini(&w);
}

static const struct {
    const char *name;
    struct span field;
} bad_extras[] = {
    {"CRLF", S("X: a\r\nSet-Cookie: b=c")},
    {"LF", S("X: a\nb")},
    {"CR", S("X: a\rb")},
    {"nul", S("X: a\0b")},
    {"name with a space", S("X Y: a")},
    {"empty name", S(": a")},
    {"name with CRLF", S("X\r\nY: a")},
};

/* Values made from what a peer sent must not split the message. */
static void test_bad_extras(void **state)
{
    for (size_t i = 0; i < COUNT(bad_extras); i++) {
        struct writing w;
        struct http_request request = {.method = M_GET, .method_name = SPAN("GET"), .path_query = SPAN("/")};
        struct http_response response = {.status = 200};
        writing_init(&w);
        add_extra(&w, bad_extras[i].field);
        CHECK(bad_extras[i].name, !h1_write_request(&w.q, &request, SPAN("h"), &w.extra, SPAN_NONE));
        CHECK(bad_extras[i].name, !h1_write_response(&w.q, &response, &w.extra, SPAN_NONE));
        CHECK(bad_extras[i].name, !h1_write_interim(&w.q, 103, &w.extra));
        CHECK(bad_extras[i].name, !h1_write_request(&w.q, &request, SPAN("h\r\nX: y"), NULL, SPAN_NONE));
        CHECK(bad_extras[i].name, w.q.bytes == 0);
        writing_fini(&w);
    }
}

/* A head that is larger than a chunk comes out whole, and reads back as it was. */
static void test_large(void **state)
{
    for (size_t size = 15000; size < 34000; size += 1111) {
        struct writing w;
        struct http_request r = {
            .method = M_GET, .method_name = SPAN("GET"), .path_query = SPAN("/"), .version = HTTP_1_1};
        struct http_request again;
        struct h1_error err;
        writing_init(&w);
        uint8_t *value = malloc(size);
        assert_non_null(value);
        memset(value, 'v', size);
        assert_true(headers_init(&r.headers, &w.m.arena, 4));
        for (size_t i = 0; i < 4; i++)
            assert_true(headers_add(&r.headers, &w.m.arena, SPAN("X-Large"), span_make(value, size / 4)));
        assert_true(chunkq_append(&w.q, SPAN("earlier bytes")));
        assert_true(h1_write_request(&w.q, &r, SPAN("h"), NULL, SPAN("close")));
        chunkq_drop(&w.q, strlen("earlier bytes"));
        assert_true(h1_parse_request(queue_text(&w.m, &w.q), &limits, &w.m.arena, &again, &err));
        assert_int_equal(again.headers.n, 6);
        CHECK_SPAN("value", again.headers.v[4].value, span_make(value, size / 4));
        free(value);
        writing_fini(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),   cmocka_unit_test(test_responses), cmocka_unit_test(test_interim),
        cmocka_unit_test(test_bad_extras), cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

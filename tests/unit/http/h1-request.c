/* Requests that must be accepted, with all that is read out of them; limits; finding the end of a head. */
#include "support.h"

#include <stdio.h>

static const struct h1_limits limits = {32768, 100};

struct want {
    enum http_method method;
    const char *path_query, *authority;
    enum http_version version;
    enum body_kind body;
    uint64_t length;
    bool keep_alive, expects;
};

#define HOST "Host: a.test\r\n"

#define V(name, method, path_query, authority, version, body, length, kept, expects, bytes)                            \
    {name, S(bytes), {method, path_query, authority, version, body, length, kept, expects}},
static const struct {
    const char *name;
    struct span head;
    struct want want;
} cases[] = {
#include "../../vectors/requests-accepted.inc"
};

static void check(const char *name, const struct http_request *r, const struct want *want)
{
    CHECK(name, r->method == want->method && r->version == want->version);
    CHECK_SPAN(name, r->path_query, span_of(want->path_query));
    CHECK_SPAN(name, r->authority, span_of(want->authority));
    CHECK(name, r->body == want->body && r->content_length == want->length);
    CHECK(name, r->keep_alive == want->keep_alive);
    CHECK(name, r->expect_continue == want->expects);
    CHECK(name, !r->websocket);
    CHECK(name, !headers_find(&r->headers, H_EXPECT));
}

static void test_table(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct memory m;
        struct http_request r;
        struct h1_error err = {0, "none"};
        void *p;
        memory_init(&m);
        if (!h1_parse_request(exact(cases[i].head, &p), &limits, &m.arena, &r, &err))
            fail_msg("%s: %u %s", cases[i].name, err.status, err.why);
        check(cases[i].name, &r, &cases[i].want);
        free(p);
        memory_fini(&m);
    }
}

/* A head cut short is refused, whatever is missing. */
static void test_prefixes(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t n = 0; n < cases[i].head.n; n++) {
            struct memory m;
            struct http_request r;
            struct h1_error err;
            void *p;
            memory_init(&m);
            CHECK(cases[i].name,
                  !h1_parse_request(exact(span_make(cases[i].head.p, n), &p), &limits, &m.arena, &r, &err));
            free(p);
            memory_fini(&m);
        }
    }
}

static void test_fields(void **state)
{
    static const char head[] = "GET /t HTTP/1.1\r\nHost:a.test\r\nX-A: \t b  c\t \r\nX-B:\r\nCookie: d\r\n\r\n";
    struct memory m;
    struct http_request r;
    struct h1_error err;
    memory_init(&m);
    assert_true(h1_parse_request(SPAN(head), &limits, &m.arena, &r, &err));
    assert_int_equal(r.headers.n, 4);
    CHECK_SPAN("method", r.method_name, SPAN("GET"));
    CHECK_SPAN("target", r.target, SPAN("/t"));
    CHECK_SPAN("name", r.headers.v[1].name, SPAN("X-A"));
    CHECK_SPAN("value", r.headers.v[1].value, SPAN("b  c"));
    CHECK_SPAN("empty", r.headers.v[2].value, SPAN(""));
    CHECK_SPAN("id", headers_only(&r.headers, H_COOKIE), SPAN("d"));
    memory_fini(&m);
}

static unsigned status_of(struct span head, const struct h1_limits *within)
{
    struct memory m;
    struct http_request r;
    struct h1_error err = {0, NULL};
    memory_init(&m);
    bool ok = h1_parse_request(head, within, &m.arena, &r, &err);
    memory_fini(&m);
    return ok ? 0 : err.status;
}

static void test_limits(void **state)
{
    static char text[40000];
    struct h1_limits small = {64, 3};
    assert_int_equal(status_of(SPAN("GET / HTTP/1.1\r\n" HOST "A:\r\nB:\r\n\r\n"), &small), 0);
    assert_int_equal(status_of(SPAN("GET / HTTP/1.1\r\n" HOST "A:\r\nB:\r\nC:\r\n\r\n"), &small), 431);
    assert_int_equal(
        status_of(SPAN("GET / HTTP/1.1\r\n" HOST "A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n"), &small), 431);
    for (int over = 0; over <= 1; over++) {
        char path[8194];
        memset(path, 'a', sizeof(path));
        path[0] = '/';
        path[8192 + over] = '\0';
        int n = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" HOST "\r\n", path);
        assert_int_equal(status_of(span_make(text, (size_t)n), &limits), over ? 414 : 0);
    }
    size_t n = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" HOST "Connection: ");
    for (int options = 1; options <= 33; options++) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, "x%d,", options);
        size_t end = n + (size_t)snprintf(text + n, sizeof(text) - n, "\r\n\r\n");
        assert_int_equal(status_of(span_make(text, end), &limits), options <= 32 ? 0 : 400);
    }
}

static enum h1_scan scan(struct span bytes, size_t max, size_t cut, size_t *head_n)
{
    struct memory m;
    struct chunkq q;
    size_t scanned = 0;
    memory_init(&m);
    chunkq_init(&q, &m.chunks);
    feed(&q, span_make(bytes.p, cut));
    enum h1_scan result = h1_scan_head(&q, max, &scanned, head_n);
    if (result == H1_SCAN_MORE) {
        feed(&q, span_from(bytes, cut));
        result = h1_scan_head(&q, max, &scanned, head_n);
    }
    chunkq_clear(&q);
    memory_fini(&m);
    return result;
}

static const struct {
    const char *name;
    struct span bytes;
    size_t max;
    enum h1_scan want;
    size_t head_n;
} scans[] = {
    {"nothing", S(""), 99, H1_SCAN_MORE, 0},
    {"no end yet", S("GET / HTTP/1.1\r\nA: b\r\n"), 99, H1_SCAN_MORE, 0},
    {"no end yet but CR", S("GET / HTTP/1.1\r\nA: b\r\n\r"), 99, H1_SCAN_MORE, 0},
    {"end", S("GET / HTTP/1.1\r\nA: b\r\n\r\n"), 99, H1_SCAN_DONE, 24},
    {"end and more", S("GET / HTTP/1.1\r\n\r\nbody\r\n\r\n"), 99, H1_SCAN_DONE, 18},
    {"empty line first", S("\r\nG\r\n\r\n"), 99, H1_SCAN_DONE, 7},
    {"CR alone so far", S("\r"), 99, H1_SCAN_MORE, 0},
    {"CRLF alone so far", S("\r\n"), 99, H1_SCAN_MORE, 0},
    {"two empty lines first", S("\r\n\r\n"), 99, H1_SCAN_BAD, 0},
    {"CR and something else", S("\rx"), 99, H1_SCAN_BAD, 0},
    {"LF", S("\nG"), 99, H1_SCAN_BAD, 0},
    {"TLS", S("\x16\x03\x01"), 99, H1_SCAN_BAD, 0},
    {"bare LF ends it too", S("GET /\n\nG"), 99, H1_SCAN_DONE, 7},
    {"LF CR LF ends it too", S("GET /\n\r\nG"), 99, H1_SCAN_DONE, 8},
    {"CR CR LF does not", S("GET /\r\n\r\r\nG"), 99, H1_SCAN_MORE, 0},
    {"just fits", S("GET /\r\n\r\n"), 9, H1_SCAN_DONE, 9},
    {"one byte too many", S("GET /\r\n\r\n"), 8, H1_SCAN_TOO_LARGE, 0},
    {"too large without an end", S("GET /aaaaaa"), 8, H1_SCAN_TOO_LARGE, 0},
};

static void test_scan(void **state)
{
    for (size_t i = 0; i < COUNT(scans); i++) {
        for (size_t cut = 0; cut <= scans[i].bytes.n; cut++) {
            size_t head_n = 0;
            enum h1_scan got = scan(scans[i].bytes, scans[i].max, cut, &head_n);
            if (got != scans[i].want || head_n != scans[i].head_n)
                fail_msg("%s, cut at %zu: %d, %zu bytes", scans[i].name, cut, (int)got, head_n);
        }
    }
}

/* One byte after the other: progress is kept, and the end is found all the same. */
static void test_scan_keeps_progress(void **state)
{
    struct memory m;
    struct chunkq q;
    size_t scanned = 0, head_n = 0;
    memory_init(&m);
    chunkq_init(&q, &m.chunks);
    assert_true(chunkq_append(&q, SPAN("GET /")));
    for (size_t i = 0; i < 4096; i++) {
        assert_true(chunkq_append(&q, SPAN("a")));
        assert_int_equal(h1_scan_head(&q, 32768, &scanned, &head_n), H1_SCAN_MORE);
        assert_int_equal(scanned, q.bytes);
    }
    assert_true(chunkq_append(&q, SPAN("\r\n\r\n")));
    assert_int_equal(h1_scan_head(&q, 32768, &scanned, &head_n), H1_SCAN_DONE);
    assert_int_equal(head_n, q.bytes);
    chunkq_clear(&q);
    memory_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),  cmocka_unit_test(test_prefixes), cmocka_unit_test(test_fields),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_scan),     cmocka_unit_test(test_scan_keeps_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

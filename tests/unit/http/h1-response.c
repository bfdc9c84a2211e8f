/* Response heads, as a hostile origin might send them. */
#include "support.h"

static const struct h1_limits limits = {32768, 100};

#define OK "HTTP/1.1 200 OK\r\n"
#define END "\r\n"

static const struct {
    const char *name;
    struct span head;
    enum http_method to;
    unsigned status; /* 0: refused */
    enum body_kind body;
    uint64_t length;
    bool keep_alive;
} cases[] = {
    {"length", S(OK "Content-Length: 5\r\n" END), M_GET, 200, BODY_LENGTH, 5, true},
    {"length 0", S(OK "Content-Length: 0\r\n" END), M_GET, 200, BODY_LENGTH, 0, true},
    {"chunked", S(OK "Transfer-Encoding: Chunked\r\n" END), M_POST, 200, BODY_CHUNKED, 0, true},
    {"neither", S(OK END), M_GET, 200, BODY_UNTIL_CLOSE, 0, false},
    {"close", S(OK "Content-Length: 5\r\nConnection: close\r\n" END), M_GET, 200, BODY_LENGTH, 5, false},
    {"HTTP/1.0", S("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n" END), M_GET, 200, BODY_LENGTH, 5, false},
    {"HTTP/1.0 kept", S("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n" END), M_GET, 200,
     BODY_LENGTH, 5, true},
    {"no reason", S("HTTP/1.1 404 \r\nContent-Length: 0\r\n" END), M_GET, 404, BODY_LENGTH, 0, true},
    {"no reason, no space", S("HTTP/1.1 404\r\nContent-Length: 0\r\n" END), M_GET, 404, BODY_LENGTH, 0, true},
    {"reason of any text", S("HTTP/1.1 404 Ni\xc3\xb1o\t(x)\r\nContent-Length: 0\r\n" END), M_GET, 404, BODY_LENGTH, 0,
     true},
    {"HEAD", S(OK "Content-Length: 5\r\n" END), M_HEAD, 200, BODY_NONE, 5, true},
    {"HEAD, chunked", S(OK "Transfer-Encoding: chunked\r\n" END), M_HEAD, 200, BODY_NONE, 0, true},
    {"HEAD, neither", S(OK END), M_HEAD, 200, BODY_NONE, 0, true},
    {"304", S("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n" END), M_GET, 304, BODY_NONE, 5, true},
    {"204", S("HTTP/1.1 204 No Content\r\n" END), M_DELETE, 204, BODY_NONE, 0, true},
    {"204 of length 0", S("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n" END), M_GET, 204, BODY_NONE, 0, true},
    {"204 that claims a body", S("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n" END), M_GET, 204, BODY_NONE, 5,
     false},
    {"204 that claims chunks", S("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n" END), M_GET, 204,
     BODY_NONE, 0, false},
    {"100", S("HTTP/1.1 100 Continue\r\n" END), M_POST, 100, BODY_NONE, 0, true},
    {"103", S("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n" END), M_GET, 103, BODY_NONE, 0, true},
    {"101", S("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n" END), M_GET, 101,
     BODY_NONE, 0, false},
    {"odd Connection is not kept", S(OK "Content-Length: 5\r\nConnection: a b\r\n" END), M_GET, 200, BODY_LENGTH, 5,
     false},
    {"obs-text in a value", S(OK "Content-Length: 0\r\nLocation: /caf\xc3\xa9\r\n" END), M_GET, 200, BODY_LENGTH, 0,
     true},

    {"length and chunked", S(OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" END), M_GET, 0, 0, 0, 0},
    {"chunked and length", S(OK "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" END), M_GET, 0, 0, 0, 0},
    {"length and chunked to HEAD", S(OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" END), M_HEAD, 0, 0, 0, 0},
    {"two lengths", S(OK "Content-Length: 5\r\nContent-Length: 6\r\n" END), M_GET, 0, 0, 0, 0},
    {"the same length twice", S(OK "Content-Length: 5\r\nContent-Length: 5\r\n" END), M_GET, 0, 0, 0, 0},
    {"list of lengths", S(OK "Content-Length: 5, 5\r\n" END), M_GET, 0, 0, 0, 0},
    {"bad length", S(OK "Content-Length: 0x5\r\n" END), M_GET, 0, 0, 0, 0},
    {"empty length", S(OK "Content-Length:\r\n" END), M_GET, 0, 0, 0, 0},
    {"bad length to HEAD", S(OK "Content-Length: -5\r\n" END), M_HEAD, 0, 0, 0, 0},
    {"bad length in 304", S("HTTP/1.1 304 Not Modified\r\nContent-Length: -5\r\n" END), M_GET, 0, 0, 0, 0},
    {"gzip, chunked", S(OK "Transfer-Encoding: gzip, chunked\r\n" END), M_GET, 0, 0, 0, 0},
    {"identity", S(OK "Transfer-Encoding: identity\r\n" END), M_GET, 0, 0, 0, 0},
    {"chunked twice", S(OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" END), M_GET, 0, 0, 0, 0},
    {"chunked with obs-text", S(OK "Transfer-Encoding: chunked\xa0\r\n" END), M_GET, 0, 0, 0, 0},
    {"chunked in HTTP/1.0", S("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n" END), M_GET, 0, 0, 0, 0},
    {"alias", S(OK "Transfer_Encoding: chunked\r\nContent-Length: 0\r\n" END), M_GET, 0, 0, 0, 0},
    {"obs-fold", S(OK "Content-Length: 0\r\nX: a\r\n b\r\n" END), M_GET, 0, 0, 0, 0},
    {"nul in a value", S(OK "Content-Length: 0\r\nX: a\0b\r\n" END), M_GET, 0, 0, 0, 0},
    {"control in a value", S(OK "Content-Length: 0\r\nX: a\x1b[2J\r\n" END), M_GET, 0, 0, 0, 0},
    {"bare LF", S("HTTP/1.1 200 OK\nContent-Length: 0\n\n"), M_GET, 0, 0, 0, 0},
    {"bare CR in a value", S(OK "Content-Length: 0\r\nX: a\rSet-Cookie: b=c\r\n" END), M_GET, 0, 0, 0, 0},
    {"no colon", S(OK "Content-Length\r\n" END), M_GET, 0, 0, 0, 0},
    {"space before the colon", S(OK "Content-Length : 0\r\n" END), M_GET, 0, 0, 0, 0},
    {"empty line first", S("\r\n" OK "Content-Length: 0\r\n" END), M_GET, 0, 0, 0, 0},
    {"HTTP/2.0", S("HTTP/2.0 200 OK\r\n" END), M_GET, 0, 0, 0, 0},
    {"HTTP/1.2", S("HTTP/1.2 200 OK\r\n" END), M_GET, 0, 0, 0, 0},
    {"http/1.1", S("http/1.1 200 OK\r\n" END), M_GET, 0, 0, 0, 0},
    {"ICY", S("ICY 200 OK\r\n" END), M_GET, 0, 0, 0, 0},
    {"two digits", S("HTTP/1.1 20 OK\r\n" END), M_GET, 0, 0, 0, 0},
    {"four digits", S("HTTP/1.1 2000 OK\r\n" END), M_GET, 0, 0, 0, 0},
    {"no digits", S("HTTP/1.1 abc OK\r\n" END), M_GET, 0, 0, 0, 0},
    {"+20", S("HTTP/1.1 +20 OK\r\n" END), M_GET, 0, 0, 0, 0},
    {"099", S("HTTP/1.1 099 OK\r\n" END), M_GET, 0, 0, 0, 0},
    {"600", S("HTTP/1.1 600 OK\r\n" END), M_GET, 0, 0, 0, 0},
    {"two spaces", S("HTTP/1.1  200 OK\r\n" END), M_GET, 0, 0, 0, 0},
    {"tab", S("HTTP/1.1\t200\tOK\r\n" END), M_GET, 0, 0, 0, 0},
    {"control in the reason", S("HTTP/1.1 200 O\x01K\r\n" END), M_GET, 0, 0, 0, 0},
    {"bare CR in the reason", S("HTTP/1.1 200 O\rK\r\n" END), M_GET, 0, 0, 0, 0},
    {"nul in the reason", S("HTTP/1.1 200 \0\r\n" END), M_GET, 0, 0, 0, 0},
    {"only a version", S("HTTP/1.1\r\n" END), M_GET, 0, 0, 0, 0},
    {"HTTP/0.9", S("<html>\r\n\r\n"), M_GET, 0, 0, 0, 0},
};

static void check_accepted(size_t i, const struct http_response *r)
{
    CHECK(cases[i].name, r->status == cases[i].status);
    CHECK(cases[i].name, r->body == cases[i].body);
    CHECK(cases[i].name, r->content_length == cases[i].length);
    CHECK(cases[i].name, r->keep_alive == cases[i].keep_alive);
}

static void test_table(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct memory m;
        struct http_response r;
        struct h1_error err = {0, "none"};
        void *p;
        memory_init(&m);
        bool ok = h1_parse_response(exact(cases[i].head, &p), &limits, cases[i].to, &m.arena, &r, &err);
        if (ok != (cases[i].status != 0))
            fail_msg("%s: %s", cases[i].name, ok ? "accepted" : err.why);
        if (ok)
            check_accepted(i, &r);
        else
            CHECK(cases[i].name, err.status == 502);
        free(p);
        memory_fini(&m);
    }
}

static void test_prefixes(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t n = 0; n < cases[i].head.n; n++) {
            struct memory m;
            struct http_response r;
            struct h1_error err;
            void *p;
            memory_init(&m);
            struct span part = exact(span_make(cases[i].head.p, n), &p);
            CHECK(cases[i].name, !h1_parse_response(part, &limits, cases[i].to, &m.arena, &r, &err));
            free(p);
            memory_fini(&m);
        }
    }
}

static void test_limits(void **state)
{
    static const char head[] = OK "A: 1\r\nB: 2\r\n" END;
    struct h1_limits few = {32768, 1}, small = {20, 100};
    struct memory m;
    struct http_response r;
    struct h1_error err;
    memory_init(&m);
    assert_true(h1_parse_response(SPAN(head), &limits, M_GET, &m.arena, &r, &err));
    assert_false(h1_parse_response(SPAN(head), &few, M_GET, &m.arena, &r, &err));
    assert_int_equal(err.status, 502);
    assert_false(h1_parse_response(SPAN(head), &small, M_GET, &m.arena, &r, &err));
    assert_int_equal(err.status, 502);
    memory_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_prefixes),
                                       cmocka_unit_test(test_limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

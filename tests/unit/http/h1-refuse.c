/* Requests that must be refused, whole and split at every byte, with what they must be answered. */
#include "support.h"

static const struct h1_limits limits = {32768, 100};

#define LINE "GET / HTTP/1.1\r\n"
#define HOST "Host: a.test\r\n"
#define POST "POST / HTTP/1.1\r\n" HOST
#define END "\r\n"

static const struct {
    const char *name;
    struct span head;
    unsigned status;
} cases[] = {
    /* two lengths, or one that two readers read in two ways */
    {"length, then chunked", S(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" END), 400},
    {"chunked, then length", S(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" END), 400},
    {"chunked, length and close",
     S(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\nConnection: close\r\n" END), 400},
    {"two lengths", S(POST "Content-Length: 1000\r\nContent-Length: 100\r\n" END), 400},
    {"the same length twice", S(POST "Content-Length: 5\r\nContent-Length: 5\r\n" END), 400},
    {"list of lengths", S(POST "Content-Length: 1000,1000\r\n" END), 400},
    {"list with spaces", S(POST "Content-Length: 5, 5, 5\r\n" END), 400},
    {"empty length", S(POST "Content-Length: \r\n" END), 400},
    {"empty length, then one", S(POST "Content-Length:\r\nContent-Length: 43\r\n" END), 400},
    {"length +5", S(POST "Content-Length: +5\r\n" END), 400},
    {"length -0", S(POST "Content-Length: -0\r\n" END), 400},
    {"length -48", S(POST "Content-Length: -48\r\n" END), 400},
    {"length 0x10", S(POST "Content-Length: 0x10\r\n" END), 400},
    {"length 0o5", S(POST "Content-Length: 0o5\r\n" END), 400},
    {"length 1_0", S(POST "Content-Length: 1_0\r\n" END), 400},
    {"length 1 0", S(POST "Content-Length: 1 0\r\n" END), 400},
    {"length 1Z", S(POST "Content-Length: 1Z\r\n" END), 400},
    {"length 1000.1000", S(POST "Content-Length: 1000.1000\r\n" END), 400},
    {"length 2^64", S(POST "Content-Length: 18446744073709551616\r\n" END), 400},
    {"length 2^63", S(POST "Content-Length: 9223372036854775808\r\n" END), 400},
    {"length with a control", S(POST "Content-Length: 5\x11\r\n" END), 400},
    {"length with a vertical tab",
     S(POST "Content-Length:\x0b"
            "5\r\n" END),
     400},
    {"length with obs-text", S(POST "Content-Length: 5\xa0\r\n" END), 400},
    {"length 010", S(POST "Content-Length: 010\r\n" END), 400},
    {"length 00", S(POST "Content-Length: 00\r\n" END), 400},
    {"length 0200", S(POST "Content-Length: 0200\r\n" END), 400},
    {"length quoted", S(POST "Content-Length: \"5\"\r\n" END), 400},
    {"length 5;", S(POST "Content-Length: 5;\r\n" END), 400},

    /* Transfer-Encoding in disguise */
    {"space before the colon", S(POST "Transfer-Encoding : chunked\r\n" END), 400},
    {"tab before the colon", S(POST "Transfer-Encoding\t: chunked\r\n" END), 400},
    {"space before the first field", S("POST / HTTP/1.1\r\n Transfer-Encoding: chunked\r\n" HOST END), 400},
    {"tab before the first field", S("POST / HTTP/1.1\r\n\tTransfer-Encoding: chunked\r\n" HOST END), 400},
    {"control before the name", S(POST "\x01Transfer-Encoding: chunked\r\n" END), 400},
    {"8-bit behind the name", S(POST "Transfer-Encoding\x85: chunked\r\n" END), 400},
    {"8-bit within the name", S(POST "Transf\x82r-Encoding: chunked\r\n" END), 400},
    {"space within the name", S(POST "Transfer Encoding: chunked\r\n" END), 400},
    {"underscore in the name", S(POST "Transfer_Encoding: chunked\r\n" END), 400},
    {"dot in the name", S(POST "transfer.encoding: chunked\r\n" END), 400},
    {"underscore in Content_Length", S(POST "Content_Length: 5\r\n" END), 400},
    {"dot in Content.Length", S(POST "CONTENT.LENGTH: 5\r\n" END), 400},
    {"name folded", S(POST "Transfer-\r\nEncoding: chunked\r\n" END), 400},
    {"vertical tab",
     S(POST "Transfer-Encoding:\x0b"
            "chunked\r\n" END),
     400},
    {"form feed",
     S(POST "Transfer-Encoding:\x0c"
            "chunked\r\n" END),
     400},
    {"nul in front", S(POST "Transfer-Encoding:\0chunked\r\n" END), 400},
    {"nul behind", S(POST "Transfer-Encoding: chunked\0\r\n" END), 400},
    {"no-break spaces",
     S(POST "Transfer-Encoding: \xa0"
            "chunked\xa0\r\n" END),
     400},
    {"0xff in front",
     S(POST "Transfer-Encoding: \xff"
            "chunked\r\n" END),
     400},
    {"double quotes", S(POST "Transfer-Encoding: \"chunked\"\r\n" END), 400},
    {"single quotes", S(POST "Transfer-Encoding: 'chunked'\r\n" END), 400},
    {"xchunked", S(POST "Transfer-Encoding: xchunked\r\n" END), 400},
    {"identity", S(POST "Transfer-Encoding: identity\r\n" END), 400},
    {"chunk", S(POST "Transfer-Encoding: chunk\r\n" END), 400},
    {"cow", S(POST "Transfer-Encoding: cow\r\n" END), 400},
    {"chunked, cow", S(POST "Transfer-Encoding: chunked, cow\r\n" END), 400},
    {"cow, chunked", S(POST "Transfer-Encoding: cow, chunked\r\n" END), 400},
    {"gzip, chunked", S(POST "Transfer-Encoding: gzip, chunked\r\n" END), 400},
    {"comma in front", S(POST "Transfer-Encoding: ,chunked\r\n" END), 400},
    {"comma behind", S(POST "Transfer-Encoding: chunked,\r\n" END), 400},
    {"chunked, chunked", S(POST "Transfer-Encoding: chunked, chunked\r\n" END), 400},
    {"two fields", S(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" END), 400},
    {"identity, then chunked", S(POST "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n" END), 400},
    {"empty", S(POST "Transfer-Encoding:\r\n" END), 400},
    {"empty three times", S(POST "Transfer-Encoding:\r\nTransfer-Encoding:\r\nTransfer-Encoding:\r\n" END), 400},
    {"empty, then chunked", S(POST "Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n" END), 400},
    {"parameter", S(POST "Transfer-Encoding: chunked;ext=1\r\n" END), 400},
    {"HTTP/1.0", S("POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n" END), 400},

    /* line ends */
    {"bare CR before a field", S(POST "X: a\rTransfer-Encoding: chunked\r\n" END), 400},
    {"bare LF before a field", S(POST "X: a\nTransfer-Encoding: chunked\r\n" END), 400},
    {"bare CR as value", S(POST "X:\rTransfer-Encoding: chunked\r\n" END), 400},
    {"request behind two bare LF", S(LINE HOST "X:\n\nGET /evil HTTP/1.1\r\n" HOST END), 400},
    {"bare LF behind the request line", S("GET / HTTP/1.1\n" HOST END), 400},
    {"bare LF at the end", S(LINE HOST "\n"), 400},
    {"only bare LF", S("GET / HTTP/1.1\nHost: a.test\n\n"), 400},
    {"control LF", S(LINE "Host: a.test\x01\nX: y\r\n" END), 400},
    {"nul LF", S(LINE HOST "X: y\0\n" END), 400},
    {"CR CR LF", S(LINE "Host: a.test\r\r\n" END), 400},
    {"CR CR LF at the end", S(LINE HOST "\r\r\n\r\n"), 400},
    {"LF CR", S(LINE "Host: a.test\n\rX: y\r\n" END), 400},
    {"obs-fold of chunked", S(POST "Transfer-Encoding:\r\n chunked\r\n" END), 400},
    {"obs-fold of a field", S(POST "X: y\r\n Content-Length: 38\r\n" END), 400},
    {"obs-fold with a tab", S(POST "X: y\r\n\tz\r\n" END), 400},
    {"line of a space", S(LINE HOST " \r\n" END), 400},

    /* before the request line */
    {"CRLF CR", S("\r\n\rZGET /evil HTTP/1.1\r\n" HOST END), 400},
    {"two empty lines", S("\r\n\r\n" LINE HOST END), 400},
    {"bare LF first", S("\n" LINE HOST END), 400},
    {"bare CR first", S("\r" LINE HOST END), 400},
    {"CR as in a body", S("\rabc" LINE HOST END), 400},
    {"space first", S(" " LINE HOST END), 400},
    {"nul first", S("\0" LINE HOST END), 400},
    {"a TLS hello", S("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"), 400},
    {"8-bit first", S("\xef\xbb\xbf" LINE HOST END), 400},

    /* fields */
    {"nul in a value", S(LINE HOST "X: v\0x\r\n" END), 400},
    {"nul and CR in a value", S(LINE HOST "X: v\0\rx\r\n" END), 400},
    {"control in a value", S(LINE HOST "X: v\x01\r\n" END), 400},
    {"delete in a value", S(LINE HOST "X: v\x7f\r\n" END), 400},
    {"control in a name", S(LINE HOST "X\x01Y: v\r\n" END), 400},
    {"obs-text in a name", S(LINE HOST "X\xe9: v\r\n" END), 400},
    {"obs-text in Host", S("GET / HTTP/1.1\r\nHost: a\xe9.test\r\n" END), 400},
    {"obs-text in Authorization", S(LINE HOST "Authorization: Basic \xe9\r\n" END), 400},
    {"obs-text in Proxy-Authorization", S(LINE HOST "Proxy-Authorization: Basic \xe9\r\n" END), 400},
    {"obs-text in Tiergate-Authorization", S(LINE HOST "Tiergate-Authorization: Basic \xe9\r\n" END), 400},
    {"obs-text in Origin", S(LINE HOST "Origin: https://\xe9\r\n" END), 400},
    {"obs-text in X-Forwarded-For", S(LINE HOST "X-Forwarded-For: 1.2.3.4\xa0\r\n" END), 400},
    {"obs-text in Connection", S(LINE HOST "Connection: close\x85\r\n" END), 400},
    {"obs-text in Upgrade", S(LINE HOST "Upgrade: websocket\x85\r\n" END), 400},
    {"empty name", S(LINE HOST ": x\r\n" END), 400},
    {"colon alone", S(LINE HOST ":\r\n" END), 400},
    {"no colon", S(LINE HOST "Content-Length 10\r\n" END), 400},
    {"a name alone", S(LINE HOST "X\r\n" END), 400},
    {"parenthesis in a name", S(LINE HOST "X(: v\r\n" END), 400},
    {"slash in a name", S(LINE HOST "X/Y: v\r\n" END), 400},
    {"quote in a name", S(LINE HOST "\"X\": v\r\n" END), 400},
    {"space behind the name", S(LINE HOST "X : v\r\n" END), 400},
    {"Connection that is no list of tokens", S(LINE HOST "Connection: close;x\r\n" END), 400},
    {"Connection with a space", S(LINE HOST "Connection: close keep-alive\r\n" END), 400},

    /* request line */
    {"HTTP/1.32", S("GET /a HTTP/1.32\r\n" HOST END), 400},
    {"HTTP/2.0", S("GET /a HTTP/2.0\r\n" HOST END), 505},
    {"HTTP/0.9", S("GET /a HTTP/0.9\r\n" HOST END), 505},
    {"HTTP/1.2", S("GET /a HTTP/1.2\r\n" HOST END), 505},
    {"http/1.1", S("GET /a http/1.1\r\n" HOST END), 400},
    {"HTTP/1", S("GET /a HTTP/1\r\n" HOST END), 400},
    {"HTTP/11", S("GET /a HTTP/11\r\n" HOST END), 400},
    {"HTTP/1,1", S("GET /a HTTP/1,1\r\n" HOST END), 400},
    {"no version", S("GET /\r\n" HOST END), 400},
    {"no version but a space", S("GET / \r\n" HOST END), 400},
    {"bare LF in the line", S("GET /\nHTTP/1.1\r\n" HOST END), 400},
    {"two spaces", S("GET  / HTTP/1.1\r\n" HOST END), 400},
    {"two spaces before the version", S("GET /  HTTP/1.1\r\n" HOST END), 400},
    {"space behind the version", S("GET / HTTP/1.1 \r\n" HOST END), 400},
    {"tab for a space", S("GET\t/ HTTP/1.1\r\n" HOST END), 400},
    {"tab in the target", S("GET /a\tb HTTP/1.1\r\n" HOST END), 400},
    {"CR CR in the version", S("GET / HTTP/\r\r1.1\r\n" HOST END), 400},
    {"method alone", S("GET\r\n" HOST END), 400},
    {"method that is no token", S("G=\":<>(e) / HTTP/1.1\r\n" HOST END), 400},
    {"space in the target", S("GET /docs/ /x HTTP/1.1\r\n" HOST END), 400},
    {"8-bit in the target", S("GET /\xe9 HTTP/1.1\r\n" HOST END), 400},
    {"nul in the target", S("GET /\0 HTTP/1.1\r\n" HOST END), 400},
    {"delete in the target", S("GET /\x7f HTTP/1.1\r\n" HOST END), 400},
    {"fragment", S("GET /admin#/docs/ HTTP/1.1\r\n" HOST END), 400},
    {"fragment first", S("GET /#/../admin HTTP/1.1\r\n" HOST END), 400},
    {"asterisk with GET", S("GET * HTTP/1.1\r\n" HOST END), 400},
    {"no slash", S("GET admin HTTP/1.1\r\n" HOST END), 400},
    {"authority form", S("GET a.test:443 HTTP/1.1\r\n" HOST END), 400},
    {"PRI", S("PRI * HTTP/2.0\r\n\r\n"), 400},
    {"CONNECT", S("CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n" END), 405},
    {"CONNECT with a path", S("CONNECT / HTTP/1.1\r\n" HOST END), 405},
    {"TRACE", S("TRACE / HTTP/1.1\r\n" HOST END), 405},

    /* Host and absolute form */
    {"no Host", S(LINE END), 400},
    {"two Hosts", S(LINE HOST "Host: b.test\r\n" END), 400},
    {"the same Host twice", S(LINE HOST HOST END), 400},
    {"empty Host", S(LINE "Host:\r\n" END), 400},
    {"empty Host, HTTP/1.0", S("GET / HTTP/1.0\r\nHost:\r\n" END), 400},
    {"list of hosts", S(LINE "Host: a, b\r\n" END), 400},
    {"list of hosts without a space", S(LINE "Host: a,b\r\n" END), 400},
    {"bad port", S(LINE "Host: a.test:99999\r\n" END), 400},
    {"userinfo in Host", S(LINE "Host: u@a.test\r\n" END), 400},
    {"path in Host", S(LINE "Host: a.test/x\r\n" END), 400},
    {"absolute form of another host", S("GET http://open.test/ HTTP/1.1\r\nHost: gated.test\r\n" END), 400},
    {"absolute form of another port", S("GET http://a.test:81/ HTTP/1.1\r\n" HOST END), 400},
    {"absolute form without Host", S("GET http://a.test/ HTTP/1.1\r\n" END), 400},
    {"absolute form with userinfo", S("GET http://u:p@a.test/ HTTP/1.1\r\n" HOST END), 400},
    {"absolute form with a fragment", S("GET http://a.test#f HTTP/1.1\r\n" HOST END), 400},
    {"absolute form without authority", S("GET http:///x HTTP/1.1\r\n" HOST END), 400},
    {"absolute form of another scheme", S("GET ftp://a.test/ HTTP/1.1\r\n" HOST END), 400},
    {"absolute form, one slash", S("GET http:/a.test/ HTTP/1.1\r\n" HOST END), 400},
    {"absolute form, backslash", S("GET http://a.test\\x HTTP/1.1\r\n" HOST END), 400},
    {"absolute form, bad authority, no Host, HTTP/1.0", S("GET http://a..test/ HTTP/1.0\r\n" END), 400},

    /* expectations and upgrades */
    {"another expectation", S(POST "Content-Length: 5\r\nExpect: x\r\n" END), 417},
    {"two expectations", S(POST "Content-Length: 5\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n" END), 417},
    {"list of expectations", S(POST "Content-Length: 5\r\nExpect: 100-continue, x\r\n" END), 417},
    {"empty expectation", S(POST "Content-Length: 5\r\nExpect:\r\n" END), 417},
    {"expectation with a control",
     S(POST "Content-Length: 5\r\nExpect: \x0b"
            "100-continue\r\n" END),
     400},
    {"websocket with a body",
     S("GET / HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 5\r\n" END), 400},
    {"websocket with chunks",
     S("GET / HTTP/1.1\r\n" HOST "Upgrade: h2c, WebSocket\r\nTransfer-Encoding: chunked\r\n" END), 400},
};

struct outcome {
    unsigned status; /* 0: accepted */
    const char *why;
};

/* Scans and parses as a connection would that reads `piece` bytes at a time after a first read of `first`. */
static struct outcome run(struct span bytes, size_t first, size_t piece)
{
    struct memory m;
    struct chunkq q;
    struct http_request r;
    struct h1_error err = {0, NULL};
    size_t scanned = 0, head_n = 0, fed = 0, n = first;
    enum h1_scan scan = H1_SCAN_MORE;
    memory_init(&m);
    chunkq_init(&q, &m.chunks);
    while (scan == H1_SCAN_MORE && fed < bytes.n) {
        n = n < bytes.n - fed ? n : bytes.n - fed;
        feed(&q, span_make(bytes.p + fed, n));
        fed += n;
        n = piece;
        scan = h1_scan_head(&q, limits.head_bytes, &scanned, &head_n);
    }
    struct outcome outcome = {scan == H1_SCAN_BAD ? 400 : scan == H1_SCAN_TOO_LARGE ? 431 : 999, "scan"};
    if (scan == H1_SCAN_DONE) {
        void *p = malloc(head_n);
        assert_non_null(p);
        chunkq_copy(&q, head_n, p);
        outcome.status = h1_parse_request(span_make(p, head_n), &limits, &m.arena, &r, &err) ? 0 : err.status;
        outcome.why = err.why;
        free(p);
    }
    chunkq_clear(&q);
    memory_fini(&m);
    return outcome;
}

static void test_whole(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct outcome got = run(cases[i].head, cases[i].head.n, 1);
        if (got.status != cases[i].status)
            fail_msg("%s: %u (%s), not %u", cases[i].name, got.status, got.why, cases[i].status);
    }
}

static void test_split(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t cut = 1; cut < cases[i].head.n; cut++) {
            struct outcome got = run(cases[i].head, cut, cases[i].head.n);
            if (got.status != cases[i].status)
                fail_msg("%s, cut at %zu: %u", cases[i].name, cut, got.status);
        }
        CHECK(cases[i].name, run(cases[i].head, 1, 1).status == cases[i].status);
    }
}

/* The table refuses for the reason in the name, not for a mistake in its frame. */
static void test_frame_is_good(void **state)
{
    assert_int_equal(run(SPAN(LINE HOST END), 8, 8).status, 0);
    assert_int_equal(run(SPAN(POST "Content-Length: 5\r\n" END), 8, 8).status, 0);
    assert_int_equal(run(SPAN(POST "Transfer-Encoding: chunked\r\n" END), 8, 8).status, 0);
    assert_int_equal(run(SPAN("POST / HTTP/1.0\r\n" HOST END), 8, 8).status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole), cmocka_unit_test(test_split),
                                       cmocka_unit_test(test_frame_is_good)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

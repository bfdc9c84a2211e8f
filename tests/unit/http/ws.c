#include "support.h"

#include "http/ws.h"

static const struct h1_limits limits = {32768, 100};

#define HANDSHAKE_BUT_KEY                                                                                              \
    "GET /doc HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"                   \
    "Sec-WebSocket-Version: 13\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static const struct {
    const char *name;
    struct span head;
    bool want;
} requests[] = {
    {"RFC 6455 §1.3", S(HANDSHAKE_BUT_KEY KEY "\r\n"), true},
    {"an empty body", S(HANDSHAKE_BUT_KEY KEY "Content-Length: 0\r\n\r\n"), true},
    {"no key", S(HANDSHAKE_BUT_KEY "\r\n"), false},
    {"two keys", S(HANDSHAKE_BUT_KEY KEY KEY "\r\n"), false},
    {"short key", S(HANDSHAKE_BUT_KEY "Sec-WebSocket-Key: SGVsbG8=\r\n\r\n"), false},
    {"key of other letters", S(HANDSHAKE_BUT_KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ.==\r\n\r\n"), false},
    {"two versions", S(HANDSHAKE_BUT_KEY KEY "Sec-WebSocket-Version: 13\r\n\r\n"), false},
    {"another upgrade", S(HANDSHAKE_BUT_KEY KEY "Upgrade: h2c\r\n\r\n"), false},
    {"version 777",
     S("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 777\r\n" KEY
       "\r\n"),
     false},
    {"POST",
     S("POST / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" KEY
       "\r\n"),
     false},
    {"HTTP/1.0",
     S("GET / HTTP/1.0\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" KEY
       "\r\n"),
     false},
    {"no Connection: upgrade",
     S("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: close\r\nSec-WebSocket-Version: 13\r\n" KEY
       "\r\n"),
     false},
    {"h2c",
     S("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nConnection: Upgrade, "
       "HTTP2-Settings\r\n\r\n"),
     false},
};

static void test_requests(void **state)
{
    for (size_t i = 0; i < COUNT(requests); i++) {
        struct memory m;
        struct http_request r;
        struct h1_error err;
        memory_init(&m);
        CHECK(requests[i].name, h1_parse_request(requests[i].head, &limits, &m.arena, &r, &err));
        CHECK(requests[i].name, r.websocket == requests[i].want);
        CHECK(requests[i].name, ws_request_ok(&r) == requests[i].want);
        memory_fini(&m);
    }
}

#define SWITCH "HTTP/1.1 101 Switching Protocols\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static const struct {
    const char *name;
    struct span head;
    bool want;
} responses[] = {
    {"RFC 6455 §1.3", S(SWITCH "Upgrade: websocket\r\nConnection: Upgrade\r\n" ACCEPT "\r\n"), true},
    {"case of the tokens", S(SWITCH "upgrade: WebSocket\r\nconnection: upgrade\r\n" ACCEPT "\r\n"), true},
    {"no accept", S(SWITCH "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"), false},
    {"other accept",
     S(SWITCH
       "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOp=\r\n\r\n"),
     false},
    {"two accepts", S(SWITCH "Upgrade: websocket\r\nConnection: Upgrade\r\n" ACCEPT ACCEPT "\r\n"), false},
    {"no upgrade", S(SWITCH "Connection: Upgrade\r\n" ACCEPT "\r\n"), false},
    {"no connection", S(SWITCH "Upgrade: websocket\r\n" ACCEPT "\r\n"), false},
    {"200", S("HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" ACCEPT "\r\n"), false},
    {"426", S("HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" ACCEPT "\r\n"), false},
};

static void test_responses(void **state)
{
    for (size_t i = 0; i < COUNT(responses); i++) {
        struct memory m;
        struct http_response r;
        struct h1_error err;
        memory_init(&m);
        CHECK(responses[i].name, h1_parse_response(responses[i].head, &limits, M_GET, &m.arena, &r, &err));
        CHECK(responses[i].name, ws_response_ok(&r, SPAN("dGhlIHNhbXBsZSBub25jZQ==")) == responses[i].want);
        CHECK(responses[i].name, !ws_response_ok(&r, SPAN("AGhlIHNhbXBsZSBub25jZQ==")));
        CHECK(responses[i].name, !ws_response_ok(&r, SPAN_NONE));
        memory_fini(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_requests), cmocka_unit_test(test_responses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

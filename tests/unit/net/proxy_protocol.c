#include "net/proxy_protocol.h"

#include "check.h"

#define SIG "\r\n\r\n\0\r\nQUIT\n"
#define V4 "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\x12\x34\x01\xbb"
#define V6_ADDRS "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x12\x34\x01\xbb"
#define BYTES(literal) literal, sizeof(literal) - 1

static const struct {
    const char *name, *in;
    size_t n;
    enum pp_result result;
    const char *ip;
    uint16_t port;
} cases[] = {
    {"v1 tcp4", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 4660 443\r\n"), PP_DONE, "192.0.2.1", 4660},
    {"v1 tcp6", BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 4660 443\r\n"), PP_DONE, "2001:db8::1", 4660},
    {"v1 tcp6 mapped", BYTES("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n"), PP_DONE, "192.0.2.1", 1},
    {"v1 unknown", BYTES("PROXY UNKNOWN\r\n"), PP_DONE, "unknown", 0},
    {"v1 unknown with rest", BYTES("PROXY UNKNOWN ffff::1 x 1 2\r\n"), PP_DONE, "unknown", 0},
    {"v1 port 0", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 0 0\r\n"), PP_DONE, "192.0.2.1", 0},
    {"v1 bare LF", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 4660 443\n"), PP_BAD, NULL, 0},
    {"v1 CR inside", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2\r 4660 443\r\n"), PP_BAD, NULL, 0},
    {"v1 lower case", BYTES("proxy TCP4 192.0.2.1 198.51.100.2 4660 443\r\n"), PP_BAD, NULL, 0},
    {"v1 udp", BYTES("PROXY UDP4 192.0.2.1 198.51.100.2 4660 443\r\n"), PP_BAD, NULL, 0},
    {"v1 v4 as tcp6", BYTES("PROXY TCP6 192.0.2.1 198.51.100.2 4660 443\r\n"), PP_BAD, NULL, 0},
    {"v1 v6 as tcp4", BYTES("PROXY TCP4 2001:db8::1 2001:db8::2 4660 443\r\n"), PP_BAD, NULL, 0},
    {"v1 brackets", BYTES("PROXY TCP6 [2001:db8::1] [2001:db8::2] 4660 443\r\n"), PP_BAD, NULL, 0},
    {"v1 two spaces", BYTES("PROXY TCP4  192.0.2.1 198.51.100.2 4660 443\r\n"), PP_BAD, NULL, 0},
    {"v1 trailing space", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 4660 443 \r\n"), PP_BAD, NULL, 0},
    {"v1 missing port", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 4660\r\n"), PP_BAD, NULL, 0},
    {"v1 port too large", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n"), PP_BAD, NULL, 0},
    {"v1 port leading zero", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 04660 443\r\n"), PP_BAD, NULL, 0},
    {"v1 address leading zero", BYTES("PROXY TCP4 192.0.2.01 198.51.100.2 4660 443\r\n"), PP_BAD, NULL, 0},
    {"v1 bad destination", BYTES("PROXY TCP4 192.0.2.1 nobody 4660 443\r\n"), PP_BAD, NULL, 0},
    {"v1 unknownX", BYTES("PROXY UNKNOWNX\r\n"), PP_BAD, NULL, 0},
    {"v2 tcp4", BYTES(SIG V4), PP_DONE, "192.0.2.1", 0x1234},
    {"v2 tcp6", BYTES(SIG "\x21\x21\x00\x24" V6_ADDRS), PP_DONE, "2001:db8::1", 0x1234},
    {"v2 tcp4 with tlv", BYTES(SIG "\x21\x11\x00\x10\xc0\x00\x02\x01\xc6\x33\x64\x02\x12\x34\x01\xbb\x04\x00\x01\x00"),
     PP_DONE, "192.0.2.1", 0x1234},
    {"v2 local", BYTES(SIG "\x20\x00\x00\x00"), PP_DONE, "unknown", 0},
    {"v2 local with bytes", BYTES(SIG "\x20\x11\x00\x03\x01\x02\x03"), PP_DONE, "unknown", 0},
    {"v2 unspec", BYTES(SIG "\x21\x00\x00\x02xx"), PP_DONE, "unknown", 0},
    {"v2 udp", BYTES(SIG "\x21\x12\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\x12\x34\x01\xbb"), PP_BAD, NULL, 0},
    {"v2 unix", BYTES(SIG "\x21\x31\x00\x00"), PP_BAD, NULL, 0},
    {"v2 version 1", BYTES(SIG "\x11\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\x12\x34\x01\xbb"), PP_BAD, NULL, 0},
    {"v2 command 2", BYTES(SIG "\x22\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\x12\x34\x01\xbb"), PP_BAD, NULL, 0},
    {"v2 short v4", BYTES(SIG "\x21\x11\x00\x0b\xc0\x00\x02\x01\xc6\x33\x64\x02\x12\x34\x01"), PP_BAD, NULL, 0},
    {"v2 v6 as v4 length", BYTES(SIG "\x21\x21\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\x12\x34\x01\xbb"), PP_BAD, NULL,
     0},
    {"v2 tlv overruns", BYTES(SIG "\x21\x11\x00\x10\xc0\x00\x02\x01\xc6\x33\x64\x02\x12\x34\x01\xbb\x04\x00\x02\x00"),
     PP_BAD, NULL, 0},
    {"v2 too long", BYTES(SIG "\x21\x11\x02\x09"), PP_BAD, NULL, 0},
    {"tls hello", BYTES("\x16\x03\x01\x02\x00"), PP_BAD, NULL, 0},
    {"http", BYTES("GET / HTTP/1.1\r\n"), PP_BAD, NULL, 0},
    {"PROX and other", BYTES("PROXx"), PP_BAD, NULL, 0},
};

/* Prefixes: never DONE before the end, never MORE once it is BAD. */
static void check_prefixes(size_t i)
{
    struct addr src;
    size_t used;
    bool was_bad = false;
    for (size_t n = 0; n < cases[i].n; n++) {
        enum pp_result r = proxy_protocol_parse(span_make(cases[i].in, n), &src, &used);
        CHECK(cases[i].name, r != PP_DONE && src.family == 0 && used == 0);
        CHECK(cases[i].name, !was_bad || r == PP_BAD);
        CHECK(cases[i].name, cases[i].result == PP_BAD || r == PP_MORE);
        was_bad = r == PP_BAD;
    }
}

static void test_cases(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct addr src;
        size_t used;
        char text[ADDR_TEXT];
        check_prefixes(i);
        enum pp_result r = proxy_protocol_parse(span_make(cases[i].in, cases[i].n), &src, &used);
        CHECK(cases[i].name, r == cases[i].result);
        if (r != PP_DONE) {
            CHECK(cases[i].name, src.family == 0 && used == 0);
            continue;
        }
        addr_format_ip(&src, text);
        CHECK(cases[i].name, strcmp(text, cases[i].ip) == 0 && src.port == cases[i].port && used == cases[i].n);
    }
}

/* The bytes behind the header are not looked at. */
static void test_rest_is_left(void **state)
{
    static const char in[] = "PROXY TCP4 192.0.2.1 198.51.100.2 4660 443\r\n\x16\x03\x01";
    struct addr src;
    size_t used;
    assert_int_equal(proxy_protocol_parse(span_make(in, sizeof in - 1), &src, &used), PP_DONE);
    assert_int_equal(used, sizeof in - 1 - 3);
}

static void test_v1_length_limit(void **state)
{
    char line[200];
    struct addr src;
    size_t used;
    memcpy(line, "PROXY UNKNOWN ", 14);
    memset(line + 14, 'x', sizeof line - 14);
    assert_int_equal(proxy_protocol_parse(span_make(line, 106), &src, &used), PP_MORE);
    assert_int_equal(proxy_protocol_parse(span_make(line, 107), &src, &used), PP_BAD);
    memcpy(line + 105, "\r\n", 2);
    assert_int_equal(proxy_protocol_parse(span_make(line, 107), &src, &used), PP_DONE);
    memcpy(line + 105, "x\r\n", 3);
    assert_int_equal(proxy_protocol_parse(span_make(line, 108), &src, &used), PP_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_rest_is_left),
        cmocka_unit_test(test_v1_length_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

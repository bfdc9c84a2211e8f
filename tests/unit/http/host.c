#include "support.h"

#include "http/host.h"

#define LABEL63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NAME253                                                                                                        \
    LABEL63 "." LABEL63 "." LABEL63 "."                                                                                \
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
    const char *name;
    struct span in;
    const char *want; /* NULL: malformed */
    int port;
} cases[] = {
    {"plain", S("gated.test"), "gated.test", -1},
    {"case", S("HOST.Test"), "host.test", -1},
    {"trailing dot", S("gated.test."), "gated.test", -1},
    {"trailing dot and port", S("gated.test.:443"), "gated.test", 443},
    {"port", S("a.test:8443"), "a.test", 8443},
    {"highest port", S("a.test:65535"), "a.test", 65535},
    {"one label", S("localhost"), "localhost", -1},
    {"underscore", S("a_b.test"), "a_b.test", -1},
    {"hyphens", S("pr-42.a--b.test"), "pr-42.a--b.test", -1},
    {"punycode", S("xn--bcher-kva.test"), "xn--bcher-kva.test", -1},
    {"ipv4", S("127.0.0.1:80"), "127.0.0.1", 80},
    {"ipv6", S("[::1]"), "[::1]", -1},
    {"ipv6 and port", S("[2001:DB8:0:0::1]:443"), "[2001:db8::1]", 443},
    {"ipv6 mapped", S("[::ffff:1.2.3.4]"), "[::ffff:1.2.3.4]", -1},
    {"ipv6 longest", S("[1111:2222:3333:4444:5555:6666:7777:8888]"), "[1111:2222:3333:4444:5555:6666:7777:8888]", -1},
    {"label of 63", S(LABEL63 ".test"), LABEL63 ".test", -1},
    {"253 bytes", S(NAME253), NAME253, -1},
    {"253 bytes and a dot", S(NAME253 "."), NAME253, -1},

    {"empty", S(""), NULL, 0},
    {"dot", S("."), NULL, 0},
    {"two dots", S(".."), NULL, 0},
    {"leading dot", S(".a.test"), NULL, 0},
    {"empty label", S("a..test"), NULL, 0},
    {"two trailing dots", S("a.test.."), NULL, 0},
    {"label of 64", S(LABEL63 "a.test"), NULL, 0},
    {"254 bytes", S("a" NAME253), NULL, 0},
    {"empty port", S("gated.test:"), NULL, 0},
    {"port with zero in front", S("gated.test:0443"), NULL, 0},
    {"port zero", S("gated.test:0"), NULL, 0},
    {"port too high", S("gated.test:65536"), NULL, 0},
    {"port of six digits", S("gated.test:999999"), NULL, 0},
    {"port 99999", S("gated.test:99999"), NULL, 0},
    {"port not a number", S("gated.test:1.2"), NULL, 0},
    {"port with sign", S("gated.test:+80"), NULL, 0},
    {"port with space", S("gated.test: 80"), NULL, 0},
    {"port only", S(":80"), NULL, 0},
    {"two ports", S("a.test:80:80"), NULL, 0},
    {"comma", S("a.test,b.test"), NULL, 0},
    {"comma and space", S("a.test, b.test"), NULL, 0},
    {"space in front", S(" a.test"), NULL, 0},
    {"space behind", S("a.test "), NULL, 0},
    {"tab", S("a\ttest"), NULL, 0},
    {"userinfo", S("u:p@a.test"), NULL, 0},
    {"at", S("u@a.test"), NULL, 0},
    {"slash", S("a.test/x"), NULL, 0},
    {"backslash", S("a.test\\x"), NULL, 0},
    {"percent", S("a%2etest"), NULL, 0},
    {"nul", S("a.test\0b"), NULL, 0},
    {"nul only", S("\0"), NULL, 0},
    {"8-bit",
     S("b\xc3\xbc"
       "cher.test"),
     NULL, 0},
    {"fullwidth dot", S("a\xef\xbc\x8etest"), NULL, 0},
    {"hash", S("a.test#f"), NULL, 0},
    {"query", S("a.test?x"), NULL, 0},
    {"star", S("*.test"), NULL, 0},
    {"ipv4 of three parts", S("127.0.1"), NULL, 0},
    {"ipv4 of one number", S("2130706433"), NULL, 0},
    {"ipv4 octal", S("0177.0.0.1"), NULL, 0},
    {"ipv4 hexadecimal", S("0x7f.0.0.0x1"), NULL, 0},
    {"ipv4 too high", S("256.0.0.1"), NULL, 0},
    {"number as last label", S("a.test.1"), NULL, 0},
    {"ipv6 without end", S("[::1"), NULL, 0},
    {"ipv6 without brackets", S("::1"), NULL, 0},
    {"ipv6 empty", S("[]"), NULL, 0},
    {"ipv6 zone", S("[fe80::1%25eth0]"), NULL, 0},
    {"ipv6 zone raw", S("[fe80::1%eth0]"), NULL, 0},
    {"ipv6 and bytes behind", S("[::1]x"), NULL, 0},
    {"ipv6 and empty port", S("[::1]:"), NULL, 0},
    {"ipv6 nul", S("[::1\0]"), NULL, 0},
    {"ipv6 space", S("[ ::1]"), NULL, 0},
    {"ipv6 too long", S("[11111:2222:3333:4444:5555:6666:7777:8888:9999:1111]"), NULL, 0},
    {"name in brackets", S("[a.test]"), NULL, 0},
};

static void test_table(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct host h;
        void *p;
        bool ok = host_parse(exact(cases[i].in, &p), &h);
        free(p);
        CHECK(cases[i].name, ok == (cases[i].want != NULL));
        if (!ok)
            continue;
        CHECK_SPAN(cases[i].name, host_span(&h), span_of(cases[i].want));
        CHECK(cases[i].name, h.port == cases[i].port && h.name[h.n] == '\0');
    }
}

/* The normal form is its own normal form. */
static void test_idempotent(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct host once, twice;
        if (!cases[i].want)
            continue;
        assert_true(host_parse(cases[i].in, &once));
        CHECK(cases[i].name, host_parse(host_span(&once), &twice));
        CHECK_SPAN(cases[i].name, host_span(&twice), host_span(&once));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_idempotent)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "net/addr.h"

#include "check.h"

static void test_parse_ip(void **state)
{
    static const struct {
        const char *in, *out; /* out NULL: refused */
        int family;
    } cases[] = {
        {"1.2.3.4", "1.2.3.4", AF_INET},
        {"255.255.255.255", "255.255.255.255", AF_INET},
        {"::ffff:1.2.3.4", "1.2.3.4", AF_INET},
        {"[::ffff:1.2.3.4]", "1.2.3.4", AF_INET},
        {"::1", "::1", AF_INET6},
        {"[::1]", "::1", AF_INET6},
        {"2001:DB8::A", "2001:db8::a", AF_INET6},
        {"::", "::", AF_INET6},
        {"", NULL, 0},
        {"[]", NULL, 0},
        {"[1.2.3.4]", NULL, 0},
        {"1.2.3", NULL, 0},
        {"1.2.3.4.5", NULL, 0},
        {"1.2.3.04", NULL, 0},
        {"01.2.3.4", NULL, 0},
        {"1.2.3.256", NULL, 0},
        {"0x7f.0.0.1", NULL, 0},
        {"127.1", NULL, 0},
        {"2130706433", NULL, 0},
        {" 1.2.3.4", NULL, 0},
        {"1.2.3.4 ", NULL, 0},
        {"1.2.3.4:80", NULL, 0},
        {"fe80::1%eth0", NULL, 0},
        {"[::1", NULL, 0},
        {"::1]", NULL, 0},
        {":::1", NULL, 0},
        {"1:2:3:4:5:6:7:8:9", NULL, 0},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb", NULL, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct addr a = {0};
        char text[ADDR_TEXT];
        bool ok = addr_parse_ip(span_of(cases[i].in), &a);
        CHECK(cases[i].in, ok == (cases[i].out != NULL));
        if (!ok)
            continue;
        CHECK(cases[i].in, a.family == cases[i].family);
        size_t n = addr_format_ip(&a, text);
        CHECK(cases[i].in, n == strlen(cases[i].out) && strcmp(text, cases[i].out) == 0);
    }
    struct addr a;
    assert_false(addr_parse_ip(span_make("1.2.3.4\0", 8), &a));
    assert_false(addr_parse_ip(span_make("\0", 1), &a));
}

static void test_parse_listen(void **state)
{
    static const struct {
        const char *in, *ip;
        uint16_t port;
        int family;
    } cases[] = {
        {"[::]:443", "::", 443, AF_INET6},
        {":443", "::", 443, AF_INET6},
        {"0.0.0.0:80", "0.0.0.0", 80, AF_INET},
        {"127.0.0.1:0", "127.0.0.1", 0, AF_INET},
        {"[::1]:65535", "::1", 65535, AF_INET6},
        {"443", NULL, 0, 0},
        {"", NULL, 0, 0},
        {":", NULL, 0, 0},
        {":0443", NULL, 0, 0},
        {":65536", NULL, 0, 0},
        {"::1:443", NULL, 0, 0},
        {":::443", NULL, 0, 0},
        {"localhost:443", NULL, 0, 0},
        {"1.2.3.4:", NULL, 0, 0},
        {"1.2.3.4:+1", NULL, 0, 0},
        {"1.2.3.4:80 ", NULL, 0, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct addr a = {0};
        char text[ADDR_TEXT];
        bool ok = res_ok(addr_parse_listen(span_of(cases[i].in), &a));
        CHECK(cases[i].in, ok == (cases[i].ip != NULL));
        if (!ok)
            continue;
        addr_format_ip(&a, text);
        CHECK(cases[i].in, strcmp(text, cases[i].ip) == 0 && a.port == cases[i].port && a.family == cases[i].family);
    }
}

static void test_sockaddr_round_trip(void **state)
{
    static const char *const cases[] = {"1.2.3.4", "::1", "2001:db8::1", "0.0.0.0"};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct addr a, b;
        struct sockaddr_storage sa;
        CHECK(cases[i], addr_parse_ip(span_of(cases[i]), &a));
        a.port = 4711;
        socklen_t n = addr_to_sockaddr(&a, &sa);
        CHECK(cases[i], n == (a.family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)));
        b = addr_from_sockaddr(&sa);
        CHECK(cases[i], addr_same_ip(&a, &b) && b.port == 4711 && b.family == a.family);
    }
    struct sockaddr_storage unknown = {.ss_family = AF_UNIX};
    struct addr none = addr_from_sockaddr(&unknown);
    char text[ADDR_TEXT];
    assert_int_equal(none.family, 0);
    assert_false(addr_same_ip(&none, &none));
    addr_format_ip(&none, text);
    assert_string_equal(text, "unknown");
}

static void test_cidr_parse(void **state)
{
    static const struct {
        const char *in;
        int bits; /* -1: refused */
    } cases[] = {
        {"10.0.0.0/8", 104},
        {"1.2.3.4", 128},
        {"1.2.3.4/32", 128},
        {"0.0.0.0/0", 96},
        {"fd00::/8", 8},
        {"::/0", 0},
        {"::1", 128},
        {"2001:db8::/33", 33},
        {"::ffff:10.0.0.0/104", 104},
        {"10.0.0.1/8", -1},
        {"10.0.0.0/33", -1},
        {"10.0.0.0/", -1},
        {"10.0.0.0/08", -1},
        {"fd00::1/8", -1},
        {"::/129", -1},
        {"[::]/0", -1},
        {"", -1},
        {"/8", -1},
        {"10/8", -1},
        {"2001:db8:8000::/32", -1},
        {"10.0.0.0/8/8", -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cidr c;
        bool ok = res_ok(cidr_parse(span_of(cases[i].in), &c));
        CHECK(cases[i].in, ok == (cases[i].bits >= 0));
        CHECK(cases[i].in, !ok || c.bits == cases[i].bits);
    }
}

static void test_cidr_has(void **state)
{
    static const struct {
        const char *range, *ip;
        bool has;
    } cases[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "::ffff:10.1.1.1", true},
        {"192.168.4.0/22", "192.168.7.255", true},
        {"192.168.4.0/22", "192.168.8.0", false},
        {"0.0.0.0/0", "8.8.8.8", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "8.8.8.8", false},
        {"fd00::/8", "fdff::1", true},
        {"fd00::/8", "fe00::1", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"::1", "::1", true},
        {"::1", "::2", false},
        {"1.2.3.4", "1.2.3.4", true},
        {"1.2.3.4", "1.2.3.5", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cidr c;
        struct addr a;
        CHECK(cases[i].range, res_ok(cidr_parse(span_of(cases[i].range), &c)));
        CHECK(cases[i].ip, addr_parse_ip(span_of(cases[i].ip), &a));
        if (cidr_has(&c, &a) != cases[i].has)
            fail_msg("%s in %s", cases[i].ip, cases[i].range);
    }
    struct cidr all = {.bits = 0};
    struct addr unknown = {0};
    assert_false(cidr_has(&all, &unknown));
}

static void test_bucket(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"1.2.3.4", "1.2.3.4", true},
        {"1.2.3.4", "1.2.3.5", false},
        {"2001:db8::1", "2001:db8::ffff:1", true},
        {"2001:db8::1", "2001:db8:0:1::1", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct addr a, b;
        CHECK(cases[i].a, addr_parse_ip(span_of(cases[i].a), &a) && addr_parse_ip(span_of(cases[i].b), &b));
        struct cidr x = addr_bucket(&a), y = addr_bucket(&b);
        CHECK(cases[i].b, (memcmp(&x, &y, sizeof x) == 0) == cases[i].same);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_ip),
        cmocka_unit_test(test_parse_listen),
        cmocka_unit_test(test_sockaddr_round_trip),
        cmocka_unit_test(test_cidr_parse),
        cmocka_unit_test(test_cidr_has),
        cmocka_unit_test(test_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

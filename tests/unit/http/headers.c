#include "support.h"

#include "http/field_rules.h"

#include "http/bytes.h"
#include "http/message.h"

static void test_ids(void **state)
{
    for (unsigned id = H_OTHER + 1; id < HEADER_IDS; id++) {
        struct span name = header_name((enum header_id)id);
        char upper[64];
        assert_true(name.n > 0 && name.n < sizeof(upper));
        for (size_t i = 0; i < name.n; i++)
            upper[i] = (char)(name.p[i] >= 'a' && name.p[i] <= 'z' ? name.p[i] - 32 : name.p[i]);
        CHECK((const char *)name.p, header_id_of(name) == id);
        CHECK(upper, header_id_of(span_make(upper, name.n)) == id);
        CHECK("one byte less", header_id_of(span_make(name.p, name.n - 1)) != id);
        upper[name.n - 1] = (char)(upper[name.n - 1] ^ 0x40);
        CHECK("another byte", header_id_of(span_make(upper, name.n)) != id);
    }
    assert_int_equal(header_id_of(SPAN_NONE), H_OTHER);
    assert_int_equal(header_id_of(SPAN("x-app")), H_OTHER);
    assert_int_equal(header_id_of(SPAN("\xc8ost")), H_OTHER);
}

static const struct {
    const char *name;
    struct span received, canonical;
    bool want;
} aliases[] = {
    {"same", S("x-forwarded-for"), S("x-forwarded-for"), true},
    {"case", S("X-Forwarded-For"), S("x-forwarded-for"), true},
    {"underscore and dot", S("X_Forwarded.For"), S("x-forwarded-for"), true},
    {"prefix", S("X-Forwarded"), S("x-forwarded-for"), false},
    {"longer", S("X-Forwarded-Form"), S("x-forwarded-for"), false},
    {"other marks", S("X+Forwarded~For"), S("x-forwarded-for"), true},
    {"a digit", S("X1Forwarded2For"), S("x-forwarded-for"), false},
    {"no separator", S("XForwardedForXX"), S("x-forwarded-for"), false},
};

static void test_alias(void **state)
{
    for (size_t i = 0; i < COUNT(aliases); i++)
        CHECK(aliases[i].name, header_name_alias(aliases[i].received, aliases[i].canonical) == aliases[i].want);
}

static void add(struct headers *h, struct memory *m, const char *name, const char *value)
{
    assert_true(headers_add(h, &m->arena, span_of(name), span_of(value)));
}

static void test_find(void **state)
{
    struct memory m;
    struct headers h;
    memory_init(&m);
    assert_true(headers_init(&h, &m.arena, 1));
    add(&h, &m, "Cookie", "a=1");
    add(&h, &m, "X-App", "1");
    add(&h, &m, "cookie", "b=2");
    add(&h, &m, "Host", "a.test");
    assert_int_equal(h.n, 4);
    assert_int_equal(headers_count(&h, H_COOKIE), 2);
    assert_null(headers_only(&h, H_COOKIE).p);
    CHECK_SPAN("only", headers_only(&h, H_HOST), SPAN("a.test"));
    CHECK_SPAN("first", headers_find(&h, H_COOKIE)->value, SPAN("a=1"));
    assert_null(headers_find(&h, H_ORIGIN));
    h.v[0].drop = 1;
    CHECK_SPAN("the other", headers_only(&h, H_COOKIE), SPAN("b=2"));
    headers_drop(&h, H_COOKIE);
    assert_null(headers_find(&h, H_COOKIE));
    assert_int_equal(headers_count(&h, H_COOKIE), 0);
    add(&h, &m, "Cookie", "c=3");
    CHECK_SPAN("added after", headers_only(&h, H_COOKIE), SPAN("c=3"));
    memory_fini(&m);
}

static void test_growth(void **state)
{
    struct memory m;
    struct headers h;
    memory_init(&m);
    assert_true(headers_init(&h, &m.arena, 0));
    for (int i = 0; i < 100; i++)
        add(&h, &m, i % 2 ? "x-odd" : "cookie", "v");
    assert_int_equal(h.n, 100);
    assert_int_equal(headers_count(&h, H_COOKIE), 50);
    memory_fini(&m);
}

/* Fields, and which of them (one letter each, '-' = dropped) are left. */
static const struct {
    const char *name;
    const char *fields[8];
    const char *want;
} hops[] = {
    {"nothing", {"X-A: 1", "Host: h"}, "11"},
    {"fixed list",
     {"Keep-Alive: timeout=5", "TE: trailers", "Trailer: x", "Upgrade: h2c", "HTTP2-Settings: AAAA",
      "Proxy-Connection: x", "Transfer-Encoding: chunked", "Connection: upgrade"},
     "--------"},
    {"proxy credentials",
     {"Proxy-Authenticate: Basic", "Proxy-Authorization: Basic eA==", "Authorization: Bearer x"},
     "--1"},
    {"nominated", {"X-Gate-User: a", "connection: close, x-gate-user", "X-Gate-User: b", "X-Other: c"}, "---1"},
    {"nominated before and after", {"Connection: foo", "Foo: 1", "Connection: , bar ,", "Bar: 2"}, "----"},
    {"end to end names stay",
     {"Connection: cookie, host, authorization, x-forwarded-for, origin", "Cookie: a=b", "Host: h", "Authorization: x",
      "X-Forwarded-For: y", "Origin: o"},
     "-11111"},
    {"keep-alive, Host", {"Connection: keep-alive, Host", "Host: h"}, "-1"},
};

static void test_hop_by_hop(void **state)
{
    for (size_t i = 0; i < COUNT(hops); i++) {
        struct memory m;
        struct headers h;
        memory_init(&m);
        assert_true(headers_init(&h, &m.arena, 8));
        for (size_t f = 0; f < COUNT(hops[i].fields) && hops[i].fields[f]; f++) {
            struct span name, value;
            span_cut(span_of(hops[i].fields[f]), ':', &name, &value);
            assert_true(headers_add(&h, &m.arena, name, span_trim(value)));
        }
        headers_drop_hop_by_hop(&h);
        assert_int_equal(h.n, strlen(hops[i].want));
        for (size_t f = 0; f < h.n; f++)
            CHECK(hops[i].fields[f], (h.v[f].drop == 0) == (hops[i].want[f] == '1'));
        memory_fini(&m);
    }
}

static void test_has_token(void **state)
{
    struct memory m;
    struct headers h;
    memory_init(&m);
    assert_true(headers_init(&h, &m.arena, 4));
    add(&h, &m, "Connection", "close");
    add(&h, &m, "Connection", ",\tFoo ,Upgrade");
    assert_true(headers_has_token(&h, H_CONNECTION, SPAN("upgrade")));
    assert_true(headers_has_token(&h, H_CONNECTION, SPAN("FOO")));
    assert_false(headers_has_token(&h, H_CONNECTION, SPAN("keep-alive")));
    assert_false(headers_has_token(&h, H_CONNECTION, SPAN("clos")));
    assert_false(headers_has_token(&h, H_UPGRADE, SPAN("close")));
    memory_fini(&m);
}

static bool is_tchar(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c));
}

static unsigned classes_of(int c)
{
    bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    unsigned classes = is_tchar(c) ? BYTE_TOKEN : 0;
    classes |= c == '\t' || (c >= 0x20 && c != 0x7f) ? BYTE_VALUE : 0;
    classes |= c >= 0x80 ? BYTE_OBS : 0;
    classes |= c > 0x20 && c < 0x7f && c != '#' ? BYTE_TARGET : 0;
    classes |= hex ? BYTE_HEX : 0;
    classes |= is_tchar(c) && !alnum && c != '-' ? BYTE_ALIAS : 0;
    classes |= c == '\t' || (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') ? BYTE_QUOTED : 0;
    classes |= alnum || c == '-' || c == '_' ? BYTE_LABEL : 0;
    return classes;
}

static void test_byte_classes(void **state)
{
    for (int c = 0; c < 256; c++)
        assert_int_equal(byte_classes[c], classes_of(c));
}

/* Eight bytes at a time or one: the same run ends at each place and for each byte. */
static void test_value_run(void **state)
{
    for (size_t n = 0; n < 20; n++) {
        for (size_t at = 0; at < n; at++) {
            for (int c = 0; c < 256; c++) {
                uint8_t text[20];
                unsigned classes = 0;
                memset(text, 'v', sizeof(text));
                text[at] = (uint8_t)c;
                size_t run = bytes_value_run(span_make(text, n), &classes);
                assert_int_equal(run, classes_of(c) & BYTE_VALUE ? n : at);
                assert_int_equal((classes & BYTE_OBS) != 0, c >= 0x80);
            }
        }
    }
}

/* Nor does a block of them hide one. */
static void test_one_line(void **state)
{
    for (size_t n = 0; n < 70; n++) {
        for (size_t at = 0; at < n; at++) {
            for (int c = 0; c < 256; c++) {
                uint8_t text[70];
                memset(text, 'v', sizeof(text));
                text[at] = (uint8_t)c;
                assert_int_equal(field_is_one_line(span_make(text, n)), (classes_of(c) & BYTE_VALUE) != 0);
            }
        }
    }
    assert_true(field_is_one_line(SPAN_NONE));
}

static void test_tokens(void **state)
{
    for (size_t n = 1; n < 14; n++) {
        for (size_t at = 0; at < n; at++) {
            for (int c = 0; c < 256; c++) {
                uint8_t text[14];
                memset(text, 'v', sizeof(text));
                text[at] = (uint8_t)c;
                assert_int_equal(http_is_token(span_make(text, n)), (classes_of(c) & BYTE_TOKEN) != 0);
                assert_int_equal(bytes_run(span_make(text, n), BYTE_HEX | BYTE_LABEL),
                                 classes_of(c) & (BYTE_HEX | BYTE_LABEL) ? n : at);
            }
        }
    }
    assert_false(http_is_token(SPAN_NONE));
}

static void test_methods_and_reasons(void **state)
{
    assert_int_equal(http_method_of(SPAN("GET")), M_GET);
    assert_int_equal(http_method_of(SPAN("TRACE")), M_TRACE);
    assert_int_equal(http_method_of(SPAN("get")), M_OTHER);
    assert_int_equal(http_method_of(SPAN("GETS")), M_OTHER);
    assert_string_equal(http_reason(200), "OK");
    assert_string_equal(http_reason(421), "Misdirected Request");
    assert_string_equal(http_reason(299), "Unknown");
}

/* Trailers that decide, describe or frame anything do not go on (RFC 9110 §6.5.1), however an origin may fold their names. */
static void test_may_trail(void **state)
{
    static const char *const may[] = {"grpc-status", "Grpc-Message", "x-checksum", "server-timing", "digest"};
    static const char *const may_not[] = {"content-length",
                                          "Transfer-Encoding",
                                          "host",
                                          "cookie",
                                          "authorization",
                                          "content_type",
                                          "x-forwarded-user",
                                          "X.Forwarded.For",
                                          "if-match",
                                          "accept",
                                          "sec-fetch-mode",
                                          "proxy-x",
                                          "age",
                                          "retry_after",
                                          "Cache-Control",
                                          "cdn-cache-control",
                                          "x-cache.control",
                                          "set-cookie",
                                          "",
                                          "a b",
                                          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < COUNT(may); i++)
        CHECK(may[i], field_may_trail(span_of(may[i])));
    for (size_t i = 0; i < COUNT(may_not); i++)
        CHECK(may_not[i], !field_may_trail(span_of(may_not[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_may_trail), cmocka_unit_test(test_ids),
        cmocka_unit_test(test_alias),     cmocka_unit_test(test_find),
        cmocka_unit_test(test_growth),    cmocka_unit_test(test_hop_by_hop),
        cmocka_unit_test(test_has_token), cmocka_unit_test(test_byte_classes),
        cmocka_unit_test(test_value_run), cmocka_unit_test(test_one_line),
        cmocka_unit_test(test_tokens),    cmocka_unit_test(test_methods_and_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

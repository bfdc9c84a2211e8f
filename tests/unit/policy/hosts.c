#include "policy/hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/count.h"

#define DOTTED_50 ".bbbbbbbbbbbbbbbbbbbbbbbb.cccccccccccccccccccccccc"
#define DOTTED_250 DOTTED_50 DOTTED_50 DOTTED_50 DOTTED_50 DOTTED_50

static const struct {
    const char *name, *text;
    enum host_pattern_kind kind;
    const char *error; /* part of the message; NULL: fine */
} parse_cases[] = {
    {"exact", "dev.example.com", HOST_EXACT, NULL},
    {"one label", "localhost", HOST_EXACT, NULL},
    {"underscore", "a_b.example.com", HOST_EXACT, NULL},
    {"address", "127.0.0.1", HOST_EXACT, NULL},
    {"address 6", "[::1]", HOST_EXACT, NULL},
    {"wildcard", "*.example.com", HOST_WILDCARD, NULL},
    {"wildcard of one label", "*.localhost", HOST_WILDCARD, NULL},
    {"template", "pr-{n:int}.example.com", HOST_TEMPLATE, NULL},
    {"template label", "{x}.example.com", HOST_TEMPLATE, NULL},
    {"template inside", "a.{branch_2}-x.example.com", HOST_TEMPLATE, NULL},
    {"empty", "", HOST_EXACT, "empty"},
    {"upper case", "Dev.example.com", HOST_EXACT, "lower case"},
    {"upper case in a template", "PR-{n}.example.com", HOST_EXACT, "lower case"},
    {"port", "example.com:443", HOST_EXACT, "without a port"},
    {"last dot", "example.com.", HOST_EXACT, "without the dot"},
    {"empty label", "a..b", HOST_EXACT, "not a host name"},
    {"first dot", ".example.com", HOST_EXACT, "not a host name"},
    {"space", "a b", HOST_EXACT, "not a host name"},
    {"slash", "a/b", HOST_EXACT, "not a host name"},
    {"number", "127.1", HOST_EXACT, "not a host name"},
    {"long label", "a123456789012345678901234567890123456789012345678901234567890123.x", HOST_EXACT, "not a host name"},
    {"longest template", "aa{x}" DOTTED_250, HOST_TEMPLATE, NULL},
    {"template too long", "aaa{x}" DOTTED_250, HOST_EXACT, "longer than"},
    {"capture of a long name", "{a12345678901234567890123456789012}.test", HOST_EXACT, "has a name"},
    {"capture of the longest name", "{a1234567890123456789012345678901}.test", HOST_TEMPLATE, NULL},
    {"capture that begins with a digit", "{1}.test", HOST_EXACT, "has a name"},
    {"capture that begins so", "{_a}.test", HOST_EXACT, "has a name"},
    {"capture in upper case", "{aB}.test", HOST_EXACT, "has a name"},
    {"address in another form", "[0::1]", HOST_EXACT, "normal form"},
    {"star alone", "*", HOST_EXACT, "whole first label"},
    {"star inside", "a.*.example.com", HOST_EXACT, "whole first label"},
    {"star within a label", "pr-*.example.com", HOST_EXACT, "whole first label"},
    {"two stars", "*.*.example.com", HOST_EXACT, "whole first label"},
    {"star and capture", "*.{x}.example.com", HOST_EXACT, "whole first label"},
    {"nothing behind the star", "*.", HOST_EXACT, "not a host name"},
    {"two captures", "{a}-{b}.example.com", HOST_EXACT, "one capture"},
    {"capture of a dot", "{a.b}.example.com", HOST_EXACT, "has a name"},
    {"capture without a name", "{}.example.com", HOST_EXACT, "has a name"},
    {"capture of another kind", "{n:hex}.example.com", HOST_EXACT, "int"},
    {"capture not closed", "{n.example.com", HOST_EXACT, "a capture is written"},
    {"capture not opened", "n}.example.com", HOST_EXACT, "a capture is written"},
    {"capture turned", "}n{.example.com", HOST_EXACT, "a capture is written"},
    {"second capture not closed", "{a}-{b.example.com", HOST_EXACT, "one capture"},
    {"second capture not opened", "{a}-b}.example.com", HOST_EXACT, "one capture"},
    {"capture with a tilde", "{a~}.test", HOST_EXACT, "has a name"},
    {"capture at the end", "example.{x}", HOST_EXACT, "fixed domain"},
    {"capture alone", "{x}", HOST_EXACT, "fixed domain"},
};

static void parses(void **state)
{
    for (size_t i = 0; i < COUNT(parse_cases); i++) {
        struct host_pattern p;
        struct res r = host_pattern_parse(span_of(parse_cases[i].text), &p);
        const char *error = parse_cases[i].error;
        bool good = error ? r.err && strstr(r.err, error) : res_ok(r) && p.kind == parse_cases[i].kind;
        if (!good)
            fail_msg("%s: %s", parse_cases[i].name, r.err ? r.err : "accepted, or as another kind");
    }
}

static const struct {
    const char *pattern, *name;
    const char *captured; /* NULL: no match */
} match_cases[] = {
    {"a.test", "a.test", ""},
    {"a.test", "b.test", NULL},
    {"a.test", "x.a.test", NULL},
    {"*.a.test", "x.a.test", ""},
    {"*.a.test", "a.test", NULL},
    {"*.a.test", ".a.test", NULL},
    {"*.a.test", "x.y.a.test", NULL},
    {"*.a.test", "xa.test", NULL},
    {"pr-{n:int}.a.test", "pr-42.a.test", "42"},
    {"pr-{n:int}.a.test", "pr-0.a.test", "0"},
    {"pr-{n:int}.a.test", "pr-.a.test", NULL},
    {"pr-{n:int}.a.test", "pr-4x.a.test", NULL},
    {"pr-{n:int}.a.test", "pr--4.a.test", NULL},
    {"pr-{n:int}.a.test", "pr-4.b.a.test", NULL},
    {"pr-{n:int}.a.test", "pr-4.a.test.evil", NULL},
    {"pr-{n:int}.a.test", "qr-4.a.test", NULL},
    {"pr-{n:int}.a.test", "pr-4.b.test", NULL},
    {"{x}.a.test", "f~.a.test", NULL},
    {"{x}.a.test", "feature-1.a.test", "feature-1"},
    {"{x}.a.test", "-f.a.test", NULL},
    {"{x}.a.test", "f-.a.test", NULL},
    {"{x}.a.test", "f_f.a.test", NULL},
    {"{x}.a.test", "f.f.a.test", NULL},
    {"{x}.a.test", "0123456789012345678901234567890123456789.a.test", "0123456789012345678901234567890123456789"},
    {"{x}.a.test", "00123456789012345678901234567890123456789.a.test", NULL},
    {"s.{x}-web.a.test", "s.q-web.a.test", "q"},
    {"s.{x}-web.a.test", "s.-web.a.test", NULL},
    {"aa{x}aa.test", "aaa.test", NULL},
    {"aa{x}aa.test", "aaaa.test", NULL},
    {"aa{x}aa.test", "aaaaa.test", "a"},
};

static void matches(void **state)
{
    for (size_t i = 0; i < COUNT(match_cases); i++) {
        struct host_pattern p;
        struct span captured;
        assert_true(res_ok(host_pattern_parse(span_of(match_cases[i].pattern), &p)));
        bool got = host_pattern_matches(&p, span_of(match_cases[i].name), &captured);
        if (got != (match_cases[i].captured != NULL) || (got && !span_eq(captured, span_of(match_cases[i].captured))))
            fail_msg("%s on %s: %d, captured %.*s", match_cases[i].pattern, match_cases[i].name, got,
                     SPAN_ARG(captured));
    }
}

static const struct {
    const char *a, *b;
    bool overlap;
} overlap_cases[] = {
    {"pr-{n:int}.a.test", "pr-{x}.a.test", true},
    {"pr-{n:int}.a.test", "pr-dev-{n:int}.a.test", false},
    {"pr-{x}.a.test", "pr-dev-{n:int}.a.test", true},
    {"{x}.a.test", "pr-{n:int}.a.test", true},
    {"{x}.a.test", "{x}.b.test", false},
    {"{x}.a.test", "{x}.b.a.test", false},
    {"{x}.b.test", "a.{x}.test", true},
    {"{n:int}.b.test", "a.{x}.test", false},
    {"{n:int}.b.test", "7.{x}.test", true},
    {"{x}.b.test", "a_b.{x}.test", false},
    {"{x}-web.a.test", "{x}-api.a.test", false},
    {"{x}-web.a.test", "pr-{x}.a.test", true},
    {"{x}-web.a.test", "pr-{n:int}.a.test", false},
    {"a{n:int}.t.test", "{n:int}a.t.test", false},
    {"1{n:int}.t.test", "{n:int}1.t.test", true},
    {"a{x}.t.test", "{x}a.t.test", true},
    {"a-{x}.t.test", "a{n:int}.t.test", false},
    {"a-{x}.t.test", "a{x}.t.test", false}, /* a capture does not begin with a hyphen */
    {"ab-{x}.t.test", "a{x}.t.test", true},
    {"{x}b.t.test", "{x}-b.t.test", false}, /* nor end with one */
    {"{x}b.t.test", "{x}-bb.t.test", true},
    {"{x}.t.test", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa{x}.t.test", false}, /* 40 bytes at most */
    {"{x}.t.test", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa{x}.t.test", true},
    {"{x}.a.test", "{x}.a.test.b", false},
    {"{x}.a.test", "{x}.ab.test", false},
    {"a.test", "{x}.a.test", false},
    {"*.a.test", "{x}.a.test", false},
};

static void overlaps(void **state)
{
    for (size_t i = 0; i < COUNT(overlap_cases); i++) {
        struct host_pattern a, b;
        assert_true(res_ok(host_pattern_parse(span_of(overlap_cases[i].a), &a)));
        assert_true(res_ok(host_pattern_parse(span_of(overlap_cases[i].b), &b)));
        if (host_pattern_overlaps(&a, &b) != overlap_cases[i].overlap ||
            host_pattern_overlaps(&b, &a) != overlap_cases[i].overlap)
            fail_msg("%s and %s: want %d", overlap_cases[i].a, overlap_cases[i].b, overlap_cases[i].overlap);
    }
}

static const char *const table_patterns[] = {"pr-1.a.test", "pr-{n:int}.a.test", "*.a.test", "a.test", "*.test",
                                             "[::1]"};

static const struct {
    const char *name;
    int index; /* in table_patterns; -1: none */
} find_cases[] = {
    {"a.test", 3}, {"pr-1.a.test", 0},  {"pr-2.a.test", 1}, {"pr-x.a.test", 2}, {"x.a.test", 2},     {"x.y.a.test", -1},
    {"b.test", 4}, {"test", -1},        {"", -1},           {".a.test", -1},    {"a.test.evil", -1}, {"[::1]", 5},
    {"[::2]", -1}, {"pr-2.b.test", -1},
};

/* The answers must not depend on how many other hosts there are. */
static void check_table(size_t others)
{
    enum { MAX = 500 };
    static char names[MAX][32];
    struct host_pattern patterns[MAX + COUNT(table_patterns)];
    struct host_match m;
    size_t n = 0;
    for (; n < COUNT(table_patterns); n++)
        assert_true(res_ok(host_pattern_parse(span_of(table_patterns[n]), &patterns[n])));
    for (size_t i = 0; i < others; i++, n++) {
        snprintf(names[i], sizeof(names[i]), i % 7 ? "h%zu.other.example" : "*.h%zu.example", i);
        assert_true(res_ok(host_pattern_parse(span_of(names[i]), &patterns[n])));
    }
    struct host_table *t = host_table_new(patterns, n);
    assert_non_null(t);
    for (size_t i = 0; i < COUNT(find_cases); i++) {
        int got = host_table_find(t, span_of(find_cases[i].name), &m) ? (int)m.index : -1;
        if (got != find_cases[i].index)
            fail_msg("%s among %zu others: got %d, want %d", find_cases[i].name, others, got, find_cases[i].index);
    }
    for (size_t i = 0; i < others; i++) {
        struct span name = span_of(names[i]);
        uint8_t label[32];
        memcpy(label, name.p, name.n);
        label[0] = label[0] == '*' ? 'w' : label[0];
        assert_true(host_table_find(t, span_make(label, name.n), &m));
        assert_int_equal(m.index, COUNT(table_patterns) + i);
    }
    host_table_free(t);
}

static void finds(void **state)
{
    check_table(0);
    check_table(1);
    check_table(500);
}

static void finds_capture(void **state)
{
    struct host_pattern p;
    struct host_match m;
    assert_true(res_ok(host_pattern_parse(SPAN("pr-{n:int}.a.test"), &p)));
    struct host_table *t = host_table_new(&p, 1);
    assert_true(host_table_find(t, SPAN("pr-77.a.test"), &m));
    assert_true(span_eq(m.captured, SPAN("77")));
    host_table_free(t);
    struct host_pattern same[2];
    assert_true(res_ok(host_pattern_parse(SPAN("a.test"), &same[0])));
    same[1] = same[0];
    t = host_table_new(same, 2);
    assert_true(host_table_find(t, SPAN("a.test"), &m));
    assert_int_equal(m.index, 0);
    host_table_free(t);
    t = host_table_new(NULL, 0);
    assert_false(host_table_find(t, SPAN("a.test"), &m));
    host_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses), cmocka_unit_test(matches),       cmocka_unit_test(overlaps),
        cmocka_unit_test(finds),  cmocka_unit_test(finds_capture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

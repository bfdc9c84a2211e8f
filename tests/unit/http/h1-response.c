/* Response heads, as a hostile origin might send them. */
#include "support.h"

static const struct h1_limits limits = {32768, 100};

#define OK "HTTP/1.1 200 OK\r\n"
#define END "\r\n"

#define V(name, to, status, body, length, kept, bytes) {name, S(bytes), to, status, body, length, kept},
static const struct {
    const char *name;
    struct span head;
    enum http_method to;
    unsigned status; /* 0: refused */
    enum body_kind body;
    uint64_t length;
    bool keep_alive;
} cases[] = {
#include "../../vectors/responses.inc"
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

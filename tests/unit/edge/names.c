/* The origin's own name and the public one. */
#include "edge/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

struct setting {
    const char *asked, *own;
    bool own_tls;
};

static const struct setting pages = {"staging.example.test", "site.pages.dev", true};
static const struct setting local = {"dev.example.test:8443", "localhost:5173", false};
static const struct setting plain = {"dev.example.test", "10.0.0.7", false};

static const struct {
    const struct setting *setting;
    const char *field, *in, *out;
} requests[] = {
    {&pages, "Origin", "https://staging.example.test", "https://site.pages.dev"},
    {&pages, "Origin", "https://staging.example.test:443", "https://site.pages.dev"},
    {&pages, "Origin", "HTTPS://Staging.Example.Test", "https://site.pages.dev"},
    {&pages, "Origin", "https://evil.test", "https://evil.test"},
    {&pages, "Origin", "https://staging.example.test.evil.test", "https://staging.example.test.evil.test"},
    {&pages, "Origin", "https://evil.staging.example.test", "https://evil.staging.example.test"},
    {&pages, "Origin", "http://staging.example.test", "http://staging.example.test"},
    {&pages, "Origin", "https://staging.example.test:8443", "https://staging.example.test:8443"},
    {&pages, "Origin", "https://staging.example.test/", "https://staging.example.test/"},
    {&pages, "Origin", "https://staging.example.test@evil.test", "https://staging.example.test@evil.test"},
    {&pages, "Origin", "https://u@staging.example.test", "https://u@staging.example.test"},
    {&pages, "Origin", "null", "null"},
    {&pages, "Origin", "//staging.example.test", "//staging.example.test"},
    {&pages, "Origin", "", ""},
    {&pages, "Referer", "https://staging.example.test/a/b?c=d#e", "https://site.pages.dev/a/b?c=d#e"},
    {&pages, "Referer", "https://staging.example.test", "https://site.pages.dev"},
    {&pages, "Referer", "https://sync.example.test/x", "https://sync.example.test/x"},
    {&pages, "Referer", "/x", "/x"},
    {&pages, "X-Other", "https://staging.example.test", "https://staging.example.test"},
    {&local, "Origin", "https://dev.example.test:8443", "http://localhost:5173"},
    {&local, "Origin", "https://dev.example.test", "https://dev.example.test"},
    {&plain, "Origin", "https://dev.example.test", "http://10.0.0.7"},
};

static const struct {
    const struct setting *setting;
    const char *field, *in, *out;
} responses[] = {
    {&pages, "Location", "https://site.pages.dev/x?y", "https://staging.example.test/x?y"},
    {&pages, "Location", "http://site.pages.dev/x/", "https://staging.example.test/x/"},
    {&pages, "Location", "//site.pages.dev/x", "https://staging.example.test/x"},
    {&pages, "Location", "https://SITE.pages.dev", "https://staging.example.test"},
    {&pages, "Location", "https://site.pages.dev:443/x", "https://staging.example.test/x"},
    {&pages, "Location", "https://site.pages.dev:8443/x", "https://site.pages.dev:8443/x"},
    {&pages, "Location", "https://other.pages.dev/x", "https://other.pages.dev/x"},
    {&pages, "Location", "https://site.pages.dev.evil.test/", "https://site.pages.dev.evil.test/"},
    {&pages, "Location", "https://site.pages.dev@evil.test/", "https://site.pages.dev@evil.test/"},
    {&pages, "Location", "/x/", "/x/"},
    {&pages, "Location", "ftp://site.pages.dev/", "ftp://site.pages.dev/"},
    {&pages, "Location", "", ""},
    {&pages, "Content-Location", "https://site.pages.dev/x", "https://staging.example.test/x"},
    {&pages, "Access-Control-Allow-Origin", "https://site.pages.dev", "https://staging.example.test"},
    {&pages, "Access-Control-Allow-Origin", "*", "*"},
    {&pages, "Access-Control-Allow-Origin", "https://app.test", "https://app.test"},
    {&pages, "Refresh", "5; url=https://site.pages.dev/a", "5; url=https://staging.example.test/a"},
    {&pages, "Refresh", "0;URL='https://site.pages.dev/a'", "0;URL='https://staging.example.test/a'"},
    {&pages, "Refresh", "5", "5"},
    {&pages, "Refresh", "5; url=/a", "5; url=/a"},
    {&pages, "Set-Cookie", "a=b; Domain=site.pages.dev; Path=/", "a=b; Path=/"},
    {&pages, "Set-Cookie", "a=b; Path=/; domain=.Site.pages.dev", "a=b; Path=/"},
    {&pages, "Set-Cookie", "a=b; Domain=pages.dev", "a=b; Domain=pages.dev"},
    {&pages, "Set-Cookie", "a=b; Domain=example.test; Path=/; Domain=site.pages.dev", "a=b; Path=/"},
    {&pages, "Set-Cookie", "a=b; Domain=site.pages.dev; Domain=x.test", "a=b; Domain=site.pages.dev; Domain=x.test"},
    {&pages, "Set-Cookie", "a=b; Domain=example.test", "a=b; Domain=example.test"},
    {&pages, "Set-Cookie", "domain=site.pages.dev; Path=/", "domain=site.pages.dev; Path=/"},
    {&pages, "Set-Cookie", "a=b", "a=b"},
    {&pages, "Link", "<https://site.pages.dev/x>", "<https://site.pages.dev/x>"},
    {&local, "Location", "http://localhost:5173/x", "https://dev.example.test:8443/x"},
    {&local, "Location", "http://localhost/x", "http://localhost/x"},
    {&local, "Location", "http://localhost:1235/x", "http://localhost:1235/x"},
    {&plain, "Location", "http://10.0.0.7/x", "https://dev.example.test/x"},
    {&plain, "Location", "http://10.0.0.7:80/x", "https://dev.example.test/x"},
};

struct world {
    struct slab slab;
    struct arena arena;
    struct names names;
    struct headers headers;
};

static void world_init(struct world *w, const struct setting *s, const char *field, const char *in)
{
    struct host asked;
    slab_init(&w->slab, 4096, 4);
    arena_init(&w->arena, &w->slab);
    assert_true(host_parse(span_of(s->asked), &asked));
    assert_true(names_init(&w->names, &asked, span_of(s->own), s->own_tls, &w->arena));
    assert_true(headers_init(&w->headers, &w->arena, 4));
    assert_true(headers_add(&w->headers, &w->arena, span_of(field), span_of(in)));
}

static void world_fini(struct world *w)
{
    arena_fini(&w->arena);
    slab_fini(&w->slab);
}

static void check(const struct world *w, const char *field, const char *in, const char *out)
{
    struct span got = w->headers.v[0].value;
    if (!span_eq(got, span_of(out)))
        fail_msg("%s: %s\n  want %s\n  got  %.*s", field, in, out, SPAN_ARG(got));
}

static void test_requests(void **state)
{
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct world w;
        world_init(&w, requests[i].setting, requests[i].field, requests[i].in);
        assert_true(names_to_origin(&w.names, &w.headers, &w.arena));
        check(&w, requests[i].field, requests[i].in, requests[i].out);
        world_fini(&w);
    }
}

static void test_responses(void **state)
{
    for (size_t i = 0; i < sizeof responses / sizeof responses[0]; i++) {
        struct world w;
        world_init(&w, responses[i].setting, responses[i].field, responses[i].in);
        assert_true(names_to_client(&w.names, &w.headers, &w.arena));
        check(&w, responses[i].field, responses[i].in, responses[i].out);
        world_fini(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_requests), cmocka_unit_test(test_responses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

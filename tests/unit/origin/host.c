#include "check.h"

#include "origin/impl.h"

static const struct {
    const char *name, *before, *after;
    bool has_capture;
    const char *captured, *host;
} cases[] = {
    {"fixed", "app.example.com", "", false, "", "app.example.com"},
    {"a capture that has no place", "app.example.com", "", false, "pr-1", "app.example.com"},
    {"capture in front", "", ".app.pages.dev", true, "feature-x", "feature-x.app.pages.dev"},
    {"capture within a label", "pr-", ".app.pages.dev", true, "12", "pr-12.app.pages.dev"},
    {"address", "[::1]", "", false, "", "[::1]"},
};

static void test_host(void **state)
{
    struct slab slab;
    struct arena arena;
    slab_init(&slab, 4096, 1);
    arena_init(&arena, &slab);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct origin_config o = {
            .host_before = span_of(cases[i].before),
            .host_after = span_of(cases[i].after),
            .has_capture = cases[i].has_capture,
        };
        uint8_t written[ORIGIN_HOST_MAX];
        struct span want = span_of(cases[i].host), captured = span_of(cases[i].captured);
        CHECK(cases[i].name, span_eq(origin_host(&o, captured, &arena), want));
        CHECK(cases[i].name, span_eq(span_make(written, host_write(&o, captured, written)), want));
    }
    arena_fini(&arena);
    slab_fini(&slab);
}

static void test_host_is_bounded(void **state)
{
    static const struct {
        const char *name;
        size_t before, captured, want;
    } sizes[] = {{"fits", ORIGIN_HOST_MAX - 3, 3, ORIGIN_HOST_MAX},
                 {"one too many", ORIGIN_HOST_MAX - 3, 4, 0},
                 {"much too long", 5000, 40, 0}};
    static const uint8_t bytes[5000];
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct origin_config o = {.host_before = span_make(bytes, sizes[i].before), .has_capture = true};
        uint8_t written[ORIGIN_HOST_MAX];
        CHECK(sizes[i].name, host_write(&o, span_make(bytes, sizes[i].captured), written) == sizes[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_host), cmocka_unit_test(test_host_is_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

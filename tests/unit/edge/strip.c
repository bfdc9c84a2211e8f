/* Which request fields a client may not send to an origin. */
#include "edge/strip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct {
    const char *name;
    bool anonymous, identified; /* taken away? */
} names[] = {
    {"X-Forwarded-For", true, true},
    {"x-forwarded-user", true, true},
    {"X_Forwarded_For", true, true},
    {"X.Forwarded.For", true, true},
    {"x_forwarded.HOST", true, true},
    {"X!Forwarded!User", true, true},
    {"x~forwarded#user", true, true},
    {"X'Real|IP", true, true},
    {"Cf+Access^Jwt`Assertion", true, true},
    {"X-Forwarded", true, true},
    {"X-Forwarde", false, false},
    {"Forwarded", true, true},
    {"Forwarded-X", false, false},
    {"X-Real-IP", true, true},
    {"X_Real_IP", true, true},
    {"X-Real-IPs", false, false},
    {"Fly-Client-IP", true, true},
    {"Fly-Region", false, false},
    {"CF-Connecting-IP", true, true},
    {"CF-Connecting-IPv6", true, true},
    {"True-Client-IP", true, true},
    {"Cf-Access-Jwt-Assertion", true, true},
    {"CF_ACCESS_CLIENT_ID", true, true},
    {"X-Auth-Request-User", true, true},
    {"X-Original-URL", true, true},
    {"X-Original-URI", true, true},
    {"X-Rewrite-URL", true, true},
    {"Tiergate", true, true},
    {"Tiergate-Authorization", true, true},
    {"TIERGATE_user", true, true},
    {"X-HTTP-Method", true, false},
    {"X-HTTP-Method-Override", true, false},
    {"X_Method_Override", true, false},
    {"X-Middleware-Subrequest", true, false},
    {"X-Requested-With", false, false},
    {"Content-Type", false, false},
    {"Cookie", false, false},
    {"Accept", false, false},
    {"X", false, false},
    {"traceparent", false, false},
};

static void test_names(void **state)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        bool anonymous = strip_is_ours(span_of(names[i].name), false);
        bool identified = strip_is_ours(span_of(names[i].name), true);
        if (anonymous != names[i].anonymous || identified != names[i].identified)
            fail_msg("%s: anonymous %d, identified %d", names[i].name, anonymous, identified);
    }
}

/* A name of any length that only begins like one of ours must neither match by accident nor be read beyond its end. */
static void test_long_names(void **state)
{
    uint8_t name[300];
    for (size_t n = 0; n < sizeof name; n++) {
        memset(name, 'a', sizeof name);
        memcpy(name, "true-client-ip", 14);
        assert_int_equal(strip_is_ours(span_make(name, n), false), n == 14);
    }
}

static void test_lock_headers(void **state)
{
    struct slab slab;
    struct arena arena;
    struct headers h;
    static const struct origin_header lock = {{(const uint8_t *)"X-Origin-Key", 12}, {(const uint8_t *)"k", 1}};
    struct origin_config o = {.headers = &lock, .header_count = 1};
    slab_init(&slab, 4096, 4);
    arena_init(&arena, &slab);
    assert_true(headers_init(&h, &arena, 4));
    assert_true(headers_add(&h, &arena, SPAN("x_origin.KEY"), SPAN("guess")));
    assert_true(headers_add(&h, &arena, SPAN("X-Origin-Keys"), SPAN("other")));
    strip_request(&h, &o, true);
    assert_int_equal(h.v[0].drop, 1);
    assert_int_equal(h.v[1].drop, 0);
    arena_fini(&arena);
    slab_fini(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_lock_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

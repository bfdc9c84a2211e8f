/* gate_check() with cookies: which one counts, for how long, and what is given out. */
#include "stage.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "gate/basic.h"
#include "gate/logins.h"
#include "gate/token.h"

static void test_cookie_afterwards(void **state)
{
    struct stage s;
    struct ask a, b, again;
    stage_init(&s, "app.test");
    assert_int_equal(ask_basic(&s, "app.test", "anna:open sesame", &a), GATE_IDENTIFIED);
    assert_true(span_has_suffix(a.check.set_cookie,
                                SPAN("; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=86400; Domain=app.test")));
    assert_true(span_has_prefix(a.check.set_cookie, SPAN("__Secure-tiergate=")));
    for (int i = 0; i < 2; i++) { /* verified, then recalled; and on a sibling host */
        ask_init(&b, &s, i ? "pr-4.app.test" : "app.test", with_cookie(&s, pair_of(a.check.set_cookie)));
        assert_int_equal(ask(&b), GATE_IDENTIFIED);
        assert_true(b.check.by_cookie);
        assert_int_equal(b.check.set_cookie.n, 0);
        CHECK_SPAN("subject", b.check.identity.subject, SPAN("anna"));
    }
    assert_int_equal(ask_basic(&s, "sync.app.test", "anna:open sesame", &again), GATE_IDENTIFIED);
    CHECK_SPAN("made once", again.check.set_cookie, a.check.set_cookie);
    s.loop->now_ms += 300000;
    assert_int_equal(ask_basic(&s, "app.test", "anna:open sesame", &again), GATE_IDENTIFIED);
    assert_true(again.check.set_cookie.n > 0);
    stage_fini(&s);
}

/* Of a token its end is looked at first: one that is shorter is read no further. Before this one nothing may be read at all. */
static void test_short_cookies(void **state)
{
    static const char name[] = "__Secure-tiergate=";
    size_t page = (size_t)sysconf(_SC_PAGESIZE), name_n = sizeof(name) - 1;
    char *two = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *at = two + page;
    assert_true(two != MAP_FAILED);
    assert_int_equal(mprotect(two, page, PROT_NONE), 0);
    for (size_t n = 1; n < 40; n++) {
        struct stage s;
        struct ask a;
        stage_init(&s, "app.test");
        ask_init(&a, &s, "app.test", "Cookie: x");
        struct header *cookie = a.request.headers.v;
        memcpy(at, name, name_n);
        memset(at + name_n, 'A', n);
        cookie->value = span_make(at, name_n + n);
        CHECK("short", ask(&a) == GATE_ANONYMOUS);
        stage_fini(&s);
    }
    assert_int_equal(munmap(two, 2 * page), 0);
}

/* Each host its own circle: the cookie of one is nothing on another. */
static void test_cookie_of_another_host(void **state)
{
    struct stage s;
    struct ask a, b;
    stage_init(&s, NULL);
    assert_int_equal(ask_basic(&s, "app.test", "anna:open sesame", &a), GATE_IDENTIFIED);
    assert_true(span_has_suffix(a.check.set_cookie, SPAN("; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=86400")));
    static const struct {
        const char *host;
        enum gate_result result;
    } hosts[] = {{"app.test", GATE_IDENTIFIED}, {"sync.app.test", GATE_ANONYMOUS}, {"test", GATE_ANONYMOUS},
                 {"app.test", GATE_IDENTIFIED}, {"app2.test", GATE_ANONYMOUS},     {"bpp.test", GATE_ANONYMOUS}};
    for (size_t i = 0; i < COUNT(hosts); i++) {
        ask_init(&b, &s, hosts[i].host, with_cookie(&s, pair_of(a.check.set_cookie)));
        CHECK(hosts[i].host, ask(&b) == hosts[i].result);
    }
    stage_fini(&s);
}

/* What was verified is not recalled once the configuration says otherwise. */
static void test_cookie_after_reload(void **state)
{
    static const struct {
        const char *name, *gate, *password;
        struct span secret;
        uint32_t lifetime;
        enum gate_result result;
    } reloads[] = {
        {"the same again", "beta", "open sesame", KEY("a"), 86400, GATE_IDENTIFIED},
        {"password changed", "beta", "other", KEY("a"), 86400, GATE_ANONYMOUS},
        {"user gone", "beta", NULL, KEY("a"), 86400, GATE_ANONYMOUS},
        {"gate renamed", "gamma", "open sesame", KEY("a"), 86400, GATE_ANONYMOUS},
        {"session secret changed", "beta", "open sesame", KEY("b"), 86400, GATE_ANONYMOUS},
        {"lifetime cut", "beta", "open sesame", KEY("a"), 1, GATE_ANONYMOUS},
    };
    for (size_t i = 0; i < COUNT(reloads); i++) {
        struct stage s;
        struct ask b;
        struct gate_fixture g;
        char text[TOKEN_TEXT_MAX];
        stage_init(&s, NULL);
        struct circle c = {CIRCLE_HOST, SPAN("app.test"), SPAN("app.test")};
        int64_t then = clock_wall_s() - 10;
        const struct session made = session_of("anna", then, then);
        size_t n = token_make(&s.f.gate, &c, &made, text);
        const char *fields = with_cookie(&s, arena_printf(&s.m.arena, "__Host-tiergate=%.*s", (int)n, text));
        ask_init(&b, &s, "app.test", fields);
        CHECK(reloads[i].name, ask(&b) == GATE_IDENTIFIED);
        fixture_init(&g, reloads[i].gate, NULL);
        g.gate.session.lifetime_s = reloads[i].lifetime;
        if (reloads[i].password)
            fixture_add(&g, "anna", reloads[i].password, NULL);
        fixture_seal(&g, &s.m.arena, reloads[i].secret);
        b.check.gate = &g.gate;
        CHECK(reloads[i].name, ask(&b) == reloads[i].result);
        stage_fini(&s);
    }
}

/* What was verified once is still looked at for its age each time. */
static void test_recalled_session_ends(void **state)
{
    struct stage s;
    struct ask a, b;
    stage_init(&s, NULL);
    assert_int_equal(ask_basic(&s, "app.test", "anna:open sesame", &a), GATE_IDENTIFIED);
    ask_init(&b, &s, "app.test", with_cookie(&s, pair_of(a.check.set_cookie)));
    assert_int_equal(ask(&b), GATE_IDENTIFIED);
    s.f.gate.session.lifetime_s = 0; /* the same digest: as if the time were over */
    assert_int_equal(ask(&b), GATE_ANONYMOUS);
    stage_fini(&s);
}

static struct span token_at(struct stage *s, int64_t issued, int64_t active);

/* The MAC of a token that is remembered opens nothing with another token in front of it. */
static void test_recalled_whole(void **state)
{
    struct stage s;
    struct ask a;
    stage_init(&s, NULL);
    int64_t now = clock_wall_s();
    struct span good = token_at(&s, now, now);
    uint8_t *text = arena_alloc(&s.m.arena, good.n);
    for (size_t i = 0; i <= good.n; i++) { /* at last as it was: it still holds */
        memcpy(text, good.p, good.n);
        ask_init(&a, &s, "app.test",
                 (const char *)arena_printf(&s.m.arena, "Cookie: __Host-tiergate=%.*s", SPAN_ARG(good)).p);
        assert_int_equal(ask(&a), GATE_IDENTIFIED);
        if (i < good.n)
            text[i] = text[i] == 'A' ? 'B' : 'A';
        struct span line = arena_printf(&s.m.arena, "Cookie: __Host-tiergate=%.*s", (int)good.n, text);
        ask_init(&a, &s, "app.test", (const char *)line.p);
        assert_int_equal(ask(&a), i < good.n ? GATE_ANONYMOUS : GATE_IDENTIFIED);
    }
    stage_fini(&s);
}

static struct span token_at(struct stage *s, int64_t issued, int64_t active)
{
    char text[TOKEN_TEXT_MAX];
    struct circle c = circle_of(&s->f.gate.session, SPAN("app.test"));
    const struct session made = session_of("anna", issued, active);
    size_t n = token_make(&s->f.gate, &c, &made, text);
    return arena_copy(&s->m.arena, span_make(text, n));
}

/* Longer than any token: not looked at. */
static void test_endless_cookie(void **state)
{
    struct stage s;
    struct ask a;
    stage_init(&s, NULL);
    char *line = arena_alloc(&s.m.arena, 4001);
    memset(line, 'A', 4000);
    line[4000] = '\0';
    memcpy(line, "Cookie: __Host-tiergate=", 24);
    ask_init(&a, &s, "app.test", line);
    assert_int_equal(ask(&a), GATE_ANONYMOUS);
    stage_fini(&s);
}

/* A host that cannot be gets no token, so that nobody is admitted there without a cookie; and one that names it counts for nothing. */
static void test_endless_host(void **state)
{
    struct stage s;
    struct ask a;
    char host[HOST_MAX + 2];
    stage_init(&s, NULL);
    memset(host, 'h', sizeof(host));
    for (size_t n = HOST_MAX; n < sizeof(host); n++) {
        ask_init(&a, &s, "", with_basic(&s, "anna:open sesame"));
        a.check.host = span_make(host, n);
        assert_int_equal(ask(&a), n == HOST_MAX ? GATE_IDENTIFIED : GATE_FAILED);
        char text[TOKEN_TEXT_MAX];
        const struct circle c = {CIRCLE_HOST, span_make(host, n), span_make(host, n)};
        int64_t now = clock_wall_s();
        const struct session made = session_of("anna", now, now);
        size_t size = token_make(&s.f.gate, &c, &made, text);
        assert_true(size > 0);
        ask_init(&a, &s, "", with_cookie(&s, arena_printf(&s.m.arena, "__Host-tiergate=%.*s", (int)size, text)));
        a.check.host = c.name;
        assert_int_equal(ask(&a), n == HOST_MAX ? GATE_IDENTIFIED : GATE_ANONYMOUS);
    }
    stage_fini(&s);
}

/* An admitted login is known by its field for an eighth of what its cookie holds, five minutes at most. */
static void test_given_out(void **state)
{
    static const struct {
        const char *name;
        uint32_t lifetime, idle, seconds;
    } given[] = {
        {"long life", 86400, 0, 300},     {"short life", 80, 0, 10},           {"idle time is shorter", 86400, 160, 20},
        {"life is shorter", 80, 160, 10}, {"just five minutes", 2400, 0, 300}, {"a little less", 2392, 0, 299},
    };
    for (size_t i = 0; i < COUNT(given); i++) {
        struct stage s;
        struct ask a;
        struct login login;
        struct span field;
        stage_init(&s, NULL);
        s.f.gate.session.lifetime_s = given[i].lifetime;
        s.f.gate.session.idle_s = given[i].idle;
        assert_int_equal(ask_basic(&s, "app.test", "anna:open sesame", &a), GATE_IDENTIFIED);
        assert_int_equal(basic_find(&a.request.headers, &field), BASIC_FOUND);
        struct circle c = circle_of(&s.f.gate.session, SPAN("app.test"));
        CHECK(given[i].name, logins_find(s.thread, &a.check, &c, field, &login));
        CHECK_SPAN(given[i].name, login.user->name, SPAN("anna"));
        CHECK_SPAN(given[i].name, login.set_cookie, a.check.set_cookie);
        s.loop->now_ms += given[i].seconds * 1000 - 1;
        CHECK(given[i].name, logins_find(s.thread, &a.check, &c, field, &login));
        s.loop->now_ms += 1;
        CHECK(given[i].name, !logins_find(s.thread, &a.check, &c, field, &login));
        stage_fini(&s);
    }
}

static void test_several_cookies(void **state)
{
    static const struct {
        const char *name, *cookie; /* 1, 2: good tokens; x: junk */
        enum gate_result result;
        bool clears;
    } several[] = {
        {"one", "N=1", GATE_IDENTIFIED, false},
        {"junk before it", "N=x; N=1", GATE_IDENTIFIED, false},
        {"junk behind it", "N=1; a=b; N=x", GATE_IDENTIFIED, false},
        {"junk alone", "N=x", GATE_ANONYMOUS, false},
        {"empty", "N=", GATE_ANONYMOUS, false},
        {"quoted", "N=\"1\"", GATE_ANONYMOUS, false},
        {"twice the same", "N=1; N=1", GATE_IDENTIFIED, false},
        {"two different good ones", "N=1; N=2", GATE_ANONYMOUS, true},
        {"and the other way round, with junk", "N=2; N=x; N=1", GATE_ANONYMOUS, true},
        {"of another name", "M=1", GATE_ANONYMOUS, false},
        {"more than anybody needs", "N=1;N=x;N=x;N=x;N=x;N=x;N=x;N=x;N=x;N=x;N=x;N=x;N=x;N=x;N=x;N=x;N=x",
         GATE_ANONYMOUS, false},
    };
    for (size_t i = 0; i < COUNT(several); i++) {
        struct stage s;
        struct ask a;
        stage_init(&s, "app.test");
        int64_t now = clock_wall_s();
        struct span one = token_at(&s, now, now), two = token_at(&s, now - 5, now), line = SPAN("Cookie: ");
        for (const char *p = several[i].cookie; *p; p++) {
            struct span add = *p == '1'   ? one
                              : *p == '2' ? two
                              : *p == 'N' ? SPAN("__Secure-tiergate")
                                          : span_make(p, 1);
            line = arena_printf(&s.m.arena, "%.*s%.*s", SPAN_ARG(line), SPAN_ARG(add));
        }
        ask_init(&a, &s, "app.test", (const char *)line.p);
        CHECK(several[i].name, ask(&a) == several[i].result);
        CHECK(several[i].name, (a.check.clear_cookies[0].n > 0) == several[i].clears);
        CHECK(several[i].name, (a.check.clear_cookies[1].n > 0) == several[i].clears);
        stage_fini(&s);
    }
}

/* Basic is looked at when two cookies contradict each other; the new cookie is not deleted in the same answer. */
static void test_two_cookies_and_basic(void **state)
{
    struct stage s;
    struct ask a;
    stage_init(&s, "app.test");
    int64_t now = clock_wall_s();
    struct span one = token_at(&s, now, now), two = token_at(&s, now - 5, now);
    struct span line = arena_printf(&s.m.arena, "Cookie: __Secure-tiergate=%.*s; __Secure-tiergate=%.*s\n%s",
                                    SPAN_ARG(one), SPAN_ARG(two), with_basic(&s, "anna:open sesame"));
    ask_init(&a, &s, "app.test", (const char *)line.p);
    assert_int_equal(ask(&a), GATE_IDENTIFIED);
    assert_false(a.check.by_cookie);
    assert_true(a.check.set_cookie.n > 0);
    assert_true(a.check.clear_cookies[0].n > 0);
    assert_int_equal(a.check.clear_cookies[1].n, 0);
    stage_fini(&s);
}

/* With a good cookie Basic is neither checked nor counted. */
static void test_cookie_first(void **state)
{
    struct stage s;
    struct ask a;
    stage_init(&s, NULL);
    int64_t now = clock_wall_s();
    struct span line = arena_printf(&s.m.arena, "Cookie: __Host-tiergate=%.*s\n%s", SPAN_ARG(token_at(&s, now, now)),
                                    with_basic(&s, "bob:wrong"));
    for (int i = 0; i < 20; i++) {
        ask_init(&a, &s, "app.test", (const char *)line.p);
        assert_int_equal(ask(&a), GATE_IDENTIFIED);
        assert_true(a.check.by_cookie);
    }
    assert_int_equal(ask_basic(&s, "app.test", "bob:open sesame", &a), GATE_IDENTIFIED);
    stage_fini(&s);
}

/* Who comes with a service token is judged by that alone. */
static void test_cookie_and_service_token(void **state)
{
    struct stage s;
    struct ask a;
    stage_init(&s, NULL);
    int64_t now = clock_wall_s();
    struct span line = arena_printf(&s.m.arena, "Cookie: __Host-tiergate=%.*s\nCF-Access-Client-Secret: x",
                                    SPAN_ARG(token_at(&s, now, now)));
    ask_init(&a, &s, "app.test", (const char *)line.p);
    assert_int_equal(ask(&a), GATE_TOKEN_REFUSED);
    stage_fini(&s);
}

static void test_renewal(void **state)
{
    static const struct {
        const char *name;
        int64_t issued, active; /* seconds ago */
        const char *fields;
        enum gate_result result;
        bool renewed;
    } renewals[] = {
        {"fresh", 10, 10, "Sec-Fetch-Mode: navigate", GATE_IDENTIFIED, false},
        {"a tenth", 100, 100, "Sec-Fetch-Mode: navigate", GATE_IDENTIFIED, false},
        {"more than a tenth", 105, 105, "Sec-Fetch-Mode: navigate", GATE_IDENTIFIED, true},
        {"an old client", 105, 105, "Accept: */*", GATE_IDENTIFIED, true},
        {"a subresource", 105, 105, "Sec-Fetch-Mode: no-cors\nSec-Fetch-Dest: image", GATE_IDENTIFIED, false},
        {"a destination alone", 105, 105, "Sec-Fetch-Dest: image", GATE_IDENTIFIED, false},
        {"a site alone", 105, 105, "Sec-Fetch-Site: same-origin", GATE_IDENTIFIED, false},
        {"a fetch", 900, 900, "Sec-Fetch-Mode: cors", GATE_IDENTIFIED, false},
        {"idle", 1001, 1001, "Sec-Fetch-Mode: navigate", GATE_ANONYMOUS, false},
        {"active lately", 5000, 500, "Sec-Fetch-Mode: navigate", GATE_IDENTIFIED, true},
        {"at the end of its life", 10001, 10, "Sec-Fetch-Mode: navigate", GATE_ANONYMOUS, false},
    };
    for (size_t i = 0; i < COUNT(renewals); i++) {
        struct stage s;
        struct ask a;
        struct session renewed;
        stage_init(&s, NULL);
        s.f.gate.session.idle_s = 1000;
        s.f.gate.session.lifetime_s = 10000;
        int64_t now = clock_wall_s();
        struct span token = token_at(&s, now - renewals[i].issued, now - renewals[i].active);
        struct span line =
            arena_printf(&s.m.arena, "Cookie: __Host-tiergate=%.*s\n%s", SPAN_ARG(token), renewals[i].fields);
        ask_init(&a, &s, "app.test", (const char *)line.p);
        CHECK(renewals[i].name, ask(&a) == renewals[i].result);
        CHECK(renewals[i].name, (a.check.set_cookie.n > 0) == renewals[i].renewed);
        if (renewals[i].renewed) {
            struct span name, text;
            struct circle c = circle_of(&s.f.gate.session, SPAN("app.test"));
            span_cut(pair_of(a.check.set_cookie), '=', &name, &text);
            uint8_t raw[TOKEN_RAW_MAX];
            CHECK(renewals[i].name, token_verify(&s.f.gate, &c, text, clock_wall_s(), raw, &renewed));
            CHECK(renewals[i].name, memcmp(renewed.id, a.check.session_id, SESSION_ID) == 0);
            CHECK(renewals[i].name, renewed.issued == now - renewals[i].issued); /* the life is not lengthened */
            CHECK(renewals[i].name, renewed.active >= now);
        }
        stage_fini(&s);
    }
}

static void test_no_idle_time_no_renewal(void **state)
{
    struct stage s;
    struct ask a;
    stage_init(&s, NULL);
    int64_t now = clock_wall_s();
    struct span line = arena_printf(&s.m.arena, "Cookie: __Host-tiergate=%.*s\nSec-Fetch-Mode: navigate",
                                    SPAN_ARG(token_at(&s, now - 5000, now - 5000)));
    ask_init(&a, &s, "app.test", (const char *)line.p);
    assert_int_equal(ask(&a), GATE_IDENTIFIED);
    assert_int_equal(a.check.set_cookie.n, 0);
    stage_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cookie_afterwards),
        cmocka_unit_test(test_short_cookies),
        cmocka_unit_test(test_cookie_of_another_host),
        cmocka_unit_test(test_cookie_after_reload),
        cmocka_unit_test(test_recalled_session_ends),
        cmocka_unit_test(test_recalled_whole),
        cmocka_unit_test(test_endless_cookie),
        cmocka_unit_test(test_endless_host),
        cmocka_unit_test(test_given_out),
        cmocka_unit_test(test_several_cookies),
        cmocka_unit_test(test_two_cookies_and_basic),
        cmocka_unit_test(test_cookie_first),
        cmocka_unit_test(test_cookie_and_service_token),
        cmocka_unit_test(test_renewal),
        cmocka_unit_test(test_no_idle_time_no_renewal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

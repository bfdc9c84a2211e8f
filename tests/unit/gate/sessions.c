/* gate_check() with sessions that something is known of: when they are renewed, remembered, and whose facts they show. */
#include "stage.h"

#include "base/clock.h"
#include "gate/ledger.h"

/* Beside Basic: GitHub, share links, and jobs that may see their own preview alone. */
static void stage_with_ways(struct stage *s)
{
    static const struct github_config github = {.client_id = SPAN("id"), .web = SPAN("https://github.com")};
    static const struct actions_config actions = {.own_preview_only = true};
    stage_init(s, "app.test");
    s->f.gate.github = &github;
    s->f.gate.actions = &actions;
    s->f.gate.share_links = true;
    s->f.gate.session.idle_s = 1000;
    fixture_seal(&s->f, &s->m.arena, SECRET_A);
}

static struct identity anna_of_github(int64_t proven_s)
{
    return (struct identity){.way = WAY_GITHUB,
                             .gate = SPAN("beta"),
                             .subject = SPAN("4711"),
                             .email = SPAN("a@b.c"),
                             .login = SPAN("anna"),
                             .groups = SPAN("acme\n"),
                             .proven_s = proven_s};
}

/* "Cookie: …" of a session of `who`, last used so long ago. */
static const char *cookie_of(struct stage *s, const struct identity *who, int64_t idle_s)
{
    char text[TOKEN_TEXT_MAX];
    const struct circle host = circle_of(&s->f.gate.session, SPAN("a.app.test"));
    int64_t now = clock_wall_s();
    const struct session made = {
        .who = *who, .id = {7}, .issued = who->proven_s, .active = now - idle_s, .ends = now + 80000};
    size_t n = token_make(&s->f.gate, &host, &made, text);
    assert_true(n > 0);
    return with_cookie(s, arena_printf(&s->m.arena, "__Secure-tiergate=%.*s", (int)n, text));
}

static void set_ledger(struct stage *s, uint64_t number, const struct ledger_entry *e, int64_t checked_s)
{
    struct ledger *l = ledger_new(number);
    assert_non_null(l);
    assert_true(!e || ledger_add(l, e));
    assert_true(!checked_s || ledger_set_checked(l, SPAN("beta"), checked_s));
    gate_thread_set_ledger(s->thread, l);
    ledger_unref(l);
}

/* --- which count -------------------------------------------------------------------------------------------------- */

/* Proven too long ago for the rule that decides: the cookie counts for nothing, and what else came is looked at. */
static void test_fresh(void **state)
{
    struct stage s;
    struct ask a;
    stage_init(&s, "app.test");
    const struct identity anna = {
        .way = WAY_BASIC, .gate = SPAN("beta"), .subject = SPAN("anna"), .proven_s = clock_wall_s() - 10};
    const char *cookie = cookie_of(&s, &anna, 5);
    for (int fresh = 0; fresh < 2; fresh++) {
        ask_init(&a, &s, "a.app.test", cookie);
        a.check.fresh = fresh;
        assert_int_equal(ask(&a), fresh ? GATE_ANONYMOUS : GATE_IDENTIFIED);
        assert_int_equal(a.check.by_cookie, !fresh);
        assert_int_equal(a.check.token.n > 0, !fresh);
        struct span both = arena_printf(&s.m.arena, "%s\n%s", cookie, with_basic(&s, "anna:open sesame"));
        ask_init(&a, &s, "a.app.test", (const char *)both.p);
        a.check.fresh = fresh;
        assert_int_equal(ask(&a), GATE_IDENTIFIED);
        assert_int_equal(a.check.by_cookie, !fresh);
        assert_int_equal(a.check.set_cookie.n > 0, fresh);
        assert_int_equal(a.check.identity.proven_s > anna.proven_s, fresh);
    }
    stage_fini(&s);
}

/* The narrow circle is the jobs' alone: who signs in beside them is signed in on all hosts. */
static void test_circles_of_ways(void **state)
{
    static const struct {
        const char *name;
        struct identity who;
        bool narrow;
    } ways[] = {
        {"Basic", {.way = WAY_BASIC, .gate = SPAN("beta"), .subject = SPAN("anna")}, false},
        {"GitHub", {.way = WAY_GITHUB, .gate = SPAN("beta"), .subject = SPAN("4711")}, false},
        {"job", {.way = WAY_ACTIONS, .gate = SPAN("beta"), .subject = SPAN("acme/app")}, true},
        {"link", {.way = WAY_SHARE_LINK, .gate = SPAN("beta"), .subject = SPAN("01"), .scope = SPAN("/")}, true},
    };
    for (size_t i = 0; i < COUNT(ways); i++) {
        struct stage s;
        struct gate_minted minted;
        stage_with_ways(&s);
        const struct gate_mint m = {.gate = &s.f.gate,
                                    .host = SPAN("a.app.test"),
                                    .who = &ways[i].who,
                                    .ends_s = clock_wall_s() + 60,
                                    .arena = &s.m.arena};
        CHECK(ways[i].name, gate_mint(&m, &minted));
        bool domain = span_has_suffix(minted.set_cookie, SPAN("; Domain=app.test"));
        CHECK(ways[i].name, domain == !ways[i].narrow);
        stage_fini(&s);
    }
}

/* --- renewing ----------------------------------------------------------------------------------------------------- */

static void test_renewal(void **state)
{
    static const struct {
        const char *name;
        enum identity_way way;
        int64_t age_s, checked_s; /* seconds ago; -1: nobody looked */
        bool renewed, has_login;
    } cases[] = {
        {"GitHub", WAY_GITHUB, 600, -1, true, true},
        {"GitHub, looked at in time", WAY_GITHUB, 9000, 60, true, true},
        {"GitHub, not looked at for too long", WAY_GITHUB, 9000, -1, false, false},
        {"a job", WAY_ACTIONS, 600, -1, false, false},
        {"a link", WAY_SHARE_LINK, 600, -1, false, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct stage s;
        struct ask a;
        struct path path;
        uint8_t room[10];
        stage_with_ways(&s);
        int64_t now = clock_wall_s();
        struct identity who = anna_of_github(now - cases[i].age_s);
        if (cases[i].way != WAY_GITHUB)
            who = (struct identity){.way = cases[i].way, .subject = SPAN("x"), .proven_s = now - cases[i].age_s};
        if (cases[i].way == WAY_SHARE_LINK)
            who.scope = SPAN("/");
        set_ledger(&s, 1, NULL, cases[i].checked_s < 0 ? 0 : now - cases[i].checked_s);
        ask_init(&a, &s, "a.app.test", cookie_of(&s, &who, 500));
        path_parse(SPAN("/"), room, &path);
        a.check.path = &path;
        CHECK(cases[i].name, ask(&a) == GATE_IDENTIFIED);
        CHECK(cases[i].name, (a.check.set_cookie.n > 0) == cases[i].renewed);
        CHECK(cases[i].name, !cases[i].renewed || span_has_suffix(a.check.set_cookie, SPAN("; Domain=app.test")));
        CHECK(cases[i].name, (a.check.identity.login.n > 0) == cases[i].has_login);
        a.check.path = NULL;
        stage_fini(&s);
    }
}

/* --- what is remembered ------------------------------------------------------------------------------------------- */

/* A login that is as old as what was taken back last may be meant by it: its cookie is given out once, and no more. */
static void test_login_beside_a_revocation(void **state)
{
    static const struct {
        const char *name;
        int64_t at; /* from now */
        bool remembered;
    } cases[] = {{"long ago", -3600, true}, {"on a machine whose clock is ahead", 3600, false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct stage s;
        struct ask one, two;
        stage_init(&s, NULL);
        const struct ledger_entry e = {
            .kind = LEDGER_HOST, .name = SPAN("elsewhere.test"), .at_s = clock_wall_s() + cases[i].at};
        set_ledger(&s, 1, &e, 0);
        CHECK(cases[i].name, ask_basic(&s, "app.test", "anna:open sesame", &one) == GATE_IDENTIFIED);
        CHECK(cases[i].name, ask_basic(&s, "app.test", "anna:open sesame", &two) == GATE_IDENTIFIED);
        CHECK(cases[i].name, two.check.set_cookie.n > 0);
        bool same = span_eq(one.check.set_cookie, two.check.set_cookie);
        CHECK(cases[i].name, same == cases[i].remembered);
        stage_fini(&s);
    }
}

/* A token is verified again after ten minutes, however long its facts are good for. */
static void test_verified_again(void **state)
{
    static const struct {
        const char *name;
        enum identity_way way;
        int64_t facts_s; /* so long they are still good */
        uint64_t ms;     /* so long it is remembered */
    } cases[] = {
        {"without facts", WAY_BASIC, 0, 600000},
        {"facts of an hour", WAY_GITHUB, LEDGER_STALE_S, 600000},
        {"facts that end soon", WAY_GITHUB, 100, 100000},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct stage s;
        struct ask a;
        stage_with_ways(&s);
        int64_t now = clock_wall_s();
        struct identity who = anna_of_github(now - LEDGER_STALE_S + cases[i].facts_s);
        if (cases[i].way == WAY_BASIC)
            who = (struct identity){.way = WAY_BASIC, .subject = SPAN("anna"), .proven_s = now};
        ask_init(&a, &s, "a.app.test", cookie_of(&s, &who, 0));
        CHECK(cases[i].name, ask(&a) == GATE_IDENTIFIED);
        s.f.gate.session.keys[0].key[0] ^= 1; /* the same digest: who verifies now sees a bad token */
        CHECK(cases[i].name, ask(&a) == GATE_IDENTIFIED);
        s.loop->now_ms += cases[i].ms - 20000; /* the clock may have gone on meanwhile */
        CHECK(cases[i].name, ask(&a) == GATE_IDENTIFIED);
        s.loop->now_ms += 20000;
        CHECK(cases[i].name, ask(&a) == GATE_ANONYMOUS);
        stage_fini(&s);
    }
}

/* --- facts -------------------------------------------------------------------------------------------------------- */

/* Each of them reaches what is open, and is the exchange's own from then on. */
static void test_facts_of_what_is_open(void **state)
{
    static const struct {
        const char *name, *email, *login, *groups;
    } news[] = {
        {"the same", "a@b.c", "anna", "acme\n"},
        {"another address", "b@b.c", "anna", "acme\n"},
        {"another login", "a@b.c", "anne", "acme\n"},
        {"another group", "a@b.c", "anna", "acmf\n"},
        {"nothing any more", "", "", ""},
        {"more of all", "a@bb.c", "annaa", "acme\nacme/x\n"},
    };
    for (size_t i = 0; i < COUNT(news); i++) {
        struct stage s;
        struct ask a;
        stage_with_ways(&s);
        int64_t now = clock_wall_s();
        const struct identity anna = anna_of_github(now - 60);
        ask_init(&a, &s, "a.app.test", cookie_of(&s, &anna, 0));
        CHECK(news[i].name, ask(&a) == GATE_IDENTIFIED);
        const struct ledger_entry e = {.kind = LEDGER_FACTS,
                                       .way = WAY_GITHUB,
                                       .gate = SPAN("beta"),
                                       .name = SPAN("4711"),
                                       .at_s = now,
                                       .email = span_of(news[i].email),
                                       .login = span_of(news[i].login),
                                       .groups = span_of(news[i].groups)};
        set_ledger(&s, 1, &e, 0);
        CHECK(news[i].name, gate_still_proves(s.thread, &a.check, &s.f.gate));
        set_ledger(&s, 2, NULL, 0); /* the one that knew it is gone */
        CHECK_SPAN(news[i].name, a.check.identity.email, e.email);
        CHECK_SPAN(news[i].name, a.check.identity.login, e.login);
        CHECK_SPAN(news[i].name, a.check.identity.groups, e.groups);
        stage_fini(&s);
    }
}

static void test_trusted_facts(void **state)
{
    static const struct {
        const char *name;
        enum identity_way way;
        int64_t age_s, checked_s; /* seconds ago; -1: nobody looked */
        bool trusted;
    } cases[] = {
        {"just proven", WAY_GITHUB, 0, -1, true},
        {"long ago", WAY_GITHUB, LEDGER_STALE_S + 1, -1, false},
        {"long ago, looked at since", WAY_GITHUB, LEDGER_STALE_S + 1, 60, true},
        {"long ago, looked at too long ago", WAY_GITHUB, 2 * LEDGER_STALE_S, LEDGER_STALE_S + 1, false},
        {"who has none", WAY_BASIC, 2 * LEDGER_STALE_S, -1, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct stage s;
        stage_with_ways(&s);
        int64_t now = clock_wall_s();
        struct identity who = anna_of_github(now - cases[i].age_s);
        who.way = cases[i].way;
        set_ledger(&s, 1, NULL, cases[i].checked_s < 0 ? 0 : now - cases[i].checked_s);
        CHECK(cases[i].name, gate_trusts_facts(s.thread, &who) == cases[i].trusted);
        stage_fini(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fresh),          cmocka_unit_test(test_circles_of_ways),
        cmocka_unit_test(test_renewal),        cmocka_unit_test(test_login_beside_a_revocation),
        cmocka_unit_test(test_verified_again), cmocka_unit_test(test_facts_of_what_is_open),
        cmocka_unit_test(test_trusted_facts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

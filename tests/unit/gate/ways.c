/* Sessions of other ways than passwords: where they are good, how they are made, what takes them back. */
#include "stage.h"

#include "base/clock.h"
#include "gate/ledger.h"
#include "gate/set_cookie.h"
#include "http/path.h"

static struct span cookie_for(struct stage *s, const char *host, const struct identity *who, int64_t ends_s)
{
    struct gate_minted minted;
    const struct gate_mint m = {
        .gate = &s->f.gate, .host = span_of(host), .who = who, .ends_s = ends_s, .arena = &s->m.arena};
    assert_true(gate_mint(&m, &minted));
    return minted.set_cookie;
}

static struct identity link_identity(const char *scope)
{
    return (struct identity){.way = WAY_SHARE_LINK,
                             .gate = SPAN("beta"),
                             .subject = SPAN("0102"),
                             .scope = span_of(scope),
                             .proven_s = clock_wall_s() - 1000};
}

static void stage_with_links(struct stage *s)
{
    stage_init(s, "app.test");
    s->f.gate.share_links = true;
    fixture_seal(&s->f, &s->m.arena, SECRET_A);
}

static enum gate_result ask_path(struct ask *a, struct stage *s, const char *host, const char *fields,
                                 const char *target)
{
    uint8_t room[100];
    struct path path;
    ask_init(a, s, host, fields);
    path_parse(span_of(target), room, &path);
    a->check.path = &path;
    enum gate_result result = ask(a);
    a->check.path = NULL;
    return result;
}

static void test_session(void **state)
{
    static const struct {
        const char *name, *host, *target;
        enum gate_result result;
    } asks[] = {
        {"where it leads", "a.app.test", "/docs/", GATE_IDENTIFIED},
        {"below", "a.app.test", "/docs/x/y", GATE_IDENTIFIED},
        {"above", "a.app.test", "/", GATE_ANONYMOUS},
        {"beside", "a.app.test", "/docs2", GATE_ANONYMOUS},
        {"its name without the slash", "a.app.test", "/docs", GATE_ANONYMOUS},
        {"out by dots", "a.app.test", "/docs/../x", GATE_ANONYMOUS},
        {"another host of the circle", "b.app.test", "/docs/", GATE_ANONYMOUS},
        {"the circle's own name", "app.test", "/docs/", GATE_ANONYMOUS},
    };
    for (size_t i = 0; i < COUNT(asks); i++) {
        struct stage s;
        struct ask a;
        stage_with_links(&s);
        struct identity who = link_identity("/docs/");
        struct span cookie = cookie_for(&s, "a.app.test", &who, clock_wall_s() + 200000);
        CHECK(asks[i].name, span_find(cookie, 'D') == cookie.n || !strstr((const char *)cookie.p, "Domain="));
        CHECK(asks[i].name,
              ask_path(&a, &s, asks[i].host, with_cookie(&s, pair_of(cookie)), asks[i].target) == asks[i].result);
        CHECK(asks[i].name, ask_path(&a, &s, asks[i].host, with_cookie(&s, pair_of(cookie)), asks[i].target) ==
                                asks[i].result); /* recalled */
        if (a.result == GATE_IDENTIFIED) {
            CHECK_SPAN(asks[i].name, a.check.identity.scope, SPAN("/docs/"));
            CHECK(asks[i].name, a.check.identity.way == WAY_SHARE_LINK && a.check.by_cookie);
            CHECK(asks[i].name, a.check.ends_s > clock_wall_s() + 86400); /* its own end, not the gate's lifetime */
        }
        stage_fini(&s);
    }
}

/* Without a path there is nowhere that it could lead. */
static void test_no_path(void **state)
{
    struct stage s;
    struct ask a;
    stage_with_links(&s);
    struct identity who = link_identity("/");
    ask_init(&a, &s, "a.app.test", with_cookie(&s, pair_of(cookie_for(&s, "a.app.test", &who, clock_wall_s() + 50))));
    assert_int_equal(ask(&a), GATE_ANONYMOUS);
    stage_fini(&s);
}

/* Beside a session of one's own it does nothing; two of one kind count as none. */
static void test_beside_others(void **state)
{
    static const struct {
        const char *name, *cookies; /* L, M: links; S, T: sessions */
        enum gate_result result;
        enum identity_way way;
        bool clears;
    } mixes[] = {
        {"link", "L", GATE_IDENTIFIED, WAY_SHARE_LINK, false},
        {"session and link", "SL", GATE_IDENTIFIED, WAY_BASIC, false},
        {"link and session", "LS", GATE_IDENTIFIED, WAY_BASIC, false},
        {"links and a session", "LSM", GATE_IDENTIFIED, WAY_BASIC, false},
        {"two links", "LM", GATE_ANONYMOUS, WAY_NONE, true},
        {"two sessions and a link", "SLT", GATE_ANONYMOUS, WAY_NONE, true},
    };
    for (size_t i = 0; i < COUNT(mixes); i++) {
        struct stage s;
        struct ask a;
        struct span line = SPAN("Cookie: x=y");
        stage_with_links(&s);
        for (const char *p = mixes[i].cookies; *p; p++) {
            struct identity link = link_identity("/"),
                            user = {.way = WAY_BASIC, .gate = SPAN("beta"), .subject = SPAN("anna")};
            bool is_link = *p == 'L' || *p == 'M';
            struct span c = cookie_for(&s, "a.app.test", is_link ? &link : &user, is_link ? clock_wall_s() + 50 : 0);
            line = arena_printf(&s.m.arena, "%.*s; %.*s", SPAN_ARG(line), SPAN_ARG(pair_of(c)));
        }
        CHECK(mixes[i].name, ask_path(&a, &s, "a.app.test", (const char *)line.p, "/") == mixes[i].result);
        CHECK(mixes[i].name, a.check.identity.way == mixes[i].way);
        CHECK(mixes[i].name, (a.check.clear_cookies[0].n > 0) == mixes[i].clears);
        stage_fini(&s);
    }
}

static void test_mint(void **state)
{
    struct stage s;
    struct gate_minted minted, other;
    stage_with_links(&s);
    int64_t now = clock_wall_s();
    struct identity user = {.way = WAY_BASIC, .gate = SPAN("beta"), .subject = SPAN("anna")};
    struct gate_mint m = {.gate = &s.f.gate, .host = SPAN("a.app.test"), .who = &user, .arena = &s.m.arena};
    assert_true(gate_mint(&m, &minted) && gate_mint(&m, &other));
    assert_memory_not_equal(minted.id, other.id, sizeof(other.id));
    user.proven_s = now - 86400 + 100; /* a hand-off does not lengthen the life */
    assert_true(gate_mint(&m, &minted));
    assert_non_null(strstr((const char *)minted.set_cookie.p, "; Max-Age="));
    long age = strtol(strstr((const char *)minted.set_cookie.p, "; Max-Age=") + 10, NULL, 10);
    assert_in_range(age, 90, 100);
    user.proven_s = now - 86400;
    assert_false(gate_mint(&m, &minted)); /* over */
    user.proven_s = now + TOKEN_SKEW_S + 10;
    assert_false(gate_mint(&m, &minted)); /* of the future */
    user.proven_s = 0;
    m.ends_s = now;
    assert_false(gate_mint(&m, &minted));
    m.ends_s = 0;
    user.subject = SPAN("carl");
    assert_false(gate_mint(&m, &minted)); /* nobody of that name */
    user.subject = SPAN("anna");
    user.gate = SPAN("other");
    assert_false(gate_mint(&m, &minted));
    user.gate = SPAN("beta");
    user.way = WAY_GITHUB;
    assert_false(gate_mint(&m, &minted)); /* the gate has none */
    user.way = WAY_BASIC;
    m.host = SPAN_NONE;
    assert_false(gate_mint(&m, &minted));
    m.host = SPAN("a.app.test");
    m.cross_site = true;
    assert_true(gate_mint(&m, &minted));
    assert_non_null(strstr((const char *)minted.set_cookie.p, "; Secure; HttpOnly; SameSite=None; Max-Age="));
    assert_non_null(strstr((const char *)minted.set_cookie.p, "; Domain=app.test"));
    stage_fini(&s);
}

/* The session that such a cookie stands for. */
static struct session session_in(struct stage *s, struct span set_cookie)
{
    static uint8_t raw[TOKEN_RAW_MAX];
    struct session out;
    struct span name, token;
    const struct circle c = circle_of(&s->f.gate.session, SPAN("a.app.test"));
    span_cut(pair_of(set_cookie), '=', &name, &token);
    assert_true(token_is_genuine(&s->f.gate, &c, token, raw, &out));
    return out;
}

/* Proven elsewhere and earlier, or a little ahead of our clock; with an end, or with that of what was proven before. */
static void test_times_of_what_is_minted(void **state)
{
    static const struct {
        const char *name;
        int64_t proven, latest, ends; /* from now; 0: not said */
        int64_t issued, active, over; /* from now */
    } rows[] = {
        {"now", 0, 0, 0, 0, 0, 86400},
        {"earlier", -1000, 0, 0, -1000, 0, 85400},
        {"by a clock that is ahead", 50, 0, 0, 50, 50, 86450},
        {"on with what ends sooner", -1000, 500, 0, -1000, 0, 500},
        {"on with what would end later", -1000, 200000, 0, -1000, 0, 85400},
        {"with an end", 0, 0, 300, 0, 0, 300},
        {"with an end, on with what ends sooner", 0, 100, 300, 0, 0, 100},
    };
    struct stage s;
    stage_with_links(&s);
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t now = clock_wall_s();
        struct identity who = {.way = WAY_BASIC, .gate = SPAN("beta"), .subject = SPAN("anna")};
        who.proven_s = rows[i].proven ? now + rows[i].proven : 0;
        who.latest_s = rows[i].latest ? now + rows[i].latest : 0;
        struct session out = session_in(&s, cookie_for(&s, "a.app.test", &who, rows[i].ends ? now + rows[i].ends : 0));
        int64_t late = clock_wall_s() - now; /* a second may begin meanwhile */
        CHECK(rows[i].name, out.issued >= now + rows[i].issued && out.issued <= now + rows[i].issued + late);
        CHECK(rows[i].name, out.active >= now + rows[i].active && out.active <= now + rows[i].active + late);
        CHECK(rows[i].name, out.ends >= now + rows[i].over && out.ends <= now + rows[i].over + late);
    }
    stage_fini(&s);
}

/* A hand-off goes on under the same id; a host of a name that there cannot be gets nothing. */
static void test_id_and_host(void **state)
{
    static const uint8_t id[SESSION_ID] = {1, 2, 3};
    char host[HOST_MAX + 2];
    struct stage s;
    struct gate_minted minted;
    stage_with_links(&s);
    const struct identity who = {.way = WAY_BASIC, .gate = SPAN("beta"), .subject = SPAN("anna")};
    struct gate_mint m = {.gate = &s.f.gate, .host = SPAN("a.app.test"), .who = &who, .id = id, .arena = &s.m.arena};
    assert_true(gate_mint(&m, &minted));
    assert_memory_equal(minted.id, id, sizeof(id));
    assert_memory_equal(session_in(&s, minted.set_cookie).id, id, sizeof(id));
    memset(host, 'h', sizeof(host));
    for (size_t n = 0; n <= HOST_MAX + 1; n += n == 0 ? HOST_MAX : 1) {
        m.host = span_make(host, n);
        assert_int_equal(gate_mint(&m, &minted), n == HOST_MAX);
    }
    stage_fini(&s);
}

/* --- what takes them back ----------------------------------------------------------------------------------------- */

static void set_ledger(struct stage *s, uint64_t number, const struct ledger_entry *e)
{
    struct ledger *l = ledger_new(number);
    assert_non_null(l);
    assert_true(!e || ledger_add(l, e));
    gate_thread_set_ledger(s->thread, l);
    ledger_unref(l);
}

/* Of any way, remembered or not, at once; what is open is told the same. */
static void test_revoked(void **state)
{
    static const struct {
        const char *name;
        struct ledger_entry entry;
        enum gate_result result;
    } entries[] = {
        {"nothing", {.kind = LEDGER_HOST, .name = SPAN("elsewhere.test"), .at_s = INT64_MAX}, GATE_IDENTIFIED},
        {"all", {.kind = LEDGER_ALL, .at_s = INT64_MAX}, GATE_ANONYMOUS},
        {"the user",
         {.kind = LEDGER_IDENTITY, .way = WAY_BASIC, .gate = SPAN("beta"), .name = SPAN("anna"), .at_s = INT64_MAX},
         GATE_ANONYMOUS},
        {"the host", {.kind = LEDGER_HOST, .name = SPAN("a.app.test"), .at_s = INT64_MAX}, GATE_ANONYMOUS},
        {"all, before", {.kind = LEDGER_ALL, .at_s = 1000}, GATE_IDENTIFIED},
    };
    for (size_t i = 0; i < COUNT(entries); i++) {
        struct stage s;
        struct ask a, open, login;
        stage_with_links(&s);
        set_ledger(&s, 1, NULL);
        assert_int_equal(ask_basic(&s, "a.app.test", "anna:open sesame", &login), GATE_IDENTIFIED);
        const char *cookie = with_cookie(&s, pair_of(login.check.set_cookie));
        ask_init(&open, &s, "a.app.test", cookie);
        CHECK(entries[i].name, ask(&open) == GATE_IDENTIFIED);
        ask_init(&a, &s, "b.app.test", cookie);
        CHECK(entries[i].name, ask(&a) == GATE_IDENTIFIED);
        set_ledger(&s, 2, &entries[i].entry);
        CHECK(entries[i].name,
              gate_still_proves(s.thread, &open.check, &s.f.gate) == (entries[i].result == GATE_IDENTIFIED));
        CHECK(entries[i].name,
              gate_still_proves(s.thread, &login.check, &s.f.gate) == (entries[i].result == GATE_IDENTIFIED));
        for (int again = 0; again < 2; again++) {
            ask_init(&a, &s, "a.app.test", cookie);
            CHECK(entries[i].name, ask(&a) == entries[i].result);
            CHECK(entries[i].name, a.check.identity.way == (a.result == GATE_IDENTIFIED ? WAY_BASIC : WAY_NONE));
        }
        ask_init(&a, &s, "b.app.test", cookie); /* the host next door is another */
        CHECK(entries[i].name, ask(&a) == (entries[i].entry.kind == LEDGER_HOST ? GATE_IDENTIFIED : entries[i].result));
        /* The password proves anew, and what it gives is no cookie that was taken back. */
        CHECK(entries[i].name, ask_basic(&s, "a.app.test", "anna:open sesame", &a) == GATE_IDENTIFIED);
        bool another = !span_eq(a.check.set_cookie, login.check.set_cookie);
        CHECK(entries[i].name, another);
        stage_fini(&s);
    }
}

static void test_revoked_session(void **state)
{
    struct stage s;
    struct ask a, b;
    stage_with_links(&s);
    struct identity anna = {.way = WAY_BASIC, .gate = SPAN("beta"), .subject = SPAN("anna")};
    const char *one = with_cookie(&s, pair_of(cookie_for(&s, "a.app.test", &anna, 0)));
    const char *two = with_cookie(&s, pair_of(cookie_for(&s, "a.app.test", &anna, 0)));
    ask_init(&a, &s, "a.app.test", one);
    assert_int_equal(ask(&a), GATE_IDENTIFIED);
    const struct ledger_entry e = {
        .kind = LEDGER_SESSION, .name = span_make(a.check.session_id, 16), .at_s = clock_wall_s()};
    set_ledger(&s, 7, &e);
    assert_false(gate_still_proves(s.thread, &a.check, &s.f.gate));
    ask_init(&b, &s, "a.app.test", two);
    assert_int_equal(ask(&b), GATE_IDENTIFIED);
    assert_true(gate_still_proves(s.thread, &b.check, &s.f.gate));
    ask_init(&b, &s, "a.app.test", one);
    assert_int_equal(ask(&b), GATE_ANONYMOUS);
    gate_thread_set_ledger(s.thread, NULL);
    ask_init(&b, &s, "a.app.test", one);
    assert_int_equal(ask(&b), GATE_IDENTIFIED);
    stage_fini(&s);
}

/* A link that is taken back gives nothing any more, however late it is opened. */
static void test_revoked_link(void **state)
{
    struct stage s;
    stage_with_links(&s);
    struct identity who = link_identity("/");
    const struct ledger_entry e = {.kind = LEDGER_IDENTITY,
                                   .way = WAY_SHARE_LINK,
                                   .gate = SPAN("beta"),
                                   .name = SPAN("0102"),
                                   .at_s = clock_wall_s()};
    assert_true(gate_admits_identity(s.thread, &who, SPAN("a.app.test")));
    set_ledger(&s, 1, &e);
    assert_false(gate_admits_identity(s.thread, &who, SPAN("a.app.test")));
    stage_fini(&s);
}

/* What GitHub says now reaches remembered sessions, and what is open with them. */
static void test_facts(void **state)
{
    static const struct github_config github = {.client_id = SPAN("id"), .web = SPAN("https://github.com")};
    struct stage s;
    struct ask a;
    stage_init(&s, "app.test");
    s.f.gate.github = &github;
    fixture_seal(&s.f, &s.m.arena, SECRET_A);
    struct identity anna = {.way = WAY_GITHUB,
                            .gate = SPAN("beta"),
                            .subject = SPAN("4711"),
                            .email = SPAN("a@b.c"),
                            .login = SPAN("anna"),
                            .groups = SPAN("acme\nacme/core\n")};
    const char *cookie = with_cookie(&s, pair_of(cookie_for(&s, "a.app.test", &anna, 0)));
    for (int again = 0; again < 2; again++) {
        ask_init(&a, &s, "a.app.test", cookie);
        assert_int_equal(ask(&a), GATE_IDENTIFIED);
        CHECK_SPAN("groups", a.check.identity.groups, SPAN("acme\nacme/core\n"));
        CHECK_SPAN("email", a.check.identity.email, SPAN("a@b.c"));
        CHECK_SPAN("login", a.check.identity.login, SPAN("anna"));
    }
    struct ledger_entry e = {.kind = LEDGER_FACTS,
                             .way = WAY_GITHUB,
                             .gate = SPAN("beta"),
                             .name = SPAN("4711"),
                             .at_s = clock_wall_s(),
                             .email = SPAN("a@b.c"),
                             .login = SPAN("anna2"),
                             .groups = SPAN("acme\n")};
    set_ledger(&s, 1, &e);
    assert_true(gate_still_proves(s.thread, &a.check, &s.f.gate));
    set_ledger(&s, 2, &e); /* the first is gone: what the exchange has is its own */
    CHECK_SPAN("open", a.check.identity.groups, SPAN("acme\n"));
    CHECK_SPAN("open", a.check.identity.login, SPAN("anna2"));
    ask_init(&a, &s, "a.app.test", cookie);
    assert_int_equal(ask(&a), GATE_IDENTIFIED);
    CHECK_SPAN("anew", a.check.identity.groups, SPAN("acme\n"));
    e.must_sign_in = true;
    set_ledger(&s, 3, &e);
    ask_init(&a, &s, "a.app.test", cookie);
    assert_int_equal(ask(&a), GATE_ANONYMOUS);
    stage_fini(&s);
}

/* Facts are not believed for longer because somebody remembers them. */
static void test_remembered_facts_end(void **state)
{
    static const struct github_config github = {.client_id = SPAN("id"), .web = SPAN("https://github.com")};
    struct stage s;
    struct ask a;
    stage_init(&s, "app.test");
    s.f.gate.github = &github;
    fixture_seal(&s.f, &s.m.arena, SECRET_A);
    struct identity anna = {.way = WAY_GITHUB,
                            .gate = SPAN("beta"),
                            .subject = SPAN("4711"),
                            .login = SPAN("anna"),
                            .proven_s = clock_wall_s() - LEDGER_STALE_S + 2};
    const char *cookie = with_cookie(&s, pair_of(cookie_for(&s, "a.app.test", &anna, 0)));
    ask_init(&a, &s, "a.app.test", cookie);
    assert_int_equal(ask(&a), GATE_IDENTIFIED);
    CHECK_SPAN("young", a.check.identity.login, SPAN("anna"));
    s.loop->now_ms += 3000;
    while (clock_wall_s() < anna.proven_s + LEDGER_STALE_S)
        pause_ms(50);
    ask_init(&a, &s, "a.app.test", cookie);
    assert_int_equal(ask(&a), GATE_IDENTIFIED);
    CHECK_SPAN("old", a.check.identity.login, SPAN_NONE);
    stage_fini(&s);
}

/* --- jobs --------------------------------------------------------------------------------------------------------- */

/* A job that may see its own preview alone does not take its session to the next one. */
static void test_narrow_jobs(void **state)
{
    for (int own = 0; own < 2; own++) {
        const struct actions_config actions = {.own_preview_only = own};
        struct stage s;
        struct ask a;
        stage_init(&s, "app.test");
        s.f.gate.actions = &actions;
        fixture_seal(&s.f, &s.m.arena, SECRET_A);
        struct identity job = {.way = WAY_ACTIONS, .gate = SPAN("beta"), .subject = SPAN("acme/app")};
        const char *cookie = with_cookie(&s, pair_of(cookie_for(&s, "pr-1.app.test", &job, clock_wall_s() + 60)));
        ask_init(&a, &s, "pr-1.app.test", cookie);
        assert_int_equal(ask(&a), GATE_IDENTIFIED);
        ask_init(&a, &s, "pr-2.app.test", cookie);
        assert_int_equal(ask(&a), own ? GATE_ANONYMOUS : GATE_IDENTIFIED);
        stage_fini(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_no_path),
        cmocka_unit_test(test_beside_others),
        cmocka_unit_test(test_mint),
        cmocka_unit_test(test_times_of_what_is_minted),
        cmocka_unit_test(test_id_and_host),
        cmocka_unit_test(test_revoked),
        cmocka_unit_test(test_revoked_session),
        cmocka_unit_test(test_revoked_link),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_remembered_facts_end),
        cmocka_unit_test(test_narrow_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

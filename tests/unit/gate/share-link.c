/* Share links, and sessions that are good in one place alone. */
#include "stage.h"

#include "base/clock.h"
#include "base/crypto/base64.h"
#include "base/crypto/mac.h"
#include "gate/ledger.h"
#include "gate/set_cookie.h"
#include "gate/share_link.h"
#include "http/path.h"

#define NOW 1800000000

static void gate_make(struct gate_fixture *f, struct arena *a, const char *name, bool links, struct span secret)
{
    fixture_init(f, name, "app.test");
    fixture_add(f, "anna", "pw", NULL);
    f->gate.share_links = links;
    fixture_seal(f, a, secret);
}

static struct share_link link_to(const char *host, const char *scope)
{
    return (struct share_link){.id = {1, 2, 0xab},
                               .made_s = NOW,
                               .ends_s = NOW + 100,
                               .host = span_of(host),
                               .scope = span_of(scope),
                               .note = SPAN("for Eve")};
}

static void test_round_trip(void **state)
{
    struct memory m;
    struct gate_fixture f;
    struct identity who;
    struct share_link in = link_to("pr-7.app.test", "/docs/"), out;
    char text[SHARE_TEXT_MAX];
    uint8_t raw[SHARE_RAW_MAX];
    memory_init(&m);
    gate_make(&f, &m.arena, "g", true, SECRET_A);
    size_t n = share_link_make(&f.gate, &in, text);
    assert_true(n > 0 && n <= SHARE_TEXT_MAX);
    assert_int_equal(share_link_open(&f.gate, in.host, span_make(text, n), NOW + 99, raw, &out), SHARE_GOOD);
    CHECK_SPAN("host", out.host, in.host);
    CHECK_SPAN("scope", out.scope, in.scope);
    CHECK_SPAN("note", out.note, in.note);
    assert_int_equal(out.made_s, in.made_s);
    assert_int_equal(out.ends_s, in.ends_s);
    assert_true(share_link_identity(&f.gate, &out, &m.arena, &who));
    assert_int_equal(who.way, WAY_SHARE_LINK);
    CHECK_SPAN("subject", who.subject, SPAN("0102ab00000000000000000000000000"));
    CHECK_SPAN("scope", who.scope, SPAN("/docs/"));
    CHECK_SPAN("gate", who.gate, SPAN("g"));
    assert_int_equal(who.proven_s, NOW);
    memory_fini(&m);
}

static const struct {
    const char *name, *gate, *host;
    bool links;
    struct span secret;
    int64_t now;
    enum share_verdict verdict;
} elsewhere[] = {
    {"the same", "g", "a.app.test", true, KEY("a"), NOW, SHARE_GOOD},
    {"another host", "g", "b.app.test", true, KEY("a"), NOW, SHARE_BAD},
    {"a host above", "g", "app.test", true, KEY("a"), NOW, SHARE_BAD},
    {"another gate", "h", "a.app.test", true, KEY("a"), NOW, SHARE_BAD},
    {"another secret", "g", "a.app.test", true, KEY("b"), NOW, SHARE_BAD},
    {"no links any more", "g", "a.app.test", false, KEY("a"), NOW, SHARE_BAD},
    {"last second", "g", "a.app.test", true, KEY("a"), NOW + 99, SHARE_GOOD},
    {"over", "g", "a.app.test", true, KEY("a"), NOW + 100, SHARE_OVER},
    {"a clock a little behind", "g", "a.app.test", true, KEY("a"), NOW - 60, SHARE_GOOD},
    {"made in the future", "g", "a.app.test", true, KEY("a"), NOW - 61, SHARE_BAD},
};

static void test_elsewhere(void **state)
{
    for (size_t i = 0; i < COUNT(elsewhere); i++) {
        struct memory m;
        struct gate_fixture f, g;
        struct share_link in = link_to("a.app.test", "/"), out;
        char text[SHARE_TEXT_MAX];
        uint8_t raw[SHARE_RAW_MAX];
        memory_init(&m);
        gate_make(&f, &m.arena, "g", true, SECRET_A);
        gate_make(&g, &m.arena, elsewhere[i].gate, elsewhere[i].links, elsewhere[i].secret);
        size_t n = share_link_make(&f.gate, &in, text);
        CHECK(elsewhere[i].name, share_link_open(&g.gate, span_of(elsewhere[i].host), span_make(text, n),
                                                 elsewhere[i].now, raw, &out) == elsewhere[i].verdict);
        memory_fini(&m);
    }
}

/* The name is looked at, even where the key should tell. */
static void test_gate_of_the_same_key(void **state)
{
    struct memory m;
    struct gate_fixture f;
    struct share_link in = link_to("a.app.test", "/"), out;
    char text[SHARE_TEXT_MAX];
    uint8_t raw[SHARE_RAW_MAX];
    memory_init(&m);
    gate_make(&f, &m.arena, "g", true, SECRET_A);
    size_t n = share_link_make(&f.gate, &in, text);
    assert_int_equal(share_link_open(&f.gate, in.host, span_make(text, n), NOW, raw, &out), SHARE_GOOD);
    f.gate.name = SPAN("h");
    assert_int_equal(share_link_open(&f.gate, in.host, span_make(text, n), NOW, raw, &out), SHARE_BAD);
    memory_fini(&m);
}

static void test_tampering(void **state)
{
    struct memory m;
    struct gate_fixture f;
    struct share_link in = link_to("a.app.test", "/docs/"), out;
    char text[SHARE_TEXT_MAX], forged[SHARE_TEXT_MAX];
    uint8_t raw[SHARE_RAW_MAX], again[SHARE_RAW_MAX];
    size_t raw_n;
    memory_init(&m);
    gate_make(&f, &m.arena, "g", true, SECRET_A);
    size_t n = share_link_make(&f.gate, &in, text);
    assert_true(base64url_decode(span_make(text, n), raw, sizeof(raw), &raw_n));
    for (size_t i = 0; i < raw_n * 8; i++) {
        raw[i / 8] ^= (uint8_t)(1u << i % 8);
        size_t forged_n = base64url_encode(span_make(raw, raw_n), forged);
        raw[i / 8] ^= (uint8_t)(1u << i % 8);
        if (share_link_open(&f.gate, in.host, span_make(forged, forged_n), NOW, again, &out) != SHARE_BAD)
            fail_msg("bit %zu flipped, and it is good", i);
    }
    for (size_t cut = 0; cut < raw_n; cut++) {
        size_t forged_n = base64url_encode(span_make(raw, cut), forged);
        assert_int_equal(share_link_open(&f.gate, in.host, span_make(forged, forged_n), NOW, again, &out), SHARE_BAD);
    }
    /* A session token is no link, and a link no session. */
    char token[TOKEN_TEXT_MAX];
    uint8_t room[TOKEN_RAW_MAX];
    struct circle c = circle_of(&f.gate.session, SPAN("a.app.test"));
    struct session s = session_of("anna", NOW, NOW);
    size_t token_n = token_make(&f.gate, &c, &s, token);
    assert_int_equal(share_link_open(&f.gate, in.host, span_make(token, token_n), NOW, again, &out), SHARE_BAD);
    assert_false(token_is_genuine(&f.gate, &c, span_make(text, n), room, &s));
    memory_fini(&m);
}

static void test_not_made(void **state)
{
    struct memory m;
    struct gate_fixture f;
    char text[SHARE_TEXT_MAX], name[SHARE_RAW_MAX];
    memory_init(&m);
    gate_make(&f, &m.arena, "g", true, SECRET_A);
    memset(name, '/', sizeof(name));
    for (int what = 0; what < 5; what++) {
        struct share_link l = link_to("a.app.test", "/");
        struct gate_config gate = f.gate;
        if (what == 1)
            l.scope = span_make(name, sizeof(name));
        if (what == 2)
            l.note = span_make(name, sizeof(name));
        if (what == 3)
            gate.share_links = false;
        if (what == 4)
            gate.session.key_count = 0;
        assert_int_equal(share_link_make(&gate, &l, text) > 0, what == 0);
    }
    struct share_link most = link_to("a.app.test", "/"), out;
    uint8_t raw[SHARE_RAW_MAX];
    most.note = span_make(name, SHARE_RAW_MAX - 37 - 4 * 2 -
                                    strlen("g"
                                           "a.app.test"
                                           "/") -
                                    MAC_SIZE);
    size_t n = share_link_make(&f.gate, &most, text);
    assert_true(n > 0 && n <= SHARE_TEXT_MAX);
    assert_int_equal(share_link_open(&f.gate, most.host, span_make(text, n), NOW, raw, &out), SHARE_GOOD);
    most.note.n++;
    assert_int_equal(share_link_make(&f.gate, &most, text), 0);
    memory_fini(&m);
}

static void test_targets(void **state)
{
    static const struct {
        const char *scope, *target;
    } targets[] = {
        {"/", "/"},
        {"/docs/", "/docs/"},
        {"/a b", "/a%20b"},
        {"/\xc3\xa9", "/%C3%A9"},
        {"/@:~!$&'()*+,=_-.", "/@:~!$&'()*+,=_-."},
        {"/a\"b", "/a%22b"},
    };
    static const struct {
        const char *query, *text;
    } texts[] = {
        {"/.tiergate/share?t=abc", "abc"}, {"/.tiergate/share?a=1&t=abc&b", "abc"}, {"/.tiergate/share", ""},
        {"/.tiergate/share?t=", ""},       {"/.tiergate/share?t=a&t=b", ""},        {"/.tiergate/share?tt=a", ""},
    };
    struct memory m;
    memory_init(&m);
    for (size_t i = 0; i < COUNT(targets); i++) {
        struct share_link l = link_to("a", targets[i].scope);
        CHECK_SPAN(targets[i].scope, share_link_target(&l, &m.arena), span_of(targets[i].target));
    }
    for (size_t i = 0; i < COUNT(texts); i++)
        CHECK_SPAN(texts[i].query, share_link_text(span_of(texts[i].query)), span_of(texts[i].text));
    memory_fini(&m);
}

/* --- their sessions ----------------------------------------------------------------------------------------------- */

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
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_elsewhere),
        cmocka_unit_test(test_tampering),
        cmocka_unit_test(test_gate_of_the_same_key),
        cmocka_unit_test(test_not_made),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_no_path),
        cmocka_unit_test(test_beside_others),
        cmocka_unit_test(test_mint),
        cmocka_unit_test(test_revoked),
        cmocka_unit_test(test_revoked_session),
        cmocka_unit_test(test_revoked_link),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_remembered_facts_end),
        cmocka_unit_test(test_narrow_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Sessions while memory ends at any allocation: what is asked for fails or is whole, and a want of memory is never told as a want of a
 * session, which would send people to sign in again. */
#include "stage.h"

#include "../base/need.h"
#include "base/clock.h"
#include "base/crypto/mac.h"
#include "gate/ledger.h"
#include "gate/session.h"

struct mac *__real_mac_new(struct span key);
struct mac *__wrap_mac_new(struct span key);
struct res __real_mac_sum(struct mac *m, const struct span *parts, size_t count, uint8_t out[MAC_SIZE]);
struct res __wrap_mac_sum(struct mac *m, const struct span *parts, size_t count, uint8_t out[MAC_SIZE]);

static bool no_digest;

struct mac *__wrap_mac_new(struct span key)
{
    struct mac *m = __real_mac_new(key);
    no_digest = no_digest || !m;
    return m;
}

struct res __wrap_mac_sum(struct mac *m, const struct span *parts, size_t count, uint8_t out[MAC_SIZE])
{
    bool may = alloc_may();
    no_digest = no_digest || !may;
    return may ? __real_mac_sum(m, parts, count, out) : res_err("no digest");
}

#define EMAIL SPAN("anna@example.org")

/* Somebody of GitHub with a session that is due to be renewed. */
static void open_session(struct stage *s, struct memory *tiny, struct ask *a)
{
    static const struct github_config github = {.client_id = SPAN("id"), .web = SPAN("https://github.com")};
    char text[TOKEN_TEXT_MAX];
    memory_init_tiny(tiny);
    stage_init(s, NULL);
    s->f.gate.github = &github;
    s->f.gate.session.idle_s = 1000;
    fixture_seal(&s->f, &s->m.arena, SECRET_A);
    const struct circle c = circle_of(&s->f.gate.session, SPAN("app.test"));
    int64_t now = clock_wall_s();
    const struct session made = {.who = {.way = WAY_GITHUB,
                                         .subject = SPAN("4711"),
                                         .email = EMAIL,
                                         .login = SPAN("anna"),
                                         .groups = SPAN("a\n")},
                                 .issued = now - 500,
                                 .active = now - 500,
                                 .ends = now + 80000};
    size_t n = token_make(&s->f.gate, &c, &made, text);
    ask_init(a, s, "app.test", (const char *)arena_printf(&s->m.arena, "Cookie: __Host-tiergate=%.*s", (int)n, text).p);
    a->check.arena = &tiny->arena;
}

static void close_session(struct stage *s, struct memory *tiny)
{
    memory_fini(tiny);
    stage_fini(s);
}

static void check_whole(const struct ask *a)
{
    const struct identity *who = &a->check.identity;
    bool good = a->result == GATE_IDENTIFIED;
    CHECK_SPAN("subject", who->subject, good ? SPAN("4711") : SPAN_NONE);
    CHECK_SPAN("email", who->email, good ? EMAIL : SPAN_NONE);
    CHECK_SPAN("login", who->login, good ? SPAN("anna") : SPAN_NONE);
    CHECK_SPAN("groups", who->groups, good ? SPAN("a\n") : SPAN_NONE);
    assert_int_equal(a->check.by_cookie, good);
}

/* A later idle time that is given out holds; without memory for one the old one still does. */
static bool check_renewed(const struct ask *a)
{
    struct span name, token;
    struct session session;
    uint8_t raw[TOKEN_RAW_MAX];
    if (!a->check.set_cookie.n)
        return false;
    struct circle c = circle_of(&a->check.gate->session, a->check.host);
    span_cut(pair_of(a->check.set_cookie), '=', &name, &token);
    assert_true(token_is_genuine(a->check.gate, &c, token, raw, &session));
    return true;
}

static bool ask_in_need(struct need *n, struct ask *a)
{
    need_begin(n);
    no_digest = false;
    a->result = gate_check(a->stage->thread, &a->check);
    need_end(n);
    need_scribble();
    assert_true(a->result == GATE_IDENTIFIED || n->ended);
    assert_true(a->result == GATE_IDENTIFIED || a->result == GATE_FAILED ||
                (a->result == GATE_ANONYMOUS && no_digest)); /* what can't be verified is no session */
    check_whole(a);
    return check_renewed(a);
}

static bool ask_first(struct need *n)
{
    struct stage s;
    struct memory tiny;
    struct ask a;
    open_session(&s, &tiny, &a);
    bool whole = ask_in_need(n, &a);
    close_session(&s, &tiny);
    return whole;
}

static bool ask_again(struct need *n)
{
    struct stage s;
    struct memory tiny;
    struct ask a;
    open_session(&s, &tiny, &a);
    assert_int_equal(ask(&a), GATE_IDENTIFIED);
    bool whole = ask_in_need(n, &a);
    close_session(&s, &tiny);
    return whole;
}

/* Remembered, and no memory at all: not even for the names of who it is. */
static void test_recalled(void **state)
{
    struct stage s;
    struct memory tiny;
    struct ask a;
    struct session session;
    struct span token;
    open_session(&s, &tiny, &a);
    assert_int_equal(ask(&a), GATE_IDENTIFIED);
    const struct circle c = circle_of(&s.f.gate.session, SPAN("app.test"));
    alloc_fail_after(0);
    enum session_state found = session_find(s.thread, &a.check, &c, &session, &token);
    alloc_fail_never();
    assert_int_equal(found, SESSION_NO_MEMORY);
    close_session(&s, &tiny);
}

/* Other facts for what is open: they are the exchange's own, or it ends. */
static bool prove_again(struct need *n)
{
    struct stage s;
    struct memory tiny;
    struct ask a;
    const struct ledger_entry e = {.kind = LEDGER_FACTS,
                                   .way = WAY_GITHUB,
                                   .gate = SPAN("beta"),
                                   .name = SPAN("4711"),
                                   .at_s = clock_wall_s(),
                                   .email = EMAIL,
                                   .login = SPAN("anna-with-a-name-that-fits-into-no-block-of-the-arena-as-it-is-here"),
                                   .groups = SPAN("b\n")};
    open_session(&s, &tiny, &a);
    assert_int_equal(ask(&a), GATE_IDENTIFIED);
    struct ledger *l = ledger_new(1);
    assert_true(l && ledger_add(l, &e));
    gate_thread_set_ledger(s.thread, l);
    ledger_unref(l);
    need_begin(n);
    bool proves = gate_still_proves(s.thread, &a.check, &s.f.gate);
    need_end(n);
    assert_int_equal(proves, !n->ended);
    gate_thread_set_ledger(s.thread, NULL);
    CHECK_SPAN("email", a.check.identity.email, EMAIL);
    CHECK_SPAN("login", a.check.identity.login, proves ? e.login : SPAN("anna"));
    CHECK_SPAN("groups", a.check.identity.groups, proves ? e.groups : SPAN("a\n"));
    close_session(&s, &tiny);
    return proves;
}

/* The secret in addresses: all of it goes, or the request. */
static bool strip_addresses(struct need *n)
{
    struct stage s;
    struct memory tiny;
    struct http_request r;
    memory_init_tiny(&tiny);
    stage_init(&s, NULL);
    s.f.gate.token_count = 1;
    request_make(&r, &s.m.arena, "Referer: https://app.test/?a=1&x-vercel-protection-bypass=tgs_secret&b=2");
    r.path_query = SPAN("/?a=1&x-vercel-protection-bypass=tgs_secret&b=2");
    need_begin(n);
    bool whole = gate_strip_request(&s.f.gate, (struct gate_list){&s.f.gate, 1}, &r, &tiny.arena);
    need_end(n);
    assert_int_equal(whole, !n->ended);
    if (whole) {
        CHECK_SPAN("target", r.path_query, SPAN("/?a=1&b=2"));
        CHECK_SPAN("referer", r.headers.v[0].value, SPAN("https://app.test/?a=1&b=2"));
    }
    memory_fini(&tiny);
    stage_fini(&s);
    return whole;
}

static void test_need(void **state)
{
    need_sweep("first", ask_first);
    need_sweep("again", ask_again);
    need_sweep("new facts", prove_again);
    need_sweep("addresses", strip_addresses);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_need),
        cmocka_unit_test(test_recalled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

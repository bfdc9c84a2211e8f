/* Memory that ends at any allocation, and libcrypto and libcrypt that fail at any call: what is asked for fails or is whole,
 * nobody is admitted by it, and nothing is left behind. */
#include "stage.h"

#include <stdatomic.h>

#include "../base/need.h"
#include "base/clock.h"
#include "base/crypto/mac.h"
#include "base/crypto/random.h"
#include "base/thread.h"
#include "gate/basic.h"
#include "gate/crypt_hash.h"
#include "gate/state.h"
#include "gate/token.h"

/* --- calls that fail as allocations do ------------------------------------------------------------------------------ */

struct res __real_mac_sum(struct mac *m, const struct span *parts, size_t count, uint8_t out[MAC_SIZE]);
struct res __wrap_mac_sum(struct mac *m, const struct span *parts, size_t count, uint8_t out[MAC_SIZE]);
struct res __real_hkdf_sha256(struct span secret, struct span salt, struct span info, uint8_t *out, size_t out_n);
struct res __wrap_hkdf_sha256(struct span secret, struct span salt, struct span info, uint8_t *out, size_t out_n);
struct res __real_random_bytes(uint8_t *out, size_t n);
struct res __wrap_random_bytes(uint8_t *out, size_t n);

char *__real_crypt_rn(const char *password, const char *setting, void *data, int size);
char *__wrap_crypt_rn(const char *password, const char *setting, void *data, int size);
char *__real_crypt_gensalt_rn(const char *prefix, unsigned long cost, const char *bytes, int n, char *out, int size);
char *__wrap_crypt_gensalt_rn(const char *prefix, unsigned long cost, const char *bytes, int n, char *out, int size);

bool __real_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);
bool __wrap_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

bool __wrap_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
    return alloc_may() && __real_thread_start(thread, run, arg);
}

struct res __wrap_mac_sum(struct mac *m, const struct span *parts, size_t count, uint8_t out[MAC_SIZE])
{
    memset(out, 0, MAC_SIZE); /* so that two failures look alike */
    return alloc_may() ? __real_mac_sum(m, parts, count, out) : res_err("no digest");
}

struct res __wrap_hkdf_sha256(struct span secret, struct span salt, struct span info, uint8_t *out, size_t out_n)
{
    return alloc_may() ? __real_hkdf_sha256(secret, salt, info, out, out_n) : res_err("no key");
}

struct res __wrap_random_bytes(uint8_t *out, size_t n)
{
    return alloc_may() ? __real_random_bytes(out, n) : res_err("no random bytes");
}

/* The hash thread's, which must not take away what another call's turn is: held until released, or failing. */
static atomic_bool crypt_held, crypt_fails;

char *__wrap_crypt_rn(const char *password, const char *setting, void *data, int size)
{
    while (atomic_load(&crypt_held))
        pause_ms(1);
    return atomic_load(&crypt_fails) ? NULL : __real_crypt_rn(password, setting, data, size);
}

char *__wrap_crypt_gensalt_rn(const char *prefix, unsigned long cost, const char *bytes, int n, char *out, int size)
{
    return alloc_may() ? __real_crypt_gensalt_rn(prefix, cost, bytes, n, out, size) : NULL;
}

/* --- start -------------------------------------------------------------------------------------------------------- */

static bool start(struct need *n)
{
    struct loop *loop = loop_new();
    need_begin(n);
    struct gate_shared *shared = gate_shared_new(&standard);
    struct gate_thread *thread = shared ? gate_thread_new(shared, loop) : NULL;
    need_end(n);
    bool whole = thread != NULL;
    assert_int_equal(whole, !n->ended); /* all of it is needed */
    gate_thread_free(thread);
    gate_shared_free(shared);
    loop_free(loop);
    return whole;
}

static bool seal(struct need *n)
{
    struct memory m;
    struct gate_fixture f;
    const struct span secret = SECRET_A;
    memory_init_tiny(&m);
    fixture_init(&f, "beta", NULL);
    fixture_add(&f, "anna", "open sesame", NULL);
    fixture_add(&f, "bob", NULL, BCRYPT);
    need_begin(n);
    bool whole = res_ok(gate_config_seal(&f.gate, &secret, 1, &m.arena));
    need_end(n);
    assert_int_equal(whole, !n->ended);
    memory_fini(&m);
    return whole;
}

static bool make_hash(struct need *n)
{
    char hash[CRYPT_HASH_MAX];
    need_begin(n);
    bool whole = res_ok(crypt_hash_make(CRYPT_KIND_BCRYPT, 4, "pw", hash));
    need_end(n);
    assert_int_equal(whole, !n->ended);
    return whole;
}

static void test_start(void **state)
{
    char hash[CRYPT_HASH_MAX];
    atomic_store(&crypt_fails, true);
    assert_false(res_ok(crypt_hash_make(CRYPT_KIND_BCRYPT, 4, "pw", hash)));
    atomic_store(&crypt_fails, false);
    need_sweep("state", start);
    need_sweep("seal", seal);
    need_sweep("hash", make_hash);
}

/* --- the check ---------------------------------------------------------------------------------------------------- */

/* An attempt that was not taken back would keep others out: as many as ever may try at once. */
static void check_nothing_pending(const char *name, struct stage *s, const struct ask *a, const char *user)
{
    uint32_t retry_after;
    unsigned n = 0;
    struct limit_ticket t = limits_ticket(s->shared->limits, &a->check.client, s->f.gate.name, span_of(user));
    while (limits_begin(s->shared->limits, t, clock_mono_ms(), &retry_after) == LIMIT_OK)
        n++;
    CHECK(name, n == 16);
}

/* Asks while memory ends; what the hash thread says comes afterwards. */
static void ask_in_need(struct need *n, struct ask *a, struct arena *arena)
{
    unsigned left = 1;
    a->check.arena = arena;
    a->stop_after = &left;
    need_begin(n);
    a->result = gate_check(a->stage->thread, &a->check);
    need_end(n);
    if (a->result == GATE_PENDING)
        loop_run(a->stage->loop);
}

/* A cookie that is given out holds. */
static void check_genuine(const char *name, const struct ask *a)
{
    struct span head, token;
    struct session session;
    uint8_t raw[TOKEN_RAW_MAX];
    if (!a->check.set_cookie.n)
        return;
    struct circle c = circle_of(&a->check.gate->session, a->check.host);
    span_cut(pair_of(a->check.set_cookie), '=', &head, &token);
    CHECK(name, token_is_genuine(a->check.gate, &c, token, raw, &session));
}

static bool ask_pair(struct need *n, const char *pair, const char *user, enum gate_result want)
{
    struct stage s;
    struct ask a;
    struct memory tiny;
    memory_init_tiny(&tiny);
    stage_init(&s, NULL);
    ask_init(&a, &s, "app.test", with_basic(&s, pair));
    ask_in_need(n, &a, &tiny.arena);
    /* A plain secret that could not be compared is taken for a wrong one. */
    bool is_plain = strcmp(user, "anna") == 0;
    CHECK(pair, a.result == want || (n->ended && (a.result == GATE_FAILED || (is_plain && a.result == GATE_REFUSED))));
    CHECK(pair, (a.check.identity.way == WAY_BASIC) == (a.result == GATE_IDENTIFIED));
    CHECK(pair, (a.check.set_cookie.n > 0) == (a.result == GATE_IDENTIFIED));
    check_genuine(pair, &a);
    CHECK(pair, !a.check.set_cookie.n || !memmem(a.check.set_cookie.p, a.check.set_cookie.n, "=;", 2)); /* empty */
    if (a.result != GATE_REFUSED)
        check_nothing_pending(pair, &s, &a, user);
    memory_fini(&tiny);
    stage_fini(&s);
    return a.result == want;
}

/* Two digests in a row that can't be made look alike: that must not be taken for a secret that fits. */
static void test_two_failures(void **state)
{
    for (long allowed = 0; allowed < 20; allowed++) {
        struct stage s;
        struct ask a;
        stage_init(&s, NULL);
        ask_init(&a, &s, "app.test", with_basic(&s, "anna:x"));
        alloc_fail_few(allowed, 2);
        a.result = gate_check(s.thread, &a.check);
        alloc_fail_never();
        assert_int_not_equal(a.result, GATE_IDENTIFIED);
        gate_cancel(s.thread, &a.check);
        stage_fini(&s);
    }
}

static bool ask_plain(struct need *n)
{
    return ask_pair(n, "anna:open sesame", "anna", GATE_IDENTIFIED);
}

static bool ask_plain_wrong(struct need *n)
{
    return ask_pair(n, "anna:x", "anna", GATE_REFUSED);
}

static bool ask_hash(struct need *n)
{
    return ask_pair(n, "bob:open sesame", "bob", GATE_IDENTIFIED);
}

static bool ask_hash_wrong(struct need *n)
{
    return ask_pair(n, "bob:x", "bob", GATE_REFUSED);
}

/* A pair that was admitted before. */
static bool ask_known(struct need *n)
{
    struct stage s;
    struct ask a;
    struct memory tiny;
    memory_init_tiny(&tiny);
    stage_init(&s, NULL);
    assert_int_equal(ask_basic(&s, "app.test", "bob:open sesame", &a), GATE_IDENTIFIED);
    ask_init(&a, &s, "app.test", with_basic(&s, "bob:open sesame"));
    ask_in_need(n, &a, &tiny.arena);
    assert_true(a.result == GATE_IDENTIFIED || (n->ended && a.result == GATE_FAILED));
    assert_int_equal(a.check.set_cookie.n > 0, a.result == GATE_IDENTIFIED);
    memory_fini(&tiny);
    stage_fini(&s);
    return a.result == GATE_IDENTIFIED;
}

/* The same pair twice: the second waits for the first one's hash, or fails alone. */
static bool ask_together(struct need *n)
{
    struct stage s;
    struct ask first, second;
    struct memory tiny;
    unsigned left = 1;
    memory_init_tiny(&tiny);
    stage_init(&s, NULL);
    ask_init(&first, &s, "app.test", with_basic(&s, "bob:open sesame"));
    first.stop_after = &left;
    atomic_store(&crypt_held, true); /* the first one's hash takes no memory meanwhile */
    assert_int_equal(gate_check(s.thread, &first.check), GATE_PENDING);
    ask_init(&second, &s, "app.test", with_basic(&s, "bob:open sesame"));
    second.check.arena = &tiny.arena;
    need_begin(n);
    second.result = gate_check(s.thread, &second.check);
    need_end(n);
    atomic_store(&crypt_held, false);
    assert_int_equal(second.result, n->ended ? GATE_FAILED : GATE_PENDING);
    second.stop_after = second.result == GATE_PENDING ? &left : NULL;
    left += second.result == GATE_PENDING;
    loop_run(s.loop);
    assert_int_equal(first.result, GATE_IDENTIFIED);
    memory_fini(&tiny);
    stage_fini(&s);
    return second.result == GATE_IDENTIFIED;
}

static void test_check(void **state)
{
    need_sweep("plain secret", ask_plain);
    need_sweep("plain secret, wrong", ask_plain_wrong);
    need_sweep("hash", ask_hash);
    need_sweep("hash, wrong", ask_hash_wrong);
    need_sweep("known pair", ask_known);
    need_sweep("two at once", ask_together);
}

/* The hash is done, and the message that tells of it cannot be made: it comes as soon as there is memory. */
static void test_message(void **state)
{
    struct stage s;
    struct ask a;
    unsigned left = 1;
    stage_init(&s, NULL);
    ask_init(&a, &s, "app.test", with_basic(&s, "bob:open sesame"));
    a.stop_after = &left;
    atomic_store(&crypt_held, true);
    assert_int_equal(gate_check(s.thread, &a.check), GATE_PENDING);
    alloc_fail_after(0);
    atomic_store(&crypt_held, false);
    while (alloc_refused() < 2) /* asked again */
        pause_ms(1);
    alloc_fail_never();
    loop_run(s.loop);
    assert_int_equal(a.result, GATE_IDENTIFIED);
    stage_fini(&s);
}

/* The hash fits, and the cookie can't be made: nobody is admitted without one. */
static void test_landing(void **state)
{
    struct stage s;
    struct ask a;
    unsigned left = 1;
    struct memory tiny;
    memory_init_tiny(&tiny);
    stage_init(&s, NULL);
    ask_init(&a, &s, "app.test", with_basic(&s, "bob:open sesame"));
    a.check.arena = &tiny.arena;
    a.stop_after = &left;
    atomic_store(&crypt_held, true);
    assert_int_equal(gate_check(s.thread, &a.check), GATE_PENDING);
    alloc_fail_never();
    atomic_store(&crypt_held, false);
    while (alloc_count() == 0) /* the message */
        pause_ms(1);
    alloc_fail_after(0);
    loop_run(s.loop);
    alloc_fail_never();
    assert_int_equal(a.result, GATE_FAILED);
    assert_int_equal(a.check.identity.way, WAY_NONE);
    memory_fini(&tiny);
    stage_fini(&s);
}

/* The result lies in the loop's mailbox when the thread that asked ends, and others of that loop go on. */
static void test_message_to_nobody(void **state)
{
    struct stage s;
    struct ask a, b;
    stage_init(&s, NULL);
    struct gate_thread *other = gate_thread_new(s.shared, s.loop);
    assert_non_null(other);
    ask_init(&a, &s, "app.test", with_basic(&s, "bob:open sesame"));
    atomic_store(&crypt_held, true);
    assert_int_equal(gate_check(other, &a.check), GATE_PENDING);
    alloc_fail_never();
    atomic_store(&crypt_held, false);
    while (alloc_count() == 0) /* the message */
        pause_ms(1);
    gate_thread_free(other);
    assert_int_equal(ask_basic(&s, "app.test", "eve:open sesame", &b), GATE_IDENTIFIED);
    assert_int_equal(a.done, 0);
    stage_fini(&s);
}

/* Nobody waits any more when there is memory again. */
static void test_message_unwanted(void **state)
{
    for (int end = 0; end < 2; end++) {
        struct stage s;
        struct ask a;
        stage_init(&s, NULL);
        ask_init(&a, &s, "app.test", with_basic(&s, "bob:open sesame"));
        atomic_store(&crypt_held, true);
        assert_int_equal(gate_check(s.thread, &a.check), GATE_PENDING);
        alloc_fail_after(0);
        atomic_store(&crypt_held, false);
        while (alloc_refused() == 0)
            pause_ms(1);
        gate_cancel(s.thread, &a.check);
        if (end)
            alloc_fail_never();
        stage_fini(&s); /* ends the hash thread, which still tries */
        alloc_fail_never();
        assert_int_equal(a.done, 0);
    }
}

/* --- cookies ------------------------------------------------------------------------------------------------------ */

/* "__Host-tiergate=token" of anna, `age` seconds old. */
static struct span cookie_of(struct stage *s, int64_t age)
{
    char text[TOKEN_TEXT_MAX];
    const struct circle c = {CIRCLE_HOST, SPAN("app.test"), SPAN("app.test")};
    int64_t then = clock_wall_s() - age;
    const struct session made = session_of("anna", then, then);
    size_t n = token_make(&s->f.gate, &c, &made, text);
    return arena_printf(&s->m.arena, "__Host-tiergate=%.*s", (int)n, text);
}

static bool ask_cookie(struct need *n)
{
    struct stage s;
    struct ask a;
    struct memory tiny;
    memory_init_tiny(&tiny);
    stage_init(&s, NULL);
    s.f.gate.session.idle_s = 1000; /* so that a later one is due */
    ask_init(&a, &s, "app.test", with_cookie(&s, cookie_of(&s, 500)));
    ask_in_need(n, &a, &tiny.arena);
    bool good = a.result == GATE_IDENTIFIED;
    assert_true(good || (n->ended && (a.result == GATE_ANONYMOUS || a.result == GATE_FAILED)));
    assert_int_equal(a.check.by_cookie, good);
    assert_int_equal(a.check.identity.way == WAY_BASIC, good);
    bool whole = good && a.check.set_cookie.n > 0; /* without a new one the old one still holds */
    assert_true(whole || n->ended);
    memory_fini(&tiny);
    stage_fini(&s);
    return whole;
}

/* Two good ones count as none, or, where memory ends while they are verified, one may be taken for bad. */
static bool ask_two_cookies(struct need *n)
{
    struct stage s;
    struct ask a;
    struct memory tiny;
    memory_init_tiny(&tiny);
    stage_init(&s, NULL);
    struct span one = cookie_of(&s, 5), two = cookie_of(&s, 6);
    struct span both = arena_printf(&s.m.arena, "%.*s; %.*s", SPAN_ARG(one), SPAN_ARG(two));
    ask_init(&a, &s, "app.test", with_cookie(&s, both));
    ask_in_need(n, &a, &tiny.arena);
    bool whole = a.result == GATE_ANONYMOUS && a.check.clear_cookies[0].n > 0;
    assert_true(whole || n->ended);
    assert_int_equal(a.result == GATE_IDENTIFIED, a.check.identity.way == WAY_BASIC);
    memory_fini(&tiny);
    stage_fini(&s);
    return whole;
}

/* A cookie signed with nothing, which is what a digest leaves that can't be made. */
static bool ask_unsigned_cookie(struct need *n)
{
    struct stage s;
    struct ask a;
    struct memory tiny;
    uint8_t raw[TOKEN_RAW_MAX];
    char text[TOKEN_TEXT_MAX];
    size_t size = 0;
    memory_init_tiny(&tiny);
    stage_init(&s, NULL);
    struct span name, token;
    span_cut(cookie_of(&s, 5), '=', &name, &token);
    assert_true(base64url_decode(token, raw, sizeof(raw), &size));
    memset(raw + size - MAC_SIZE, 0, MAC_SIZE);
    size = base64url_encode(span_make(raw, size), text);
    ask_init(&a, &s, "app.test", with_cookie(&s, arena_printf(&s.m.arena, "__Host-tiergate=%.*s", (int)size, text)));
    ask_in_need(n, &a, &tiny.arena);
    assert_int_equal(a.result, GATE_ANONYMOUS);
    memory_fini(&tiny);
    stage_fini(&s);
    return true;
}

/* The secret of a token, which asks for a cookie and a clean address: all of it, or nobody. */
static bool ask_bypass(struct need *n)
{
    struct stage s;
    struct ask a;
    struct memory tiny;
    uint8_t sum[32];
    struct span hash = span_make(sum, sizeof(sum));
    const struct service_token ci = {.name = SPAN("ci"), .client_id = SPAN("ci"), .hashes = &hash, .hash_count = 1};
    assert_true(res_ok(sha256(SPAN("secret"), sum)));
    memory_init_tiny(&tiny);
    stage_init(&s, NULL);
    s.f.gate.tokens = &ci;
    s.f.gate.token_count = 1;
    fixture_seal(&s.f, &s.m.arena, SECRET_A);
    ask_init(&a, &s, "app.test", "x-vercel-set-bypass-cookie: true");
    a.request.path_query = SPAN("/a?x-vercel-protection-bypass=secret&b");
    ask_in_need(n, &a, &tiny.arena);
    bool good = a.result == GATE_IDENTIFIED;
    assert_true(good || (n->ended && a.result == GATE_FAILED));
    assert_true(!good || (a.check.set_cookie.n > 0 && span_eq(a.check.clean_target, SPAN("/a?b"))));
    check_genuine("bypass", &a);
    memory_fini(&tiny);
    stage_fini(&s);
    return good;
}

/* All fingerprints, or no configuration. */
static bool seal_ways(struct need *n)
{
    static const struct span names[] = {SPAN("acme/app"), SPAN("acme/web")};
    static const struct github_config github = {.client_id = SPAN("id")};
    static const struct email_pin_config pin = {.from = SPAN("x")};
    static const struct actions_config actions = {.repositories = names,
                                                  .repository_count = 2,
                                                  .refs = names,
                                                  .ref_count = 2,
                                                  .environments = names,
                                                  .environment_count = 2};
    const uint8_t sum[32] = {1};
    const struct span hash = span_make(sum, sizeof(sum)), secret = SECRET_A;
    const struct service_token ci = {.name = SPAN("ci"), .client_id = SPAN("ci"), .hashes = &hash, .hash_count = 1};
    struct memory m;
    struct gate_fixture f;
    memory_init_tiny(&m);
    fixture_init(&f, "g", NULL);
    f.gate.github = &github;
    f.gate.email_pin = &pin;
    f.gate.actions = &actions;
    f.gate.share_links = true;
    f.gate.tokens = &ci;
    f.gate.token_count = 1;
    need_begin(n);
    bool ok = res_ok(gate_config_seal(&f.gate, &secret, 1, &m.arena));
    need_end(n);
    assert_int_equal(ok, !n->ended);
    memory_fini(&m);
    return ok;
}

/* Both were verified before: only what deletes them can't be made, and that is told. */
static bool ask_two_known_cookies(struct need *n)
{
    struct stage s;
    struct ask a;
    struct memory tiny;
    memory_init_tiny(&tiny);
    stage_init(&s, NULL);
    struct span one = cookie_of(&s, 5), two = cookie_of(&s, 6);
    struct span both = arena_printf(&s.m.arena, "%.*s; %.*s", SPAN_ARG(one), SPAN_ARG(two));
    ask_init(&a, &s, "app.test", with_cookie(&s, both));
    assert_int_equal(ask(&a), GATE_ANONYMOUS);
    ask_in_need(n, &a, &tiny.arena);
    assert_int_equal(a.result, n->ended ? GATE_FAILED : GATE_ANONYMOUS);
    memory_fini(&tiny);
    stage_fini(&s);
    return a.result == GATE_ANONYMOUS;
}

static bool clear_cookies(struct need *n)
{
    struct stage s;
    struct memory tiny;
    struct span out[2];
    memory_init_tiny(&tiny);
    stage_init(&s, "app.test");
    need_begin(n);
    bool whole = gate_clear_cookies(&s.f.gate, &tiny.arena, out);
    need_end(n);
    assert_int_equal(whole, !n->ended);
    assert_true(!whole || (out[0].n && out[1].n));
    memory_fini(&tiny);
    stage_fini(&s);
    return whole;
}

static bool strip(struct need *n)
{
    struct stage s;
    struct memory tiny;
    struct http_request r;
    memory_init_tiny(&tiny);
    stage_init(&s, NULL);
    s.f.gate.session.cookie = SPAN("sess");
    request_make(&r, &s.m.arena, "Cookie: __Host-tiergate=x; a=1; __Secure-tiergate=y; b=2; sess=z; c=3");
    need_begin(n);
    bool whole = gate_strip_request(&s.f.gate, (struct gate_list){&s.f.gate, 1}, &r, &tiny.arena);
    need_end(n);
    assert_int_equal(whole, !n->ended);
    if (whole)
        CHECK_SPAN("left", r.headers.v[0].value, SPAN("a=1; b=2; c=3"));
    memory_fini(&tiny);
    stage_fini(&s);
    return whole;
}

static void test_cookies(void **state)
{
    need_sweep("cookie", ask_cookie);
    need_sweep("two cookies", ask_two_cookies);
    need_sweep("bypass", ask_bypass);
    need_sweep("ways", seal_ways);
    need_sweep("unsigned cookie", ask_unsigned_cookie);
    need_sweep("two known cookies", ask_two_known_cookies);
    need_sweep("deletions", clear_cookies);
    need_sweep("strip", strip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_landing),
        cmocka_unit_test(test_two_failures),
        cmocka_unit_test(test_message_to_nobody),
        cmocka_unit_test(test_message_unwanted),
        cmocka_unit_test(test_cookies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The resolver against a name server of our own on loopback. */
#include "net/resolver.h"

#include "net/watch.h"

#include "base/clock.h"
#include "base/text.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum mode { ANSWER = 0, NXDOMAIN, SERVFAIL, NO_DATA, SILENT };

struct server {
    int fd;
    struct watch *watch;
    enum mode mode;
    uint8_t ttl;
    uint8_t last_byte; /* of the addresses given */
    unsigned asked_a, asked_aaaa;
    char port[32];
};

struct asked {
    struct resolve q;
    struct kit *kit;
    unsigned calls;
    struct addr addrs[RESOLVER_MAX];
    size_t count;
    const char *why;
};

struct kit {
    struct loop *loop;
    struct resolver *resolver;
    struct server server;
    struct timer limit;
    unsigned wanted, done;
};

/* --- a name server: A 192.0.2.1 and .2, AAAA 2001:db8::1 ---------------------------------------------------------- */

static size_t add_record(uint8_t *out, uint8_t type, uint8_t ttl, const uint8_t *data, uint8_t n)
{
    const uint8_t head[] = {0xc0, 12, 0, type, 0, 1, 0, 0, 0, ttl, 0, n};
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, data, n);
    return sizeof head + n;
}

static size_t add_answers(struct server *s, uint8_t type, uint8_t *out, uint8_t *count)
{
    uint8_t v4[4] = {192, 0, 2, s->last_byte}, v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = s->last_byte};
    size_t n = 0;
    if (type == 1) {
        n = add_record(out, 1, s->ttl, v4, 4);
        v4[3]++;
        n += add_record(out + n, 1, (uint8_t)(s->ttl + 100), v4, 4);
        *count = 2;
    } else if (type == 28) {
        n = add_record(out, 28, s->ttl, v6, 16);
        *count = 1;
    }
    return n;
}

static void on_query(void *arg)
{
    struct server *s = arg;
    uint8_t packet[1024];
    struct sockaddr_storage from;
    socklen_t from_n = sizeof from;
    ssize_t n = recvfrom(s->fd, packet, 512, 0, (struct sockaddr *)&from, &from_n);
    if (n < 17)
        return;
    size_t end = 12;
    while (packet[end])
        end += packet[end] + 1u;
    uint8_t type = packet[end + 2], count = 0;
    end += 5;
    s->asked_a += type == 1;
    s->asked_aaaa += type == 28;
    if (s->mode == SILENT)
        return;
    size_t more = s->mode == ANSWER ? add_answers(s, type, packet + end, &count) : 0;
    packet[2] = 0x81;
    packet[3] = s->mode == NXDOMAIN ? 0x83 : s->mode == SERVFAIL ? 0x82 : 0x80;
    packet[7] = count;
    memset(packet + 8, 0, 4); /* no authority, no additional */
    sendto(s->fd, packet, end + more, 0, (struct sockaddr *)&from, from_n);
}

static void server_start(struct kit *k)
{
    struct server *s = &k->server;
    struct addr at;
    struct sockaddr_storage sa;
    assert_true(addr_parse_ip(SPAN("127.0.0.1"), &at));
    socklen_t n = addr_to_sockaddr(&at, &sa);
    s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&sa, n) == 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&sa, &n), 0);
    at = addr_from_sockaddr(&sa);
    snprintf(s->port, sizeof s->port, "127.0.0.1:%u", at.port);
    s->ttl = 60;
    s->last_byte = 1;
    s->watch = watch_new(k->loop, s->fd, on_query, s);
    assert_non_null(s->watch);
}

/* --- the kit ------------------------------------------------------------------------------------------------------ */

static int setup(void **state)
{
    struct kit *k = calloc(1, sizeof *k);
    k->loop = loop_new();
    server_start(k);
    k->resolver = resolver_new(k->loop, k->server.port);
    assert_non_null(k->resolver);
    *state = k;
    return 0;
}

static int teardown(void **state)
{
    struct kit *k = *state;
    resolver_free(k->resolver);
    watch_free(k->server.watch);
    close(k->server.fd);
    loop_free(k->loop);
    free(k);
    return 0;
}

static void on_done(void *arg, const struct addr *addrs, size_t count, const char *why)
{
    struct asked *a = arg;
    a->calls++;
    a->count = count;
    a->why = why;
    if (count)
        memcpy(a->addrs, addrs, count * sizeof addrs[0]);
    if (++a->kit->done == a->kit->wanted)
        loop_stop(a->kit->loop);
}

static void on_limit(void *arg)
{
    struct kit *k = arg;
    loop_stop(k->loop);
}

static void run(struct kit *k, unsigned wanted, unsigned ms)
{
    k->wanted = wanted;
    timer_init(&k->limit, k->loop, on_limit, k);
    assert_true(timer_set(&k->limit, ms));
    loop_run(k->loop);
    timer_fini(&k->limit);
    k->wanted = k->done = 0;
}

static void start(struct kit *k, struct asked *a, const char *name)
{
    *a = (struct asked){.kit = k, .q = {.on_done = on_done, .arg = a}};
    loop_refresh(k->loop);
    resolver_start(k->resolver, span_of(name), &a->q);
    assert_int_equal(a->calls, 0); /* never from inside the call */
}

static void ask(struct kit *k, struct asked *a, const char *name)
{
    start(k, a, name);
    run(k, 1, 12000);
    if (a->calls != 1)
        fail_msg("%s: %u answers", name, a->calls);
}

static void check_addrs(const char *name, const struct asked *a, const char *wanted)
{
    struct text got;
    text_init(&got);
    for (size_t i = 0; i < a->count; i++) {
        char ip[ADDR_TEXT];
        addr_format_ip(&a->addrs[i], ip);
        text_addf(&got, "%s%s", i ? " " : "", ip);
        CHECK(name, a->addrs[i].port == 0);
    }
    if (!got.n || strcmp(got.p, wanted) != 0)
        fail_msg("%s: %s (%s)", name, got.n ? got.p : "nothing", a->why ? a->why : "");
    CHECK(name, a->why == NULL);
    text_fini(&got);
}

/* Time passes for the resolver's table, which looks at loop->now_ms alone. */
static void resolve_later(struct kit *k, struct asked *a, const char *name, uint64_t ms)
{
    *a = (struct asked){.kit = k, .q = {.on_done = on_done, .arg = a}};
    loop_refresh(k->loop);
    k->loop->now_ms += ms;
    resolver_start(k->resolver, span_of(name), &a->q);
    loop_refresh(k->loop);
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

static void test_without_asking(void **state)
{
    struct kit *k = *state;
    static const struct {
        const char *name, *addrs;
    } cases[] = {
        {"127.0.0.9", "127.0.0.9"},         {"::1", "::1"},
        {"[2001:db8::5]", "2001:db8::5"},   {"localhost", "::1 127.0.0.1"},
        {"LOCALHOST.", "::1 127.0.0.1"},    {"api.localhost", "::1 127.0.0.1"},
        {"a.b.localhost", "::1 127.0.0.1"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct asked a;
        ask(k, &a, cases[i].name);
        check_addrs(cases[i].name, &a, cases[i].addrs);
    }
    assert_int_equal(k->server.asked_a + k->server.asked_aaaa, 0);
}

static void test_not_a_name(void **state)
{
    struct kit *k = *state;
    static const char *const cases[] = {"", ".", "a..b", ".a", "a b", "a/b", "*.a", "a%", "\xc3\xa4.test", "::g"};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct asked a;
        ask(k, &a, cases[i]);
        CHECK(cases[i], a.count == 0 && a.why && strcmp(a.why, "not a host name") == 0);
    }
    char longest[300];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    struct asked a;
    ask(k, &a, longest);
    assert_int_equal(a.count, 0);
    assert_int_equal(k->server.asked_a, 0);
}

static void test_families_alternate(void **state)
{
    struct kit *k = *state;
    struct asked a;
    ask(k, &a, "Both.test");
    check_addrs("both", &a, "2001:db8::1 192.0.2.1 192.0.2.2");
    assert_int_equal(k->server.asked_a, 1);
    assert_int_equal(k->server.asked_aaaa, 1);
}

static void test_cache_and_ttl(void **state)
{
    struct kit *k = *state;
    struct asked a;
    k->server.ttl = 10;
    ask(k, &a, "ttl.test");
    ask(k, &a, "TTL.test.");
    assert_int_equal(k->server.asked_a, 1); /* one entry, whatever the spelling */
    k->server.last_byte = 7;
    resolve_later(k, &a, "ttl.test", 9000);
    run(k, 1, 2000);
    check_addrs("within the least TTL", &a, "2001:db8::1 192.0.2.1 192.0.2.2");
    resolve_later(k, &a, "ttl.test", 10100);
    run(k, 1, 2000);
    check_addrs("behind it", &a, "2001:db8::7 192.0.2.7 192.0.2.8");
    assert_int_equal(k->server.asked_a, 2);
}

static void test_ttl_zero_lasts_a_second(void **state)
{
    struct kit *k = *state;
    struct asked a;
    k->server.ttl = 0;
    ask(k, &a, "zero.test");
    ask(k, &a, "zero.test");
    assert_int_equal(k->server.asked_a, 1);
    resolve_later(k, &a, "zero.test", 1100);
    run(k, 1, 2000);
    assert_int_equal(k->server.asked_a, 2);
}

static void test_questions_share_an_answer(void **state)
{
    struct kit *k = *state;
    struct asked a[5];
    for (size_t i = 0; i < COUNT(a); i++)
        start(k, &a[i], "shared.test");
    resolver_cancel(&a[2].q);
    run(k, COUNT(a) - 1, 3000);
    for (size_t i = 0; i < COUNT(a); i++)
        assert_int_equal(a[i].calls, i == 2 ? 0 : 1);
    assert_int_equal(k->server.asked_a, 1);
    resolver_cancel(&a[0].q); /* told already: no effect */
}

static void test_cancel_when_answer_is_on_its_way(void **state)
{
    struct kit *k = *state;
    struct asked a, b;
    ask(k, &a, "known.test");
    start(k, &b, "known.test");
    resolver_cancel(&b.q);
    run(k, 1, 50);
    assert_int_equal(b.calls, 0);
}

static void test_negative(void **state)
{
    struct kit *k = *state;
    static const struct {
        enum mode mode;
        const char *name, *why;
    } cases[] = {
        {NXDOMAIN, "absent.test", "no such name"},
        {NO_DATA, "empty.test", "the name has no address"},
        {SERVFAIL, "broken.test", "the name server failed"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct asked a;
        k->server.mode = cases[i].mode;
        ask(k, &a, cases[i].name);
        CHECK(cases[i].name, a.count == 0 && a.why != NULL);
        if (cases[i].mode != SERVFAIL && strcmp(a.why, cases[i].why) != 0)
            fail_msg("%s: %s", cases[i].name, a.why);
        /* The no is kept for a while, then asked for again. */
        k->server.mode = ANSWER;
        ask(k, &a, cases[i].name);
        CHECK(cases[i].name, a.count == 0);
        resolve_later(k, &a, cases[i].name, 5100);
        run(k, 1, 3000);
        CHECK(cases[i].name, a.count == 3);
    }
}

static void test_last_good_answer_outlives_failure(void **state)
{
    struct kit *k = *state;
    struct asked a;
    k->server.ttl = 1;
    ask(k, &a, "stale.test");
    k->server.mode = SERVFAIL;
    resolve_later(k, &a, "stale.test", 1100);
    run(k, 1, 12000);
    check_addrs("stale", &a, "2001:db8::1 192.0.2.1 192.0.2.2");
    /* While it fails the old answer comes at once, and asking goes on beside it. */
    k->server.mode = SILENT;
    unsigned asked = k->server.asked_a;
    resolve_later(k, &a, "stale.test", 10000);
    run(k, 1, 300);
    assert_int_equal(a.calls, 1);
    check_addrs("still stale", &a, "2001:db8::1 192.0.2.1 192.0.2.2");
    run(k, 1, 50);
    assert_true(k->server.asked_a > asked);
}

static void test_an_authoritative_no_ends_the_old_answer(void **state)
{
    struct kit *k = *state;
    struct asked a;
    k->server.ttl = 1;
    ask(k, &a, "moved.test");
    k->server.mode = NXDOMAIN;
    resolve_later(k, &a, "moved.test", 1100);
    run(k, 1, 5000);
    assert_int_equal(a.count, 0);
    assert_string_equal(a.why, "no such name");
}

static void test_old_answer_ends_after_an_hour(void **state)
{
    struct kit *k = *state;
    struct asked a;
    k->server.ttl = 1;
    ask(k, &a, "hour.test");
    k->server.mode = SERVFAIL;
    resolve_later(k, &a, "hour.test", 1100);
    run(k, 1, 12000);
    assert_int_equal(a.count, 3);
    k->server.mode = SILENT;
    resolve_later(k, &a, "hour.test", 3602 * 1000);
    run(k, 1, 300);
    assert_int_equal(a.calls, 0); /* too old to stand in: the question waits */
    resolver_cancel(&a.q);
}

static void test_silence_ends(void **state)
{
    struct kit *k = *state;
    struct asked a;
    uint64_t start_ms = clock_mono_ms();
    k->server.mode = SILENT;
    ask(k, &a, "silent.test");
    assert_int_equal(a.count, 0);
    assert_string_equal(a.why, "the name server does not answer");
    assert_true(clock_mono_ms() - start_ms < 11000);
    assert_true(k->server.asked_a >= 2);
}

/* More names than the table holds: the oldest go, and nothing else changes. */
static void test_table_is_bounded(void **state)
{
    struct kit *k = *state;
    struct asked a;
    ask(k, &a, "first.test");
    for (unsigned i = 0; i < 1024; i++) {
        char name[32];
        snprintf(name, sizeof name, "n%u.test", i);
        ask(k, &a, name);
        CHECK(name, a.count == 3);
    }
    unsigned asked = k->server.asked_a;
    ask(k, &a, "n1023.test");
    assert_int_equal(k->server.asked_a, asked);
    ask(k, &a, "first.test");
    assert_int_equal(k->server.asked_a, asked + 1);
}

static void test_free_with_open_questions(void **state)
{
    struct kit *k = *state;
    struct asked a;
    k->server.mode = SILENT;
    start(k, &a, "open.test");
    run(k, 1, 20);
    resolver_cancel(&a.q);
    /* teardown frees the resolver while c-ares still waits. */
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_without_asking),
        T(test_not_a_name),
        T(test_families_alternate),
        T(test_cache_and_ttl),
        T(test_ttl_zero_lasts_a_second),
        T(test_questions_share_an_answer),
        T(test_cancel_when_answer_is_on_its_way),
        T(test_negative),
        T(test_last_good_answer_outlives_failure),
        T(test_an_authoritative_no_ends_the_old_answer),
        T(test_old_answer_ends_after_an_hour),
        T(test_silence_ends),
        T(test_table_is_bounded),
        T(test_free_with_open_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Requests of our own against servers that behave and that do not. */
#include "net/fetch.h"

#include "fetch_kit.h"

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

#define PATIENCE_MS 20000u

/* The program's symbols come before the libraries': nobody may start a thread or resolve a name behind our back. */
static unsigned threads, lookups;

int pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
        (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))dlsym(RTLD_NEXT, "pthread_create");
    threads++;
    return real(t, a, run, arg);
}

int getaddrinfo(const char *restrict name, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict found)
{
    lookups++;
    return EAI_FAIL;
}

static void url_of(const struct player *p, const char *scheme, const char *host, char out[128])
{
    (void)snprintf(out, 128, "%s://%s:%u/a?b=c", scheme, host, p->port);
}

static void ask(struct fetch_kit *k, struct outcome *o, const struct fetch_request *r)
{
    *o = (struct outcome){.kit = k};
    loop_refresh(k->loop);
    assert_non_null(fetch_start(k->fetcher, r, fetch_kit_on_reply, o));
    assert_int_equal(o->calls, 0);
    fetch_kit_run(k, 1, PATIENCE_MS);
    assert_int_equal(o->calls, 1);
    assert_true(o->detail.n > 0);
}

/* --- a table of servers ------------------------------------------------------------------------------------------- */

#define OK "HTTP/1.1 200 OK\r\n"
#define SCRIPT(...) ((const struct play_step[]){__VA_ARGS__, {PLAY_END, NULL}})
#define AFTER_HEAD                                                                                                     \
    {PLAY_TLS, NULL},                                                                                                  \
    {                                                                                                                  \
        PLAY_HEAD, NULL                                                                                                \
    }
#define ANSWER(text) SCRIPT(AFTER_HEAD, {PLAY_SAY, (text)}, {PLAY_SILENCE, NULL})
#define CUT(text) SCRIPT(AFTER_HEAD, {PLAY_SAY, (text)})

struct row {
    const char *name;
    const struct play_step *script;
    enum fetch_error error;
    unsigned status;
    const char *body, *location;
    unsigned cert;
    const char *host; /* NULL: localhost */
    bool v6, plain;
    uint32_t timeout_ms;
    size_t max_body;
};

static void try_row(struct fetch_kit *k, const struct row *row)
{
    struct player p;
    struct outcome o;
    char url[128];
    player_start(&p, &k->certs[row->cert], row->script, row->v6);
    url_of(&p, row->plain ? "http" : "https", row->host ? row->host : "localhost", url);
    ask(k, &o,
        &(struct fetch_request){.method = "GET",
                                .url = span_of(url),
                                .timeout_ms = row->timeout_ms,
                                .max_body = row->max_body,
                                .allows_plain_http = row->plain});
    if (o.error != row->error || o.status != row->status)
        fail_msg("%s: error %u, status %u (%s)", row->name, o.error, o.status, o.detail.p);
    CHECK(row->name, span_eq(text_span(&o.body), span_of(row->body)));
    CHECK(row->name, span_eq(text_span(&o.location), span_of(row->location)));
    CHECK(row->name, row->timeout_ms == 0 || o.took_ms < row->timeout_ms + 1500);
    CHECK(row->name, row->error != FETCH_OK || strcmp(o.detail.p, fetch_error_text(FETCH_OK)) == 0);
    outcome_fini(&o);
    player_fini(&p);
}

static void test_answers(void **state)
{
    const struct row rows[] = {
        {"body of a length", ANSWER(OK "Content-Length: 5\r\n\r\nhello"), .error = FETCH_OK, 200, "hello"},
        {"chunks", ANSWER(OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), .error = FETCH_OK,
         200, "hello"},
        {"no body", ANSWER("HTTP/1.1 204 No Content\r\n\r\n"), .error = FETCH_OK, 204},
        {"not found", ANSWER("HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno"), .error = FETCH_OK, 404, "no"},
        {"a redirect stays one", ANSWER("HTTP/1.1 302 No\r\nLocation:  http://x.test/ \r\nContent-Length: 0\r\n\r\n"),
         .error = FETCH_OK, 302, "", "http://x.test/"},
        {"the last field, in any case",
         ANSWER(OK "Location: 1\r\nLOCATION: 2\r\nX-Location: 3\r\nContent-Length: 0\r\n\r\n"), .error = FETCH_OK, 200,
         "", "2"},
        {"fields of 1xx are no fields",
         ANSWER("HTTP/1.1 103 Early\r\nLocation: 1\r\n\r\n" OK "Content-Length: 0\r\n\r\n"), .error = FETCH_OK, 200, "",
         ""},
        {"trailers are no fields",
         ANSWER(OK "Location: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nLocation: 2\r\n\r\n"),
         .error = FETCH_OK, 200, "x", "1"},
        {"an encoding that nobody asked for", ANSWER(OK "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nzz"),
         .error = FETCH_OK, 200, "zz"},
        {"as much as is allowed", ANSWER(OK "Content-Length: 5\r\n\r\nhello"), .error = FETCH_OK, 200, "hello",
         .max_body = 5},
        {"a name that our resolver alone knows", ANSWER(OK "Content-Length: 1\r\n\r\nx"), .error = FETCH_OK, 200, "x",
         .host = "app.test"},
        {"an address as host", ANSWER(OK "Content-Length: 1\r\n\r\nx"), .error = FETCH_OK, 200, "x", NULL, CERT_ADDRESS,
         "127.0.0.1"},
        {"an IPv6 address as host", ANSWER(OK "Content-Length: 1\r\n\r\nx"), .error = FETCH_OK, 200, "x", NULL,
         CERT_ADDRESS, "[::1]", true},
        {"IPv6 first", ANSWER(OK "Content-Length: 1\r\n\r\nx"), .error = FETCH_OK, 200, "x", .v6 = true},
        {"plain HTTP, for tests",
         SCRIPT({PLAY_HEAD, NULL}, {PLAY_SAY, OK "Content-Length: 1\r\n\r\nx"}, {PLAY_SILENCE, NULL}),
         .error = FETCH_OK, 200, "x", .plain = true},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        try_row(*state, &rows[i]);
}

static void test_certificates(void **state)
{
    const struct play_step *never = ANSWER(OK "Content-Length: 1\r\n\r\nx");
    const struct row rows[] = {
        {"expired", never, .error = FETCH_TLS, .cert = CERT_EXPIRED},
        {"not yet valid", never, .error = FETCH_TLS, .cert = CERT_EARLY},
        {"another name", never, .error = FETCH_TLS, .cert = CERT_OTHER},
        {"a name where an address is asked", never, .error = FETCH_TLS, .host = "127.0.0.1"},
        {"an address where a name is asked", never, .error = FETCH_TLS, .cert = CERT_ADDRESS},
        {"self-signed", never, .error = FETCH_TLS, .cert = CERT_SELF},
        {"an authority that is not ours", never, .error = FETCH_TLS, .cert = CERT_FOREIGN},
        {"TLS 1.0", SCRIPT({PLAY_OLD_TLS, NULL}, {PLAY_HEAD, NULL}, {PLAY_SAY, OK "\r\n"}), .error = FETCH_TLS},
        {"plain HTTP there", SCRIPT({PLAY_SAY, OK "Content-Length: 1\r\n\r\nx"}, {PLAY_SILENCE, NULL}),
         .error = FETCH_TLS},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        try_row(*state, &rows[i]);
}

static void test_misbehaviour(void **state)
{
    const struct row rows[] = {
        {"a length over the limit", ANSWER(OK "Content-Length: 6\r\n\r\nhello!"), .error = FETCH_TOO_LARGE,
         .max_body = 5},
        {"a length that lies low is cut there", ANSWER(OK "Content-Length: 2\r\n\r\nhello"), .error = FETCH_OK, 200,
         "he"},
        {"a length that lies high", CUT(OK "Content-Length: 9\r\n\r\nhello"), .error = FETCH_BROKEN},
        {"chunks over the limit", ANSWER(OK "Transfer-Encoding: chunked\r\n\r\n6\r\nhello!\r\n0\r\n\r\n"),
         .error = FETCH_TOO_LARGE, .max_body = 5},
        {"endless chunks",
         SCRIPT(AFTER_HEAD, {PLAY_SAY, OK "Transfer-Encoding: chunked\r\n\r\n"}, {PLAY_FOREVER, "5\r\nhello\r\n"}),
         .error = FETCH_TOO_LARGE},
        {"an endless body", SCRIPT(AFTER_HEAD, {PLAY_SAY, OK "\r\n"}, {PLAY_FOREVER, "hello hello hello"}),
         .error = FETCH_TOO_LARGE},
        {"an endless head", SCRIPT(AFTER_HEAD, {PLAY_SAY, OK}, {PLAY_FOREVER, "X-Field: of no use at all\r\n"}),
         .error = FETCH_TOO_LARGE},
        {"an endless field, which is what libcurl has no memory for",
         SCRIPT(AFTER_HEAD, {PLAY_SAY, OK "X: "}, {PLAY_FOREVER, "much of it "}), .error = FETCH_MEMORY},
        {"endless 1xx", SCRIPT(AFTER_HEAD, {PLAY_FOREVER, "HTTP/1.1 103 Early\r\nX: y\r\n\r\n"}),
         .error = FETCH_TOO_LARGE},
        {"endless trailers",
         SCRIPT(AFTER_HEAD, {PLAY_SAY, OK "Transfer-Encoding: chunked\r\n\r\n0\r\n"},
                {PLAY_FOREVER, "X-Field: again\r\n"}),
         .error = FETCH_TOO_LARGE},
        {"no HTTP", CUT("SSH-2.0-x\r\n"), .error = FETCH_BROKEN},
        {"nothing", CUT(""), .error = FETCH_BROKEN},
        {"half a head", CUT(OK "Content-"), .error = FETCH_BROKEN},
        {"half a chunk", CUT(OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhe"), .error = FETCH_BROKEN},
        {"reset after the request", SCRIPT(AFTER_HEAD, {PLAY_RESET, NULL}), .error = FETCH_BROKEN},
        {"reset within the body", SCRIPT(AFTER_HEAD, {PLAY_SAY, OK "Content-Length: 9\r\n\r\nhe"}, {PLAY_RESET, NULL}),
         .error = FETCH_BROKEN},
        {"reset within the handshake", SCRIPT({PLAY_BYTE, NULL}, {PLAY_RESET, NULL}), .error = FETCH_TLS},
        {"silence instead of a handshake", SCRIPT({PLAY_SILENCE, NULL}), .error = FETCH_TIMEOUT, .timeout_ms = 300},
        {"silence instead of a head", SCRIPT(AFTER_HEAD, {PLAY_SILENCE, NULL}), .error = FETCH_TIMEOUT,
         .timeout_ms = 600},
        {"silence within a head", ANSWER(OK "Content-"), .error = FETCH_TIMEOUT, .timeout_ms = 600},
        {"silence within a body", ANSWER(OK "Content-Length: 9\r\n\r\nhe"), .error = FETCH_TIMEOUT, .timeout_ms = 600},
        {"100 and then silence", ANSWER("HTTP/1.1 100 Continue\r\n\r\n"), .error = FETCH_TIMEOUT, .timeout_ms = 600},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        try_row(*state, &rows[i]);
}

/* --- what is sent ------------------------------------------------------------------------------------------------- */

static void test_request(void **state)
{
    struct fetch_kit *k = *state;
    const struct play_step *script = SCRIPT({PLAY_TLS, NULL}, {PLAY_HEAD, NULL}, {PLAY_LINE, "{\"a\":1}\n"},
                                            {PLAY_SAY, OK "Content-Length: 1\r\n\r\nx"});
    const struct fetch_field fields[] = {{SPAN("Content-Type"), SPAN("application/json")},
                                         {SPAN("Authorization"), SPAN("Bearer t")},
                                         {SPAN("X-Empty"), SPAN("")}};
    static const char *const methods[] = {"POST", "DELETE", "PUT"};
    for (size_t i = 0; i < COUNT(methods); i++) {
        struct player p;
        struct outcome o;
        char url[128], first[64];
        player_start(&p, &k->certs[CERT_GOOD], script, false);
        url_of(&p, "https", "localhost", url);
        ask(k, &o,
            &(struct fetch_request){.method = methods[i],
                                    .url = span_of(url),
                                    .fields = fields,
                                    .field_count = COUNT(fields),
                                    .body = SPAN("{\"a\":1}\n")});
        assert_int_equal(o.error, FETCH_OK);
        player_stop(&p);
        (void)snprintf(first, sizeof first, "%s /a?b=c HTTP/1.1\r\nHost: localhost:%u\r\n", methods[i], p.port);
        CHECK(p.heard.p, strncmp(p.heard.p, first, strlen(first)) == 0);
        CHECK(p.heard.p, strstr(p.heard.p, "\r\nUser-Agent: tiergate/") != NULL);
        CHECK(p.heard.p, strstr(p.heard.p, "\r\nAuthorization: Bearer t\r\n") != NULL);
        CHECK(p.heard.p, strstr(p.heard.p, "\r\nContent-Type: application/json\r\n") != NULL);
        CHECK(p.heard.p, strstr(p.heard.p, "\r\nX-Empty:\r\n") != NULL);
        CHECK(p.heard.p, strstr(p.heard.p, "\r\nContent-Length: 8\r\n") != NULL);
        CHECK(p.heard.p, strstr(p.heard.p, "urlencoded") == NULL && strstr(p.heard.p, "Accept-Encoding") == NULL);
        CHECK(p.heard.p, strstr(p.heard.p, "Expect") == NULL && strstr(p.heard.p, "Cookie") == NULL);
        outcome_fini(&o);
        player_fini(&p);
    }
}

/* Nothing of them reaches a network. */
static void test_not_asked(void **state)
{
    struct fetch_kit *k = *state;
    static const char *const urls[] = {
        "",
        "http://localhost/",
        "ftp://localhost/",
        "file:///etc/passwd",
        "smtps://localhost/",
        "localhost/",
        "//localhost/",
        "https:/localhost/",
        "https:///localhost/",
        "https://",
        "https://user@localhost/",
        "https://user:pw@localhost/",
        "https://localhost@other.test/",
        "https://localhost:0/",
        "https://localhost:65536/",
        "https://localhost:x/",
        "https://local host/",
        "https://localhost/\r\nX: y",
        "https://localhost\\@other.test/",
        "https://l\xc3\xb6"
        "calhost/",
        "https://localhost./",
        "https://[fe80::1%25lo]/",
        "https://[::1/",
    };
    for (size_t i = 0; i < COUNT(urls); i++) {
        struct outcome o;
        ask(k, &o, &(struct fetch_request){.method = "GET", .url = span_of(urls[i])});
        CHECK(urls[i], o.error == FETCH_INVALID && o.status == 0 && o.body.n == 0);
        outcome_fini(&o);
    }
    static const struct fetch_field fields[] = {
        {SPAN("X"), SPAN("a\r\nY: b")}, {SPAN("X"), SPAN("a\nb")}, {SPAN("X"), SPAN("a\0b")}, {SPAN("X Y"), SPAN("a")},
        {SPAN(""), SPAN("a")},          {SPAN("X:"), SPAN("a")},   {SPAN("X\r"), SPAN("a")},
    };
    for (size_t i = 0; i < COUNT(fields); i++) {
        struct outcome o;
        ask(k, &o,
            &(struct fetch_request){
                .method = "GET", .url = SPAN("https://localhost:1/"), .fields = &fields[i], .field_count = 1});
        CHECK("field", o.error == FETCH_INVALID);
        outcome_fini(&o);
    }
    static const char *const methods[] = {"", "G T", "GET\r\n", "CONNECT", NULL};
    for (size_t i = 0; i < COUNT(methods); i++) {
        struct outcome o;
        ask(k, &o, &(struct fetch_request){.method = methods[i], .url = SPAN("https://localhost:1/")});
        CHECK("method", o.error == FETCH_INVALID);
        outcome_fini(&o);
    }
}

static void test_unreachable(void **state)
{
    struct fetch_kit *k = *state;
    static const struct {
        const char *url;
        enum fetch_error error;
    } cases[] = {
        {"https://localhost:1/", FETCH_CONNECT},
        {"https://nowhere.test/", FETCH_RESOLVE},
        {"https://a..test/", FETCH_RESOLVE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct outcome o;
        ask(k, &o, &(struct fetch_request){.method = "GET", .url = span_of(cases[i].url)});
        if (o.error != cases[i].error)
            fail_msg("%s: error %u (%s)", cases[i].url, o.error, o.detail.p);
        outcome_fini(&o);
    }
}

/* Nobody takes the connection: the queue of who listens is full. */
static void test_no_connection(void **state)
{
    struct fetch_kit *k = *state;
    struct addr at;
    struct sockaddr_storage sa;
    struct outcome o;
    char url[64];
    int fillers[4], fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(addr_parse_ip(SPAN("127.0.0.1"), &at));
    socklen_t n = addr_to_sockaddr(&at, &sa);
    assert_true(bind(fd, (struct sockaddr *)&sa, n) == 0 && listen(fd, 0) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
    for (size_t i = 0; i < COUNT(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (struct sockaddr *)&sa, n);
    }
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%u/", addr_from_sockaddr(&sa).port);
    ask(k, &o, &(struct fetch_request){.method = "GET", .url = span_of(url), .timeout_ms = 300});
    assert_int_equal(o.error, FETCH_TIMEOUT);
    assert_true(o.took_ms < 1800);
    outcome_fini(&o);
    for (size_t i = 0; i < COUNT(fillers); i++)
        close(fillers[i]);
    close(fd);
}

/* The environment's proxies are none of ours. */
static void test_environment(void **state)
{
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"};
    for (size_t i = 0; i < COUNT(names); i++)
        assert_int_equal(setenv(names[i], "http://127.0.0.1:1", 1), 0);
    try_row(*state,
            &(struct row){"past the proxies", ANSWER(OK "Content-Length: 1\r\n\r\nx"), .error = FETCH_OK, 200, "x"});
    for (size_t i = 0; i < COUNT(names); i++)
        assert_int_equal(unsetenv(names[i]), 0);
}

/* --- many of them, and their end ---------------------------------------------------------------------------------- */

static struct fetch *begin(struct fetch_kit *k, struct outcome *o, const char *url, uint32_t timeout_ms)
{
    *o = (struct outcome){.kit = k};
    struct fetch_request r = {.method = "GET", .url = span_of(url), .timeout_ms = timeout_ms};
    struct fetch *one = fetch_start(k->fetcher, &r, fetch_kit_on_reply, o);
    assert_non_null(one);
    return one;
}

static void test_many(void **state)
{
    struct fetch_kit *k = *state;
    static struct outcome o[FETCH_MAX + 1];
    struct fetch *one[FETCH_MAX + 1];
    struct player p;
    char url[128];
    player_start(&p, &k->certs[CERT_GOOD], SCRIPT({PLAY_SILENCE, NULL}), false);
    url_of(&p, "https", "localhost", url);
    loop_refresh(k->loop);
    for (size_t i = 0; i < COUNT(o); i++)
        one[i] = begin(k, &o[i], url, 60000);
    fetch_kit_run(k, 1, 3000);
    assert_int_equal(o[FETCH_MAX].error, FETCH_BUSY);
    assert_int_equal(o[FETCH_MAX].calls, 1);
    for (size_t i = 0; i < FETCH_MAX / 2; i++)
        fetch_cancel(one[i]);
    struct outcome again;
    begin(k, &again, url, 300); /* there is room again */
    fetch_kit_run(k, 1, PATIENCE_MS);
    assert_int_equal(again.error, FETCH_TIMEOUT);
    fetcher_free(k->fetcher); /* the other half */
    k->fetcher = fetcher_new(k->loop, k->resolver);
    for (size_t i = 0; i < FETCH_MAX; i++)
        assert_int_equal(o[i].calls, 0);
    outcome_fini(&again);
    outcome_fini(&o[FETCH_MAX]);
    player_fini(&p);
}

/* At each moment of its life. */
static void test_cancel(void **state)
{
    struct fetch_kit *k = *state;
    for (unsigned ms = 0; ms < 12; ms++) {
        struct player p;
        struct outcome o;
        char url[128];
        player_start(&p, &k->certs[CERT_GOOD], ANSWER(OK "Content-Length: 9\r\n\r\nhe"), false);
        url_of(&p, "https", "localhost", url);
        loop_refresh(k->loop);
        struct fetch *one = begin(k, &o, url, 60000);
        if (ms > 0)
            fetch_kit_run(k, 1, ms);
        fetch_cancel(one);
        fetch_kit_run(k, 1, 5);
        assert_int_equal(o.calls, 0);
        outcome_fini(&o);
        player_fini(&p);
    }
}

struct ender {
    struct fetch_kit *kit;
    struct fetch *one;
    bool frees;
    unsigned calls;
};

static void on_end(void *arg, const struct fetch_reply *r)
{
    struct ender *e = arg;
    e->calls++;
    fetch_cancel(e->one); /* too late, and no harm */
    if (e->frees) {
        fetcher_free(e->kit->fetcher);
        e->kit->fetcher = NULL;
    }
    loop_stop(e->kit->loop);
}

static void test_end_from_inside(void **state)
{
    struct fetch_kit *k = *state;
    for (unsigned frees = 0; frees < 2; frees++) {
        struct ender e = {.kit = k, .frees = frees};
        struct outcome other;
        loop_refresh(k->loop);
        begin(k, &other, "https://localhost:1/", 60000);
        e.one = fetch_start(k->fetcher, &(struct fetch_request){.method = "GET", .url = SPAN("ftp://x/")}, on_end, &e);
        fetch_kit_run(k, 2, 500);
        assert_int_equal(e.calls, 1);
        assert_int_equal(other.calls, frees ? 0 : other.calls);
        fetch_kit_run(k, 1, 100);
        outcome_fini(&other);
    }
    k->fetcher = fetcher_new(k->loop, k->resolver);
}

static void test_authorities(void **state)
{
    struct fetch_kit *k = *state;
    const struct row good = {"still trusted", ANSWER(OK "Content-Length: 1\r\n\r\nx"), .error = FETCH_OK, 200, "x"};
    assert_true(fetcher_load_authorities(k->fetcher));
    try_row(k, &good);
}

static void test_alone(void **state)
{
    assert_int_equal(threads, 0);
    assert_int_equal(lookups, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_misbehaviour),
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_not_asked),
        cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_no_connection),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_end_from_inside),
        cmocka_unit_test(test_authorities),
        cmocka_unit_test(test_alone),
    };
    return cmocka_run_group_tests(tests, fetch_kit_new, fetch_kit_free);
}

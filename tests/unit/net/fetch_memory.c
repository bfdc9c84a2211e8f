/* Each allocation of a fetch and of a mail fails once, libcurl's included: it ends, once, and never with half an answer. */
#include "net/fetch.h"

#include "fetch_kit.h"

#include <curl/curl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/alloc.h"
#include "check.h"

#define SCRIPT(...) ((const struct play_step[]){__VA_ARGS__, {PLAY_END, NULL}})
#define DIALOGUE(text, wanted)                                                                                         \
    {PLAY_LINE, wanted},                                                                                               \
    {                                                                                                                  \
        PLAY_SAY, text                                                                                                 \
    }

/* In here they are those that fail on demand. */
static void *take(size_t n)
{
    return malloc(n);
}

static void *take_zeroed(size_t n, size_t size)
{
    return calloc(n, size);
}

static void *take_again(void *p, size_t n)
{
    return realloc(p, n);
}

static char *take_copy(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = malloc(n);
    return copy != NULL ? memcpy(copy, s, n) : NULL;
}

static const struct play_step web[] = {
    {PLAY_TLS, NULL},
    {PLAY_HEAD, NULL},
    {PLAY_SAY, "HTTP/1.1 200 OK\r\nLocation: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
    {PLAY_SILENCE, NULL},
    {PLAY_END, NULL},
};

static const struct play_step post[] = {
    {PLAY_SAY, "220 mx\r\n"},
    DIALOGUE("250 STARTTLS\r\n", "EHLO"),
    DIALOGUE("220 go\r\n", "STARTTLS"),
    {PLAY_TLS, NULL},
    DIALOGUE("250-mx\r\n250 AUTH PLAIN\r\n", "EHLO"),
    DIALOGUE("334 \r\n", "AUTH"),
    DIALOGUE("235 ok\r\n", "AGd"),
    DIALOGUE("250 ok\r\n", "MAIL"),
    DIALOGUE("250 ok\r\n", "RCPT"),
    DIALOGUE("354 ok\r\n", "DATA"),
    {PLAY_DOT, NULL},
    {PLAY_SAY, "250 ok\r\n"},
    {PLAY_LINE, "QUIT"},
    {PLAY_END, NULL},
};

static void ask(struct fetch_kit *k, struct outcome *o, const char *url, bool mails)
{
    static const struct fetch_field field = {SPAN("Content-Type"), SPAN("text/plain")};
    struct fetch_request r = {
        .method = "POST", .fields = &field, .field_count = 1, .body = SPAN("x"), .timeout_ms = 5000};
    struct mail m = {.username = SPAN("gate"),
                     .password = SPAN("s3cret"),
                     .from = SPAN("a@b.test"),
                     .to = SPAN("c@d.test"),
                     .message = SPAN("Subject: x\r\n\r\n1\r\n"),
                     .timeout_ms = 5000};
    r.url = m.url = span_of(url);
    struct fetch *one =
        mails ? mail_send(k->fetcher, &m, fetch_kit_on_mail, o) : fetch_start(k->fetcher, &r, fetch_kit_on_reply, o);
    if (one == NULL) {
        o->calls++;
        o->error = FETCH_MEMORY;
    } else {
        fetch_kit_run(k, 1, 20000);
    }
}

/* False: nothing failed, it was the last. */
static bool try_without(struct fetch_kit *k, long allowed, bool mails, bool all_after)
{
    struct player p;
    struct outcome o = {.kit = k};
    char url[64];
    player_start(&p, &k->certs[CERT_GOOD], mails ? post : web, false);
    (void)snprintf(url, sizeof url, "%s://localhost:%u", mails ? "smtp" : "https", p.port);
    loop_refresh(k->loop);
    if (all_after)
        alloc_fail_after(allowed);
    else
        alloc_fail_one(allowed);
    ask(k, &o, url, mails);
    long refused = alloc_refused();
    alloc_fail_never();
    if (o.calls != 1 || o.error == FETCH_TIMEOUT || o.error == FETCH_INVALID)
        fail_msg("allocation %ld of a %s: %u calls, error %u", allowed, mails ? "mail" : "fetch", o.calls, o.error);
    if (o.error == FETCH_OK && !mails)
        assert_true(o.status == 200 && (o.body.failed || span_eq(text_span(&o.body), SPAN("hello"))));
    if (o.error == FETCH_OK && mails)
        assert_int_equal(o.status, 250);
    if (refused == 0)
        assert_int_equal(o.error, FETCH_OK);
    outcome_fini(&o);
    player_fini(&p);
    return refused > 0;
}

static void run_out(struct fetch_kit *k, bool mails)
{
    long n = 0;
    while (try_without(k, n, mails, false)) {
        if (n % 8 == 0)
            try_without(k, n, mails, true);
        n++;
        assert_true(n < 5000);
    }
    print_message("%ld allocations\n", n);
}

static void test_fetch(void **state)
{
    run_out(*state, false);
}

static void test_mail(void **state)
{
    run_out(*state, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fetch), cmocka_unit_test(test_mail)};
    /* Counted by libcurl: the fetcher's own call finds it done. */
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, take, free, take_again, take_copy, take_zeroed) != CURLE_OK)
        return 1;
    int failed = cmocka_run_group_tests(tests, fetch_kit_new, fetch_kit_free);
    curl_global_cleanup();
    return failed;
}

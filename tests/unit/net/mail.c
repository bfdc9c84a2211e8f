/* Mails to servers that behave and that do not. */
#include "net/mail.h"

#include "fetch_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define PATIENCE_MS 20000u
#define SCRIPT(...) ((const struct play_step[]){__VA_ARGS__, {PLAY_END, NULL}})
#define SAY(text)                                                                                                      \
    {                                                                                                                  \
        PLAY_SAY, text                                                                                                 \
    }
#define LINE(text)                                                                                                     \
    {                                                                                                                  \
        PLAY_LINE, text                                                                                                \
    }
#define TLS                                                                                                            \
    {                                                                                                                  \
        PLAY_TLS, NULL                                                                                                 \
    }
#define QUIET                                                                                                          \
    {                                                                                                                  \
        PLAY_SILENCE, NULL                                                                                             \
    }
#define GREET SAY("220 mx.test ESMTP\r\n"), LINE("EHLO example.test\r\n")
#define START                                                                                                          \
    GREET, SAY("250-mx.test\r\n250 STARTTLS\r\n"), LINE("STARTTLS\r\n"), SAY("220 go\r\n"), TLS,                       \
        LINE("EHLO example.test\r\n")
#define SECURE TLS, GREET
#define FEATURES SAY("250-mx.test\r\n250-SIZE 1000\r\n250 AUTH LOGIN PLAIN\r\n")
/* "\0gate\0s3cret" */
#define LOGIN LINE("AUTH PLAIN\r\n"), SAY("334 \r\n"), LINE("AGdhdGUAczNjcmV0\r\n"), SAY("235 ok\r\n")
#define FROM LINE("MAIL FROM:<gate@example.test>\r\n")
#define RCPT LINE("RCPT TO:<ann@example.test>\r\n")
#define YES SAY("250 ok\r\n")
#define DATA                                                                                                           \
    LINE("DATA\r\n"), SAY("354 go on\r\n"),                                                                            \
    {                                                                                                                  \
        PLAY_DOT, NULL                                                                                                 \
    }
#define WHOLE FROM, YES, RCPT, YES, DATA, YES, LINE("QUIT\r\n")

#define MESSAGE "From: gate@example.test\r\nSubject: code\r\n\r\n.hidden\r\n..\r\n.\r\n12345678\r\n"
#define STUFFED "From: gate@example.test\r\nSubject: code\r\n\r\n..hidden\r\n...\r\n..\r\n12345678\r\n.\r\nQUIT\r\n"

struct row {
    const char *name;
    const struct play_step *script;
    const char *scheme;
    enum fetch_error error;
    unsigned status;
    bool refused_address, no_login;
    unsigned cert;
    uint32_t timeout_ms;
};

static const struct mail usual = {
    .username = {(const uint8_t *)"gate", 4},
    .password = {(const uint8_t *)"s3cret", 6},
    .from = {(const uint8_t *)"gate@example.test", 17},
    .to = {(const uint8_t *)"ann@example.test", 16},
    .message = {(const uint8_t *)MESSAGE, sizeof MESSAGE - 1},
};

static void send_it(struct fetch_kit *k, struct outcome *o, const struct mail *m)
{
    *o = (struct outcome){.kit = k};
    loop_refresh(k->loop);
    assert_non_null(mail_send(k->fetcher, m, fetch_kit_on_mail, o));
    assert_int_equal(o->calls, 0);
    fetch_kit_run(k, 1, PATIENCE_MS);
    assert_int_equal(o->calls, 1);
    assert_true(o->detail.n > 0);
}

static void try_row(struct fetch_kit *k, const struct row *row)
{
    struct player p;
    struct outcome o;
    char url[64];
    struct mail m = usual;
    player_start(&p, &k->certs[row->cert], row->script, false);
    (void)snprintf(url, sizeof url, "%s://localhost:%u", row->scheme, p.port);
    m.url = span_of(url);
    m.timeout_ms = row->timeout_ms;
    if (row->no_login)
        m.username = m.password = SPAN_NONE;
    send_it(k, &o, &m);
    player_stop(&p);
    if (o.error != row->error || o.status != row->status)
        fail_msg("%s: error %u, status %u (%s) %s", row->name, o.error, o.status, o.detail.p,
                 p.heard.n > 0 ? p.heard.p : "");
    CHECK(row->name, o.refused_address == row->refused_address);
    CHECK(row->name, o.took_ms < (row->timeout_ms != 0 ? row->timeout_ms + 1500 : 15000));
    if (row->error == FETCH_OK)
        CHECK(row->name, span_has_suffix(text_span(&p.heard), SPAN(STUFFED)));
    else
        CHECK(row->name, p.heard.n == 0 || strstr(p.heard.p, "QUIT\r\nQUIT") == NULL);
    outcome_fini(&o);
    player_fini(&p);
}

static void test_sent(void **state)
{
    const struct row rows[] = {
        {"TLS from the start", SCRIPT(SECURE, FEATURES, LOGIN, WHOLE, QUIET), "smtps", .error = FETCH_OK, 250},
        {"STARTTLS", SCRIPT(START, FEATURES, LOGIN, WHOLE, QUIET), "smtp", .error = FETCH_OK, 250},
        {"no login", SCRIPT(SECURE, FEATURES, WHOLE, QUIET), "smtps", .error = FETCH_OK, 250, .no_login = true},
        {"AUTH LOGIN",
         SCRIPT(SECURE, SAY("250-mx.test\r\n250 AUTH CRAM-MD5 LOGIN\r\n"), LINE("AUTH LOGIN\r\n"),
                SAY("334 VXNlcm5hbWU6\r\n"), LINE("Z2F0ZQ==\r\n"), SAY("334 UGFzc3dvcmQ6\r\n"), LINE("czNjcmV0\r\n"),
                SAY("235 ok\r\n"), WHOLE, QUIET),
         "smtps", .error = FETCH_OK, 250},
        {"answers of many lines, in pieces",
         SCRIPT(SECURE, FEATURES, LOGIN, FROM, SAY("250-a\r\n250-b\r"), SAY("\n25"), SAY("0 c\r\n"), RCPT,
                SAY("251 forwarded\r\n"), DATA, SAY("250"), SAY("\r\n"), LINE("QUIT\r\n"), QUIET),
         "smtps", .error = FETCH_OK, 250},
        {"nobody waits for the answer to QUIT", SCRIPT(SECURE, FEATURES, LOGIN, WHOLE, QUIET), "smtps",
         .error = FETCH_OK, 250, .timeout_ms = 3000},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        try_row(*state, &rows[i]);
}

static void test_refused(void **state)
{
    const struct row rows[] = {
        {"greeting", SCRIPT(TLS, SAY("554 go away\r\n"), QUIET), "smtps", .error = FETCH_REFUSED, 554},
        {"login",
         SCRIPT(SECURE, FEATURES, LINE("AUTH PLAIN\r\n"), SAY("334 \r\n"), LINE("AGd"), SAY("535 wrong\r\n"), QUIET),
         "smtps", .error = FETCH_REFUSED, 535},
        {"no login offered", SCRIPT(SECURE, SAY("250 mx.test\r\n"), WHOLE, QUIET), "smtps", .error = FETCH_REFUSED,
         250},
        {"no login that we have", SCRIPT(SECURE, SAY("250-mx.test\r\n250 AUTH CRAM-MD5 GSSAPI\r\n"), QUIET), "smtps",
         .error = FETCH_REFUSED, 250},
        {"sender", SCRIPT(SECURE, FEATURES, LOGIN, FROM, SAY("553 no\r\n"), LINE("QUIT\r\n")), "smtps",
         .error = FETCH_REFUSED, 553},
        {"recipient, for good",
         SCRIPT(SECURE, FEATURES, LOGIN, FROM, YES, RCPT, SAY("550-no\r\n550 such\r\n"), LINE("QUIT\r\n")), "smtps",
         .error = FETCH_REFUSED, 550, true},
        {"recipient, for now", SCRIPT(SECURE, FEATURES, LOGIN, FROM, YES, RCPT, SAY("451 later\r\n"), LINE("QUIT\r\n")),
         "smtps", .error = FETCH_REFUSED, 451},
        {"DATA", SCRIPT(SECURE, FEATURES, LOGIN, FROM, YES, RCPT, YES, LINE("DATA\r\n"), SAY("452 full\r\n"), QUIET),
         "smtps", .error = FETCH_REFUSED, 452},
        {"message", SCRIPT(SECURE, FEATURES, LOGIN, FROM, YES, RCPT, YES, DATA, SAY("554 spam\r\n"), QUIET), "smtps",
         .error = FETCH_REFUSED, 554},
        {"2xx instead of 354", SCRIPT(SECURE, FEATURES, LOGIN, FROM, YES, RCPT, YES, LINE("DATA\r\n"), YES, QUIET),
         "smtps", .error = FETCH_REFUSED, 250},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        try_row(*state, &rows[i]);
}

/* No login and no mail before there is TLS that is verified. */
static void test_tls(void **state)
{
    const struct row rows[] = {
        {"no STARTTLS", SCRIPT(GREET, FEATURES, QUIET), "smtp", .error = FETCH_TLS, 250},
        {"STARTTLS refused",
         SCRIPT(GREET, SAY("250-mx.test\r\n250 STARTTLS\r\n"), LINE("STARTTLS\r\n"), SAY("454 no\r\n"), QUIET), "smtp",
         .error = FETCH_TLS, 454},
        {"no EHLO", SCRIPT(GREET, SAY("502 what\r\n"), LINE("HELO"), YES, WHOLE, QUIET), "smtp", .error = FETCH_REFUSED,
         502},
        {"answers from before TLS",
         SCRIPT(GREET, SAY("250-mx.test\r\n250 STARTTLS\r\n"), LINE("STARTTLS\r\n"),
                SAY("220 go\r\n250 AUTH PLAIN\r\n"), TLS, QUIET),
         "smtp", .error = FETCH_BROKEN, 220},
        {"another name, STARTTLS", SCRIPT(START, FEATURES, LOGIN, WHOLE, QUIET), "smtp", .error = FETCH_TLS, 220,
         .cert = CERT_OTHER},
        {"expired", SCRIPT(SECURE, FEATURES, LOGIN, WHOLE, QUIET), "smtps", .error = FETCH_TLS, 0,
         .cert = CERT_EXPIRED},
        {"self-signed", SCRIPT(SECURE, FEATURES, LOGIN, WHOLE, QUIET), "smtps", .error = FETCH_TLS, 0,
         .cert = CERT_SELF},
        {"plain where TLS should be", SCRIPT(GREET, FEATURES, QUIET), "smtps", .error = FETCH_TLS, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        try_row(*state, &rows[i]);
}

/* libcurl waits for some answers in a poll() of its own: were one of these still among them, the time-out would come late. */
static void test_misbehaviour(void **state)
{
    const struct row rows[] = {
        {"silence instead of a handshake", SCRIPT(QUIET), "smtps", .error = FETCH_TIMEOUT, 0, .timeout_ms = 300},
        {"silence instead of a greeting", SCRIPT(TLS, QUIET), "smtps", .error = FETCH_TIMEOUT, 0, .timeout_ms = 600},
        {"silence after EHLO", SCRIPT(SECURE, QUIET), "smtps", .error = FETCH_TIMEOUT, 220, .timeout_ms = 600},
        {"silence after STARTTLS", SCRIPT(GREET, SAY("250-mx.test\r\n250 STARTTLS\r\n"), LINE("STARTTLS\r\n"), QUIET),
         "smtp", .error = FETCH_TIMEOUT, 250, .timeout_ms = 600},
        {"silence after AUTH", SCRIPT(SECURE, FEATURES, LINE("AUTH PLAIN\r\n"), QUIET), "smtps", .error = FETCH_TIMEOUT,
         250, .timeout_ms = 600},
        {"silence after MAIL", SCRIPT(SECURE, FEATURES, LOGIN, FROM, QUIET), "smtps", .error = FETCH_TIMEOUT, 235,
         .timeout_ms = 600},
        {"silence after RCPT", SCRIPT(SECURE, FEATURES, LOGIN, FROM, YES, RCPT, QUIET), "smtps", .error = FETCH_TIMEOUT,
         250, .timeout_ms = 600},
        {"silence after the message", SCRIPT(SECURE, FEATURES, LOGIN, FROM, YES, RCPT, YES, DATA, QUIET), "smtps",
         .error = FETCH_TIMEOUT, 354, .timeout_ms = 600},
        {"closed after RCPT", SCRIPT(SECURE, FEATURES, LOGIN, FROM, YES, RCPT), "smtps", .error = FETCH_BROKEN, 250},
        {"reset after the message", SCRIPT(SECURE, FEATURES, LOGIN, FROM, YES, RCPT, YES, DATA, {PLAY_RESET, NULL}),
         "smtps", .error = FETCH_BROKEN, 354},
        {"an answer ahead of its question", SCRIPT(SECURE, FEATURES, LOGIN, FROM, SAY("250 ok\r\n250 ok\r\n"), QUIET),
         "smtps", .error = FETCH_BROKEN, 235},
        {"no SMTP", SCRIPT(SECURE, FEATURES, LOGIN, FROM, SAY("hello\r\n"), QUIET), "smtps", .error = FETCH_BROKEN,
         235},
        {"endless lines", SCRIPT(SECURE, FEATURES, LOGIN, FROM, {PLAY_FOREVER, "250-and more\r\n"}), "smtps",
         .error = FETCH_TOO_LARGE, 235},
        {"an endless line", SCRIPT(SECURE, FEATURES, LOGIN, FROM, {PLAY_FOREVER, "250 and more "}), "smtps",
         .error = FETCH_TOO_LARGE, 235},
        {"an endless greeting", SCRIPT(TLS, {PLAY_FOREVER, "220-and more\r\n"}), "smtps", .error = FETCH_TOO_LARGE,
         220},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        try_row(*state, &rows[i]);
}

/* --- what is never sent ------------------------------------------------------------------------------------------- */

static const char *const bad_addresses[] = {
    "",
    "ann",
    "@example.test",
    "ann@",
    "ann@@example.test",
    "a@b@example.test",
    "ann@example.test\r\nRCPT TO:<eve@x.test>",
    "ann@example.test\n",
    "ann@example.test>",
    "<ann@example.test>",
    "ann@example.test ",
    " ann@example.test",
    "an n@example.test",
    "ann@exa mple.test",
    "ann@example.test> SIZE=1",
    "\"ann\"@example.test",
    "ann,eve@example.test",
    "ann@example.test,eve@x.test",
    "ann@[127.0.0.1]",
    ".ann@example.test",
    "ann.@example.test",
    "a..n@example.test",
    "ann@.test",
    "ann@test.",
    "ann@a..test",
    "ann@-a.test",
    "ann@a-.test",
    "ann@a_b.test",
    "\xc3\xa4nn@example.test",
    "ann@ex\xc3\xa4mple.test",
    "ann\t@example.test",
    "ann\x7f@example.test",
    "ann(x)@example.test",
    "ann\\@example.test",
    "a:b@example.test",
    "a;b@example.test",
    "0123456789012345678901234567890123456789012345678901234567890123456789@example.test",
};

static void test_addresses(void **state)
{
    static const char *const good[] = {"a@b", "ann@example.test", "Ann.O'Neil+x=1@sub.example-1.test",
                                       "a!#$%&'*+-/=?^_`{|}~b@x.test"};
    for (size_t i = 0; i < COUNT(good); i++)
        CHECK(good[i], mail_is_address(span_of(good[i])));
    for (size_t i = 0; i < COUNT(bad_addresses); i++)
        CHECK(bad_addresses[i], !mail_is_address(span_of(bad_addresses[i])));
    CHECK("NUL", !mail_is_address(SPAN("ann\0@example.test")) && !mail_is_address(SPAN("ann@example.test\0")));
    char longest[300];
    memset(longest, 'a', sizeof longest);
    longest[1] = '@';
    for (size_t i = 10; i < sizeof longest; i += 10)
        longest[i] = '.';
    CHECK("254 bytes", mail_is_address(span_make(longest, 254)) && !mail_is_address(span_make(longest, 256)));
}

static void refuse(struct fetch_kit *k, const char *name, const struct mail *m)
{
    struct outcome o;
    send_it(k, &o, m);
    CHECK(name, o.error == FETCH_INVALID && o.status == 0);
    outcome_fini(&o);
}

static void test_not_sent(void **state)
{
    struct fetch_kit *k = *state;
    struct mail good = usual;
    good.url = SPAN("smtps://localhost:1");
    for (size_t i = 0; i < COUNT(bad_addresses); i++) {
        struct mail m = good;
        m.to = span_of(bad_addresses[i]);
        refuse(k, "to", &m);
        m = good;
        m.from = span_of(bad_addresses[i]);
        refuse(k, "from", &m);
    }
    static const struct span messages[] = {
        SPAN(""),
        SPAN("a"),
        SPAN("a\n"),
        SPAN("a\r"),
        SPAN("a\r\nb"),
        SPAN("a\nb\r\n"),
        SPAN("a\rb\r\n"),
        SPAN("a\0b\r\n"),
        SPAN("\xc3\xa4\r\n"),
        SPAN("a\n.\r\n"),
        SPAN("a\r\n.\r\r\n"),
        SPAN("\x1b[1m\r\n"),
        SPAN("a\n.\nb\r\n"),
    };
    for (size_t i = 0; i < COUNT(messages); i++) {
        struct mail m = good;
        m.message = messages[i];
        refuse(k, "message", &m);
    }
    static const char *const urls[] = {"https://localhost:1", "smtp:localhost", "localhost:587", "imaps://localhost",
                                       "smtps://user:pw@localhost:1"};
    for (size_t i = 0; i < COUNT(urls); i++) {
        struct mail m = good;
        m.url = span_of(urls[i]);
        refuse(k, urls[i], &m);
    }
    struct mail m = good;
    m.ehlo = SPAN("a\r\nRSET");
    refuse(k, "ehlo", &m);
    m = good;
    m.password = SPAN("a\0b");
    refuse(k, "password", &m);
    m = good;
    m.username = SPAN("a\r\n");
    refuse(k, "user name", &m);
}

static void test_ports(void **state)
{
    struct fetch_kit *k = *state;
    static const char *const urls[] = {"smtps://localhost", "smtp://localhost"};
    for (size_t i = 0; i < COUNT(urls); i++) {
        struct mail m = usual;
        struct outcome o;
        m.url = span_of(urls[i]);
        m.timeout_ms = 1000;
        send_it(k, &o, &m);
        CHECK(urls[i], o.error != FETCH_OK && o.error != FETCH_INVALID);
        outcome_fini(&o);
    }
}

/* At each moment of its life, with the socket in libcurl's hands and in ours. */
static void test_cancel(void **state)
{
    struct fetch_kit *k = *state;
    for (unsigned ms = 0; ms < 30; ms += 2) {
        struct player p;
        struct outcome o = {.kit = k};
        char url[64];
        struct mail m = usual;
        player_start(&p, &k->certs[CERT_GOOD], SCRIPT(SECURE, FEATURES, LOGIN, FROM, QUIET), false);
        (void)snprintf(url, sizeof url, "smtps://localhost:%u", p.port);
        m.url = span_of(url);
        loop_refresh(k->loop);
        struct fetch *one = mail_send(k->fetcher, &m, fetch_kit_on_mail, &o);
        assert_non_null(one);
        if (ms > 0)
            fetch_kit_run(k, 1, ms);
        fetch_cancel(one);
        fetch_kit_run(k, 1, 5);
        assert_int_equal(o.calls, 0);
        player_fini(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sent),         cmocka_unit_test(test_refused),   cmocka_unit_test(test_tls),
        cmocka_unit_test(test_misbehaviour), cmocka_unit_test(test_addresses), cmocka_unit_test(test_not_sent),
        cmocka_unit_test(test_ports),        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, fetch_kit_new, fetch_kit_free);
}

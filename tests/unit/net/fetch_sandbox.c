/* A fetch and a mail inside the worker's sandbox. */
#include "net/sandbox.h"

#include "fetch_kit.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define SCRIPT(...) ((const struct play_step[]){__VA_ARGS__, {PLAY_END, NULL}})
#define DIALOGUE(text, wanted)                                                                                         \
    {PLAY_LINE, wanted},                                                                                               \
    {                                                                                                                  \
        PLAY_SAY, text                                                                                                 \
    }

static const struct mail mail = {
    .username = {(const uint8_t *)"gate", 4},
    .password = {(const uint8_t *)"s3cret", 6},
    .from = {(const uint8_t *)"gate@example.test", 17},
    .to = {(const uint8_t *)"ann@example.test", 16},
    .message = {(const uint8_t *)"Subject: x\r\n\r\n1\r\n", 17},
};

static struct outcome go(struct fetch_kit *k, const char *https, const char *smtp)
{
    struct outcome o = {.kit = k};
    struct mail m = mail;
    loop_refresh(k->loop);
    if (https != NULL) {
        struct fetch_request r = {.method = "GET", .url = span_of(https)};
        (void)fetch_start(k->fetcher, &r, fetch_kit_on_reply, &o);
    } else {
        m.url = span_of(smtp);
        (void)mail_send(k->fetcher, &m, fetch_kit_on_mail, &o);
    }
    fetch_kit_run(k, 1, 20000);
    return o;
}

/* As the worker: the loop and all that runs on it are made inside. */
static int enter(struct fetch_kit *k, const uint16_t *ports, size_t count)
{
    static struct sandbox_ports allowed;
    const char *const readable[] = {"/etc/hosts", "/etc/resolv.conf", k->ca};
    unsigned in_force;
    for (size_t i = 0; i < count; i++)
        sandbox_ports_add(&allowed, ports[i]);
    struct sandbox_policy p = {.readable = readable, .readable_count = COUNT(readable), .connect = &allowed};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !res_ok(sandbox_enter(&p, &in_force)))
        return 1;
    fetch_kit_open(k);
    return 0;
}

static int live(struct fetch_kit *k, const char *https, const char *const smtp[2], const uint16_t *ports, size_t count)
{
    if (enter(k, ports, count) != 0)
        return 1;
    struct outcome o = go(k, https, NULL);
    if (o.error != FETCH_OK || o.status != 200 || !span_eq(text_span(&o.body), SPAN("hello"))) {
        (void)fprintf(stderr, "fetch: %u %s\n", o.error, o.detail.p);
        return 2;
    }
    for (size_t i = 0; i < 2; i++) {
        o = go(k, NULL, smtp[i]);
        if (o.error != FETCH_OK || o.status != 250) {
            (void)fprintf(stderr, "%s: %u %u %s\n", smtp[i], o.error, o.status, o.detail.p);
            return 3;
        }
    }
    return 0;
}

#define LOG_IN                                                                                                         \
    DIALOGUE("250-mx\r\n250 AUTH PLAIN\r\n", "EHLO"), DIALOGUE("334 \r\n", "AUTH"), DIALOGUE("235 ok\r\n", "AGd"),     \
        DIALOGUE("250 ok\r\n", "MAIL"), DIALOGUE("250 ok\r\n", "RCPT"), DIALOGUE("354 ok\r\n", "DATA"),                \
        {PLAY_DOT, NULL}, {PLAY_SAY, "250 ok\r\n"},                                                                    \
    {                                                                                                                  \
        PLAY_LINE, "QUIT"                                                                                              \
    }

static void test_inside(void **state)
{
    struct fetch_kit k;
    struct player web, implicit, upgraded;
    char https[64], smtps[64], smtp[64];
    int status;
    fetch_kit_issue(&k);
    const struct pki_cert *cert = &k.certs[CERT_GOOD];
    player_start(&web, cert,
                 SCRIPT({PLAY_TLS, NULL}, {PLAY_HEAD, NULL},
                        {PLAY_SAY, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"}, {PLAY_SILENCE, NULL}),
                 false);
    player_start(&implicit, cert, SCRIPT({PLAY_TLS, NULL}, {PLAY_SAY, "220 mx\r\n"}, LOG_IN), false);
    player_start(&upgraded, cert,
                 SCRIPT({PLAY_SAY, "220 mx\r\n"}, DIALOGUE("250 STARTTLS\r\n", "EHLO"),
                        DIALOGUE("220 go\r\n", "STARTTLS"), {PLAY_TLS, NULL}, LOG_IN),
                 false);
    (void)snprintf(https, sizeof https, "https://app.test:%u/", web.port);
    (void)snprintf(smtps, sizeof smtps, "smtps://app.test:%u", implicit.port);
    (void)snprintf(smtp, sizeof smtp, "smtp://localhost:%u", upgraded.port);
    const uint16_t ports[] = {web.port, implicit.port, upgraded.port};
    const char *const mails[] = {smtps, smtp};
    pid_t p = fork();
    if (p == 0)
        _exit(live(&k, https, mails, ports, COUNT(ports)));
    assert_int_equal(waitpid(p, &status, 0), p);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    player_fini(&web);
    player_fini(&implicit);
    player_fini(&upgraded);
    fetch_kit_fini(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_inside)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

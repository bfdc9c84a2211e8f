/* The audit trail, line by line. */
#include "signin_trial.h"

#include <sys/socket.h>

#include "base/count.h"
#include "gate/signin/impl.h"

#define TEXT(s)                                                                                                        \
    {                                                                                                                  \
        (const uint8_t *)(s), sizeof(s) - 1                                                                            \
    }
#define ID TEXT("\x01\x23\x45\x67\x89\xab\xcd\xef 9 to 16")

static const struct selector admitted[] = {{.kind = SEL_EMAIL_DOMAIN, .subject = TEXT("app.test")}};
static const struct identity anna = {.way = WAY_GITHUB,
                                     .gate = TEXT("h"),
                                     .subject = TEXT("4711"),
                                     .login = TEXT("anna"),
                                     .email = TEXT("anna@app.test")},
                             nobody = {.gate = TEXT("h"), .subject = TEXT("4711")};

static const struct {
    struct signin_question q;
    const struct identity *who;
    const char *detail, *want; /* behind the event */
} lines[] = {
    {{.gate = TEXT("g")}, NULL, NULL, ",\"gate\":\"g\"}\n"},
    {{.kind = 0}, NULL, NULL, "}\n"},
    {{.kind = 0}, &nobody, NULL, ",\"gate\":\"h\"}\n"},
    {{.gate = TEXT("g"),
      .host = TEXT("stg.app.test"),
      .client = {.family = AF_INET, .ip = {[10] = 0xff, [11] = 0xff, 203, 0, 113, 9}},
      .request_id = TEXT("r\"1"),
      .browser = TEXT("a browser"),
      .address = TEXT("an address"),
      .code = TEXT("a code"),
      .nonce = TEXT("a nonce"),
      .session_id = "a session"},
     &anna,
     "why",
     ",\"gate\":\"g\",\"host\":\"stg.app.test\",\"way\":\"github\",\"identity\":\"4711\",\"login\":\"anna\","
     "\"email\":\"anna@app.test\",\"detail\":\"why\",\"client\":\"203.0.113.9\",\"id\":\"r\\\"1\"}\n"},
    {{.revoke = {.kind = LEDGER_SESSION, .name = ID}}, NULL, NULL, ",\"what\":\"session\",\"session\":\"01234567\"}\n"},
    {{.revoke = {.kind = LEDGER_SESSION, .name = TEXT("\xfe\xdc\xba")}},
     NULL,
     NULL,
     ",\"what\":\"session\",\"session\":\"fedcba\"}\n"},
    {{.revoke = {.kind = LEDGER_IDENTITY, .name = TEXT("anna")}},
     NULL,
     NULL,
     ",\"what\":\"identity\",\"name\":\"anna\"}\n"},
    {{.revoke = {.kind = LEDGER_EMAIL, .name = TEXT("anna@app.test")}},
     NULL,
     NULL,
     ",\"what\":\"email\",\"name\":\"anna@app.test\"}\n"},
    {{.revoke = {.kind = LEDGER_HOST, .name = TEXT("stg.app.test")}},
     NULL,
     NULL,
     ",\"what\":\"host\",\"name\":\"stg.app.test\"}\n"},
    {{.revoke = {.kind = LEDGER_ALL}}, NULL, NULL, ",\"what\":\"all\"}\n"},
    {{.revoke = {.kind = LEDGER_FACTS, .name = TEXT("4711")}},
     NULL,
     NULL,
     ",\"what\":\"memberships\",\"name\":\"4711\"}\n"},
};

static void test_lines(void **state)
{
    struct service_kit k;
    (void)state;
    service_open(&k, admitted, COUNT(admitted));
    for (size_t i = 0; i < COUNT(lines); i++) {
        text_fini(&k.audit);
        audit(k.signin, "it-happened", &lines[i].q, lines[i].who, lines[i].detail);
        assert_true(span_has_prefix(text_span(&k.audit), SPAN("{\"time\":\"20")));
        const char *at = strstr(k.audit.p, "Z\",\"event\":\"it-happened\"");
        assert_non_null(at);
        assert_int_equal(at - k.audit.p, 9 + 23);
        assert_string_equal(at + 24, lines[i].want);
    }
    service_close(&k);
}

/* A line that is not whole is none. */
static void test_no_memory(void **state)
{
    struct service_kit k;
    (void)state;
    service_open(&k, admitted, COUNT(admitted));
    for (unsigned skip = 0; skip < 2; skip++) { /* its memory, and more of it */
        const struct signin_question q = {.host = SPAN("h")};
        char long_detail[400];
        memset(long_detail, 'x', sizeof(long_detail) - 1);
        long_detail[sizeof(long_detail) - 1] = '\0';
        trial_begin();
        trial_fail(TRIAL_MEMORY, skip);
        audit(k.signin, "it-happened", &q, NULL, long_detail);
        assert_true(trial_was_hit());
        trial_end();
        assert_int_equal(k.audit.n, 0);
    }
    service_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

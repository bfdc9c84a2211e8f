/* What the service asks of the store for each question, step by step; and each step in turn fails, or finds that the gate went meanwhile.
 * Nobody gets anything by that, and everybody gets an answer. */
#include "signin_trial.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "base/count.h"
#include "gate/record.h"
#include "gate/signin/impl.h"
#include "gate/signin/pin.h"

#define TEXT(s)                                                                                                        \
    {                                                                                                                  \
        (const uint8_t *)(s), sizeof(s) - 1                                                                            \
    }

static const struct selector admitted[] = {{.kind = SEL_EMAIL_DOMAIN, .subject = TEXT("app.test")}};
static const char browser[33] = "browser-a-browser-a-browser-a-br";

/* --- what happens meanwhile --------------------------------------------------------------------------------------- */

static void no_memory(struct service_kit *k)
{
    (void)k;
    trial_fail(TRIAL_MEMORY, 0);
}

static void no_digest(struct service_kit *k)
{
    (void)k;
    trial_fail(TRIAL_SHA256, 0);
}

static void no_random(struct service_kit *k)
{
    (void)k;
    trial_fail(TRIAL_RANDOM, 0);
}

static void gate_gone(struct service_kit *k)
{
    k->signin->gates.n = 0;
}

static void way_gone(struct service_kit *k)
{
    k->fixture.gate.email_pin = NULL;
}

static void store_gone(struct service_kit *k)
{
    k->signin->c.store = NULL;
}

static void all_back(struct service_kit *k)
{
    k->signin->gates = k->gates;
    k->signin->c.store = k->base.store;
    k->fixture.gate.email_pin = &k->pin;
}

/* --- the steps ---------------------------------------------------------------------------------------------------- */

#define NOTHING TRIAL_CALLS
#define FAILS                                                                                                          \
    {                                                                                                                  \
        .outcome = STORE_FAILED, .detail = "disk"                                                                      \
    }
#define MAKE "count counts 600 300\n"
#define ONCE "count counts 600 120\n"
#define SIGN_OUT "count counts 3600 60\n"
#define TRACE "count counts 600 1\n"
#define ASKED_1 "count counts 30 1\n"
#define ASKED_2 ASKED_1 "count counts 3600 10\n"
#define ASKED_3 ASKED_2 "count counts 3600 5\n"
#define COUNTED ASKED_3 "count counts 3600 18446744073709551615\n"
#define KEPT COUNTED "put pins\n"
#define FOUND "get pins\n"
#define TRIED FOUND "count counts 600 5\n"
#define USED TRIED "once used\n"
#define GONE "out of memory, or the gate is gone"
#define HALF "it holds until the next start: the store could not keep it"

static const struct fault {
    enum signin_kind kind;
    enum trial_call what; /* fails, when it is none of the store's; or is answered so; or it comes to that: */
    unsigned skip;
    void (*meanwhile)(struct service_kit *k);
    struct store_reply reply;
    enum signin_outcome want;
    const char *detail; /* NULL: whatever */
    const char *heard;
    const char *audit; /* must stand in it */
    unsigned mails;
    bool unprepared; /* no code was made, no PIN sent */
    bool no_store;
} faults[] = {
    {SIGNIN_CODE_MAKE, NOTHING, .heard = MAKE "put codes\n"},
    {SIGNIN_CODE_MAKE, TRIAL_COUNT, .reply = FAILS, .want = SIGNIN_FAILED, .detail = "disk", .heard = MAKE},
    {SIGNIN_CODE_MAKE, TRIAL_COUNT, .reply = {.outcome = STORE_NONE}, .want = SIGNIN_FAILED, .heard = MAKE},
    {SIGNIN_CODE_MAKE, TRIAL_PUT, .reply = FAILS, .want = SIGNIN_FAILED, .detail = "disk", .heard = MAKE "put codes\n"},
    {SIGNIN_CODE_MAKE, TRIAL_COUNT, .meanwhile = no_memory, .want = SIGNIN_FAILED, .detail = GONE, .heard = MAKE},
    {SIGNIN_CODE_MAKE, TRIAL_COUNT, .meanwhile = no_random, .want = SIGNIN_FAILED, .detail = GONE, .heard = MAKE},
    {SIGNIN_CODE_MAKE, TRIAL_COUNT, .meanwhile = no_digest, .want = SIGNIN_FAILED, .detail = GONE, .heard = MAKE},
    {SIGNIN_CODE_MAKE, TRIAL_COUNT, .meanwhile = store_gone, .want = SIGNIN_FAILED, .detail = "there is no store",
     .heard = MAKE},
    {SIGNIN_CODE_MAKE, NOTHING, .no_store = true, .want = SIGNIN_FAILED, .detail = "there is no store", .heard = ""},

    {SIGNIN_CODE_TAKE, NOTHING, .heard = "take codes\n"},
    {SIGNIN_CODE_TAKE, NOTHING, .unprepared = true, .want = SIGNIN_WRONG, .heard = "take codes\n"},
    {SIGNIN_CODE_TAKE, TRIAL_TAKE, .reply = FAILS, .want = SIGNIN_FAILED, .detail = "disk", .heard = "take codes\n"},
    {SIGNIN_CODE_TAKE, TRIAL_SHA256, .want = SIGNIN_FAILED, .detail = "out of memory", .heard = ""},
    {SIGNIN_CODE_TAKE, NOTHING, .no_store = true, .want = SIGNIN_FAILED, .detail = "there is no store", .heard = ""},

    {SIGNIN_ONCE, NOTHING, .heard = ONCE "once used\n"},
    {SIGNIN_ONCE, TRIAL_ONCE, .reply = {.outcome = STORE_THERE}, .want = SIGNIN_WRONG, .detail = "used before",
     .heard = ONCE "once used\n"},
    {SIGNIN_ONCE, TRIAL_ONCE, .reply = FAILS, .want = SIGNIN_FAILED, .detail = "disk", .heard = ONCE "once used\n"},
    {SIGNIN_ONCE, TRIAL_COUNT, .reply = FAILS, .want = SIGNIN_FAILED, .detail = "disk", .heard = ONCE},
    {SIGNIN_ONCE, TRIAL_COUNT, .meanwhile = no_digest, .want = SIGNIN_FAILED, .detail = "out of memory", .heard = ONCE},
    {SIGNIN_ONCE, TRIAL_COUNT, .meanwhile = store_gone, .want = SIGNIN_FAILED, .detail = "there is no store",
     .heard = ONCE},

    /* Who wants to be signed out is signed out, whatever fails. */
    {SIGNIN_REVOKE, NOTHING, .heard = SIGN_OUT "put revoked\n", .audit = "\"event\":\"signed-out\""},
    {SIGNIN_REVOKE, TRIAL_COUNT, .reply = FAILS, .heard = SIGN_OUT "put revoked\n",
     .audit = "\"event\":\"signed-out\""},
    {SIGNIN_REVOKE, TRIAL_SHA256, .heard = "put revoked\n", .audit = "\"event\":\"signed-out\""},
    {SIGNIN_REVOKE, TRIAL_PUT, .reply = FAILS, .want = SIGNIN_FAILED, .detail = HALF,
     .heard = SIGN_OUT "put revoked\n"},
    {SIGNIN_REVOKE, NOTHING, .no_store = true, .want = SIGNIN_FAILED, .detail = HALF, .heard = ""},

    {SIGNIN_TOKEN_USED, NOTHING, .heard = TRACE "put tokens\n", .audit = "\"event\":\"token-used\""},
    {SIGNIN_TOKEN_USED, NOTHING, .heard = TRACE}, /* the same one again */
    {SIGNIN_TOKEN_USED, TRIAL_COUNT, .reply = FAILS, .heard = TRACE},
    {SIGNIN_TOKEN_USED, NOTHING, .no_store = true, .want = SIGNIN_FAILED, .detail = "no store", .heard = ""},

    {SIGNIN_PIN_SEND, NOTHING, .heard = KEPT, .audit = "\"event\":\"pin-sent\"", .mails = 1},
    {SIGNIN_PIN_SEND, TRIAL_MEMORY, .want = SIGNIN_FAILED,
     .detail = "no memory, store, browser or gate with e-mail PINs", .heard = ""},
    {SIGNIN_PIN_SEND, NOTHING, .no_store = true, .want = SIGNIN_FAILED,
     .detail = "no memory, store, browser or gate with e-mail PINs", .heard = ""},
    {SIGNIN_PIN_SEND, TRIAL_COUNT, 0, .reply = FAILS, .want = SIGNIN_FAILED, .detail = "disk", .heard = ASKED_1},
    {SIGNIN_PIN_SEND, TRIAL_COUNT, 1, .reply = FAILS, .want = SIGNIN_FAILED, .detail = "disk", .heard = ASKED_2},
    {SIGNIN_PIN_SEND, TRIAL_COUNT, 2, .reply = FAILS, .want = SIGNIN_FAILED, .detail = "disk", .heard = ASKED_3},
    {SIGNIN_PIN_SEND, TRIAL_COUNT, 0, gate_gone, .want = SIGNIN_FAILED, .detail = GONE, .heard = ASKED_1},
    {SIGNIN_PIN_SEND, TRIAL_COUNT, 2, gate_gone, .want = SIGNIN_FAILED, .detail = GONE, .heard = ASKED_3},
    {SIGNIN_PIN_SEND, TRIAL_MAC, 0, .want = SIGNIN_FAILED, .detail = GONE, .heard = ""},
    {SIGNIN_PIN_SEND, TRIAL_MAC, 1, .want = SIGNIN_FAILED, .detail = GONE, .heard = ASKED_1},
    {SIGNIN_PIN_SEND, TRIAL_MAC, 2, .want = SIGNIN_FAILED, .detail = GONE, .heard = ASKED_2},
    {SIGNIN_PIN_SEND, TRIAL_MAC, 3, .want = SIGNIN_FAILED, .detail = GONE, .heard = ASKED_3},
    {SIGNIN_PIN_SEND, TRIAL_COUNT, 3, .reply = FAILS, .want = SIGNIN_FAILED, .detail = "disk", .heard = COUNTED},
    {SIGNIN_PIN_SEND, TRIAL_COUNT, 3, gate_gone, .want = SIGNIN_FAILED, .detail = GONE, .heard = COUNTED},
    {SIGNIN_PIN_SEND, TRIAL_COUNT, 3, no_memory, .want = SIGNIN_FAILED, .detail = GONE, .heard = COUNTED},
    {SIGNIN_PIN_SEND, TRIAL_MAC, 4, .want = SIGNIN_FAILED, .detail = GONE, .heard = COUNTED},
    {SIGNIN_PIN_SEND, TRIAL_MAC, 5, .want = SIGNIN_FAILED, .detail = GONE, .heard = COUNTED},
    {SIGNIN_PIN_SEND, TRIAL_HKDF, 0, .want = SIGNIN_FAILED, .detail = GONE, .heard = ""},
    {SIGNIN_PIN_SEND, TRIAL_RANDOM, 0, .want = SIGNIN_FAILED, .detail = GONE, .heard = COUNTED},
    {SIGNIN_PIN_SEND, TRIAL_RANDOM, 1, .want = SIGNIN_FAILED, .detail = GONE, .heard = COUNTED},
    {SIGNIN_PIN_SEND, TRIAL_PUT, .reply = FAILS, .want = SIGNIN_FAILED, .detail = "disk", .heard = KEPT},
    {SIGNIN_PIN_SEND, TRIAL_PUT, 0, no_memory, .want = SIGNIN_FAILED, .heard = KEPT},
    /* From here on it is answered. */
    {SIGNIN_PIN_SEND, TRIAL_PUT, 0, gate_gone, .heard = KEPT, .audit = "the gate is gone"},
    {SIGNIN_PIN_SEND, TRIAL_PUT, 0, way_gone, .heard = KEPT, .audit = "the gate is gone"},
    {SIGNIN_PIN_SEND, TRIAL_COUNT, 3, .reply = {.outcome = STORE_OK, .count = 200}, .heard = KEPT, .mails = 1},
    {SIGNIN_PIN_SEND, TRIAL_COUNT, 3, .reply = {.outcome = STORE_OK, .count = 201}, .heard = KEPT,
     .audit = "limited: 200 mails"},
    {SIGNIN_PIN_SEND, TRIAL_RANDOM, 2, .heard = KEPT, .audit = "\"detail\":\"out of memory\""},

    {SIGNIN_PIN_CHECK, NOTHING, .heard = USED "delete pins\n", .audit = "\"event\":\"signed-in\""},
    {SIGNIN_PIN_CHECK, TRIAL_MEMORY, .want = SIGNIN_FAILED,
     .detail = "no memory, store, browser or gate with e-mail PINs", .heard = ""},
    {SIGNIN_PIN_CHECK, NOTHING, .no_store = true, .want = SIGNIN_FAILED,
     .detail = "no memory, store, browser or gate with e-mail PINs", .heard = ""},
    {SIGNIN_PIN_CHECK, NOTHING, .unprepared = true, .want = SIGNIN_WRONG, .heard = FOUND, .audit = "no PIN is out"},
    {SIGNIN_PIN_CHECK, TRIAL_GET, .reply = FAILS, .want = SIGNIN_FAILED, .detail = "disk", .heard = FOUND},
    {SIGNIN_PIN_CHECK, TRIAL_GET, 0, gate_gone, .want = SIGNIN_FAILED, .detail = GONE, .heard = FOUND},
    {SIGNIN_PIN_CHECK, TRIAL_GET, 0, gate_gone, .unprepared = true, .want = SIGNIN_WRONG, .heard = FOUND},
    {SIGNIN_PIN_CHECK, TRIAL_COUNT, .reply = FAILS, .want = SIGNIN_FAILED, .detail = "disk", .heard = TRIED},
    {SIGNIN_PIN_CHECK, TRIAL_COUNT, .reply = {.outcome = STORE_OVER}, .want = SIGNIN_WRONG,
     .detail = "five tries were made", .heard = TRIED, .audit = "\"event\":\"pin-refused\""},
    {SIGNIN_PIN_CHECK, TRIAL_COUNT, 0, gate_gone, .want = SIGNIN_FAILED, .detail = GONE, .heard = TRIED},
    {SIGNIN_PIN_CHECK, TRIAL_MAC, 0, .want = SIGNIN_FAILED, .detail = "out of memory", .heard = ""},
    {SIGNIN_PIN_CHECK, TRIAL_HKDF, 0, .want = SIGNIN_FAILED, .detail = "out of memory", .heard = ""},
    {SIGNIN_PIN_CHECK, TRIAL_MAC, 1, .want = SIGNIN_FAILED, .detail = GONE, .heard = FOUND},
    {SIGNIN_PIN_CHECK, TRIAL_MAC, 2, .want = SIGNIN_FAILED, .detail = GONE, .heard = TRIED},
    {SIGNIN_PIN_CHECK, TRIAL_MAC, 3, .want = SIGNIN_WRONG, .detail = "wrong", .heard = TRIED},
    {SIGNIN_PIN_CHECK, TRIAL_ONCE, .reply = FAILS, .want = SIGNIN_FAILED, .detail = "disk", .heard = USED},
    {SIGNIN_PIN_CHECK, TRIAL_ONCE, .reply = {.outcome = STORE_THERE}, .want = SIGNIN_WRONG, .detail = "used before",
     .heard = USED},
    {SIGNIN_PIN_CHECK, TRIAL_ONCE, 0, gate_gone, .want = SIGNIN_NOT_ADMITTED, .heard = USED "delete pins\n",
     .audit = "\"event\":\"sign-in-refused\""},
    {SIGNIN_PIN_CHECK, TRIAL_ONCE, 0, way_gone, .want = SIGNIN_NOT_ADMITTED, .heard = USED "delete pins\n",
     .audit = "no rule admits it"},
};

/* --- asking ------------------------------------------------------------------------------------------------------- */

static struct signin_question question(enum signin_kind kind, unsigned i, struct span address)
{
    struct signin_question q = {.kind = kind,
                                .gate = SPAN("g"),
                                .host = SPAN("far.test"),
                                .browser = span_make(browser, 32),
                                .client = {.family = AF_INET6, .ip = {0x20, 1, 0, 0, (uint8_t)i}},
                                .address = address,
                                .nonce = span_make(&i, sizeof(i)),
                                .nonce_ends_s = clock_wall_s() + 600,
                                .who = {.way = WAY_EMAIL, .gate = SPAN("g"), .subject = SPAN("a@app.test")},
                                .session_ends_s = 5000};
    if (kind == SIGNIN_TOKEN_USED)
        q.who.way = WAY_SERVICE_TOKEN;
    if (kind == SIGNIN_REVOKE)
        q.revoke = (struct ledger_entry){
            .kind = LEDGER_SESSION, .name = SPAN("session-session-"), .at_s = clock_wall_s(), .ends_s = INT64_MAX};
    return q;
}

static struct answered ask(struct service_kit *k, enum signin_kind kind, unsigned i, const char *code,
                           const struct fault *f)
{
    char address[40];
    struct answered a;
    (void)snprintf(address, sizeof(address), "a%u@app.test", i);
    struct signin_question q = question(kind, i, span_of(address));
    q.code = span_of(code);
    service_ask(k, &q, &a);
    if (f && f->no_store)
        store_gone(k);
    if (f && f->what >= TRIAL_MEMORY && f->what != NOTHING)
        trial_fail(f->what, f->skip);
    else if (f && f->meanwhile)
        trial_meanwhile(f->what, f->skip, f->meanwhile, k);
    else if (f && f->what != NOTHING)
        trial_answer(f->what, f->skip, &f->reply);
    service_wait(k, &a, 1);
    return a;
}

/* What the one who asks has to have first. */
static void prepare(struct service_kit *k, const struct fault *f, unsigned i, char code[64])
{
    (void)snprintf(code, 64, "%s", "00000000");
    if (f->unprepared)
        return;
    if (f->kind == SIGNIN_CODE_TAKE) {
        struct answered a = ask(k, SIGNIN_CODE_MAKE, i, NULL, NULL);
        assert_int_equal(a.outcome, SIGNIN_OK);
        (void)snprintf(code, 64, "%s", a.code);
    }
    if (f->kind == SIGNIN_PIN_CHECK) {
        assert_int_equal(ask(k, SIGNIN_PIN_SEND, i, NULL, NULL).outcome, SIGNIN_OK);
        (void)snprintf(code, 10, "%s", strstr(k->mail.p, "7bit\r\n\r\n") + 8);
    }
}

static void check(struct service_kit *k, const struct fault *f, unsigned i)
{
    char code[64], name[20];
    prepare(k, f, i, code);
    (void)snprintf(name, sizeof(name), "fault %u", i);
    text_fini(&k->audit);
    k->mails = 0;
    trial_begin();
    struct answered a = ask(k, f->kind, i, code, f);
    if (a.outcome != f->want || strcmp(trial_heard(), f->heard) != 0)
        fail_msg("%s: outcome %d (%s), heard\n%s", name, a.outcome, a.detail, trial_heard());
    if (f->detail)
        CHECK_SPAN(name, span_of(a.detail), span_of(f->detail));
    CHECK(name, f->what == NOTHING || trial_was_hit());
    CHECK(name, !f->audit || service_heard(&k->audit, f->audit));
    CHECK(name, k->mails == f->mails);
    CHECK(name, a.outcome == SIGNIN_OK || (a.code[0] == '\0' && a.way == WAY_NONE));
    trial_end();
    all_back(k);
    k->audit.failed = false;
}

static void test_steps(void **state)
{
    struct service_kit k;
    (void)state;
    service_open(&k, admitted, COUNT(admitted));
    service_settle(&k);
    for (unsigned i = 0; i < COUNT(faults); i++)
        check(&k, &faults[i], i);
    service_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Questions to the control thread and the way back: copied, answered once, and nothing lost for want of memory. */
#include "signin_trial.h"

#include "base/count.h"
#include "gate/signin/impl.h"

#include <stdlib.h>

static void open_empty(struct service_kit *k)
{
    service_open(k, NULL, 0);
    service_settle(k);
}

/* A question that is answered at once: there is no such gate. */
static const struct signin_question nowhere = {.kind = SIGNIN_GITHUB, .gate = {(const uint8_t *)"nowhere", 7}};

static void count_answer(void *arg, const struct signin_reply *r)
{
    unsigned *times = arg;
    (void)r;
    ++*times;
}

/* --- copies ------------------------------------------------------------------------------------------------------- */

/* What the asker wrote is his again once he has asked. */
static void test_question_is_copied(void **state)
{
    struct service_kit k;
    struct answered a;
    char gate[] = "g", code[] = "the code", verifier[] = "verifier", address[] = "https://stg.app.test/back";
    struct signin_question q = {.kind = SIGNIN_GITHUB,
                                .gate = SPAN(gate),
                                .code = SPAN(code),
                                .verifier = SPAN(verifier),
                                .redirect_uri = SPAN(address)};
    struct span *all[] = {&q.gate, &q.code, &q.verifier, &q.redirect_uri};
    (void)state;
    open_empty(&k);
    service_play(&k, "/login/oauth/access_token", 502, "");
    service_ask(&k, &q, &a);
    for (size_t i = 0; i < COUNT(all); i++)
        memset((void *)(uintptr_t)all[i]->p, '?', all[i]->n);
    service_wait(&k, &a, 1);
    assert_int_equal(a.outcome, SIGNIN_UNREACHABLE);
    assert_true(service_heard(&k.asked, "&code=the%20code&redirect_uri=https%3A%2F%2Fstg.app.test%2Fback&"
                                        "code_verifier=verifier\n"));
    service_close(&k);
}

/* --- who does not wait -------------------------------------------------------------------------------------------- */

static void test_forgotten(void **state)
{
    struct service_kit k;
    unsigned times = 0;
    (void)state;
    open_empty(&k);
    struct signin_call *c = signin_ask(k.signin, k.base.loop, &nowhere, count_answer, &times);
    assert_non_null(c);
    signin_forget(c);
    service_settle(&k);
    assert_int_equal(times, 0);
    assert_int_equal(k.signin->at_work_count, 0);
    service_close(&k);
}

static void test_nobody_waits(void **state)
{
    struct service_kit k;
    (void)state;
    open_empty(&k);
    assert_non_null(signin_ask(k.signin, k.base.loop, &nowhere, NULL, NULL));
    service_settle(&k);
    assert_int_equal(k.signin->at_work_count, 0);
    service_close(&k);
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

/* The question, its message, what the handler needs, the answer, its message: which of them there is no memory for. */
static void test_no_memory(void **state)
{
    static const char gone[] = "no memory, no store, or no gate with GitHub";
    static const char *const details[] = {NULL, NULL, gone, "out of memory", gone};
    struct service_kit k;
    (void)state;
    open_empty(&k);
    for (unsigned skip = 0; skip < COUNT(details); skip++) {
        unsigned times = 0;
        struct answered a = {.kit = &k};
        trial_begin();
        trial_fail(TRIAL_MEMORY, skip);
        if (!details[skip]) {
            assert_null(signin_ask(k.signin, k.base.loop, &nowhere, count_answer, &times));
        } else {
            service_ask(&k, &nowhere, &a);
            service_wait(&k, &a, 1);
            assert_int_equal(a.outcome, SIGNIN_FAILED);
            assert_string_equal(a.detail, details[skip]);
        }
        assert_true(trial_was_hit());
        trial_end();
        service_settle(&k);
        assert_int_equal(times, 0);
        assert_int_equal(k.signin->at_work_count, 0);
        assert_null(k.signin->unsent);
    }
    service_close(&k);
}

/* --- the store ---------------------------------------------------------------------------------------------------- */

static void test_store_failed(void **state)
{
    static const char *const details[][2] = {{"the disk is full", "the disk is full"}, {NULL, "the store failed"}};
    static const char browser[33] = "browser-a-browser-a-browser-a-br";
    struct service_kit k;
    (void)state;
    open_empty(&k);
    for (size_t i = 0; i < COUNT(details); i++) {
        const struct signin_question q = {.kind = SIGNIN_CODE_TAKE,
                                          .gate = SPAN("g"),
                                          .host = SPAN("far.test"),
                                          .browser = span_make(browser, 32),
                                          .code = SPAN("0123456789012345678901")};
        struct answered a;
        trial_begin();
        trial_answer(TRIAL_TAKE, 0, &(struct store_reply){.outcome = STORE_FAILED, .detail = details[i][0]});
        service_ask(&k, &q, &a);
        service_wait(&k, &a, 1);
        assert_true(trial_was_hit());
        trial_end();
        assert_int_equal(a.outcome, SIGNIN_FAILED);
        assert_string_equal(a.detail, details[i][1]);
    }
    service_close(&k);
}

/* --- too many ----------------------------------------------------------------------------------------------------- */

#define STRANGERS 1024

/* Whoever floods us: what was there goes on, sessions are still taken back, and a token's use is still written down. */
static void test_flood(void **state)
{
    static const struct {
        const char *name;
        enum signin_kind kind;
        bool refused;
    } more[] = {{"one more", SIGNIN_GITHUB, true},
                {"a PIN", SIGNIN_PIN_SEND, true},
                {"signs out", SIGNIN_REVOKE, false},
                {"a token's use", SIGNIN_TOKEN_USED, false}};
    struct service_kit k;
    struct answered a[COUNT(more)];
    unsigned times = 0;
    (void)state;
    open_empty(&k);
    service_play(&k, "/login/oauth/access_token", 502, "");
    for (unsigned i = 0; i < STRANGERS; i++) {
        const struct signin_question q = {
            .kind = SIGNIN_GITHUB, .gate = SPAN("g"), .client = {.ip = {(uint8_t)(i >> 8), (uint8_t)i}}};
        assert_non_null(signin_ask(k.signin, k.base.loop, &q, count_answer, &times));
    }
    for (size_t i = 0; i < COUNT(more); i++) {
        const struct signin_question q = {
            .kind = more[i].kind,
            .gate = SPAN("g"),
            .who = {.way = WAY_EMAIL, .gate = SPAN("g"), .subject = SPAN("anna@app.test")},
            .revoke = {.kind = LEDGER_EMAIL, .gate = SPAN("g"), .name = SPAN("anna@app.test"), .at_s = 1, .ends_s = 2}};
        service_ask(&k, &q, &a[i]);
    }
    service_wait(&k, a, COUNT(more));
    for (size_t i = 0; i < COUNT(more); i++) {
        CHECK(more[i].name, a[i].outcome == (more[i].refused ? SIGNIN_FAILED : SIGNIN_OK));
        CHECK(more[i].name, a[i].retry_after_s == (more[i].refused ? 2 : 0));
        CHECK(more[i].name, (strcmp(a[i].detail, "too many sign-ins at a time") == 0) == more[i].refused);
    }
    while (k.signin->at_work_count > 0)
        kit_idle(&k.base, 2);
    service_settle(&k);
    assert_int_equal(times, STRANGERS);
    service_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_question_is_copied), cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_nobody_waits),       cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_store_failed),       cmocka_unit_test(test_flood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

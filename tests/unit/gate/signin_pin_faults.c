/* PINs, where it is close: a secret that was changed meanwhile, a digest that fails, a mail that does not go. */
#include "signin_trial.h"

#include "base/clock.h"
#include "base/count.h"
#include "gate/signin/impl.h"
#include "gate/signin/pin.h"

#define TEXT(s)                                                                                                        \
    {                                                                                                                  \
        (const uint8_t *)(s), sizeof(s) - 1                                                                            \
    }

static const struct selector admitted[] = {{.kind = SEL_EMAIL_DOMAIN, .subject = TEXT("app.test")}};
static const char browser[33] = "browser-a-browser-a-browser-a-br";

static struct signin_question question(enum signin_kind kind)
{
    struct signin_question q = {.kind = kind,
                                .gate = SPAN("g"),
                                .host = SPAN("stg.app.test"),
                                .browser = span_make(browser, 32),
                                .address = SPAN("anna@app.test")};
    assert_true(addr_parse_ip(SPAN("203.0.113.9"), &q.client));
    return q;
}

static struct answered ask(struct service_kit *k, const struct signin_question *q)
{
    struct answered a;
    service_ask(k, q, &a);
    service_wait(k, &a, 1);
    return a;
}

static struct answered send_pin(struct service_kit *k)
{
    const struct signin_question q = question(SIGNIN_PIN_SEND);
    return ask(k, &q);
}

static struct answered try_pin(struct service_kit *k, const char *pin)
{
    struct signin_question q = question(SIGNIN_PIN_CHECK);
    q.code = span_of(pin);
    return ask(k, &q);
}

static void open_kit(struct service_kit *k)
{
    service_open(k, admitted, COUNT(admitted));
    service_settle(k);
    trial_begin();
}

static void close_kit(struct service_kit *k)
{
    trial_end();
    service_close(k);
}

static void pin_of(const struct service_kit *k, char pin[10])
{
    const char *at = strstr(k->mail.p, "7bit\r\n\r\n");
    assert_non_null(at);
    (void)snprintf(pin, 10, "%s", at + 8);
}

/* --- what they are made of ---------------------------------------------------------------------------------------- */

static void test_made_of(void **state)
{
    static const struct span many[9] = {TEXT("part")};
    struct service_kit k;
    char pin[PIN_DIGITS + 1] = "left";
    uint8_t hash[PIN_HASH];
    (void)state;
    open_kit(&k);
    trial_fail(TRIAL_RANDOM, 0);
    assert_false(pin_make(pin));
    assert_string_equal(pin, "left");
    assert_true(pin_make(pin));
    assert_true(pin_hash(&k.fixture.gate, "pin", many, 6, hash));
    for (size_t n = 7; n <= COUNT(many); n++)
        assert_false(pin_hash(&k.fixture.gate, "pin", many, n, hash));
    assert_true(pin_hash_by(&k.fixture.gate, 0, "pin", many, 6, hash));
    assert_false(pin_hash_by(&k.fixture.gate, 1, "pin", many, 6, hash));
    trial_fail(TRIAL_HKDF, 0);
    assert_false(pin_hash(&k.fixture.gate, "pin", many, 6, hash));
    trial_fail(TRIAL_MAC, 0);
    assert_false(pin_hash(&k.fixture.gate, "pin", many, 6, hash));
    unsigned skip = 0;
    for (bool hit = true; hit; skip++) {
        trial_fail(TRIAL_MEMORY, skip);
        bool ok = pin_hash(&k.fixture.gate, "pin", many, 6, hash);
        hit = trial_was_hit();
        assert_int_equal(ok, !hit);
    }
    assert_true(skip > 1);
    close_kit(&k);
}

/* Numbers that would make some likelier are drawn again. */
static void test_drawn_again(void **state)
{
    static const uint32_t numbers[] = {UINT32_MAX, 4200000000u, 4199999999u, 100000007u};
    char pin[PIN_DIGITS + 1];
    (void)state;
    trial_begin();
    trial_draw(numbers, COUNT(numbers));
    assert_true(pin_make(pin));
    assert_string_equal(pin, "99999999");
    assert_true(pin_make(pin));
    assert_string_equal(pin, "00000007");
    trial_end();
}

/* --- answering ---------------------------------------------------------------------------------------------------- */

static void seal_by(struct service_kit *k, const struct span *secrets, size_t n)
{
    assert_true(res_ok(gate_config_seal(&k->fixture.gate, secrets, n, &k->memory.arena)));
}

/* A new secret comes while the mail is under way: the PIN is good as long as the old one stands behind it. */
static void test_new_secret(void **state)
{
    static const struct span front[] = {KEY("a"), KEY("b")}, behind[] = {KEY("b"), KEY("a")},
                             further[] = {KEY("c"), KEY("b"), KEY("a")}, gone[] = {KEY("b"), KEY("c")};
    static const struct {
        const struct span *secrets;
        size_t n;
        enum signin_outcome want;
        const char *heard;
    } rows[] = {{front, 2, SIGNIN_OK, "get pins\ncount counts 600 5\nonce used\ndelete pins\n"},
                {behind, 2, SIGNIN_OK, "get pins\nget pins\ncount counts 600 5\nonce used\ndelete pins\n"},
                {further, 3, SIGNIN_OK, "get pins\nget pins\nget pins\ncount counts 600 5\nonce used\ndelete pins\n"},
                {gone, 2, SIGNIN_WRONG, "get pins\nget pins\n"},
                {gone, 1, SIGNIN_WRONG, "get pins\n"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct service_kit k;
        char pin[10];
        (void)state;
        open_kit(&k);
        assert_int_equal(send_pin(&k).outcome, SIGNIN_OK);
        pin_of(&k, pin);
        seal_by(&k, rows[i].secrets, rows[i].n);
        trial_begin();
        assert_int_equal(try_pin(&k, pin).outcome, rows[i].want);
        assert_string_equal(trial_heard(), rows[i].heard);
        assert_int_equal(service_heard(&k.audit, "\"signed-in\""), rows[i].want == SIGNIN_OK);
        assert_false(service_heard(&k.audit, "no rule"));
        if (rows[i].want == SIGNIN_OK)
            assert_int_equal(try_pin(&k, pin).outcome, SIGNIN_WRONG);
        close_kit(&k);
    }
}

/* A digest that fails is like no other, not even one that is like it. */
static void test_failed_digest_fits_nothing(void **state)
{
    static const uint8_t zeros[PIN_HASH * 2];
    struct service_kit k;
    (void)state;
    open_kit(&k);
    const struct store_reply r = {
        .outcome = STORE_OK, .value = span_make(zeros, sizeof(zeros)), .ends_s = clock_wall_s() + 600};
    trial_answer(TRIAL_GET, 0, &r);
    trial_fail(TRIAL_MAC, 3); /* after where it lies, its tries and its end */
    struct answered a = try_pin(&k, "12345678");
    assert_int_equal(a.outcome, SIGNIN_WRONG);
    assert_string_equal(a.detail, "wrong");
    assert_true(trial_was_hit());
    close_kit(&k);
}

/* A record that is not one of ours, or not there, is no PIN. */
static void test_other_records(void **state)
{
    static const uint8_t zeros[PIN_HASH * 2 + 1];
    static const struct {
        enum store_outcome outcome;
        size_t n;
        bool tried;
    } rows[] = {{STORE_OK, 64, true},
                {STORE_OK, 63, false},
                {STORE_OK, 65, false},
                {STORE_OK, 0, false},
                {STORE_THERE, 64, false}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct service_kit k;
        open_kit(&k);
        const struct store_reply r = {
            .outcome = rows[i].outcome, .value = span_make(zeros, rows[i].n), .ends_s = clock_wall_s() + 600};
        trial_answer(TRIAL_GET, 0, &r);
        struct answered a = try_pin(&k, "12345678");
        assert_int_equal(a.outcome, SIGNIN_WRONG);
        assert_string_equal(trial_heard(), rows[i].tried ? "get pins\ncount counts 600 5\n" : "get pins\n");
        close_kit(&k);
    }
}

/* What is no PIN and no address is not looked for. */
static void test_not_asked_rightly(void **state)
{
    static const struct {
        enum signin_kind kind;
        const char *gate, *address, *pin;
        size_t browser_n;
        enum signin_outcome want;
    } rows[] = {
        {SIGNIN_PIN_CHECK, "g", "anna@app.test", "1234567", 32, SIGNIN_WRONG},
        {SIGNIN_PIN_CHECK, "g", "anna", "12345678", 32, SIGNIN_WRONG},
        {SIGNIN_PIN_CHECK, "g", "anna@app.test", "12345678", 31, SIGNIN_FAILED},
        {SIGNIN_PIN_CHECK, "h", "anna@app.test", "12345678", 32, SIGNIN_FAILED},
        {SIGNIN_PIN_CHECK, "way", "anna@app.test", "12345678", 32, SIGNIN_FAILED},
        {SIGNIN_PIN_SEND, "g", "anna", NULL, 32, SIGNIN_WRONG},
        {SIGNIN_PIN_SEND, "g", "anna@app.test", NULL, 31, SIGNIN_FAILED},
        {SIGNIN_PIN_SEND, "h", "anna@app.test", NULL, 32, SIGNIN_FAILED},
        {SIGNIN_PIN_SEND, "way", "anna@app.test", NULL, 32, SIGNIN_FAILED},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct service_kit k;
        open_kit(&k);
        struct signin_question q = question(rows[i].kind);
        q.gate = strcmp(rows[i].gate, "way") == 0 ? SPAN("g") : span_of(rows[i].gate);
        if (strcmp(rows[i].gate, "way") == 0)
            k.fixture.gate.email_pin = NULL;
        q.address = span_of(rows[i].address);
        q.code = span_of(rows[i].pin);
        q.browser.n = rows[i].browser_n;
        struct answered a = ask(&k, &q);
        assert_int_equal(a.outcome, rows[i].want);
        assert_string_equal(trial_heard(), "");
        close_kit(&k);
    }
}

/* What nobody is sent is kept as what none has, or not at all; and why nobody is sent it stays the same, however many there are. */
static void test_not_let_in(void **state)
{
    static const struct store_reply many = {.outcome = STORE_OK, .count = 201};
    struct service_kit k;
    struct signin_question q = question(SIGNIN_PIN_SEND);
    (void)state;
    open_kit(&k);
    q.address = SPAN("eve@evil.test");
    trial_fail(TRIAL_RANDOM, 2);
    struct answered a = ask(&k, &q);
    assert_int_equal(a.outcome, SIGNIN_FAILED);
    assert_null(strstr(trial_heard(), "put"));
    q.address = SPAN("mallory@evil.test");
    trial_answer(TRIAL_COUNT, 3, &many);
    assert_int_equal(ask(&k, &q).outcome, SIGNIN_OK);
    assert_true(service_heard(&k.audit, "no rule admits it"));
    assert_false(service_heard(&k.audit, "limited"));
    close_kit(&k);
}

/* --- mails -------------------------------------------------------------------------------------------------------- */

#define SENT "\"event\":\"pin-sent\""
#define NOT_SENT "\"event\":\"pin-not-sent\""

static void test_what_the_server_says(void **state)
{
    static const struct {
        enum fetch_error error;
        unsigned status;
        bool refused_address;
        const char *detail, *event, *want; /* want NULL: no detail */
    } rows[] = {
        {FETCH_OK, 250, false, NULL, SENT, NULL},
        {FETCH_OK, 250, false, "queued", SENT, NULL},
        {FETCH_REFUSED, 451, false, NULL, NOT_SENT, "\"detail\":\"SMTP 451: "},
        {FETCH_REFUSED, 550, true, NULL, NOT_SENT, "\"detail\":\"SMTP 550 for this address: "},
        {FETCH_REFUSED, 554, false, "go away", NOT_SENT, "\"detail\":\"SMTP 554: go away\""},
        {FETCH_TIMEOUT, 0, false, NULL, NOT_SENT, "\"detail\":\"mail server: "},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct service_kit k;
        open_kit(&k);
        k.mail_error = rows[i].error;
        k.mail_status = rows[i].status;
        k.mail_refused_address = rows[i].refused_address;
        k.mail_detail = rows[i].detail;
        assert_int_equal(send_pin(&k).outcome, SIGNIN_OK);
        const char *want = rows[i].want ? rows[i].want : "\"email\":\"anna@app.test\",\"client\":";
        CHECK(want, service_heard(&k.audit, rows[i].event));
        CHECK(want, service_heard(&k.audit, want));
        if (rows[i].want && !rows[i].detail)
            CHECK(want, service_heard(&k.audit, fetch_error_text(rows[i].error)));
        close_kit(&k);
    }
}

/* Whose it is, and where it was asked for: the audit line of a mail has all of it, and the mail has the client's address when there is one. */
static void test_what_is_told(void **state)
{
    struct service_kit k;
    (void)state;
    open_kit(&k);
    struct signin_question q = question(SIGNIN_PIN_SEND);
    q.request_id = SPAN("r1");
    assert_int_equal(ask(&k, &q).outcome, SIGNIN_OK);
    assert_true(service_heard(
        &k.audit, SENT ",\"gate\":\"g\",\"host\":\"stg.app.test\",\"way\":\"email\",\"identity\":"
                       "\"anna@app.test\",\"email\":\"anna@app.test\",\"client\":\"203.0.113.9\",\"id\":\"r1\"}"));
    assert_true(service_heard(&k.mail, "from the address 203.0.113.9."));
    q.address = SPAN("bert@app.test");
    q.client.family = 0;
    q.host = q.request_id = SPAN_NONE;
    assert_int_equal(ask(&k, &q).outcome, SIGNIN_OK);
    assert_true(service_heard(&k.mail, "to bert@app.test"));
    assert_false(service_heard(&k.mail, "from the address"));
    close_kit(&k);
}

static void end_memory(struct service_kit *k)
{
    trial_fail(TRIAL_MEMORY, k->cancelled); /* a number that the test may set */
}

/* Wherever memory ends: the mail goes, or it is told that it does not. */
static void test_no_memory_for_the_mail(void **state)
{
    unsigned sent = 0, skip = 3; /* what comes before is the answer's */
    (void)state;
    for (; sent == 0 && skip < 100; skip++) {
        struct service_kit k;
        open_kit(&k);
        k.cancelled = skip;
        trial_meanwhile(TRIAL_PUT, 0, end_memory, &k);
        assert_int_equal(send_pin(&k).outcome, SIGNIN_OK);
        sent += service_heard(&k.audit, SENT);
        assert_true(service_heard(&k.audit, SENT) || service_heard(&k.audit, "\"detail\":\"out of memory\""));
        k.cancelled = 0;
        close_kit(&k);
    }
    assert_in_range(skip, 3 + 4, 99);
}

/* The service ends with mails on their way, and with some that are not yet. */
static void test_ends_meanwhile(void **state)
{
    const struct signin_question q = question(SIGNIN_PIN_SEND);
    struct service_kit k;
    struct answered a;
    (void)state;
    open_kit(&k);
    service_ask(&k, &q, &a);
    while (k.mails == 0)
        kit_idle(&k.base, 0);
    service_close(&k);
    assert_int_equal(k.cancelled, 1);
    open_kit(&k);
    service_ask(&k, &q, &a);
    while (!k.signin->jobs)
        kit_idle(&k.base, 0);
    close_kit(&k);
    assert_int_equal(k.cancelled, k.mails);
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

/* How long to wait, and what is told. */
static void test_limited(void **state)
{
    static const char *const details[] = {"limited: the same browser asked within 30 seconds",
                                          "limited: 10 mails an hour for one client",
                                          "limited: 5 mails an hour to one address"};
    static const struct {
        int64_t left;
        uint32_t least, most;
    } rows[] = {{-5, 1, 1}, {0, 1, 1}, {300, 290, 300}};
    struct service_kit k;
    (void)state;
    open_kit(&k);
    for (unsigned i = 0; i < COUNT(details) * COUNT(rows); i++) {
        const unsigned row = i % COUNT(rows), nth = i / COUNT(rows);
        const struct store_reply r = {.outcome = STORE_OVER, .ends_s = clock_wall_s() + rows[row].left};
        struct signin_question q = question(SIGNIN_PIN_SEND);
        char address[30];
        (void)snprintf(address, sizeof(address), "p%u@app.test", i);
        q.address = span_of(address);
        text_fini(&k.audit);
        trial_answer(TRIAL_COUNT, nth, &r);
        struct answered a = ask(&k, &q);
        assert_int_equal(a.outcome, SIGNIN_LIMITED);
        assert_in_range(a.retry_after_s, rows[row].least, rows[row].most);
        assert_string_equal(a.detail, details[nth]);
        assert_true(service_heard(&k.audit, NOT_SENT) && service_heard(&k.audit, details[nth]));
    }
    assert_int_equal(k.mails, 0);
    close_kit(&k);
}

/* What each is counted by. */
static void test_counted_by(void **state)
{
    static const struct {
        const char *address, *browser, *ip;
        unsigned counts; /* then; each that is new is one more */
    } rows[] = {
        {"anna@app.test", "browser-a-browser-a-browser-a-br", "203.0.113.9", 4}, /* and that of all mails */
        {"bert@app.test", "browser-a-browser-a-browser-a-br", "203.0.113.9", 6}, /* this browser for him, his address */
        {"anna@app.test", "browser-b-browser-b-browser-b-br", "203.0.113.9", 7}, /* the other browser */
        {"anna@app.test", "browser-c-browser-c-browser-c-br", "203.0.114.9", 9}, /* and the other client */
    };
    struct service_kit k;
    (void)state;
    open_kit(&k);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct signin_question q = question(SIGNIN_PIN_SEND);
        q.address = span_of(rows[i].address);
        q.browser = span_make(rows[i].browser, 32);
        assert_true(addr_parse_ip(span_of(rows[i].ip), &q.client));
        assert_int_equal(ask(&k, &q).outcome, SIGNIN_OK);
        assert_int_equal(kit_records(&k.base), rows[i].counts + i + 1); /* and the PINs */
    }
    close_kit(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_of),        cmocka_unit_test(test_drawn_again),
        cmocka_unit_test(test_new_secret),     cmocka_unit_test(test_failed_digest_fits_nothing),
        cmocka_unit_test(test_other_records),  cmocka_unit_test(test_not_asked_rightly),
        cmocka_unit_test(test_not_let_in),     cmocka_unit_test(test_what_the_server_says),
        cmocka_unit_test(test_what_is_told),   cmocka_unit_test(test_no_memory_for_the_mail),
        cmocka_unit_test(test_ends_meanwhile), cmocka_unit_test(test_limited),
        cmocka_unit_test(test_counted_by),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* One-time PINs: what is typed, what is kept, and the whole way with a store. */
#include "signin_kit.h"

#include "gate/signin/pin.h"

static const struct selector admitted[] = {{.kind = SEL_EMAIL_DOMAIN, .subject = {(const uint8_t *)"app.test", 8}}};

#define BROWSER(c) span_make((c), 32)
static const char browser_a[33] = "browser-a-browser-a-browser-a-br";
static const char browser_b[33] = "browser-b-browser-b-browser-b-br";

static struct signin_question question(enum signin_kind kind, const char *address, const char *browser)
{
    struct signin_question q = {.kind = kind,
                                .gate = SPAN("g"),
                                .host = SPAN("stg.app.test"),
                                .browser = BROWSER(browser),
                                .request_id = SPAN("r1"),
                                .address = span_of(address)};
    assert_true(addr_parse_ip(SPAN("203.0.113.9"), &q.client));
    return q;
}

static struct answered send_pin(struct service_kit *k, const char *address, const char *browser)
{
    const struct signin_question q = question(SIGNIN_PIN_SEND, address, browser);
    struct answered a;
    service_ask(k, &q, &a);
    service_wait(k, &a, 1);
    return a;
}

static struct answered try_pin(struct service_kit *k, const char *address, const char *browser, const char *pin)
{
    struct signin_question q = question(SIGNIN_PIN_CHECK, address, browser);
    struct answered a;
    q.code = span_of(pin);
    service_ask(k, &q, &a);
    service_wait(k, &a, 1);
    return a;
}

/* "1234 5678" of the last mail. */
static void pin_of(const struct service_kit *k, char pin[10])
{
    const char *at = strstr(k->mail.p, "7bit\r\n\r\n");
    assert_non_null(at);
    memcpy(pin, at + 8, 9);
    pin[9] = '\0';
    assert_true(pin[4] == ' ');
}

static void wrong_pin(const char *right, char wrong[10])
{
    memcpy(wrong, right, 10);
    wrong[8] = (char)(wrong[8] == '9' ? '0' : wrong[8] + 1);
}

/* The one that was made last, also when no mail has it. */
static char made[PIN_DIGITS + 1];

bool __real_pin_make(char out[PIN_DIGITS + 1]);
bool __wrap_pin_make(char out[PIN_DIGITS + 1]);
bool __wrap_pin_make(char out[PIN_DIGITS + 1])
{
    bool ok = __real_pin_make(out);
    memcpy(made, out, sizeof(made));
    return ok;
}

/* The limit of half a minute, gone. */
static void forget_counts(struct service_kit *k)
{
    char sql[80];
    (void)snprintf(sql, sizeof(sql), "DELETE FROM record WHERE kind = %d", STORE_COUNTS);
    kit_sql(&k->base, sql);
}

/* --- pure --------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *typed, *want; /* want NULL: none */
} addresses[] = {
    {"anna@app.test", "anna@app.test"},
    {"  Anna.B+x@App.Test \t", "anna.b+x@app.test"},
    {"", NULL},
    {"anna", NULL},
    {"@app.test", NULL},
    {"anna@", NULL},
    {"a@b@app.test", NULL},
    {"a@app.test@evil.test", NULL},
    {"\"a@b\"@app.test", NULL},
    {"anna@app.test,eve@evil.test", NULL},
    {"anna@app.test eve@evil.test", NULL},
    {"anna@app.test\r\nBcc: eve@evil.test", NULL},
    {"<anna@app.test>", NULL},
    {"Anna <anna@app.test>", NULL},
    {"\xc3\xa4nna@app.test", NULL},
    {"anna@\xc3\xa4pp.test", NULL},
    {"anna@app..test", NULL},
    {"anna@[127.0.0.1]", NULL},
    {"anna@app.test\xe2\x80\x8b", NULL},
    {"anna%40evil.test@app.test", "anna%40evil.test@app.test"},
};

static void test_addresses(void **state)
{
    char out[PIN_ADDRESS_MAX], longest[400];
    (void)state;
    for (size_t i = 0; i < COUNT(addresses); i++) {
        size_t n = pin_read_address(span_of(addresses[i].typed), out);
        CHECK_SPAN(addresses[i].typed, span_make(out, n), span_of(addresses[i].want));
    }
    memset(longest, 'a', sizeof(longest));
    memcpy(longest + 60, "@app.test", 9);
    assert_int_equal(pin_read_address(span_make(longest, sizeof(longest)), out), 0);
    for (size_t i = 60; i < sizeof(longest); i++)
        longest[i] = i == 60 ? '@' : i % 50 == 0 ? '.' : 'a';
    assert_int_equal(pin_read_address(span_make(longest, 254), out), 254);
    assert_int_equal(pin_read_address(span_make(longest, 255), out), 0);
}

static const struct {
    const char *typed, *want;
} pins[] = {
    {"12345678", "12345678"},
    {"1234 5678", "12345678"},
    {" 1234-5678 ", "12345678"},
    {"1 2 3 4 5 6 7 8", "12345678"},
    {"1234567", NULL},
    {"123456789", NULL},
    {"", NULL},
    {"1234567x", NULL},
    {"1234\xc2\xa0"
     "5678",
     NULL},
    {"+1234567", NULL},
    {"1234567\n", NULL},
    {"0x123456", NULL},
};

static void test_typed_pins(void **state)
{
    char out[PIN_DIGITS];
    (void)state;
    for (size_t i = 0; i < COUNT(pins); i++) {
        bool ok = pin_read(span_of(pins[i].typed), out);
        CHECK(pins[i].typed, ok == (pins[i].want != NULL));
        if (ok)
            CHECK_SPAN(pins[i].typed, span_make(out, sizeof(out)), span_of(pins[i].want));
    }
}

static void test_made_pins(void **state)
{
    unsigned first[10] = {0}, last[10] = {0};
    char pin[PIN_DIGITS + 1];
    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        assert_true(pin_make(pin));
        assert_int_equal(strlen(pin), PIN_DIGITS);
        assert_int_equal(strspn(pin, "0123456789"), PIN_DIGITS);
        first[pin[0] - '0']++;
        last[pin[7] - '0']++;
    }
    for (unsigned i = 0; i < 10; i++) { /* 2000 each, ten times the deviation */
        assert_in_range(first[i], 1580, 2420);
        assert_in_range(last[i], 1580, 2420);
    }
}

static void test_hash_has_all_parts(void **state)
{
    struct gate_fixture f, other;
    struct memory m;
    uint8_t a[PIN_HASH], b[PIN_HASH];
    const struct span parts[] = {SPAN("ab"), SPAN("c")}, moved[] = {SPAN("a"), SPAN("bc")};
    (void)state;
    memory_init(&m);
    fixture_init(&f, "g", NULL);
    fixture_init(&other, "h", NULL);
    fixture_seal(&f, &m.arena, SECRET_A);
    fixture_seal(&other, &m.arena, SECRET_A);
    assert_true(pin_hash(&f.gate, "pin", parts, 2, a));
    assert_true(pin_hash(&f.gate, "pin", parts, 2, b));
    assert_memory_equal(a, b, sizeof(a));
    assert_true(pin_hash(&f.gate, "pin", moved, 2, b));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_true(pin_hash(&f.gate, "tries", parts, 2, b));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_true(pin_hash(&other.gate, "pin", parts, 2, b));
    assert_memory_not_equal(a, b, sizeof(a));
    fixture_seal(&f, &m.arena, SECRET_B);
    assert_true(pin_hash(&f.gate, "pin", parts, 2, b));
    assert_memory_not_equal(a, b, sizeof(a));
    f.gate.session.key_count = 0;
    assert_false(pin_hash(&f.gate, "pin", parts, 2, b));
    memory_fini(&m);
}

/* --- the whole way ------------------------------------------------------------------------------------------------ */

static void test_in_once(void **state)
{
    struct service_kit k;
    char pin[10];
    (void)state;
    service_open(&k, admitted, COUNT(admitted));
    struct answered a = send_pin(&k, " Anna@App.test ", browser_a);
    assert_int_equal(a.outcome, SIGNIN_OK);
    assert_string_equal(a.subject, "anna@app.test");
    assert_int_equal(k.mails, 1);
    assert_true(service_heard(&k.mail, "to anna@app.test from gate@app.test\n"));
    assert_true(service_heard(&k.audit, "\"event\":\"pin-sent\""));
    pin_of(&k, pin);
    a = try_pin(&k, "ANNA@app.test", browser_a, pin);
    assert_int_equal(a.outcome, SIGNIN_OK);
    assert_int_equal(a.way, WAY_EMAIL);
    assert_string_equal(a.subject, "anna@app.test");
    assert_string_equal(a.email, "anna@app.test");
    assert_true(a.proven_s > 0);
    assert_true(service_heard(&k.audit, "\"event\":\"signed-in\""));
    a = try_pin(&k, "anna@app.test", browser_a, pin);
    assert_int_equal(a.outcome, SIGNIN_WRONG);
    assert_int_equal(a.way, WAY_NONE);
    pin[4] = '\0'; /* neither half may stand in a log */
    assert_false(service_heard(&k.audit, pin));
    service_close(&k);
}

static void test_nobody_learns_who_is_admitted(void **state)
{
    struct service_kit k;
    char before[4000], after[4000];
    (void)state;
    service_open(&k, admitted, COUNT(admitted));
    struct answered yes = send_pin(&k, "anna@app.test", browser_a);
    assert_int_equal(kit_list(&k.base, STORE_PINS, before, sizeof(before)), STORE_OK);
    struct answered no = send_pin(&k, "eve@evil.test", browser_a);
    assert_int_equal(kit_list(&k.base, STORE_PINS, after, sizeof(after)), STORE_OK);
    assert_int_equal(yes.outcome, no.outcome);
    assert_string_equal(yes.detail, no.detail);
    assert_string_equal(no.subject, "eve@evil.test");
    assert_string_equal(yes.what, no.what);
    assert_int_equal(k.mails, 1);
    assert_true(service_heard(&k.audit, "no rule admits it"));
    assert_false(strstr(after, "evil.test") || strstr(after, "app.test"));
    assert_int_equal(kit_records(&k.base), 2 + 2 * 3 - 1 + 2); /* PINs; counts, of one client; mails, and none */
    yes = send_pin(&k, "anna@app.test", browser_a);
    no = send_pin(&k, "eve@evil.test", browser_a);
    assert_int_equal(yes.outcome, SIGNIN_LIMITED);
    assert_int_equal(no.outcome, SIGNIN_LIMITED);
    assert_in_range(no.retry_after_s, 1, 30);
    yes = try_pin(&k, "anna@app.test", browser_a, "00000000");
    no = try_pin(&k, "eve@evil.test", browser_a, "00000000");
    assert_int_equal(yes.outcome, SIGNIN_WRONG);
    assert_int_equal(no.outcome, SIGNIN_WRONG);
    assert_string_equal(yes.detail, no.detail);
    service_close(&k);
}

static void test_five_tries(void **state)
{
    struct service_kit k;
    char pin[10], wrong[10];
    (void)state;
    service_open(&k, admitted, COUNT(admitted));
    (void)send_pin(&k, "anna@app.test", browser_a);
    pin_of(&k, pin);
    wrong_pin(pin, wrong);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(try_pin(&k, "anna@app.test", browser_a, wrong).outcome, SIGNIN_WRONG);
    assert_int_equal(try_pin(&k, "anna@app.test", browser_a, pin).outcome, SIGNIN_WRONG);
    assert_true(service_heard(&k.audit, "five tries"));
    service_close(&k);
}

static void test_four_wrong_one_right(void **state)
{
    struct service_kit k;
    char pin[10], wrong[10];
    (void)state;
    service_open(&k, admitted, COUNT(admitted));
    (void)send_pin(&k, "anna@app.test", browser_a);
    pin_of(&k, pin);
    wrong_pin(pin, wrong);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(try_pin(&k, "anna@app.test", browser_a, wrong).outcome, SIGNIN_WRONG);
    assert_int_equal(try_pin(&k, "anna@app.test", browser_a, "no digits").outcome, SIGNIN_WRONG);
    assert_int_equal(try_pin(&k, "anna@app.test", browser_b, pin).outcome, SIGNIN_WRONG);
    assert_int_equal(try_pin(&k, "bert@app.test", browser_a, pin).outcome, SIGNIN_WRONG);
    assert_int_equal(try_pin(&k, "anna@app.test", browser_a, pin).outcome, SIGNIN_OK);
    service_close(&k);
}

#define PARALLEL 50

static void test_fifty_at_once(void **state)
{
    struct service_kit k;
    struct answered all[PARALLEL];
    char pin[10];
    unsigned in = 0;
    (void)state;
    service_open(&k, admitted, COUNT(admitted));
    (void)send_pin(&k, "anna@app.test", browser_a);
    pin_of(&k, pin);
    struct signin_question q = question(SIGNIN_PIN_CHECK, "anna@app.test", browser_a);
    q.code = span_of(pin);
    for (unsigned i = 0; i < PARALLEL; i++)
        service_ask(&k, &q, &all[i]);
    service_wait(&k, all, PARALLEL);
    for (unsigned i = 0; i < PARALLEL; i++) {
        in += all[i].outcome == SIGNIN_OK;
        assert_true(all[i].outcome == SIGNIN_OK || all[i].outcome == SIGNIN_WRONG);
    }
    assert_int_equal(in, 1);
    service_close(&k);
}

static void test_new_one_replaces_old_one(void **state)
{
    struct service_kit k;
    char old[10], new[10];
    (void)state;
    service_open(&k, admitted, COUNT(admitted));
    (void)send_pin(&k, "anna@app.test", browser_a);
    pin_of(&k, old);
    forget_counts(&k);
    assert_int_equal(send_pin(&k, "anna@app.test", browser_a).outcome, SIGNIN_OK);
    pin_of(&k, new);
    assert_int_equal(try_pin(&k, "anna@app.test", browser_a, old).outcome, SIGNIN_WRONG);
    assert_int_equal(try_pin(&k, "anna@app.test", browser_a, new).outcome, SIGNIN_OK);
    service_close(&k);
}

static void test_too_old(void **state)
{
    struct service_kit k;
    char pin[10], sql[80];
    (void)state;
    service_open(&k, admitted, COUNT(admitted));
    (void)send_pin(&k, "anna@app.test", browser_a);
    pin_of(&k, pin);
    (void)snprintf(sql, sizeof(sql), "UPDATE record SET ends = ends - 601 WHERE kind = %d", STORE_PINS);
    kit_sql(&k.base, sql);
    assert_int_equal(try_pin(&k, "anna@app.test", browser_a, pin).outcome, SIGNIN_WRONG);
    service_close(&k);
}

static void test_limits(void **state)
{
    struct service_kit k;
    char browser[33], address[32];
    (void)state;
    service_open(&k, admitted, COUNT(admitted));
    for (unsigned i = 0; i < 5; i++) {
        (void)snprintf(browser, sizeof(browser), "%032u", i);
        assert_int_equal(send_pin(&k, "anna@app.test", browser).outcome, SIGNIN_OK);
    }
    struct answered a = send_pin(&k, "anna@app.test", browser_b);
    assert_int_equal(a.outcome, SIGNIN_LIMITED);
    assert_in_range(a.retry_after_s, 3000, 3600);
    assert_int_equal(k.mails, 5);
    for (unsigned i = 0; i < 4; i++) { /* that one counted for the client */
        (void)snprintf(address, sizeof(address), "p%u@app.test", i);
        assert_int_equal(send_pin(&k, address, browser_a).outcome, SIGNIN_OK);
    }
    assert_int_equal(send_pin(&k, "q@app.test", browser_a).outcome, SIGNIN_LIMITED);
    assert_int_equal(k.mails, 9);
    assert_true(service_heard(&k.audit, "\"event\":\"pin-not-sent\""));
    service_close(&k);
}

static void test_rules_changed_meanwhile(void **state)
{
    static const struct selector others[] = {{.kind = SEL_EMAIL, .subject = {(const uint8_t *)"bert@app.test", 13}}};
    struct service_kit k;
    char pin[10];
    (void)state;
    service_open(&k, admitted, COUNT(admitted));
    (void)send_pin(&k, "anna@app.test", browser_a);
    pin_of(&k, pin);
    service_set_rules(&k, others, COUNT(others));
    struct answered a = try_pin(&k, "anna@app.test", browser_a, pin);
    assert_int_equal(a.outcome, SIGNIN_NOT_ADMITTED);
    assert_int_equal(a.way, WAY_NONE);
    service_close(&k);
}

/* Whoever asks for so many that no more mails go out could guess at all of them. */
static void test_what_is_not_sent_is_none(void **state)
{
    static const struct selector evil[] = {{.kind = SEL_EMAIL_DOMAIN, .subject = {(const uint8_t *)"evil.test", 9}}};
    struct service_kit k;
    struct answered a;
    char address[32];
    (void)state;
    service_open(&k, admitted, COUNT(admitted));
    for (unsigned i = 0; i <= 200; i++) {
        (void)snprintf(address, sizeof(address), "p%u@app.test", i);
        struct signin_question q = question(SIGNIN_PIN_SEND, address, browser_a);
        q.client.ip[sizeof(q.client.ip) - 1] = (uint8_t)i;
        service_ask(&k, &q, &a);
        while (a.times == 0)
            kit_idle(&k.base, 1);
        assert_int_equal(a.outcome, SIGNIN_OK);
        if (i >= 199)
            assert_int_equal(try_pin(&k, address, browser_a, made).outcome, i == 199 ? SIGNIN_OK : SIGNIN_WRONG);
    }
    assert_int_equal(k.mails, 200);
    assert_true(service_heard(&k.audit, "limited: 200 mails an hour for all"));
    forget_counts(&k);
    (void)send_pin(&k, "eve@evil.test", browser_a);
    service_set_rules(&k, evil, COUNT(evil));
    assert_int_equal(try_pin(&k, "eve@evil.test", browser_a, made).outcome, SIGNIN_WRONG);
    service_close(&k);
}

static void test_mail_refused(void **state)
{
    struct service_kit k;
    (void)state;
    service_open(&k, admitted, COUNT(admitted));
    k.mail_error = FETCH_REFUSED;
    k.mail_status = 550;
    assert_int_equal(send_pin(&k, "anna@app.test", browser_a).outcome, SIGNIN_OK);
    assert_true(service_heard(&k.audit, "\"event\":\"pin-not-sent\""));
    assert_true(service_heard(&k.audit, "SMTP 550"));
    service_close(&k);
}

static void test_not_asked_rightly(void **state)
{
    struct service_kit k;
    struct answered a;
    (void)state;
    service_open(&k, admitted, COUNT(admitted));
    assert_int_equal(send_pin(&k, "anna@app.test@evil.test", browser_a).outcome, SIGNIN_WRONG);
    struct signin_question q = question(SIGNIN_PIN_SEND, "anna@app.test", browser_a);
    q.browser = SPAN_NONE;
    service_ask(&k, &q, &a);
    service_wait(&k, &a, 1);
    assert_int_equal(a.outcome, SIGNIN_FAILED);
    q = question(SIGNIN_PIN_CHECK, "anna@app.test", browser_a);
    q.gate = SPAN("h");
    service_ask(&k, &q, &a);
    service_wait(&k, &a, 1);
    assert_int_equal(a.outcome, SIGNIN_FAILED);
    k.fixture.gate.email_pin = NULL;
    assert_int_equal(send_pin(&k, "anna@app.test", browser_a).outcome, SIGNIN_FAILED);
    assert_int_equal(k.mails, 0);
    service_close(&k);
}

/* The service ends while a mail is on its way. */
static void test_ends_meanwhile(void **state)
{
    struct service_kit k;
    struct answered a;
    (void)state;
    service_open(&k, admitted, COUNT(admitted));
    const struct signin_question q = question(SIGNIN_PIN_SEND, "anna@app.test", browser_a);
    service_ask(&k, &q, &a);
    while (k.mails == 0)
        kit_idle(&k.base, 0);
    service_close(&k);
}

/* A flood of codes: some are told to come again, and what takes sessions back finds its way through. */
static void test_flood(void **state)
{
    static struct answered a[3000];
    struct service_kit k;
    struct answered revoked;
    unsigned later = 0;
    (void)state;
    service_open(&k, admitted, 1);
    for (size_t i = 0; i < COUNT(a); i++) {
        char code[16];
        (void)snprintf(code, sizeof(code), "code%zu", i);
        struct signin_question q = question(SIGNIN_CODE_TAKE, "", browser_a);
        q.code = span_of(code);
        service_ask(&k, &q, &a[i]);
    }
    struct signin_question q = question(SIGNIN_REVOKE, "", browser_a);
    q.who = (struct identity){.way = WAY_EMAIL, .gate = SPAN("g"), .subject = SPAN("dev@app.test")};
    q.revoke = (struct ledger_entry){.kind = LEDGER_IDENTITY,
                                     .way = WAY_EMAIL,
                                     .gate = SPAN("g"),
                                     .name = SPAN("dev@app.test"),
                                     .at_s = 1,
                                     .ends_s = INT64_MAX};
    service_ask(&k, &q, &revoked);
    service_wait(&k, &revoked, 1);
    service_wait(&k, a, COUNT(a));
    assert_int_equal(revoked.outcome, SIGNIN_OK);
    for (size_t i = 0; i < COUNT(a); i++)
        later += a[i].outcome == SIGNIN_FAILED && a[i].retry_after_s > 0;
    assert_true(later > 0 && later < COUNT(a));
    struct answered one = send_pin(&k, "dev@app.test", browser_a);
    assert_int_equal(one.outcome, SIGNIN_OK); /* and it is over when it is over */
    service_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_typed_pins),
        cmocka_unit_test(test_made_pins),
        cmocka_unit_test(test_hash_has_all_parts),
        cmocka_unit_test(test_in_once),
        cmocka_unit_test(test_nobody_learns_who_is_admitted),
        cmocka_unit_test(test_five_tries),
        cmocka_unit_test(test_four_wrong_one_right),
        cmocka_unit_test(test_fifty_at_once),
        cmocka_unit_test(test_new_one_replaces_old_one),
        cmocka_unit_test(test_too_old),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_rules_changed_meanwhile),
        cmocka_unit_test(test_what_is_not_sent_is_none),
        cmocka_unit_test(test_mail_refused),
        cmocka_unit_test(test_not_asked_rightly),
        cmocka_unit_test(test_ends_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

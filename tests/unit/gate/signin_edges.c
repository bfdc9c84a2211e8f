/* Codes, limits and signing out, where it is close: records that are damaged, names that are too long, windows that have just ended. */
#include "signin_trial.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "base/count.h"
#include "base/crypto/mac.h"
#include "gate/record.h"
#include "gate/signin/impl.h"

#define TEXT(s)                                                                                                        \
    {                                                                                                                  \
        (const uint8_t *)(s), sizeof(s) - 1                                                                            \
    }

static const struct selector admitted[] = {{.kind = SEL_EMAIL_DOMAIN, .subject = TEXT("app.test")}};
static const char browser[33] = "0123456789abcdef0123456789abcdef";

static struct signin_question question(enum signin_kind kind)
{
    return (struct signin_question){.kind = kind,
                                    .gate = SPAN("g"),
                                    .host = SPAN("far.test"),
                                    .browser = span_make(browser, 32),
                                    .request_id = SPAN("f1"),
                                    .client = {.family = AF_INET6, .ip = {0x20, 1, 1}},
                                    .nonce = SPAN("nonce"),
                                    .nonce_ends_s = clock_wall_s() + 600,
                                    .who = {.way = WAY_EMAIL, .gate = SPAN("g"), .subject = SPAN("a@app.test")}};
}

static struct answered ask(struct service_kit *k, const struct signin_question *q)
{
    struct answered a;
    service_ask(k, q, &a);
    service_wait(k, &a, 1);
    return a;
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

/* --- codes -------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *change; /* of the record, in SQL */
    struct span gate, made_by, taken_by;
    enum signin_outcome want;
} codes[] = {
    {"the same", NULL, TEXT("g"), TEXT("0123456789abcdef0123456789abcdef"), TEXT("0123456789abcdef0123456789abcdef"),
     SIGNIN_OK},
    {"another gate", NULL, TEXT("h"), TEXT("0123456789abcdef0123456789abcdef"),
     TEXT("0123456789abcdef0123456789abcdef"), SIGNIN_WRONG},
    {"no gate",
     NULL,
     {NULL, 0},
     TEXT("0123456789abcdef0123456789abcdef"),
     TEXT("0123456789abcdef0123456789abcdef"),
     SIGNIN_WRONG},
    {"a longer record", "CAST(value || x'00' AS BLOB)", TEXT("g"), TEXT("0123456789abcdef0123456789abcdef"),
     TEXT("0123456789abcdef0123456789abcdef"), SIGNIN_WRONG},
    {"a shorter record", "substr(value, 1, length(value) - 1)", TEXT("g"), TEXT("0123456789abcdef0123456789abcdef"),
     TEXT("0123456789abcdef0123456789abcdef"), SIGNIN_WRONG},
    {"an empty record", "x''", TEXT("g"), TEXT("0123456789abcdef0123456789abcdef"),
     TEXT("0123456789abcdef0123456789abcdef"), SIGNIN_WRONG},
    /* What follows the browser's 31 bytes in the question and in the record is what the 32nd is of the other. */
    {"taken by a shorter one", NULL, TEXT("g"), TEXT("0123456789abcdef0123456789abcdef"),
     TEXT("0123456789abcdef0123456789abcde"), SIGNIN_WRONG},
    {"made by a shorter one", NULL, TEXT("g"), TEXT("0123456789abcdef0123456789abcde"),
     TEXT("0123456789abcdef0123456789abcde\x03"), SIGNIN_WRONG},
    {"both shorter", NULL, TEXT("g"), TEXT("0123456789abcdef0123456789abcde"), TEXT("0123456789abcdef0123456789abcde"),
     SIGNIN_WRONG},
    {"both without", NULL, TEXT("g"), {NULL, 0}, {NULL, 0}, SIGNIN_WRONG},
};

static void test_records_of_codes(void **state)
{
    struct service_kit k;
    (void)state;
    assert_int_equal(WAY_EMAIL, 3);
    open_kit(&k);
    for (size_t i = 0; i < COUNT(codes); i++) {
        char sql[120];
        struct signin_question q = question(SIGNIN_CODE_MAKE);
        q.browser = codes[i].made_by;
        memcpy(q.session_id, "the session's id", 16);
        struct answered made = ask(&k, &q);
        CHECK(codes[i].name, made.outcome == SIGNIN_OK);
        (void)snprintf(sql, sizeof(sql), "UPDATE record SET value = %s WHERE kind = %d", codes[i].change, STORE_CODES);
        if (codes[i].change)
            kit_sql(&k.base, sql);
        q = question(SIGNIN_CODE_TAKE);
        q.gate = codes[i].gate;
        q.browser = codes[i].taken_by;
        q.code = span_of(made.code);
        struct answered a = ask(&k, &q);
        CHECK(codes[i].name, a.outcome == codes[i].want);
        CHECK(codes[i].name, (a.way == WAY_EMAIL) == (a.outcome == SIGNIN_OK));
        CHECK(codes[i].name, a.outcome != SIGNIN_OK || memcmp(a.session_id, "the session's id", 16) == 0);
    }
    close_kit(&k);
}

/* What somebody writes there who has no key of the gate stands for nobody. */
static void test_forged_record(void **state)
{
    struct service_kit k;
    struct signin_question q = question(SIGNIN_CODE_TAKE);
    static const uint8_t id[16];
    uint8_t room[400];
    struct record_out o = {.p = room, .cap = sizeof(room)};
    (void)state;
    record_put_span(&o, q.gate);
    record_put_span(&o, q.host);
    record_put_span(&o, q.browser);
    record_put_identity(&o, &q.who);
    record_put_time(&o, 0);
    record_put(&o, id, sizeof(id));
    record_put_time(&o, clock_wall_s() + 60);
    open_kit(&k);
    for (int there = 0; there < 2; there++) {
        const struct store_reply r = {.outcome = there ? STORE_OK : STORE_NONE, .value = span_make(room, o.n)};
        trial_answer(TRIAL_TAKE, 0, &r);
        q.code = SPAN("code");
        struct answered a = ask(&k, &q);
        assert_int_equal(a.outcome, SIGNIN_WRONG);
    }
    close_kit(&k);
}

/* A good one counts for nothing where the store does not say that it was there. */
static void test_no_record(void **state)
{
    static const enum store_outcome outcomes[] = {STORE_NONE, STORE_THERE, STORE_OVER, STORE_OK};
    struct service_kit k;
    struct signin_question q = question(SIGNIN_CODE_MAKE);
    struct kit_answer record;
    unsigned left = 0;
    uint8_t key[32];
    (void)state;
    open_kit(&k);
    struct answered made = ask(&k, &q);
    assert_true(res_ok(sha256(span_of(made.code), key)));
    kit_expect(&k.base, &record, &left);
    store_get(k.base.store, STORE_CODES, span_make(key, sizeof(key)), kit_take_down, &record);
    kit_wait(&k.base, &left);
    assert_int_equal(record.outcome, STORE_OK);
    q = question(SIGNIN_CODE_TAKE);
    q.code = span_of(made.code);
    for (size_t i = 0; i < COUNT(outcomes); i++) {
        trial_answer(TRIAL_TAKE, 0,
                     &(struct store_reply){.outcome = outcomes[i], .value = span_make(record.value, record.n)});
        assert_int_equal(ask(&k, &q).outcome, outcomes[i] == STORE_OK ? SIGNIN_OK : SIGNIN_WRONG);
    }
    close_kit(&k);
}

/* What is too long for its record is refused, not cut. */
static void test_too_long(void **state)
{
    static const struct {
        enum signin_kind kind;
        size_t gate_n, subject_n;
        enum signin_outcome want;
        const char *heard;
    } rows[] = {
        {SIGNIN_CODE_MAKE, 1, 3000, SIGNIN_OK, "count counts 600 300\nput codes\n"},
        {SIGNIN_CODE_MAKE, 1, 5000, SIGNIN_FAILED, "count counts 600 300\n"},
        {SIGNIN_TOKEN_USED, 1, 200, SIGNIN_OK, "count counts 600 1\nput tokens\n"},
        {SIGNIN_TOKEN_USED, 1, 244, SIGNIN_OK, "count counts 600 1\nput tokens\n"},
        {SIGNIN_TOKEN_USED, 1, 245, SIGNIN_FAILED, ""},
        {SIGNIN_TOKEN_USED, 1, 600, SIGNIN_FAILED, ""},
        {SIGNIN_REVOKE, 200, 5000, SIGNIN_OK, "count counts 3600 60\nput revoked\n"},
        {SIGNIN_REVOKE, 300, 1, SIGNIN_OK, "put revoked\n"},
    };
    static const char many[5000];
    struct service_kit k;
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct signin_question q = question(rows[i].kind);
        open_kit(&k);
        q.who.gate = span_make(many, rows[i].gate_n);
        q.who.subject = span_make(many, rows[i].subject_n);
        q.revoke = (struct ledger_entry){.kind = LEDGER_ALL, .at_s = clock_wall_s(), .ends_s = INT64_MAX};
        struct answered a = ask(&k, &q);
        if (a.outcome != rows[i].want || strcmp(trial_heard(), rows[i].heard) != 0)
            fail_msg("row %zu: %d, heard\n%s", i, a.outcome, trial_heard());
        close_kit(&k);
    }
}

struct told {
    unsigned records, ours;
};

static void on_token(void *arg, struct span key, struct span value, int64_t ends_s)
{
    struct told *t = arg;
    struct span gate, name;
    t->records++;
    t->ours += signin_token_of(key, &gate, &name) && span_eq(gate, SPAN("g")) && span_eq(name, SPAN("ci")) &&
               value.n > 0 && ends_s > clock_wall_s();
}

static void on_told(void *arg, const struct store_reply *r)
{
    (void)arg;
    assert_int_equal(r->outcome, STORE_OK);
    loop_stop(service_current()->base.loop);
}

/* What is kept of a token that was used says whose it is; nothing else does. */
static void test_whose_token(void **state)
{
    static const struct {
        const char *key;
        size_t n;
        bool ours;
    } rows[] = {{"\0\1g\0\2ci", 7, true}, {"\0\0\0\0", 4, true}, {"\0\1g\0\2ci.", 8, false},
                {"\0\1g\0\2c", 6, false}, {"\0\1g", 3, false},   {"", 0, false}};
    struct service_kit k;
    struct told t = {.records = 0};
    struct span gate, name;
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(signin_token_of(span_make(rows[i].key, rows[i].n), &gate, &name), rows[i].ours);
    open_kit(&k);
    struct signin_question q = question(SIGNIN_TOKEN_USED);
    q.who.subject = SPAN("ci");
    assert_int_equal(ask(&k, &q).outcome, SIGNIN_OK);
    store_list(k.base.store, STORE_TOKENS, on_token, on_told, &t);
    loop_run(k.base.loop);
    assert_int_equal(t.records, 1);
    assert_int_equal(t.ours, 1);
    close_kit(&k);
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

static void test_how_long_to_wait(void **state)
{
    static const enum signin_kind kinds[] = {SIGNIN_CODE_MAKE, SIGNIN_ONCE, SIGNIN_REVOKE};
    static const struct {
        int64_t left;
        uint32_t least, most;
    } rows[] = {{-5, 1, 1}, {0, 1, 1}, {1, 1, 1}, {300, 290, 300}};
    struct service_kit k;
    (void)state;
    open_kit(&k);
    for (size_t i = 0; i < COUNT(kinds) * COUNT(rows); i++) {
        const struct signin_question q = question(kinds[i / COUNT(rows)]);
        struct store_reply r = {.outcome = STORE_OVER, .ends_s = clock_wall_s() + rows[i % COUNT(rows)].left};
        trial_answer(TRIAL_COUNT, 0, &r);
        struct answered a = ask(&k, &q);
        assert_int_equal(a.outcome, SIGNIN_LIMITED);
        assert_in_range(a.retry_after_s, rows[i % COUNT(rows)].least, rows[i % COUNT(rows)].most);
        assert_true(a.code[0] == '\0');
    }
    assert_null(strstr(trial_heard(), "put"));
    close_kit(&k);
}

/* The nonces of one client and its codes are counted apart; another one's too. */
static void test_counted_apart(void **state)
{
    struct service_kit k;
    (void)state;
    open_kit(&k);
    for (unsigned i = 0; i < 4; i++) {
        struct signin_question q = question(i % 2 ? SIGNIN_ONCE : SIGNIN_CODE_MAKE);
        q.client.ip[3] = (uint8_t)(i / 2);
        assert_int_equal(ask(&k, &q).outcome, i == 3 ? SIGNIN_WRONG : SIGNIN_OK); /* the nonce is the same */
    }
    char counts[4000];
    unsigned n = 0;
    assert_int_equal(kit_list(&k.base, STORE_COUNTS, counts, sizeof(counts)), STORE_OK);
    for (const char *at = counts; (at = strchr(at, '@')) != NULL; at++)
        n++;
    assert_int_equal(n, 4);
    close_kit(&k);
}

/* --- signing out, and taking back --------------------------------------------------------------------------------- */

static void on_revoked(void *arg, bool ok, uint32_t ended, const char *detail)
{
    assert_true(ok);
    assert_null(detail);
    *(unsigned *)arg += 1 + ended;
}

#define ENTRY(...)                                                                                                     \
    {                                                                                                                  \
        .at_s = 1, .ends_s = INT64_MAX, __VA_ARGS__                                                                    \
    }
#define ID "session-session-"

static void test_taken_back_by_command(void **state)
{
    static const struct {
        struct ledger_entry e;
        const char *want;
    } rows[] = {
        {ENTRY(.kind = LEDGER_SESSION, .name = TEXT(ID)), "revoked\",\"what\":\"session\",\"session\":\"73657373\"}"},
        {ENTRY(.kind = LEDGER_EMAIL, .gate = TEXT("g"), .name = TEXT("a@app.test")),
         "revoked\",\"gate\":\"g\",\"what\":\"email\",\"name\":\"a@app.test\"}"},
        {ENTRY(.kind = LEDGER_ALL), "revoked\",\"what\":\"all\"}"},
        {ENTRY(.kind = LEDGER_IDENTITY, .way = WAY_BASIC, .gate = TEXT("g"), .name = TEXT("anna")),
         "revoked\",\"gate\":\"g\",\"way\":\"basic\",\"identity\":\"anna\",\"what\":\"identity\",\"name\":\"anna\"}"},
        {ENTRY(.kind = LEDGER_IDENTITY, .way = WAY_GITHUB, .gate = TEXT("g"), .name = TEXT("4711")),
         "revoked\",\"gate\":\"g\",\"way\":\"github\",\"identity\":\"4711\",\"what\":\"identity\",\"name\":\"4711\"}"},
        {ENTRY(.kind = LEDGER_HOST, .way = WAY_GITHUB, .name = TEXT("far.test")),
         "revoked\",\"what\":\"host\",\"name\":\"far.test\"}"},
    };
    struct service_kit k;
    (void)state;
    open_kit(&k);
    for (size_t i = 0; i < COUNT(rows); i++) {
        unsigned done = 0;
        text_fini(&k.audit);
        signin_revoke(k.signin, &rows[i].e, on_revoked, &done);
        while (!done)
            kit_idle(&k.base, 1);
        assert_int_equal(done, 1);
        CHECK(rows[i].want, service_heard(&k.audit, rows[i].want));
    }
    close_kit(&k);
}

static void test_signed_out(void **state)
{
    static const struct {
        enum ledger_kind kind;
        const char *want;
    } rows[] = {{LEDGER_SESSION, "\"event\":\"signed-out\""}, {LEDGER_IDENTITY, "\"event\":\"signed-out-everywhere\""}};
    struct service_kit k;
    (void)state;
    open_kit(&k);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct signin_question q = question(SIGNIN_REVOKE);
        q.revoke = (struct ledger_entry){.kind = rows[i].kind,
                                         .way = WAY_EMAIL,
                                         .gate = SPAN("g"),
                                         .name = SPAN(ID),
                                         .at_s = 1,
                                         .ends_s = INT64_MAX};
        text_fini(&k.audit);
        assert_int_equal(ask(&k, &q).outcome, SIGNIN_OK);
        CHECK(rows[i].want, service_heard(&k.audit, rows[i].want));
    }
    close_kit(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_of_codes), cmocka_unit_test(test_forged_record),
        cmocka_unit_test(test_no_record),        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_how_long_to_wait), cmocka_unit_test(test_whose_token),
        cmocka_unit_test(test_counted_apart),    cmocka_unit_test(test_taken_back_by_command),
        cmocka_unit_test(test_signed_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

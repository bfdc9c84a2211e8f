/* What GitHub says, and what others might say in its place. */
#include "support.h"

#include "gate/signin/github_answer.h"

#define T "\"access_token\":\"gho_abc\",\"token_type\":\"bearer\""

static const struct {
    const char *body;
    enum signin_outcome outcome;
    bool email, groups, fine;
} grants[] = {
    {"{" T ",\"scope\":\"read:org,user:email\"}", SIGNIN_OK, true, true, false},
    {"{" T ",\"scope\":\"user:email\"}", SIGNIN_OK, true, false, false},
    {"{" T ",\"scope\":\"user\"}", SIGNIN_OK, true, false, false},
    {"{" T ",\"scope\":\"admin:org, user\"}", SIGNIN_OK, true, true, false},
    {"{" T ",\"scope\":\"user:email,read:org\"}", SIGNIN_OK, true, true, false},
    {"{" T ",\"scope\":\"write:org,gist\"}", SIGNIN_OK, false, true, false},
    {"{" T ",\"scope\":\"\"}", SIGNIN_OK, false, false, false},
    {"{" T "}", SIGNIN_OK, false, false, false},
    {"{" T ",\"scope\":7}", SIGNIN_OK, false, false, false},
    {"{" T ",\"scope\":\"xread:org,user:emails,read:user\"}", SIGNIN_OK, false, false, false},
    {"{\"access_token\":\"ghu_abc\",\"token_type\":\"bearer\",\"scope\":\"\"}", SIGNIN_OK, false, false, true},
    {"{\"access_token\":\"gho_abc\",\"token_type\":\"Bearer\",\"scope\":\"\"}", SIGNIN_OK, false, false, false},
    {"{\"error\":\"bad_verification_code\"}", SIGNIN_WRONG, false, false, false},
    {"{\"error\":\"incorrect_client_credentials\"}", SIGNIN_FAILED, false, false, false},
    {"{\"error\":\"redirect_uri_mismatch\"}", SIGNIN_FAILED, false, false, false},
    {"{\"error\":\"unverified_user_email\"}", SIGNIN_NOT_ADMITTED, false, false, false},
    {"{\"error\":\"application_suspended\"}", SIGNIN_FAILED, false, false, false},
    {"{\"error\":\"access_denied\"}", SIGNIN_WRONG, false, false, false},
    {"{\"error\":\"what_is_this\"}", SIGNIN_FAILED, false, false, false},
    {"{\"error\":null," T "}", SIGNIN_FAILED, false, false, false},
    {"{\"error\":\"bad_verification_code\"," T "}", SIGNIN_WRONG, false, false, false},
    {"{\"access_token\":\"\",\"token_type\":\"bearer\"}", SIGNIN_UNREACHABLE, false, false, false},
    {"{\"access_token\":\"a b\",\"token_type\":\"bearer\"}", SIGNIN_UNREACHABLE, false, false, false},
    {"{\"access_token\":\"a\\r\\nX: y\",\"token_type\":\"bearer\"}", SIGNIN_UNREACHABLE, false, false, false},
    {"{\"access_token\":\"a\x7f\",\"token_type\":\"bearer\"}", SIGNIN_UNREACHABLE, false, false, false},
    {"{\"access_token\":\"a\xc3\xa4\",\"token_type\":\"bearer\"}", SIGNIN_UNREACHABLE, false, false, false},
    {"{\"access_token\":5,\"token_type\":\"bearer\"}", SIGNIN_UNREACHABLE, false, false, false},
    {"{\"access_token\":\"gho_abc\",\"token_type\":\"mac\"}", SIGNIN_UNREACHABLE, false, false, false},
    {"{\"access_token\":\"gho_abc\"}", SIGNIN_UNREACHABLE, false, false, false},
    {"[]", SIGNIN_UNREACHABLE, false, false, false},
    {"", SIGNIN_UNREACHABLE, false, false, false},
    {"access_token=gho_abc&scope=&token_type=bearer", SIGNIN_UNREACHABLE, false, false, false},
    {"{" T, SIGNIN_UNREACHABLE, false, false, false},
    {"{" T "," T "}", SIGNIN_UNREACHABLE, false, false, false},
};

static void test_grants(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(grants); i++) {
        const char *name = grants[i].body, *detail = "";
        struct github_grant g;
        enum signin_outcome outcome = github_read_grant(span_of(name), &g, &detail);
        CHECK(name, outcome == grants[i].outcome);
        CHECK(name, (outcome == SIGNIN_OK) == (g.token_n == 7));
        CHECK(name, (outcome == SIGNIN_OK) == (detail == NULL));
        CHECK(name, g.email == grants[i].email && g.groups == grants[i].groups && g.fine_grained == grants[i].fine);
    }
}

static void test_longest_token(void **state)
{
    char body[600];
    const char *detail;
    struct github_grant g;
    (void)state;
    for (unsigned n = 254; n <= 257; n++) {
        (void)snprintf(body, sizeof(body), "{\"access_token\":\"%0*d\",\"token_type\":\"bearer\"}", (int)n, 0);
        assert_int_equal(github_read_grant(span_of(body), &g, &detail), n <= 255 ? SIGNIN_OK : SIGNIN_UNREACHABLE);
    }
}

/* What the administrator reads of each. */
static void test_details(void **state)
{
    static const char *const details[][2] = {
        {"bad_verification_code", "GitHub: the code is wrong, used up or too old"},
        {"incorrect_client_credentials", "GitHub: client_id or client_secret of the gate is wrong"},
        {"redirect_uri_mismatch", "GitHub: the application has another callback address"},
        {"application_suspended", "GitHub: the application is suspended"},
        {"unverified_user_email", "GitHub: the primary e-mail address is not verified"},
        {"access_denied", "GitHub: access was denied"},
        {"bad_verification_codes", "GitHub did not give a token: an error that is not known here"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(details); i++) {
        char body[100];
        const char *detail = "";
        struct github_grant g;
        (void)snprintf(body, sizeof(body), "{\"error\":\"%s\"}", details[i][0]);
        assert_int_not_equal(github_read_grant(span_of(body), &g, &detail), SIGNIN_OK);
        assert_string_equal(detail, details[i][1]);
    }
}

static const struct {
    const char *body, *id, *login; /* id NULL: no answer */
} users[] = {
    {"{\"id\":4711,\"login\":\"Anna\"}", "4711", "anna"},
    {"{\"id\":9223372036854775807,\"login\":\"a-b_c9\"}", "9223372036854775807", "a-b_c9"},
    {"{\"id\":9223372036854775808,\"login\":\"anna\"}", NULL, NULL},
    {"{\"id\":1,\"login\":\"AZaz09-_\"}", "1", "azaz09-_"},
    {"{\"id\":1,\"login\":\"a/b\"}", NULL, NULL},
    {"{\"id\":1,\"login\":\"a:b\"}", NULL, NULL},
    {"{\"id\":1,\"login\":\"a`b\"}", NULL, NULL},
    {"{\"id\":1,\"login\":\"a{b\"}", NULL, NULL},
    {"{\"id\":1,\"login\":\"a.b\"}", NULL, NULL},
    {"{\"id\":0,\"login\":\"anna\"}", NULL, NULL},
    {"{\"id\":-1,\"login\":\"anna\"}", NULL, NULL},
    {"{\"id\":1.5,\"login\":\"anna\"}", NULL, NULL},
    {"{\"id\":\"4711\",\"login\":\"anna\"}", NULL, NULL},
    {"{\"login\":\"anna\"}", NULL, NULL},
    {"{\"id\":4711}", NULL, NULL},
    {"{\"id\":4711,\"login\":\"\"}", NULL, NULL},
    {"{\"id\":4711,\"login\":\"../x\"}", NULL, NULL},
    {"{\"id\":4711,\"login\":\"a\\nb\"}", NULL, NULL},
    {"{\"id\":4711,\"login\":\"dependabot[bot]\"}", NULL, NULL},
    {"{\"id\":4711,\"login\":\"\xc4\xb0nna\"}", NULL, NULL},
    {"{\"id\":4711,\"id\":4712,\"login\":\"anna\"}", NULL, NULL},
    {"[{\"id\":4711,\"login\":\"anna\"}]", NULL, NULL},
    {"null", NULL, NULL},
    {"<html>", NULL, NULL},
};

static void test_users(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(users); i++) {
        struct github_user u = {.id_n = 0};
        bool ok = github_read_user(span_of(users[i].body), &u);
        CHECK(users[i].body, ok == (users[i].id != NULL));
        CHECK_SPAN(users[i].body, span_make(u.id, u.id_n), span_of(users[i].id));
        CHECK_SPAN(users[i].body, span_make(u.login, u.login_n), span_of(users[i].login));
    }
}

static void test_longest_login(void **state)
{
    (void)state;
    for (unsigned n = 99; n <= 102; n++) {
        char body[200];
        struct github_user u = {.id_n = 0};
        (void)snprintf(body, sizeof(body), "{\"id\":1,\"login\":\"%0*d\"}", (int)n, 0);
        assert_int_equal(github_read_user(span_of(body), &u), n <= 100);
        assert_int_equal(u.login_n, n <= 100 ? n : 0);
    }
}

#define EMAIL(address, primary, verified)                                                                              \
    "{\"email\":\"" address "\",\"primary\":" primary ",\"verified\":" verified ",\"visibility\":null}"

static const struct {
    const char *body, *want; /* NULL: no answer; "": none */
} emails[] = {
    {"[" EMAIL("Anna@App.Test", "true", "true") "]", "anna@app.test"},
    {"[" EMAIL("x@evil.test", "false", "true") "," EMAIL("anna@app.test", "true", "true") "]", "anna@app.test"},
    {"[" EMAIL("anna@app.test", "true", "false") "]", ""},
    {"[" EMAIL("anna@app.test", "false", "true") "]", ""},
    {"[" EMAIL("anna@app.test", "1", "true") "]", ""},
    {"[" EMAIL("anna@app.test", "\"true\"", "true") "]", ""},
    {"[" EMAIL("a@b@app.test", "true", "true") "]", ""},
    {"[" EMAIL("a@app.test ", "true", "true") "]", ""},
    {"[" EMAIL("\xc3\xa4@app.test", "true", "true") "]", ""},
    {"[" EMAIL("anna@\xd0\xb0pp.test", "true", "true") "]", ""},
    {"[" EMAIL("anna@app.test\\n", "true", "true") "]", ""},
    {"[{\"email\":null,\"primary\":true,\"verified\":true}]", ""},
    {"[{\"primary\":true,\"verified\":true}]", ""},
    {"[\"anna@app.test\"]", ""},
    {"[]", ""},
    {"{}", NULL},
    {EMAIL("anna@app.test", "true", "true"), NULL},
    {"{\"0\":" EMAIL("anna@app.test", "true", "true") "}", NULL},
    {"\"anna@app.test\"", NULL},
    {"[" EMAIL("anna@app.test", "true", "true"), NULL},
    {"", NULL},
};

static void test_emails(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(emails); i++) {
        struct github_user u = {.id_n = 0};
        bool ok = github_read_emails(span_of(emails[i].body), &u);
        CHECK(emails[i].body, ok == (emails[i].want != NULL));
        CHECK_SPAN(emails[i].body, span_make(u.email, u.email_n), span_of(emails[i].want));
    }
}

static const struct {
    const char *link;
    bool next;
} links[] = {
    {"", false},
    {"<https://api.github.test/user/emails?page=2>; rel=\"next\", <https://api.github.test/x?page=5>; rel=\"last\"",
     true},
    {"<https://api.github.test/x?page=1>; rel=\"prev\", <https://api.github.test/x?page=3>; rel=\"next\"", true},
    {"<https://api.github.test/x?page=1>; rel=\"prev\"", false},
    {"<https://api.github.test/x?rel=\"next\">; rel=\"last\"", false},
    {"rel=\"next\"", false},
    {"<x>; rel=\"next\"", true},
    {"<x>;  rel=\"next\"  ", true},
    {"<x>; rel=\"last\", <y>; rel=\"next\"", true},
    {"<x>; rel=\"nextx\", <y>; rel=\"next", false},
    {",,;,", false},
};

static void test_links(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(links); i++)
        CHECK(links[i].link, github_has_next(span_of(links[i].link)) == links[i].next);
}

static const struct {
    const char *body;
    enum github_member is;
} members[] = {
    {"{\"state\":\"active\",\"role\":\"member\"}", GITHUB_MEMBER_ACTIVE},
    {"{\"state\":\"pending\",\"role\":\"admin\"}", GITHUB_MEMBER_PENDING},
    {"{\"state\":\"Active\"}", GITHUB_MEMBER_BAD},
    {"{\"state\":\"inactive\"}", GITHUB_MEMBER_BAD},
    {"{\"state\":true}", GITHUB_MEMBER_BAD},
    {"{\"role\":\"member\"}", GITHUB_MEMBER_BAD},
    {"[{\"state\":\"active\"}]", GITHUB_MEMBER_BAD},
    {"{\"state\":\"pending\",\"state\":\"active\"}", GITHUB_MEMBER_BAD},
    {"\"active\"", GITHUB_MEMBER_BAD},
    {"", GITHUB_MEMBER_BAD},
};

static void test_members(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(members); i++)
        CHECK(members[i].body, github_read_member(span_of(members[i].body)) == members[i].is);
}

struct head {
    const char *names[3], *values[3];
};

static struct span field(const struct fetch_reply *r, const char *name)
{
    const struct head *h = r->fields;
    for (size_t i = 0; i < 3; i++)
        if (h->names[i] && span_eq_nocase(span_of(h->names[i]), span_of(name)))
            return span_of(h->values[i]);
    return SPAN_NONE;
}

static const struct {
    const char *name;
    unsigned status;
    const char *body;
    struct head head;
    uint32_t wait_s; /* 0: no limit */
} limits[] = {
    {"ok", 200, "", {{"Retry-After"}, {"5"}}, 0},
    {"forbidden", 403, "{\"message\":\"Forbidden\"}", {{"x-ratelimit-remaining"}, {"59"}}, 0},
    {"retry after", 403, "", {{"retry-after"}, {"5"}}, 5},
    {"at once", 429, "", {{"Retry-After"}, {"0"}}, 1},
    {"too long", 429, "", {{"Retry-After"}, {"999999999999"}}, 3600},
    {"a date", 429, "", {{"Retry-After"}, {"Sun, 22 Nov 2026 00:35:00 GMT"}}, 60},
    {"429", 429, "", {{NULL}, {NULL}}, 60},
    {"used up", 403, "", {{"X-RateLimit-Remaining", "X-RateLimit-Reset"}, {"0", "1120"}}, 120},
    {"used up, reset before now", 403, "", {{"X-RateLimit-Remaining", "X-RateLimit-Reset"}, {"0", "900"}}, 60},
    {"used up, reset too late", 429, "", {{"X-RateLimit-Remaining", "X-RateLimit-Reset"}, {"0", "99999"}}, 3600},
    {"used up, reset now", 403, "", {{"X-RateLimit-Remaining", "X-RateLimit-Reset"}, {"0", "1000"}}, 60},
    {"used up, reset is none", 403, "", {{"X-RateLimit-Remaining", "X-RateLimit-Reset"}, {"0", "1120s"}}, 60},
    {"not used up", 429, "", {{"X-RateLimit-Remaining", "X-RateLimit-Reset"}, {"5", "1120"}}, 60},
    {"left is none", 403, "", {{"X-RateLimit-Remaining"}, {"0x"}}, 0},
    {"both", 403, "", {{"Retry-After", "X-RateLimit-Remaining", "X-RateLimit-Reset"}, {"7", "0", "1120"}}, 7},
    {"used up, no reset", 403, "", {{"X-RateLimit-Remaining"}, {"0"}}, 60},
    {"by its text", 403, "{\"message\":\"You have exceeded a secondary Rate Limit.\"}", {{NULL}, {NULL}}, 60},
    {"by its text alone", 403, "rate limit", {{NULL}, {NULL}}, 60},
    {"by its text, cut off", 403, "a rate limi", {{NULL}, {NULL}}, 0},
    {"found", 404, "rate limit", {{"Retry-After"}, {"5"}}, 0},
    {"server", 500, "rate limit", {{"Retry-After"}, {"5"}}, 0},
};

static void test_limits(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(limits); i++) {
        const struct fetch_reply r = {
            .status = limits[i].status, .body = span_of(limits[i].body), .field = field, .fields = &limits[i].head};
        uint32_t wait_s = 0;
        CHECK(limits[i].name, github_is_limited(&r, 1000, &wait_s) == (limits[i].wait_s > 0));
        CHECK(limits[i].name, limits[i].wait_s == 0 || wait_s == limits[i].wait_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grants), cmocka_unit_test(test_longest_token), cmocka_unit_test(test_details),
        cmocka_unit_test(test_users),  cmocka_unit_test(test_longest_login), cmocka_unit_test(test_emails),
        cmocka_unit_test(test_links),  cmocka_unit_test(test_members),       cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

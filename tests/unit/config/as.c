/* Names as other services write them, and who `expect` and `explain` ask as. */
#include "config/as.h"
#include "config/syntax.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"

static void assert_span(struct span s, const char *want)
{
    if (!span_eq(s, span_of(want)))
        fail_msg("\"%.*s\", not \"%s\"", SPAN_ARG(s), want);
}

static void test_syntax(void **state)
{
    static const struct {
        bool (*is)(struct span s);
        const char *text;
        bool want;
    } cases[] = {
        {syntax_is_address, "a@b.c", true},
        {syntax_is_address, "a.b+c@b-c.d", true},
        {syntax_is_address, "O'Neil@b.c", true},
        {syntax_is_address, "a@localhost", true},
        {syntax_is_address, "@b.c", false},
        {syntax_is_address, "a@", false},
        {syntax_is_address, "a", false},
        {syntax_is_address, "", false},
        {syntax_is_address, "a@b@c", false},
        {syntax_is_address, ".a@b.c", false},
        {syntax_is_address, "a.@b.c", false},
        {syntax_is_address, "a..b@b.c", false},
        {syntax_is_address, "a@b_c.d", false},
        {syntax_is_address, "a@-b.c", false},
        {syntax_is_address, "a b@b.c", false},
        {syntax_is_address, "\"a\"@b.c", false},
        {syntax_is_address, "a@b.c.", false},
        {syntax_is_address, "a@b.c:25", false},
        {syntax_is_address, "a@[127.0.0.1]", false},
        {syntax_is_address, "a@127.0.0.1", false},
        {syntax_is_address, "a@[::1]", false},
        {syntax_is_address, "a\r\n@b.c", false},
        {syntax_is_address, "1234567890123456789012345678901234567890123456789012345678901234@b.c", true},
        {syntax_is_address, "12345678901234567890123456789012345678901234567890123456789012345@b.c", false},
        {syntax_is_login, "octo-cat_x1", true},
        {syntax_is_login, "", false},
        {syntax_is_login, "a/b", false},
        {syntax_is_login, "a.b", false},
        {syntax_is_login, "123456789012345678901234567890123456789", true},
        {syntax_is_login, "1234567890123456789012345678901234567890", false},
        {syntax_is_team, "a/b.c", true},
        {syntax_is_team, "a", false},
        {syntax_is_team, "a/", false},
        {syntax_is_team, "/b", false},
        {syntax_is_team, "a/b/c", false},
        {syntax_is_repository, "a/b.c_d-e", true},
        {syntax_is_repository, "a/b/c", false},
        {syntax_is_repository, "a/", false},
        {syntax_is_repository, "a.b/c", false},
    };
    struct span out;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (cases[i].is(span_of(cases[i].text)) != cases[i].want)
            fail_msg("%s", cases[i].text);
    assert_true(syntax_is_visible(SPAN("ab"), 2));
    assert_false(syntax_is_visible(SPAN("abc"), 2));
    assert_false(syntax_is_visible(SPAN(""), 2));
    assert_false(syntax_is_visible(SPAN("\x7f"), 2));
    assert_true(syntax_is_https_origin(SPAN("https://a:1/"), &out));
    assert_span(out, "https://a:1");
    assert_false(syntax_is_https_origin(SPAN("https://A"), &out));
    assert_false(syntax_is_https_origin(SPAN("https://a."), &out));
    assert_false(syntax_is_https_origin(SPAN("https://"), &out));
    assert_false(syntax_is_https_origin(SPAN("https:///"), &out));
    assert_false(syntax_is_https_origin(SPAN("https://a//"), &out));
    assert_false(syntax_is_https_origin(SPAN("https://u@a"), &out));
    assert_false(syntax_is_https_origin(SPAN("https://a?x"), &out));
}

static void test_as(void **state)
{
    const struct email_pin_config pin = {.smtp = SPAN("smtps://s")};
    const struct github_config hub = {.web = SPAN("https://github.com")};
    const struct service_token token = {.name = SPAN("t")};
    const struct actions_config jobs = {.audience = SPAN("x")};
    const struct gate_config all = {.name = SPAN("g"),
                                    .email_pin = &pin,
                                    .github = &hub,
                                    .tokens = &token,
                                    .token_count = 1,
                                    .actions = &jobs,
                                    .share_links = true};
    const struct gate_config none = {.name = SPAN("g")};
    const struct gate_config only_hub = {.name = SPAN("g"), .github = &hub};
    static const struct {
        const char *text;
        enum identity_way way, by_hub; /* by_hub: at a gate with GitHub alone */
    } cases[] = {{"email:A@b.c", WAY_EMAIL, WAY_GITHUB},
                 {"github:Me,github_org:Org,github_team:Org/T,email:A@b.c", WAY_GITHUB, WAY_GITHUB},
                 {"service_token:t", WAY_SERVICE_TOKEN, WAY_NONE},
                 {"github_actions:A/b", WAY_ACTIONS, WAY_NONE},
                 {"share_link:/x", WAY_SHARE_LINK, WAY_NONE}};
    struct as_room room;
    struct identity who;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct gate_config *const gates[] = {&all, &none, &only_hub};
        const enum identity_way want[] = {cases[i].way, WAY_NONE, cases[i].by_hub};

        for (size_t k = 0; k < 3; k++) {
            assert_null(as_parse(span_of(cases[i].text), &room, &who));
            assert_true(who.way == cases[i].way && who.subject.n > 0 && !who.gate.n);
            as_prove(&who, gates[k]);
            if (want[k] == WAY_NONE ? who.gate.n != 0 : who.way != want[k] || !span_eq(who.gate, SPAN("g")))
                fail_msg("%s at gate %zu", cases[i].text, k);
        }
        as_prove(&who, NULL);
    }
    assert_null(as_parse(SPAN("github:Me,github_org:Org,github_team:Org/T,email:A@b.c"), &room, &who));
    assert_span(who.login, "me");
    assert_span(who.groups, "org\norg/t\n");
    assert_span(who.email, "a@b.c");
    assert_null(as_parse(SPAN("basic:g/u"), &room, &who));
    as_prove(&who, &none);
    assert_span(who.subject, "u");
    assert_null(as_parse(SPAN("basic:u"), &room, &who));
    assert_int_equal(who.gate.n, 0);
    as_prove(&who, &none);
    assert_span(who.gate, "g");
    assert_null(as_parse(SPAN("anonymous"), &room, &who));
    assert_true(who.way == WAY_NONE);
    as_prove(&who, &all);
    assert_int_equal(who.gate.n, 0);
    assert_non_null(as_parse(SPAN("basic:"), &room, &who));
    assert_non_null(as_parse(SPAN("basic:g/"), &room, &who));
    assert_non_null(as_parse(SPAN("service_token:"), &room, &who));
    assert_non_null(as_parse(SPAN("share_link:"), &room, &who));
    assert_non_null(as_parse(SPAN("github:"), &room, &who));
    assert_non_null(as_parse(SPAN("github:a b"), &room, &who));
    assert_non_null(as_parse(SPAN("github:a,github_org:"), &room, &who));
    assert_non_null(as_parse(SPAN("github:a,github_team:b"), &room, &who));
    assert_non_null(as_parse(SPAN("email:a@b.c,github_org:x"), &room, &who));
    assert_non_null(as_parse(SPAN(""), &room, &who));
}

/* A long list of groups fills the room and is refused, never cut. */
static void test_as_is_bounded(void **state)
{
    struct as_room room;
    struct identity who;
    struct text t;

    text_init(&t);
    text_addf(&t, "github:a");
    for (size_t i = 0; i < 60; i++)
        text_addf(&t, ",github_org:abcdefghijklmno%02zu", i);
    assert_non_null(as_parse(text_span(&t), &room, &who));
    assert_true(room.n <= sizeof(room.text));
    text_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syntax),
        cmocka_unit_test(test_as),
        cmocka_unit_test(test_as_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

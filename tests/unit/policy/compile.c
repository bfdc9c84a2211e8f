#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/count.h"

struct told {
    size_t count;
    struct policy_error last;
};

static void keep(void *arg, const struct policy_error *e)
{
    struct told *t = arg;
    t->count++;
    t->last = *e;
}

/* --- paths and methods -------------------------------------------------------------------------------------------- */

static const struct {
    const char *path, *error; /* NULL: fine */
} path_cases[] = {
    {"/", NULL},
    {"/*", NULL},
    {"/docs", NULL},
    {"/docs/", NULL},
    {"/docs/*", NULL},
    {"/docs*", NULL},
    {"/a/*/b/*", NULL},
    {"/.well-known/x", NULL},
    {"/a..b", NULL},
    {"/a b", NULL},
    {"/a|b^c\"d", NULL},
    {"/café/ü*", NULL},
    {"/a@b:c,d=e&f+g$h!i'(j)~k", NULL},
    {"re:^/v\\d+/health$", NULL},
    {"re:/(a)\\1", NULL},
    {"preset:health", NULL},
    {"preset:pwa", NULL},
    {"preset:sveltekit-assets", NULL},
    {"", "empty path"},
    {"docs", "write \"/docs\""},
    {"*", "begins with `/`"},
    {"/docs?x=1", "query"},
    {"/docs#x", "fragment"},
    {"/a%20b", "decoded"},
    {"/**", "one `*`"},
    {"/docs/**/x", "one `*`"},
    {"//docs", "empty-segment"},
    {"/docs//*", "empty-segment"},
    {"/docs/../x", "dot-segment"},
    {"/docs/./*", "dot-segment"},
    {"/docs/..", "dot-segment"},
    {"/docs.", "dot-or-space"},
    {"/docs ", "dot-or-space"},
    {"/docs /x", "dot-or-space"},
    {"/docs*.", "dot-or-space"},
    {"/a;b", "byte-without-place"},
    {"/a\\b", "escape"},
    {"/a\nb", "escape"},
    {"/a\x7f", "escape"},
    {"/\xff", "utf8"},
    {"/\xc0\xaf", "utf8"},
    {"/\xef\xbc\x8f", "compatibility"},
    {"re:", "1 to"},
    {"re:/(", "wrong at byte"},
    {"re:/a\\Cb", "wrong at byte"},
    {"re:(*UTF)/a", "verbs"},
    {"re:(*LIMIT_MATCH=1)/a", "verbs"},
    {"re:/a(*ACCEPT)b", "verbs"},
    {"preset:nothing", "no such preset"},
};

static void paths(void **state)
{
    for (size_t i = 0; i < COUNT(path_cases); i++) {
        struct told told = {0};
        struct span path = span_of(path_cases[i].path);
        struct rule_spec rule = {.paths = &path, .path_count = 1, .action = ACTION_BYPASS};
        const struct policy *p = policy_compile(&rule, 1, false, keep, &told);
        const char *error = path_cases[i].error;
        if (!error != (p != NULL) || (error && !(told.count == 1 && strstr(told.last.message, error))))
            fail_msg("\"%s\": %s", path_cases[i].path, told.last.message);
        if (error)
            assert_string_equal(told.last.key, "path");
        policy_free(p);
    }
}

static const struct {
    const char *method, *error;
} method_cases[] = {
    {"M|X~", NULL},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", NULL},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456", "not a method"},
    {"GET", NULL},
    {"PROPFIND", NULL},
    {"M-SEARCH", NULL},
    {"get", "capitals"},
    {"Get", "capitals"},
    {"*", "leave \"methods\" out"},
    {"", "not a method"},
    {"GET,HEAD", "not a method"},
    {"GET ", "not a method"},
};

static void methods(void **state)
{
    for (size_t i = 0; i < COUNT(method_cases); i++) {
        struct told told = {0};
        struct span path = SPAN("/"), method = span_of(method_cases[i].method);
        struct rule_spec rule = {
            .paths = &path, .path_count = 1, .methods = &method, .method_count = 1, .action = ACTION_BLOCK};
        const struct policy *p = policy_compile(&rule, 1, false, keep, &told);
        const char *error = method_cases[i].error;
        if (!error != (p != NULL) || (error && !strstr(told.last.message, error)))
            fail_msg("\"%s\": %s", method_cases[i].method, told.last.message);
        policy_free(p);
    }
}

/* At most 1024 bytes, as a path and as an expression. */
static void lengths(void **state)
{
    static const char *const heads[] = {"/", "re:"};
    for (size_t i = 0; i < COUNT(heads); i++) {
        for (size_t over = 0; over < 2; over++) {
            struct told told = {0};
            uint8_t text[1100];
            size_t n = 1024 + over + (i == 1 ? 3 : 0);
            memset(text, 'a', n);
            memcpy(text, heads[i], strlen(heads[i]));
            struct span path = span_make(text, n);
            struct rule_spec rule = {.paths = &path, .path_count = 1, .action = ACTION_BYPASS};
            const struct policy *p = policy_compile(&rule, 1, false, keep, &told);
            assert_int_equal(p == NULL, over);
            assert_true(!over || strstr(told.last.message, "longer than 1024 bytes"));
            text[0] = 'x'; /* no path: what to write instead is told, in short */
            path.n = i ? 40 : 81;
            assert_null(policy_compile(&rule, 1, false, keep, &told));
            const char *advice = strstr(told.last.message, "write \"/x");
            assert_int_equal(strlen(advice), strlen("write \"/\"") + (i ? 40 : 80));
            policy_free(p);
        }
    }
}

/* --- selectors ---------------------------------------------------------------------------------------------------- */

static const struct selector ann = {.kind = SEL_BASIC, .subject = {(const uint8_t *)"ann", 3}};
static const struct selector office = {.kind = SEL_IP, .range = {.bits = 128}};
static const struct selector people = {.kind = SEL_GROUP, .members = &ann, .member_count = 1};
static const struct selector places = {.kind = SEL_GROUP, .members = &office, .member_count = 1};
static const struct selector nested = {.kind = SEL_GROUP, .members = &people, .member_count = 1};
static const struct selector nobody = {.kind = SEL_NOBODY};
static const struct selector future = {.kind = (enum selector_kind)77};
static const struct selector everyone = {.kind = SEL_EVERYONE};
static const struct selector stray = {.kind = SEL_EVERYONE, .members = &people, .member_count = 1};
static const struct selector stray_place = {.kind = SEL_EVERYONE, .members = &office, .member_count = 1};

#define ONE(s)                                                                                                         \
    {                                                                                                                  \
        &(s), 1                                                                                                        \
    }

static const struct {
    const char *name;
    enum action action;
    struct selectors who, require, except;
    const char *key; /* of the error; NULL: fine */
} selector_cases[] = {
    {"bypass alone", ACTION_BYPASS, {0}, {0}, {0}, NULL},
    {"bypass from an address", ACTION_BYPASS, {0}, ONE(office), ONE(places), NULL},
    {"bypass for somebody", ACTION_BYPASS, ONE(ann), {0}, {0}, "who"},
    {"bypass for everyone", ACTION_BYPASS, ONE(everyone), {0}, {0}, "who"},
    {"bypass requiring somebody", ACTION_BYPASS, {0}, ONE(ann), {0}, "require"},
    {"bypass except somebody", ACTION_BYPASS, {0}, {0}, ONE(ann), "except"},
    {"bypass requiring a group of people", ACTION_BYPASS, {0}, ONE(people), {0}, "require"},
    {"block alone", ACTION_BLOCK, {0}, {0}, {0}, NULL},
    {"block with who", ACTION_BLOCK, ONE(ann), {0}, {0}, "who"},
    {"block with require", ACTION_BLOCK, {0}, ONE(office), {0}, "require"},
    {"block with except", ACTION_BLOCK, {0}, {0}, ONE(office), "except"},
    {"allow alone", ACTION_ALLOW, {0}, {0}, {0}, NULL},
    {"allow with all", ACTION_ALLOW, ONE(people), ONE(office), ONE(ann), NULL},
    {"allow for an address", ACTION_ALLOW, ONE(office), {0}, {0}, "who"},
    {"allow for a group of addresses", ACTION_ALLOW, ONE(places), {0}, {0}, "who"},
    {"members of what is no group", ACTION_ALLOW, ONE(stray_place), ONE(stray), {0}, NULL},
    {"nobody", ACTION_ALLOW, ONE(nobody), {0}, {0}, "who"},
    {"a selector from the future", ACTION_ALLOW, {0}, ONE(future), {0}, "require"},
    {"a group in a group", ACTION_ALLOW, {0}, {0}, ONE(nested), "except"},
    {"an action from the future", (enum action)9, {0}, {0}, {0}, "action"},
};

static void selectors(void **state)
{
    for (size_t i = 0; i < COUNT(selector_cases); i++) {
        struct told told = {0};
        struct span path = SPAN("/");
        struct rule_spec rule = {.paths = &path,
                                 .path_count = 1,
                                 .action = selector_cases[i].action,
                                 .who = selector_cases[i].who,
                                 .require = selector_cases[i].require,
                                 .except = selector_cases[i].except};
        const struct policy *p = policy_compile(&rule, 1, false, keep, &told);
        const char *key = selector_cases[i].key;
        if (!key != (p != NULL) || (key && strcmp(told.last.key, key) != 0))
            fail_msg("%s: %s: %s", selector_cases[i].name, told.count ? told.last.key : "", told.last.message);
        policy_free(p);
    }
}

static void tells_every_mistake(void **state)
{
    struct told told = {0};
    struct span bad[] = {SPAN("x"), SPAN("/fine"), SPAN("/a?b")}, method = SPAN("get");
    struct rule_spec rules[] = {
        {.paths = bad, .path_count = 3, .methods = &method, .method_count = 1, .action = ACTION_ALLOW},
        {.action = ACTION_BLOCK},
        {.paths = bad + 1, .path_count = 1, .who = ONE(ann), .action = ACTION_BYPASS},
    };
    assert_null(policy_compile(rules, 3, false, keep, &told));
    assert_int_equal(told.count, 5);
    assert_int_equal(told.last.rule, 2);
    told.count = 0;
    assert_null(policy_compile(rules, 1, false, keep, &told));
    assert_int_equal(told.count, 3);
    assert_null(policy_compile(rules, 3, false, NULL, NULL));
}

static void presets_hold_no_data(void **state)
{
    static const char *const never[] = {"/_app/remote", "/_app/env.js", "__data.json", "/api/"};
    size_t n;
    const char *const *list = policy_preset(SPAN("preset:sveltekit-assets"), &n);
    assert_true(n > 2);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < COUNT(never); k++)
            assert_null(strstr(list[i], never[k]));
        assert_string_not_equal(list[i], "/_app/*");
    }
    assert_null(policy_preset(SPAN("preset:"), &n));
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),
        cmocka_unit_test(methods),
        cmocka_unit_test(lengths),
        cmocka_unit_test(selectors),
        cmocka_unit_test(tells_every_mistake),
        cmocka_unit_test(presets_hold_no_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

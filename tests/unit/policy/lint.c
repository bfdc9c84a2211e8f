#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/count.h"

#define MAX 4

struct short_rule {
    enum action action;
    const char *path, *path2, *method, *require, *except;
};

struct built {
    struct span paths[MAX][2], methods[MAX];
    struct selector require[MAX], except[MAX];
    struct rule_spec specs[MAX];
    size_t n;
};

static struct selectors address(const char *text, struct selector *room)
{
    room->kind = SEL_IP;
    if (text)
        assert_true(res_ok(cidr_parse(span_of(text), &room->range)));
    return (struct selectors){room, text ? 1 : 0};
}

static const struct policy *build(const struct short_rule *rules, struct built *b)
{
    memset(b, 0, sizeof(*b));
    for (; b->n < MAX && rules[b->n].path; b->n++) {
        const struct short_rule *r = &rules[b->n];
        b->paths[b->n][0] = span_of(r->path);
        b->paths[b->n][1] = span_of(r->path2);
        b->methods[b->n] = span_of(r->method);
        b->specs[b->n] = (struct rule_spec){.paths = b->paths[b->n],
                                            .path_count = r->path2 ? 2 : 1,
                                            .methods = &b->methods[b->n],
                                            .method_count = r->method ? 1 : 0,
                                            .action = r->action,
                                            .require = address(r->require, &b->require[b->n]),
                                            .except = address(r->except, &b->except[b->n])};
    }
    const struct policy *p = policy_compile(b->specs, b->n, false, NULL, NULL);
    assert_non_null(p);
    return p;
}

#define RULE(kind, text, ...)                                                                                          \
    {                                                                                                                  \
        .action = ACTION_##kind, .path = text, ##__VA_ARGS__                                                           \
    }

static const struct {
    const char *name;
    struct short_rule rules[MAX];
    bool open;
} open_cases[] = {
    {"bypass of all", {RULE(BYPASS, "/*")}, true},
    {"bypass of all, GET", {RULE(BYPASS, "/*", .method = "GET")}, true},
    {"bypass of all behind a gated tree", {RULE(ALLOW, "/admin/*"), RULE(BYPASS, "/*")}, true},
    {"bypass of all behind one method", {RULE(ALLOW, "/*", .method = "GET"), RULE(BYPASS, "/*")}, true},
    {"bypass of all that is never reached", {RULE(ALLOW, "/*"), RULE(BYPASS, "/*")}, false},
    {"by expression", {RULE(BYPASS, "re:.*")}, true},
    {"by expression that is not all", {RULE(BYPASS, "re:/[a-z]+")}, false},
    {"gate by expression that is nearly all", {RULE(ALLOW, "re:/.*[a-z0/].*"), RULE(BYPASS, "/*")}, true},
    {"with require", {RULE(BYPASS, "/*", .require = "192.0.2.0/24")}, false},
    {"with require everywhere", {RULE(BYPASS, "/*", .require = "0.0.0.0/0")}, true},
    {"with require everywhere 6", {RULE(BYPASS, "/*", .require = "::/0")}, true},
    {"with except", {RULE(BYPASS, "/*", .except = "192.0.2.0/24")}, true},
    {"second path", {RULE(BYPASS, "/a", .path2 = "/*")}, true},
    {"one tree", {RULE(BYPASS, "/docs/*"), RULE(ALLOW, "/*")}, false},
    {"front page", {RULE(BYPASS, "/"), RULE(ALLOW, "/*")}, false},
    {"allow all", {RULE(ALLOW, "/*")}, false},
    {"allow all, GET", {RULE(ALLOW, "/*", .method = "GET")}, false},
    {"allow of the front page first", {RULE(ALLOW, "/"), RULE(BYPASS, "/*")}, true},
    {"block all", {RULE(BLOCK, "/*")}, false},
};

static void open_hosts(void **state)
{
    for (size_t i = 0; i < COUNT(open_cases); i++) {
        struct built b;
        const struct policy *p = build(open_cases[i].rules, &b);
        if (policy_is_open(p) != open_cases[i].open)
            fail_msg("%s: want %d", open_cases[i].name, open_cases[i].open);
        policy_free(p);
    }
}

/* A bypass that requires one of several places. */
static void open_groups(void **state)
{
    static const struct {
        const char *name, *first, *second;
        bool open;
    } groups[] = {
        {"two places", "192.0.2.0/24", "2001:db8::/32", false},
        {"one of them is everywhere", "192.0.2.0/24", "0.0.0.0/0", true},
        {"all of IPv6", "::/0", "192.0.2.0/24", true},
        {"half of IPv4", "0.0.0.0/1", "192.0.2.0/24", false},
        {"as long as all of IPv4, but of IPv6", "2001:db8::/96", "192.0.2.0/24", false},
    };
    static const struct span path = {(const uint8_t *)"/*", 2};
    for (size_t i = 0; i < COUNT(groups); i++) {
        struct selector members[2];
        address(groups[i].first, &members[0]);
        address(groups[i].second, &members[1]);
        const struct selector group = {.kind = SEL_GROUP, .members = members, .member_count = 2};
        const struct rule_spec rule = {
            .paths = &path, .path_count = 1, .action = ACTION_BYPASS, .require = {&group, 1}};
        const struct policy *p = policy_compile(&rule, 1, false, NULL, NULL);
        assert_non_null(p);
        if (policy_is_open(p) != groups[i].open)
            fail_msg("%s: want %d", groups[i].name, groups[i].open);
        policy_free(p);
    }
}

static const struct {
    const char *name;
    struct short_rule rules[MAX];
    int shadowed, by;
} shadow_cases[] = {
    {"order of the examples",
     {RULE(BYPASS, "/health"), RULE(BYPASS, "/docs", .path2 = "/docs/*"), RULE(ALLOW, "/*")},
     -1,
     0},
    {"everything first", {RULE(ALLOW, "/*"), RULE(BYPASS, "/health")}, 1, 0},
    {"same path", {RULE(BYPASS, "/a"), RULE(ALLOW, "/a")}, 1, 0},
    {"same path, other method", {RULE(BYPASS, "/a", .method = "GET"), RULE(ALLOW, "/a")}, -1, 0},
    {"same path, same method", {RULE(BYPASS, "/a", .method = "GET"), RULE(ALLOW, "/a", .method = "GET")}, 1, 0},
    {"same path, two methods", {RULE(BYPASS, "/a", .method = "GET"), RULE(ALLOW, "/a", .method = "POST")}, -1, 0},
    {"other star", {RULE(BLOCK, "/a/*.png"), RULE(ALLOW, "/a/*.jpg")}, -1, 0},
    {"same star with a tail", {RULE(BLOCK, "/a*/*"), RULE(ALLOW, "/a*/")}, -1, 0},
    {"condition of an allow", {RULE(ALLOW, "/a", .require = "192.0.2.1"), RULE(ALLOW, "/a")}, 1, 0},
    {"condition", {RULE(BYPASS, "/a", .require = "192.0.2.1"), RULE(ALLOW, "/a")}, -1, 0},
    {"tree in tree", {RULE(BLOCK, "/a/*"), RULE(ALLOW, "/x"), RULE(ALLOW, "/a/b/*")}, 2, 0},
    {"tree and its root", {RULE(BLOCK, "/a/*"), RULE(ALLOW, "/a")}, -1, 0},
    {"half of the paths", {RULE(BLOCK, "/a/*"), RULE(ALLOW, "/a/b", .path2 = "/c")}, -1, 0},
    {"star in tree", {RULE(BLOCK, "/a/*"), RULE(ALLOW, "/a/*.png")}, 1, 0},
    {"star above tree", {RULE(BLOCK, "/a/*"), RULE(ALLOW, "/*/b")}, -1, 0},
    {"exact below star", {RULE(BLOCK, "/a/*.png"), RULE(ALLOW, "/a/b.png")}, 1, 0},
    {"exact below expression", {RULE(BLOCK, "re:/v\\d+"), RULE(ALLOW, "/v1")}, 1, 0},
    {"equal expressions", {RULE(BLOCK, "re:/v\\d+"), RULE(ALLOW, "re:/v\\d+")}, 1, 0},
    {"expression below all", {RULE(ALLOW, "/*"), RULE(BLOCK, "re:/v\\d+")}, 1, 0},
    {"expression below a tree is not known", {RULE(ALLOW, "/v/*"), RULE(BLOCK, "re:/v/\\d+")}, -1, 0},
};

static void shadowed_rules(void **state)
{
    for (size_t i = 0; i < COUNT(shadow_cases); i++) {
        struct built b;
        size_t by = 0;
        const struct policy *p = build(shadow_cases[i].rules, &b);
        int got = policy_find_shadowed(p, 0, &by);
        if (got != shadow_cases[i].shadowed || (got >= 0 && (int)by != shadow_cases[i].by))
            fail_msg("%s: got %d by %zu", shadow_cases[i].name, got, by);
        if (got >= 0)
            assert_int_equal(policy_find_shadowed(p, (size_t)got + 1, &by), -1);
        policy_free(p);
    }
}

static const struct {
    const char *name;
    struct short_rule rules[MAX];
    int doubtful;
    size_t bypass;
} doubtful_cases[] = {
    {"negated class", {RULE(ALLOW, "/x"), RULE(BLOCK, "re:/a/[^/]+"), RULE(BYPASS, "/*")}, 1, 2},
    {"negated posix class", {RULE(BLOCK, "re:/a/[[:^upper:]]"), RULE(BYPASS, "/*")}, 0, 1},
    {"look", {RULE(ALLOW, "re:/(?!open).*"), RULE(ALLOW, "/y"), RULE(BYPASS, "/z")}, 0, 2},
    {"option", {RULE(ALLOW, "re:/(?-i:a)"), RULE(BYPASS, "/z")}, 0, 1},
    {"second path", {RULE(ALLOW, "/x", .path2 = "re:/[^a]"), RULE(BYPASS, "/z")}, 0, 1},
    {"plain group", {RULE(ALLOW, "re:/(?:a|b)/\\d+"), RULE(BYPASS, "/z")}, -1, 0},
    {"behind the bypass", {RULE(BYPASS, "/z"), RULE(ALLOW, "re:/[^a]")}, -1, 0},
    {"the bypass's own", {RULE(BYPASS, "re:/[^a]"), RULE(BYPASS, "/z")}, -1, 0},
};

static void doubtful_rules(void **state)
{
    for (size_t i = 0; i < COUNT(doubtful_cases); i++) {
        struct built b;
        size_t bypass = 0;
        const struct policy *p = build(doubtful_cases[i].rules, &b);
        int got = policy_find_doubtful(p, 0, &bypass);
        if (got != doubtful_cases[i].doubtful || (got >= 0 && bypass != doubtful_cases[i].bypass))
            fail_msg("%s: got %d for %zu", doubtful_cases[i].name, got, bypass);
        policy_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(open_hosts), cmocka_unit_test(open_groups),
                                       cmocka_unit_test(shadowed_rules), cmocka_unit_test(doubtful_rules)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

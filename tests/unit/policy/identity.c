/* Who somebody is, for how long, and whether he could be let in at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/count.h"
#include "policy/policy.h"

static const struct span p_all = {(const uint8_t *)"/*", 2}, p_docs = {(const uint8_t *)"/docs/*", 7};

#define S(text)                                                                                                        \
    {                                                                                                                  \
        (const uint8_t *)(text), sizeof(text) - 1                                                                      \
    }
#define TEAM SPAN("team")
#define NOW 1000000

static struct policy_scratch *scratch;

static int setup(void **state)
{
    (void)state;
    scratch = policy_scratch_new();
    return scratch ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    policy_scratch_free(scratch);
    return 0;
}

static const struct policy *compile(const struct rule_spec *rules, size_t n)
{
    const struct policy *p = policy_compile(rules, n, false, NULL, NULL);
    assert_non_null(p);
    return p;
}

static struct decision decide(const struct policy *p, const struct identity *who, int64_t now)
{
    const struct path path = {.kind = PATH_CANONICAL, .raw = S("/docs/a"), .decoded = S("/docs/a")};
    const struct policy_query q = {.path = &path, .method = SPAN("GET"), .gate = TEAM, .who = who, .now_s = now};
    return policy_decide(p, &q, scratch, NULL);
}

static void ways_have_names(void **state)
{
    static const char *const names[] = {[WAY_NONE] = "none",
                                        [WAY_BASIC] = "basic",
                                        [WAY_GITHUB] = "github",
                                        [WAY_EMAIL] = "email",
                                        [WAY_SERVICE_TOKEN] = "service-token",
                                        [WAY_ACTIONS] = "github-actions",
                                        [WAY_SHARE_LINK] = "share-link",
                                        [WAY_COUNT] = "none"};
    for (size_t i = 0; i < COUNT(names); i++)
        assert_string_equal(identity_way_name((enum identity_way)i), names[i]);
    assert_string_equal(identity_way_name((enum identity_way)77), "none");
}

/* What stands in tokens keeps its number. */
static void ways_keep_their_numbers(void **state)
{
    assert_int_equal(WAY_BASIC, 1);
    assert_int_equal(WAY_GITHUB, 2);
    assert_int_equal(WAY_EMAIL, 3);
    assert_int_equal(WAY_SERVICE_TOKEN, 4);
    assert_int_equal(WAY_ACTIONS, 5);
    assert_int_equal(WAY_SHARE_LINK, 6);
}

static void odd_identities_are_nobody(void **state)
{
    static const struct {
        const char *name;
        struct identity who;
        enum verdict want;
    } cases[] = {
        {"whole", {.way = WAY_EMAIL, .subject = S("a")}, VERDICT_ALLOW},
        {"link", {.way = WAY_SHARE_LINK, .subject = S("a"), .scope = S("/docs/")}, VERDICT_ALLOW},
        {"no way", {.way = WAY_NONE, .subject = S("a")}, VERDICT_GATE},
        {"below all ways", {.way = (enum identity_way)(-1), .subject = S("a")}, VERDICT_GATE},
        {"behind the last way", {.way = WAY_COUNT, .subject = S("a")}, VERDICT_GATE},
        {"from the future", {.way = (enum identity_way)77, .subject = S("a")}, VERDICT_GATE},
        {"no subject", {.way = WAY_EMAIL}, VERDICT_GATE},
        {"link without scope", {.way = WAY_SHARE_LINK, .subject = S("a")}, VERDICT_GATE},
        {"scope without link", {.way = WAY_EMAIL, .subject = S("a"), .scope = S("/")}, VERDICT_GATE},
    };
    static const struct rule_spec rule = {.paths = &p_all, .path_count = 1, .action = ACTION_ALLOW};
    const struct policy *p = compile(&rule, 1);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct identity who = cases[i].who;
        who.gate = TEAM;
        if (decide(p, &who, NOW).verdict != cases[i].want)
            fail_msg("%s", cases[i].name);
        assert_int_equal(policy_could_admit(p, TEAM, &who), cases[i].want == VERDICT_ALLOW);
        who.gate = SPAN("other");
        assert_int_equal(decide(p, &who, NOW).verdict, VERDICT_GATE);
        assert_false(policy_could_admit(p, TEAM, &who));
        who.gate = SPAN_NONE;
        assert_false(policy_could_admit(p, SPAN_NONE, &who));
    }
    policy_free(p);
}

static void ages(void **state)
{
    static const struct {
        const char *name;
        uint32_t lifetime;
        int64_t proven, now;
        bool fresh;
    } cases[] = {
        {"no lifetime", 0, 1, NOW, true},
        {"no lifetime, never proven", 0, 0, NOW, true},
        {"no lifetime, before all", 0, -5, NOW, true},
        {"just now", 900, NOW, NOW, true},
        {"within", 900, NOW - 899, NOW, true},
        {"just over", 900, NOW - 900, NOW, false},
        {"long over", 900, 1, NOW, false},
        {"never proven", 900, 0, NOW, false},
        {"never proven, at the beginning", 900, 0, 0, false},
        {"before all", 900, -1, 10, false},
        {"a clock a little ahead", 900, NOW + 60, NOW, true},
        {"the future", 900, NOW + 61, NOW, false},
        {"no clock", 900, NOW, 0, false},
        {"the longest", UINT32_MAX, 1, NOW, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct rule_spec rule = {
            .paths = &p_all, .path_count = 1, .action = ACTION_ALLOW, .lifetime_s = cases[i].lifetime};
        const struct policy *p = compile(&rule, 1);
        const struct identity who = {.way = WAY_EMAIL, .gate = TEAM, .subject = S("a"), .proven_s = cases[i].proven};
        struct decision d = decide(p, &who, cases[i].now);
        if (d.verdict != (cases[i].fresh ? VERDICT_ALLOW : VERDICT_GATE))
            fail_msg("%s: %s", cases[i].name, verdict_name(d.verdict));
        assert_string_equal(d.reason, cases[i].fresh ? "rule" : "session-too-old");
        assert_true(policy_could_admit(p, TEAM, &who)); /* he need only sign in again */
        policy_free(p);
    }
}

static void ages_are_traced(void **state)
{
    static const struct rule_spec rule = {.paths = &p_all, .path_count = 1, .action = ACTION_ALLOW, .lifetime_s = 60};
    const struct policy *p = compile(&rule, 1);
    const struct identity who = {.way = WAY_EMAIL, .gate = TEAM, .subject = SPAN("a"), .proven_s = 1};
    static const struct path paths[] = {
        {.kind = PATH_CANONICAL, .raw = S("/a"), .decoded = S("/a")},
        {.kind = PATH_AMBIGUOUS, .raw = S("/a/."), .why = "dot segment"},
    };
    for (size_t i = 0; i < COUNT(paths); i++) {
        enum rule_outcome outcome = RULE_SKIPPED;
        struct policy_trace trace = {.outcome = &outcome};
        const struct policy_query q = {.path = &paths[i], .method = S("GET"), .gate = TEAM, .who = &who, .now_s = NOW};
        assert_int_equal(policy_decide(p, &q, scratch, &trace).verdict, VERDICT_GATE);
        assert_int_equal(outcome, RULE_TOO_OLD);
    }
    policy_free(p);
}

static void refusals_are_traced(void **state)
{
    static const struct selector nobody = {.kind = SEL_EMAIL, .subject = S("x@y.z")};
    static const struct rule_spec rule = {
        .paths = &p_all, .path_count = 1, .action = ACTION_ALLOW, .who = {&nobody, 1}};
    static const struct path paths[] = {
        {.kind = PATH_CANONICAL, .raw = S("/a"), .decoded = S("/a")},
        {.kind = PATH_AMBIGUOUS, .raw = S("/a/."), .why = "dot segment"},
    };
    const struct policy *p = compile(&rule, 1);
    const struct identity whos[] = {
        {.way = WAY_EMAIL, .gate = TEAM, .subject = SPAN("a")},
        {.way = WAY_SHARE_LINK, .gate = TEAM, .subject = SPAN("a"), .scope = SPAN("/elsewhere")},
    };
    for (size_t i = 0; i < 2 * COUNT(whos); i++) {
        enum rule_outcome outcome = RULE_SKIPPED;
        struct policy_trace trace = {.outcome = &outcome};
        const struct policy_query q = {
            .path = &paths[i / 2], .method = SPAN("GET"), .gate = TEAM, .who = &whos[i % 2], .now_s = NOW};
        assert_int_equal(policy_decide(p, &q, scratch, &trace).verdict, VERDICT_BLOCK);
        assert_int_equal(outcome, RULE_REFUSED);
    }
    policy_free(p);
}

/* A list that was cut off in the middle does not hold the name that it ends with. */
static void groups_end_with_a_newline(void **state)
{
    static const struct {
        const char *groups;
        bool org, team;
    } cases[] = {
        {"org\n", true, false},      {"org/team\n", false, true}, {"org\norg/team\n", true, true},
        {"x\n\norg\n", true, false}, {"org", false, false},       {"x\norg", false, false},
        {"org\nx", false, false},    {"org/team", false, false},  {"org/team\norg", false, false},
        {"", false, false},          {"\n", false, false},
    };
    static const struct selector org = {.kind = SEL_GITHUB_ORG, .subject = S("Org")},
                                 team = {.kind = SEL_GITHUB_TEAM, .subject = S("org/Team")};
    static const struct rule_spec rules[] = {
        {.paths = &p_all, .path_count = 1, .action = ACTION_ALLOW, .who = {&org, 1}},
        {.paths = &p_all, .path_count = 1, .action = ACTION_ALLOW, .who = {&team, 1}},
        {.paths = &p_all, .path_count = 1, .action = ACTION_ALLOW, .except = {&org, 1}},
    };
    const struct policy *by_org = compile(&rules[0], 1), *by_team = compile(&rules[1], 1),
                        *but_org = compile(&rules[2], 1);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct identity who = {.way = WAY_GITHUB,
                                     .gate = TEAM,
                                     .subject = SPAN("1"),
                                     .login = SPAN("x"),
                                     .groups = span_of(cases[i].groups)};
        if ((decide(by_org, &who, NOW).verdict == VERDICT_ALLOW) != cases[i].org ||
            (decide(by_team, &who, NOW).verdict == VERDICT_ALLOW) != cases[i].team)
            fail_msg("case %zu", i);
        /* Of a list that was cut off it is not known who is not in it. */
        bool is_whole = who.groups.n == 0 || span_has_suffix(who.groups, SPAN("\n"));
        if ((decide(but_org, &who, NOW).verdict == VERDICT_ALLOW) != (is_whole && !cases[i].org))
            fail_msg("case %zu, excepted", i);
    }
    policy_free(but_org);
    policy_free(by_org);
    policy_free(by_team);
}

/* A selector that names nobody means nobody, even where the identity has nothing there either; one of the wrong shape, too. */
static void empty_subjects_mean_nobody(void **state)
{
    static const struct {
        enum selector_kind kind;
        enum identity_way way;
        const char *subject;
    } cases[] = {{SEL_BASIC, WAY_BASIC, ""},          {SEL_EMAIL, WAY_EMAIL, ""},
                 {SEL_EMAIL_DOMAIN, WAY_EMAIL, ""},   {SEL_GITHUB, WAY_GITHUB, ""},
                 {SEL_GITHUB_ORG, WAY_GITHUB, ""},    {SEL_GITHUB_TEAM, WAY_GITHUB, ""},
                 {SEL_ACTIONS, WAY_ACTIONS, ""},      {SEL_SERVICE_TOKEN, WAY_SERVICE_TOKEN, ""},
                 {SEL_GITHUB_ORG, WAY_GITHUB, "a/b"}, {SEL_GITHUB_TEAM, WAY_GITHUB, "a"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct selector sel = {.kind = cases[i].kind, .subject = span_of(cases[i].subject)};
        const struct rule_spec rule = {.paths = &p_all, .path_count = 1, .action = ACTION_ALLOW, .who = {&sel, 1}};
        const struct policy *p = compile(&rule, 1);
        const struct identity who = {
            .way = cases[i].way, .gate = TEAM, .subject = SPAN("x"), .login = SPAN("x"), .groups = SPAN("\na\na/b\n")};
        if (decide(p, &who, NOW).verdict != VERDICT_BLOCK)
            fail_msg("case %zu", i);
        assert_false(policy_could_admit(p, TEAM, &who));
        policy_free(p);
    }
}

/* Should a selector ever hold two '@', nobody's address fits it: which of both divides it is read in two ways. */
static void addresses_have_one_at(void **state)
{
    static const struct selector selectors[] = {
        {.kind = SEL_EMAIL, .subject = S("a@b@c")},    {.kind = SEL_EMAIL_DOMAIN, .subject = S("b@c")},
        {.kind = SEL_EMAIL_DOMAIN, .subject = S("c")}, {.kind = SEL_EMAIL, .subject = S("@c")},
        {.kind = SEL_EMAIL, .subject = S("a@")},       {.kind = SEL_EMAIL, .subject = S("a")}};
    static const char *const addresses[] = {"a@b@c", "@c", "a@", "a", "@", "a@@c"};
    for (size_t i = 0; i < COUNT(selectors); i++) {
        const struct rule_spec rule = {
            .paths = &p_all, .path_count = 1, .action = ACTION_ALLOW, .who = {&selectors[i], 1}};
        const struct policy *p = compile(&rule, 1);
        for (size_t k = 0; k < COUNT(addresses); k++) {
            const struct identity who = {
                .way = WAY_EMAIL, .gate = TEAM, .subject = SPAN("1"), .email = span_of(addresses[k])};
            if (decide(p, &who, NOW).verdict != VERDICT_BLOCK)
                fail_msg("selector %zu, %s", i, addresses[k]);
        }
        policy_free(p);
    }
}

/* A preflight comes from nobody: whoever is excepted, it is not he. */
static void nobody_is_excepted(void **state)
{
    for (enum selector_kind k = SEL_EVERYONE; k < SEL_GROUP; k++) {
        const struct selector sel = {.kind = k, .subject = SPAN("a")};
        const struct rule_spec rule = {.paths = &p_all, .path_count = 1, .action = ACTION_ALLOW, .except = {&sel, 1}};
        const struct policy *p = compile(&rule, 1);
        struct addr client;
        assert_true(addr_parse_ip(SPAN("192.0.2.1"), &client));
        if (k != SEL_IP && !policy_admits_address(p, 0, client))
            fail_msg("kind %u", (unsigned)k);
        policy_free(p);
    }
}

/* --- could he be let in? ------------------------------------------------------------------------------------------ */

static const struct selector plyr = {.kind = SEL_EMAIL_DOMAIN, .subject = S("plyr.fm")},
                             anna = {.kind = SEL_EMAIL, .subject = S("anna@plyr.fm")},
                             members[] = {{.kind = SEL_IP}, {.kind = SEL_EMAIL, .subject = S("b@c.d")}},
                             office = {.kind = SEL_IP},
                             mixed = {.kind = SEL_GROUP, .members = members, .member_count = 2},
                             offices = {.kind = SEL_GROUP, .members = members, .member_count = 1};

/* At a page after the sign-in no more is known than at the gate: what is in doubt there is in doubt here. */
static void doubts_do_not_admit(void **state)
{
    static const struct selector hub = {.kind = SEL_GITHUB, .subject = S("x")};
    const struct rule_spec rules[] = {
        {.paths = &p_all, .path_count = 1, .action = ACTION_ALLOW, .require = {&plyr, 1}},
        {.paths = &p_all, .path_count = 1, .action = ACTION_ALLOW, .except = {&hub, 1}},
    };
    const struct identity unknown = {.way = WAY_GITHUB, .gate = TEAM, .subject = SPAN("1")};
    const struct identity known = {
        .way = WAY_GITHUB, .gate = TEAM, .subject = SPAN("1"), .login = SPAN("y"), .email = SPAN("y@plyr.fm")};
    for (size_t i = 0; i < COUNT(rules); i++) {
        const struct policy *p = compile(&rules[i], 1);
        assert_false(policy_could_admit(p, TEAM, &unknown));
        assert_true(policy_could_admit(p, TEAM, &known));
        assert_int_equal(decide(p, &unknown, NOW).verdict, VERDICT_BLOCK);
        assert_int_equal(decide(p, &known, NOW).verdict, VERDICT_ALLOW);
        policy_free(p);
    }
}

static void could_be_admitted(void **state)
{
    static const struct {
        const char *name;
        struct rule_spec rule; /* with the path /docs/ */
        bool of_plyr, of_elsewhere, by_link;
    } cases[] = {
        {"no who", {.action = ACTION_ALLOW}, true, true, true},
        {"who", {.action = ACTION_ALLOW, .who = {&plyr, 1}}, true, false, true},
        {"a block", {.action = ACTION_BLOCK}, false, false, false},
        {"a bypass", {.action = ACTION_BYPASS}, false, false, false},
        {"required", {.action = ACTION_ALLOW, .require = {&plyr, 1}}, true, false, false},
        {"excepted", {.action = ACTION_ALLOW, .except = {&anna, 1}}, false, true, true},
        {"a place", {.action = ACTION_ALLOW, .require = {&office, 1}}, true, true, true},
        {"not a place", {.action = ACTION_ALLOW, .except = {&office, 1}}, true, true, true},
        {"a place or somebody", {.action = ACTION_ALLOW, .require = {&mixed, 1}}, true, true, true},
        {"not a place or somebody", {.action = ACTION_ALLOW, .except = {&mixed, 1}}, true, true, true},
        {"a place of some", {.action = ACTION_ALLOW, .require = {&offices, 1}}, true, true, true},
        {"whom and where", {.action = ACTION_ALLOW, .who = {&plyr, 1}, .require = {&office, 1}}, true, false, true},
        {"freshly", {.action = ACTION_ALLOW, .who = {&plyr, 1}, .lifetime_s = 60}, true, false, true},
    };
    const struct identity of_plyr = {
        .way = WAY_EMAIL, .gate = TEAM, .subject = SPAN("anna@plyr.fm"), .email = S("anna@plyr.fm")};
    const struct identity of_elsewhere = {
        .way = WAY_EMAIL, .gate = TEAM, .subject = SPAN("x@y.z"), .email = S("x@y.z")};
    const struct identity by_link = {.way = WAY_SHARE_LINK, .gate = TEAM, .subject = SPAN("1"), .scope = S("/x")};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rule_spec rules[] = {{.paths = &p_all, .path_count = 1, .action = ACTION_BLOCK}, cases[i].rule};
        rules[1].paths = &p_docs;
        rules[1].path_count = 1;
        const struct policy *p = compile(rules, 2);
        if (policy_could_admit(p, TEAM, &of_plyr) != cases[i].of_plyr ||
            policy_could_admit(p, TEAM, &of_elsewhere) != cases[i].of_elsewhere ||
            policy_could_admit(p, TEAM, &by_link) != cases[i].by_link)
            fail_msg("%s", cases[i].name);
        assert_false(policy_could_admit(p, TEAM, NULL));
        assert_false(policy_could_admit(p, SPAN("other"), &of_plyr));
        policy_free(p);
    }
}

/* No rule admits anybody; neither does a list of none. */
static void no_rules_admit_nobody(void **state)
{
    const struct policy *p = policy_compile(NULL, 0, false, NULL, NULL);
    const struct identity who = {.way = WAY_EMAIL, .gate = TEAM, .subject = SPAN("a")};
    assert_non_null(p);
    assert_false(policy_could_admit(p, TEAM, &who));
    policy_free(p);
}

static void links_cover_whole_segments(void **state)
{
    static const struct {
        const char *scope, *path;
        bool covers;
    } cases[] = {{"/", "/", true},      {"/", "/a/b", true},   {"/a", "/a", true},   {"/a", "/a/", true},
                 {"/a", "/a/b", true},  {"/a", "/ab", false},  {"/a", "/", false},   {"/a", "/A", false},
                 {"/a/", "/a/", true},  {"/a/", "/a/b", true}, {"/a/", "/a", false}, {"/a/", "/ab", false},
                 {"/a/b", "/a", false}, {"", "/a", false},     {"", "", false},      {"a", "/a", false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct path path = {.kind = PATH_CANONICAL, .decoded = span_of(cases[i].path)};
        if (share_link_covers(span_of(cases[i].scope), &path) != cases[i].covers)
            fail_msg("%s covers %s", cases[i].scope, cases[i].path);
        path.kind = PATH_AMBIGUOUS;
        assert_false(share_link_covers(span_of(cases[i].scope), &path));
        path.kind = PATH_MALFORMED;
        assert_false(share_link_covers(span_of(cases[i].scope), &path));
    }
}

/* --- compiling ---------------------------------------------------------------------------------------------------- */

static void count_lifetime(void *arg, const struct policy_error *e)
{
    assert_string_equal(e->key, "lifetime");
    ++*(size_t *)arg;
}

static void only_allows_have_a_lifetime(void **state)
{
    for (enum action a = ACTION_BLOCK; a <= ACTION_ALLOW; a++) {
        const struct rule_spec rules[] = {{.paths = &p_all, .path_count = 1, .action = a, .lifetime_s = 60},
                                          {.paths = &p_all, .path_count = 1, .action = a}};
        size_t errors = 0;
        const struct policy *p = policy_compile(rules, 2, false, count_lifetime, &errors);
        assert_int_equal(errors, a != ACTION_ALLOW);
        assert_int_equal(p != NULL, a == ACTION_ALLOW);
        policy_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ways_have_names),
        cmocka_unit_test(ways_keep_their_numbers),
        cmocka_unit_test(odd_identities_are_nobody),
        cmocka_unit_test(ages),
        cmocka_unit_test(ages_are_traced),
        cmocka_unit_test(refusals_are_traced),
        cmocka_unit_test(groups_end_with_a_newline),
        cmocka_unit_test(empty_subjects_mean_nobody),
        cmocka_unit_test(addresses_have_one_at),
        cmocka_unit_test(nobody_is_excepted),
        cmocka_unit_test(could_be_admitted),
        cmocka_unit_test(doubts_do_not_admit),
        cmocka_unit_test(links_cover_whole_segments),
        cmocka_unit_test(no_rules_admit_nobody),
        cmocka_unit_test(only_allows_have_a_lifetime),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

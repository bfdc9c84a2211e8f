/* What the golden table cannot say: values from the future, traces, bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/count.h"
#include "policy/policy.h"

struct fixture {
    const struct policy *policy;
    struct policy_scratch *scratch;
};

static const struct span p_health = {(const uint8_t *)"/health", 7}, p_open = {(const uint8_t *)"/open/*", 7},
                         p_all = {(const uint8_t *)"/*", 2}, m_get = {(const uint8_t *)"GET", 3};
static const struct selector ann = {.kind = SEL_BASIC, .subject = {(const uint8_t *)"ann", 3}};

static int setup(void **state)
{
    static struct fixture f;
    const struct rule_spec rules[] = {
        {.name = {(const uint8_t *)"up", 2},
         .paths = &p_health,
         .path_count = 1,
         .methods = &m_get,
         .method_count = 1,
         .action = ACTION_BYPASS},
        {.paths = &p_open, .path_count = 1, .action = ACTION_BYPASS},
        {.paths = &p_all, .path_count = 1, .action = ACTION_ALLOW, .who = {&ann, 1}},
    };
    f.policy = policy_compile(rules, COUNT(rules), false, NULL, NULL);
    f.scratch = policy_scratch_new();
    *state = &f;
    return f.policy && f.scratch ? 0 : 1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    policy_free(f->policy);
    policy_scratch_free(f->scratch);
    return 0;
}

#define TEAM SPAN("team")

/* way, gate and subject of who asks; the host's gate */
static const struct {
    const char *name;
    enum identity_way way;
    const char *gate, *subject, *host_gate;
    enum verdict want;
} identities[] = {
    {"of the gate", WAY_BASIC, "team", "ann", "team", VERDICT_ALLOW},
    {"not on the list", WAY_BASIC, "team", "bob", "team", VERDICT_BLOCK},
    {"nobody", WAY_NONE, "team", "ann", "team", VERDICT_GATE},
    {"way from the future", (enum identity_way)9, "team", "ann", "team", VERDICT_GATE},
    {"another gate", WAY_BASIC, "other", "ann", "team", VERDICT_GATE},
    {"gate without a name", WAY_BASIC, "", "ann", "", VERDICT_GATE},
    {"host without a gate", WAY_BASIC, "team", "ann", "", VERDICT_GATE},
    {"no subject", WAY_BASIC, "team", "", "team", VERDICT_GATE},
};

static void identity_must_be_of_the_gate(void **state)
{
    struct fixture *f = *state;
    const struct path path = {.kind = PATH_CANONICAL, .raw = SPAN("/x"), .decoded = SPAN("/x")};
    const struct path doubtful = {.kind = PATH_AMBIGUOUS, .raw = SPAN("/health")};
    for (size_t i = 0; i < COUNT(identities); i++) {
        struct identity who = {
            .way = identities[i].way, .gate = span_of(identities[i].gate), .subject = span_of(identities[i].subject)};
        struct policy_query q = {
            .path = &path, .method = SPAN("GET"), .who = &who, .gate = span_of(identities[i].host_gate)};
        enum verdict got = policy_decide(f->policy, &q, f->scratch, NULL).verdict;
        if (got != identities[i].want)
            fail_msg("%s: got %s", identities[i].name, verdict_name(got));
        q.path = &doubtful;
        got = policy_decide(f->policy, &q, f->scratch, NULL).verdict;
        if (got != identities[i].want)
            fail_msg("%s, ambiguous: got %s", identities[i].name, verdict_name(got));
    }
}

static void unknown_path_kinds_are_blocked(void **state)
{
    struct fixture *f = *state;
    static const int kinds[] = {PATH_MALFORMED, 3, 99, -1};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct path path = {.kind = (enum path_kind)kinds[i], .raw = SPAN("/health"), .decoded = SPAN("/health")};
        struct policy_query q = {.path = &path, .method = SPAN("GET"), .gate = TEAM};
        struct decision d = policy_decide(f->policy, &q, f->scratch, NULL);
        assert_int_equal(d.verdict, VERDICT_BLOCK);
        assert_string_equal(d.reason, "malformed-path");
    }
}

static const struct {
    const char *name, *target, *method;
    bool signed_in;
    enum rule_outcome want[3];
    bool has_note;
} traces[] = {
    {"first", "/health", "GET", false, {RULE_MATCHED, RULE_SKIPPED, RULE_SKIPPED}, false},
    {"method", "/health", "POST", false, {RULE_METHOD_MISS, RULE_PATH_MISS, RULE_NEEDS_IDENTITY}, false},
    {"second", "/open/x", "GET", true, {RULE_PATH_MISS, RULE_MATCHED, RULE_SKIPPED}, false},
    {"last", "/x", "GET", true, {RULE_PATH_MISS, RULE_PATH_MISS, RULE_MATCHED}, false},
    {"ambiguous", "/open/%2e", "GET", true, {RULE_SKIPPED, RULE_SKIPPED, RULE_SATISFIED}, true},
    {"ambiguous, nobody", "/open/%2e", "GET", false, {RULE_SKIPPED, RULE_SKIPPED, RULE_NEEDS_IDENTITY}, true},
};

static void traces_tell_each_rule(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(policy_rule_count(f->policy), 3);
    for (size_t i = 0; i < COUNT(traces); i++) {
        uint8_t room[64];
        struct path path;
        enum rule_outcome outcome[3];
        struct policy_trace trace = {.outcome = outcome, .note = "stale"};
        struct identity who = {.way = WAY_BASIC, .gate = TEAM, .subject = SPAN("ann")};
        path_parse(span_of(traces[i].target), room, &path);
        struct policy_query q = {
            .path = &path, .method = span_of(traces[i].method), .gate = TEAM, .who = traces[i].signed_in ? &who : NULL};
        policy_decide(f->policy, &q, f->scratch, &trace);
        for (size_t k = 0; k < 3; k++) {
            if (outcome[k] != traces[i].want[k])
                fail_msg("%s, rule %zu: %s", traces[i].name, k, rule_outcome_name(outcome[k]));
        }
        assert_int_equal(trace.note != NULL, traces[i].has_note);
    }
}

/* A probe from one address, a block, one user. */
static void traces_tell_why_not(void **state)
{
    static const struct {
        const char *target, *subject;
        enum rule_outcome want[3];
    } cases[] = {
        {"/health", NULL, {RULE_CONDITION_MISS, RULE_PATH_MISS, RULE_NEEDS_IDENTITY}},
        {"/open/x", "ann", {RULE_PATH_MISS, RULE_MATCHED, RULE_SKIPPED}},
        {"/x", "bob", {RULE_PATH_MISS, RULE_PATH_MISS, RULE_REFUSED}},
        {"/x%2e", "bob", {RULE_SKIPPED, RULE_REFUSED, RULE_REFUSED}},
    };
    struct selector place = {.kind = SEL_IP};
    assert_true(res_ok(cidr_parse(SPAN("192.0.2.0/24"), &place.range)));
    const struct rule_spec rules[] = {
        {.paths = &p_health, .path_count = 1, .action = ACTION_BYPASS, .require = {&place, 1}},
        {.paths = &p_open, .path_count = 1, .action = ACTION_BLOCK},
        {.paths = &p_all, .path_count = 1, .action = ACTION_ALLOW, .who = {&ann, 1}},
    };
    struct fixture *f = *state;
    const struct policy *p = policy_compile(rules, COUNT(rules), false, NULL, NULL);
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t room[64];
        struct path path;
        enum rule_outcome outcome[3];
        struct policy_trace trace = {.outcome = outcome};
        struct identity who = {.way = WAY_BASIC, .gate = TEAM, .subject = span_of(cases[i].subject)};
        path_parse(span_of(cases[i].target), room, &path);
        struct policy_query q = {
            .path = &path, .method = SPAN("GET"), .gate = TEAM, .who = cases[i].subject ? &who : NULL};
        policy_decide(p, &q, f->scratch, &trace);
        for (size_t k = 0; k < 3; k++) {
            if (outcome[k] != cases[i].want[k])
                fail_msg("%s, rule %zu: %s", cases[i].target, k, rule_outcome_name(outcome[k]));
        }
    }
    policy_free(p);
}

static void trace_of_a_public_host(void **state)
{
    const struct rule_spec rule = {.paths = &p_all, .path_count = 1, .action = ACTION_BYPASS};
    struct fixture *f = *state;
    const struct policy *p = policy_compile(&rule, 1, true, NULL, NULL);
    uint8_t room[64];
    struct path path;
    enum rule_outcome outcome = RULE_REFUSED;
    struct policy_trace trace = {.outcome = &outcome};
    path_parse(SPAN("/a%2fb"), room, &path);
    const struct policy_query q = {.path = &path, .method = SPAN("GET")};
    assert_int_equal(policy_decide(p, &q, f->scratch, &trace).verdict, VERDICT_BYPASS);
    assert_int_equal(outcome, RULE_MATCHED);
    policy_free(p);
}

/* A user of another gate is not this gate's user of that name. */
static void users_are_of_a_gate(void **state)
{
    static const struct {
        const char *gate;
        enum verdict want;
    } gates[] = {{"", VERDICT_ALLOW}, {"team", VERDICT_ALLOW}, {"other", VERDICT_BLOCK}};
    struct fixture *f = *state;
    const struct path path = {.kind = PATH_CANONICAL, .raw = SPAN("/x"), .decoded = SPAN("/x")};
    const struct identity who = {.way = WAY_BASIC, .gate = TEAM, .subject = SPAN("ann")};
    const struct policy_query q = {.path = &path, .method = SPAN("GET"), .gate = TEAM, .who = &who};
    for (size_t i = 0; i < COUNT(gates); i++) {
        const struct selector sel = {.kind = SEL_BASIC, .gate = span_of(gates[i].gate), .subject = SPAN("ann")};
        const struct rule_spec rule = {.paths = &p_all, .path_count = 1, .action = ACTION_ALLOW, .who = {&sel, 1}};
        const struct policy *p = policy_compile(&rule, 1, false, NULL, NULL);
        if (policy_decide(p, &q, f->scratch, NULL).verdict != gates[i].want)
            fail_msg("%s", gates[i].gate);
        policy_free(p);
    }
}

/* No parser makes one; were it there, nobody could say what guards it. */
static void empty_paths_are_ambiguous(void **state)
{
    static const struct span paths[] = {{(const uint8_t *)"/open/a", 7}, {(const uint8_t *)"re:.*", 5}};
    const struct rule_spec rules[] = {
        {.paths = &paths[0], .path_count = 1, .action = ACTION_ALLOW},
        {.paths = &paths[1], .path_count = 1, .action = ACTION_BYPASS},
    };
    struct fixture *f = *state;
    const struct policy *p = policy_compile(rules, 2, false, NULL, NULL);
    const struct path path = {.kind = PATH_CANONICAL, .raw = SPAN(""), .decoded = SPAN("")};
    const struct policy_query q = {.path = &path, .method = SPAN("GET"), .gate = TEAM};
    assert_int_equal(policy_decide(p, &q, f->scratch, NULL).verdict, VERDICT_GATE);
    policy_free(p);
}

/* Longer than the room for its variants: taken as ambiguous, not as open. */
static void endless_paths_are_ambiguous(void **state)
{
    static const struct span paths[] = {{(const uint8_t *)"/open/a", 7}, {(const uint8_t *)"/open/*", 7}};
    const struct rule_spec rules[] = {
        {.paths = &paths[0], .path_count = 1, .action = ACTION_ALLOW},
        {.paths = &paths[1], .path_count = 1, .action = ACTION_BYPASS},
    };
    struct fixture *f = *state;
    const struct policy *p = policy_compile(rules, 2, false, NULL, NULL);
    static const size_t sizes[] = {1000, 65535, 65536, 100000};
    static const enum verdict want[] = {VERDICT_BYPASS, VERDICT_BYPASS, VERDICT_GATE, VERDICT_GATE};
    uint8_t *text = malloc(100000);
    memset(text, 'b', 100000);
    memcpy(text, "/open/", 6);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct path path = {
            .kind = PATH_CANONICAL, .raw = span_make(text, sizes[i]), .decoded = span_make(text, sizes[i])};
        struct policy_query q = {.path = &path, .method = SPAN("GET"), .gate = TEAM};
        assert_int_equal(policy_decide(p, &q, f->scratch, NULL).verdict, want[i]);
    }
    const struct policy *open = policy_compile(rules + 1, 1, false, NULL, NULL); /* nothing to mistake it for */
    struct path whole = {.kind = PATH_CANONICAL, .raw = span_make(text, 100000), .decoded = span_make(text, 100000)};
    struct policy_query any = {.path = &whole, .method = SPAN("GET")};
    assert_int_equal(policy_decide(open, &any, f->scratch, NULL).verdict, VERDICT_BYPASS);
    policy_free(open);
    text[99999] = '/';
    struct path path = {.kind = PATH_CANONICAL, .raw = span_make(text, 100000), .decoded = span_make(text, 100000)};
    struct policy_query q = {.path = &path, .method = SPAN("GET"), .gate = TEAM};
    assert_int_equal(policy_decide(p, &q, f->scratch, NULL).verdict, VERDICT_GATE);
    free(text);
    policy_free(p);
}

/* Paths with such characters are ambiguous already; should one ever come as canonical, it is folded nevertheless. */
static void folding_goes_beyond_ascii(void **state)
{
    static const struct span paths[] = {{(const uint8_t *)"/open/keys", 10}, {(const uint8_t *)"/open/*", 7}};
    const struct rule_spec rules[] = {
        {.paths = &paths[0], .path_count = 1, .action = ACTION_ALLOW},
        {.paths = &paths[1], .path_count = 1, .action = ACTION_BYPASS},
    };
    static const char *const same[] = {"/open/\xe2\x84\xaa"
                                       "eys",
                                       "/open/key\xc5\xbf", "/open/key\xc5\xbf/"};
    struct fixture *f = *state;
    const struct policy *p = policy_compile(rules, 2, false, NULL, NULL);
    for (size_t i = 0; i < COUNT(same); i++) {
        struct path path = {.kind = PATH_CANONICAL, .raw = span_of(same[i]), .decoded = span_of(same[i])};
        struct policy_query q = {.path = &path, .method = SPAN("GET"), .gate = TEAM};
        assert_int_equal(policy_decide(p, &q, f->scratch, NULL).verdict, VERDICT_GATE);
    }
    policy_free(p);
}

/* --- where somebody who cannot say who he is may come from -------------------------------------------------------- */

enum from { INSIDE = 1, OUTSIDE = 2, UNKNOWN = 4, ANYWHERE = 7 };

static const struct selector office[] = {{.kind = SEL_IP}};
static const struct selector mixed[] = {{.kind = SEL_BASIC, .subject = {(const uint8_t *)"ann", 3}}, {.kind = SEL_IP}};

static const struct {
    const char *name;
    struct selector require, except; /* SEL_NOBODY: none; ranges are filled in */
    unsigned admits;
} places[] = {
    {"no condition", .admits = ANYWHERE},
    {"who it is", .require = {.kind = SEL_BASIC, .subject = {(const uint8_t *)"ann", 3}}, .admits = ANYWHERE},
    {"required", .require = {.kind = SEL_IP}, .admits = INSIDE},
    {"excepted", .except = {.kind = SEL_IP}, .admits = OUTSIDE},
    {"required group", .require = {.kind = SEL_GROUP, .members = office, .member_count = 1}, .admits = INSIDE},
    {"group of nobody", .require = {.kind = SEL_GROUP}, .admits = 0},
    {"required, or somebody", .require = {.kind = SEL_GROUP, .members = mixed, .member_count = 2}, .admits = ANYWHERE},
    {"excepted, and somebody", .except = {.kind = SEL_GROUP, .members = mixed, .member_count = 2}, .admits = OUTSIDE},
    {"both", .require = {.kind = SEL_IP}, .except = {.kind = SEL_IP}, .admits = 0},
};

static void fill_range(struct selector *sel, struct selector room[2])
{
    assert_true(res_ok(cidr_parse(SPAN("192.0.2.0/24"), &sel->range)));
    for (size_t i = 0; i < sel->member_count; i++) {
        room[i] = sel->members[i];
        room[i].range = sel->range;
    }
    if (sel->member_count)
        sel->members = room;
}

static void admits_addresses(void **state)
{
    for (size_t i = 0; i < COUNT(places); i++) {
        struct selector require = places[i].require, except = places[i].except, room[2][2] = {0};
        struct addr in, out, unknown = {0};
        unsigned got = 0;
        fill_range(&require, room[0]);
        fill_range(&except, room[1]);
        assert_true(addr_parse_ip(SPAN("192.0.2.9"), &in) && addr_parse_ip(SPAN("198.51.100.1"), &out));
        const struct rule_spec rule = {.paths = &p_all,
                                       .path_count = 1,
                                       .action = ACTION_ALLOW,
                                       .require = {&require, require.kind != SEL_NOBODY},
                                       .except = {&except, except.kind != SEL_NOBODY}};
        const struct policy *p = policy_compile(&rule, 1, false, NULL, NULL);
        assert_non_null(p);
        got |= policy_admits_address(p, 0, in) ? INSIDE : 0;
        got |= policy_admits_address(p, 0, out) ? OUTSIDE : 0;
        got |= policy_admits_address(p, 0, unknown) ? UNKNOWN : 0;
        if (got != places[i].admits)
            fail_msg("%s: got %u", places[i].name, got);
        policy_free(p);
    }
}

/* Selectors that the compiler refuses: should one ever come, it admits nobody and excludes everybody. */
static void unknown_selectors_admit_nobody(void **state)
{
    static const struct selector inner = {.kind = SEL_GROUP};
    static const struct {
        const char *name;
        struct selector sel;
    } unknown[] = {
        {"from the future", {.kind = (enum selector_kind)77}},
        {"a group in a group", {.kind = SEL_GROUP, .members = &inner, .member_count = 1}},
        {"an unknown address", {.kind = SEL_IP}},
        {"unknown in a group", {.kind = SEL_GROUP, .members = &unknown[0].sel, .member_count = 1}},
    };
    struct fixture *f = *state;
    const struct path path = {.kind = PATH_CANONICAL, .raw = SPAN("/x"), .decoded = SPAN("/x")};
    const struct identity who = {.way = WAY_BASIC, .gate = TEAM, .subject = SPAN("ann")};
    const struct policy_query q = {.path = &path, .method = SPAN("GET"), .gate = TEAM, .who = &who};
    for (size_t i = 0; i < COUNT(unknown); i++) {
        for (size_t list = 0; list < 3; list++) {
            struct selector sel = {.kind = SEL_EVERYONE};
            struct rule_spec rule = {.paths = &p_all, .path_count = 1, .action = ACTION_ALLOW};
            struct selectors *const lists[] = {&rule.who, &rule.require, &rule.except};
            *lists[list] = (struct selectors){&sel, 1};
            const struct policy *p = policy_compile(&rule, 1, false, NULL, NULL);
            assert_non_null(p);
            sel = unknown[i].sel; /* behind the compiler's back */
            if (policy_decide(p, &q, f->scratch, NULL).verdict != VERDICT_BLOCK)
                fail_msg("%s, list %zu", unknown[i].name, list);
            if (list == 0)
                assert_false(policy_could_admit(p, TEAM, &who));
            sel = (struct selector){.kind = SEL_NOBODY};
            assert_int_equal(policy_decide(p, &q, f->scratch, NULL).verdict, list == 2 ? VERDICT_ALLOW : VERDICT_BLOCK);
            policy_free(p);
        }
    }
}

static void names_are_told(void **state)
{
    static const char *const outcomes[] = {
        [RULE_SKIPPED] = "not tried",
        [RULE_PATH_MISS] = "path does not match",
        [RULE_METHOD_MISS] = "method does not match",
        [RULE_CONDITION_MISS] = "conditions do not hold",
        [RULE_MATCHED] = "decides",
        [RULE_REFUSED] = "refuses",
        [RULE_SATISFIED] = "is satisfied",
        [RULE_NEEDS_IDENTITY] = "needs an identity",
        [RULE_TOO_OLD] = "proven too long ago",
    };
    for (size_t i = 0; i < COUNT(outcomes); i++)
        assert_string_equal(rule_outcome_name((enum rule_outcome)i), outcomes[i]);
    struct fixture *f = *state;
    assert_true(span_eq(policy_rule_name(f->policy, 0), SPAN("up")));
    assert_int_equal(policy_rule_name(f->policy, 1).n, 0);
    assert_int_equal(policy_rule_name(f->policy, 99).n, 0);
    assert_int_equal(policy_rule_spec(f->policy, 2)->action, ACTION_ALLOW);
    assert_string_equal(action_name((enum action)77), "unknown");
    assert_string_equal(verdict_name((enum verdict)77), "unknown");
    assert_string_equal(rule_outcome_name((enum rule_outcome)77), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identity_must_be_of_the_gate),
        cmocka_unit_test(unknown_path_kinds_are_blocked),
        cmocka_unit_test(traces_tell_each_rule),
        cmocka_unit_test(traces_tell_why_not),
        cmocka_unit_test(trace_of_a_public_host),
        cmocka_unit_test(users_are_of_a_gate),
        cmocka_unit_test(empty_paths_are_ambiguous),
        cmocka_unit_test(endless_paths_are_ambiguous),
        cmocka_unit_test(folding_goes_beyond_ascii),
        cmocka_unit_test(unknown_selectors_admit_nobody),
        cmocka_unit_test(names_are_told),
        cmocka_unit_test(admits_addresses),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

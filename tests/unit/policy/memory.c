/* Memory that ends at any allocation: rules are refused or whole, a thread gets no half of what it needs, and what cannot
 * be known is taken for the worse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "../base/need.h"
#include "policy/hosts.h"
#include "policy/policy.h"

static const struct span guarded[] = {{(const uint8_t *)"/a/*.x", 6},
                                      {(const uint8_t *)"re:/b[^c]", 9},
                                      {(const uint8_t *)"/c", 2},
                                      {(const uint8_t *)"preset:health", 13}};
static const struct span all = {(const uint8_t *)"/*", 2};
static const struct rule_spec rules[] = {{.paths = guarded, .path_count = COUNT(guarded), .action = ACTION_ALLOW},
                                         {.paths = &all, .path_count = 1, .action = ACTION_BYPASS}};

/* --- what PCRE2 makes, which has an allocator of its own --------------------------------------------------------------- */

pcre2_match_data *__real_pcre2_match_data_create_8(uint32_t pairs, pcre2_general_context *general);
pcre2_match_data *__wrap_pcre2_match_data_create_8(uint32_t pairs, pcre2_general_context *general);
pcre2_match_context *__real_pcre2_match_context_create_8(pcre2_general_context *general);
pcre2_match_context *__wrap_pcre2_match_context_create_8(pcre2_general_context *general);

pcre2_match_data *__wrap_pcre2_match_data_create_8(uint32_t pairs, pcre2_general_context *general)
{
    return alloc_may() ? __real_pcre2_match_data_create_8(pairs, general) : NULL;
}

pcre2_match_context *__wrap_pcre2_match_context_create_8(pcre2_general_context *general)
{
    return alloc_may() ? __real_pcre2_match_context_create_8(general) : NULL;
}

/* --- rules ----------------------------------------------------------------------------------------------------------- */

static void keep_message(void *arg, const struct policy_error *e)
{
    memcpy(arg, e->message, sizeof(e->message));
}

static bool compile(struct need *n)
{
    char told[sizeof(((struct policy_error *)0)->message)] = "";
    need_begin(n);
    const struct policy *p = policy_compile(rules, COUNT(rules), false, keep_message, told);
    need_end(n);
    assert_int_equal(p != NULL, !n->ended);
    if (!p)
        assert_string_equal(told, "out of memory");
    policy_free(p);
    return p != NULL;
}

static bool scratch(struct need *n)
{
    need_begin(n);
    struct policy_scratch *s = policy_scratch_new();
    need_end(n);
    assert_int_equal(s != NULL, !n->ended);
    policy_scratch_free(s);
    return s != NULL;
}

static bool host_table(struct need *n)
{
    struct host_pattern p;
    struct host_match m;
    assert_true(res_ok(host_pattern_parse(SPAN("a.test"), &p)));
    need_begin(n);
    struct host_table *t = host_table_new(&p, 1);
    need_end(n);
    assert_int_equal(t != NULL, !n->ended);
    bool whole = t && host_table_find(t, SPAN("a.test"), &m);
    host_table_free(t);
    return whole;
}

static void nothing_is_made_by_half(void **state)
{
    need_sweep("compile", compile);
    need_sweep("scratch", scratch);
    need_sweep("hosts", host_table);
}

/* Rules that open nothing and of which one is never reached: without memory they may be open. */
static void doubt_is_told_as_open(void **state)
{
    size_t by;
    const struct policy *p = policy_compile(rules, 1, false, NULL, NULL);
    assert_false(policy_is_open(p));
    alloc_fail_after(0);
    assert_true(policy_is_open(p));
    assert_int_equal(policy_find_shadowed(p, 0, &by), -1);
    alloc_fail_never();
    policy_free(p);
    const struct rule_spec twice[] = {rules[1], rules[1]};
    p = policy_compile(twice, 2, false, NULL, NULL);
    assert_int_equal(policy_find_shadowed(p, 0, &by), 1);
    alloc_fail_after(0);
    assert_int_equal(policy_find_shadowed(p, 0, &by), -1);
    alloc_fail_never();
    policy_free(p);
    policy_free(NULL);
    policy_scratch_free(NULL);
    host_table_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_made_by_half),
                                       cmocka_unit_test(doubt_is_told_as_open)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

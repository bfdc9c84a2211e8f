/* The property that the side door rests on, over every short string of the bytes that matter: what passes without
 * identity lies, in every reading that some server might make of it, inside of what the rules open.
 *
 *     paths [LENGTH]    strings of up to so many symbols behind each prefix (default 5)
 */
#include <stdio.h>

#include "run.h"

#define LENGTH_DEFAULT 5
#define LENGTH_MAX 9
#define LENGTH_WEAK 4

/* --- what is printed ---------------------------------------------------------------------------------------------- */

static void print_leak(const struct leak *l)
{
    printf("  %s %.*s\n    rules: %s\n", l->set->method, (int)l->n, (const char *)l->target, l->set->name);
    if (l->verdict != VERDICT_BYPASS) {
        printf("    is allowed to nobody\n");
        return;
    }
    printf("    passes without identity, and is read: ");
    readings_print_chain(stdout, &l->readings, l->reading);
    printf("\n    %s, ", prove_eyes[l->eyes].name);
    if (l->rule < prove_rule_count(l->set))
        printf("that is closed by rule %zu, %s\n", l->rule, action_name(l->set->rules[l->rule].action));
    else
        printf("no rule opens that\n");
}

static void print_counts(const char *name, const struct counts *c)
{
    printf("%-20s %14ju strings %12ju bypasses %12ju readings %13ju checks\n", name, (uintmax_t)c->tried,
           (uintmax_t)c->bypassed, (uintmax_t)c->readings, (uintmax_t)c->checks);
}

/* --- the proof, and that it can fail ------------------------------------------------------------------------------ */

/* Without this safeguard there must be a way in, or the proof would not notice that it is gone. */
static bool test_weak(const struct judge *judge, const struct prove_policy *policies)
{
    struct run *run = run_new(judge, policies, LENGTH_WEAK);
    run_go(run);
    bool is_found = run->leak.job != UINT64_MAX;
    printf("%s: a gate that %s\n", is_found ? "caught" : "NOT CAUGHT", judge->name);
    if (is_found)
        print_leak(&run->leak);
    run_free(run);
    return is_found;
}

static bool test_weak_all(const struct prove_policy *policies)
{
    bool ok = true;
    for (size_t i = 0; i < judge_weak_count; i++)
        ok = test_weak(&judge_weak[i], policies) && ok;
    return ok;
}

static bool prove(const struct prove_policy *policies, size_t length)
{
    struct run *run = run_new(&judge_tiergate, policies, length);
    struct counts all = {0};
    double start = run_clock();
    run_go(run);
    for (size_t i = 0; i < run_prefix_count; i++) {
        print_counts(run_prefixes[i], &run->counts[i]);
        counts_add(&all, &run->counts[i]);
    }
    print_counts("all", &all);
    bool is_found = run->leak.job != UINT64_MAX;
    printf("%zu rule sets, up to %zu symbols, %.0f s: %s\n", prove_set_count, length, run_clock() - start,
           is_found ? "a way in" : "no way in");
    if (is_found)
        print_leak(&run->leak);
    run_free(run);
    /* Else the property would hold of nothing. */
    return !is_found && all.bypassed > all.tried / 1000;
}

int main(int argc, char **argv)
{
    struct prove_policy policies[SETS_MAX];
    uint64_t length = LENGTH_DEFAULT;
    bool ok = prove_set_count <= SETS_MAX;
    if (argc > 2 || (argc == 2 && !span_parse_u64(span_of(argv[1]), LENGTH_MAX, &length))) {
        fprintf(stderr, "usage: %s [LENGTH], at most %d\n", argv[0], LENGTH_MAX);
        return 2;
    }
    for (size_t i = 0; ok && i < prove_set_count; i++)
        ok = prove_policy_init(&policies[i], &prove_sets[i]);
    if (!ok) {
        fputs("the rule sets do not compile\n", stderr);
        return 2;
    }
    ok = test_weak_all(policies);
    ok = prove(policies, length) && ok;
    for (size_t i = 0; i < prove_set_count; i++)
        prove_policy_fini(&policies[i]);
    return ok ? 0 : 1;
}

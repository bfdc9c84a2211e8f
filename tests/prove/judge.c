#include "judge.h"

#include "base/count.h"

/* --- tiergate ----------------------------------------------------------------------------------------------------- */

static void parse(const struct judge *j, struct span target, uint8_t *room, struct path *out)
{
    path_parse(target, room, out);
}

static enum verdict ask(const struct policy *p, const struct prove_set *set, const struct path *path,
                        struct policy_scratch *s)
{
    struct policy_query q = {.path = path, .method = span_of(set->method), .gate = SPAN("team")};
    return policy_decide(p, &q, s, NULL).verdict;
}

static enum verdict decide(const struct prove_set *set, const struct prove_policy *p, const struct path *path,
                           struct policy_scratch *s)
{
    return ask(p->whole, set, path, s);
}

const struct judge judge_tiergate = {.name = "tiergate", .parse = parse, .decide = decide};

/* --- with a safeguard less ---------------------------------------------------------------------------------------- */

static bool is_blind_to(const struct judge *j, const struct path *path)
{
    return j->blind_to ? strcmp(path->why, j->blind_to) == 0 : path->kind == PATH_AMBIGUOUS;
}

static void parse_blindly(const struct judge *j, struct span target, uint8_t *room, struct path *out)
{
    path_parse(target, room, out);
    if (out->kind == PATH_CANONICAL || !is_blind_to(j, out))
        return;
    out->kind = PATH_CANONICAL;
    out->decoded = out->raw;
}

/* The first rule that takes the path and method decides, and nobody looks at other spellings. */
static enum verdict decide_blindly(const struct prove_set *set, const struct prove_policy *p, const struct path *path,
                                   struct policy_scratch *s)
{
    for (size_t i = 0; i < prove_rule_count(set); i++) {
        if (ask(p->alone[i], set, path, s) == VERDICT_BYPASS)
            return set->rules[i].action == ACTION_BYPASS ? VERDICT_BYPASS : VERDICT_BLOCK;
    }
    return VERDICT_BLOCK;
}

const struct judge judge_weak[] = {
    {"takes ambiguous paths as canonical", parse_blindly, decide, NULL},
    {"is blind to dot segments", parse_blindly, decide, "dot-segment"},
    {"is blind to empty segments", parse_blindly, decide, "empty-segment"},
    {"is blind to `;` and `\\`", parse_blindly, decide, "byte-without-place-in-a-path"},
    {"is blind to dangerous escapes", parse_blindly, decide, "needless-or-dangerous-escape"},
    {"is blind to segments that end in a dot", parse_blindly, decide, "segment-ends-in-dot-or-space"},
    {"is blind to `#`", parse_blindly, decide, "bad-byte"},
    {"is blind to other spellings", parse, decide_blindly, NULL},
};
const size_t judge_weak_count = COUNT(judge_weak);

/* --- compiling ---------------------------------------------------------------------------------------------------- */

static void fill_spec(struct prove_policy *p, const struct prove_rule *rule, size_t i)
{
    struct rule_spec *spec = &p->specs[i];
    *spec = (struct rule_spec){.paths = p->paths[i], .methods = &p->methods[i], .action = rule->action};
    while (spec->path_count < PROVE_PATHS && rule->paths[spec->path_count].text) {
        p->paths[i][spec->path_count] = span_of(rule->paths[spec->path_count].text);
        spec->path_count++;
    }
    p->methods[i] = span_of(rule->method);
    spec->method_count = rule->method ? 1 : 0;
}

bool prove_policy_init(struct prove_policy *p, const struct prove_set *set)
{
    size_t n = prove_rule_count(set);
    bool ok = true;
    *p = (struct prove_policy){0};
    for (size_t i = 0; i < n; i++) {
        fill_spec(p, &set->rules[i], i);
        struct rule_spec alone = p->specs[i];
        alone.action = ACTION_BYPASS;
        p->alone[i] = policy_compile(&alone, 1, false, NULL, NULL);
        ok = ok && p->alone[i];
    }
    p->whole = policy_compile(p->specs, n, false, NULL, NULL);
    return ok && p->whole;
}

void prove_policy_fini(struct prove_policy *p)
{
    policy_free(p->whole);
    for (size_t i = 0; i < PROVE_RULES; i++)
        policy_free(p->alone[i]);
}

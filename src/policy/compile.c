/* From what config read to the compiled rules. Every mistake is told, not only the first. */
#include "policy/policy.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/headers.h"
#include "policy/compiled.h"

struct compiler {
    struct policy *policy;
    size_t rule; /* under way */
    size_t errors;
    void (*on_error)(void *arg, const struct policy_error *e);
    void *arg;
};

__attribute__((format(printf, 4, 5))) static void tell(struct compiler *c, const char *key, size_t item,
                                                       const char *format, ...)
{
    struct policy_error e = {.rule = c->rule, .key = key, .item = item};
    va_list ap;
    va_start(ap, format);
    vsnprintf(e.message, sizeof(e.message), format, ap);
    va_end(ap);
    c->errors++;
    if (c->on_error)
        c->on_error(c->arg, &e);
}

/* --- paths -------------------------------------------------------------------------------------------------------- */

static bool is_preset(struct span text)
{
    return span_has_prefix(text, SPAN("preset:"));
}

/* How many patterns the rule's paths stand for. */
static size_t count_patterns(const struct rule_spec *spec)
{
    size_t total = 0;
    for (size_t i = 0; i < spec->path_count; i++) {
        size_t n = 1;
        if (is_preset(spec->paths[i]))
            policy_preset(spec->paths[i], &n);
        total += n;
    }
    return total;
}

static void add_pattern(struct compiler *c, struct rule *r, struct span text, size_t item)
{
    char error[200] = "";
    if (pattern_parse(text, &r->patterns[r->pattern_count], error, sizeof(error)))
        r->pattern_count++;
    else
        tell(c, "path", item, "%s", error);
}

static void add_path(struct compiler *c, struct rule *r, struct span text, size_t item)
{
    if (!is_preset(text)) {
        add_pattern(c, r, text, item);
        return;
    }
    size_t count;
    const char *const *patterns = policy_preset(text, &count);
    if (!patterns)
        tell(c, "path", item, "no such preset; there are preset:health, preset:pwa and preset:sveltekit-assets");
    for (size_t i = 0; i < count; i++)
        add_pattern(c, r, span_of(patterns[i]), item);
}

static void compile_paths(struct compiler *c, struct rule *r)
{
    size_t room = count_patterns(r->spec);
    if (r->spec->path_count == 0)
        tell(c, "path", 0, "at least one path is needed; \"/*\" is everything");
    r->patterns = calloc(room ? room : 1, sizeof(*r->patterns));
    if (!r->patterns) {
        tell(c, "path", 0, "out of memory");
        return;
    }
    for (size_t i = 0; i < r->spec->path_count; i++)
        add_path(c, r, r->spec->paths[i], i);
}

/* --- methods ------------------------------------------------------------------------------------------------------ */

static bool has_lower(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] >= 'a' && s.p[i] <= 'z')
            return true;
    }
    return false;
}

static void check_methods(struct compiler *c, const struct rule_spec *spec)
{
    for (size_t i = 0; i < spec->method_count; i++) {
        struct span m = spec->methods[i];
        if (span_eq(m, SPAN("*")))
            tell(c, "methods", i, "`*` is not a method; leave \"methods\" out to mean all of them");
        else if (!http_is_token(m) || m.n > 32)
            tell(c, "methods", i, "not a method; write for example [\"GET\", \"HEAD\"]");
        else if (has_lower(m))
            tell(c, "methods", i, "methods are case-sensitive; write it in capitals");
    }
}

/* --- selectors ---------------------------------------------------------------------------------------------------- */

static bool holds_kind(const struct selector *sel, enum selector_kind kind)
{
    if (sel->kind == kind)
        return true;
    for (size_t i = 0; sel->kind == SEL_GROUP && i < sel->member_count; i++) {
        if (sel->members[i].kind == kind)
            return true;
    }
    return false;
}

static bool is_only_ip(const struct selector *sel)
{
    if (sel->kind != SEL_GROUP)
        return sel->kind == SEL_IP;
    for (size_t i = 0; i < sel->member_count; i++) {
        if (sel->members[i].kind != SEL_IP)
            return false;
    }
    return true;
}

static void check_known(struct compiler *c, const char *key, const struct selectors *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i].kind > SEL_GROUP || holds_kind(&s->v[i], SEL_NOBODY))
            tell(c, key, i, "this selector is not known");
        for (size_t k = 0; s->v[i].kind == SEL_GROUP && k < s->v[i].member_count; k++) {
            if (s->v[i].members[k].kind >= SEL_GROUP)
                tell(c, key, i, "a group within a group must be flattened");
        }
    }
}

static void check_bypass_conditions(struct compiler *c, const char *key, const struct selectors *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!is_only_ip(&s->v[i]))
            tell(c, key, i,
                 "a bypass asks for no identity, so only `ip:` can stand here; use \"action\": \"allow\" "
                 "for people");
    }
}

static void check_bypass(struct compiler *c, const struct rule_spec *spec)
{
    if (spec->who.n)
        tell(c, "who", 0, "a bypass asks for no identity: use \"action\": \"allow\", or \"require\": [\"ip:…\"]");
    check_bypass_conditions(c, "require", &spec->require);
    check_bypass_conditions(c, "except", &spec->except);
}

static void check_block(struct compiler *c, const struct rule_spec *spec)
{
    const struct {
        const char *key;
        size_t n;
    } lists[] = {{"who", spec->who.n}, {"require", spec->require.n}, {"except", spec->except.n}};
    for (size_t i = 0; i < 3; i++) {
        if (lists[i].n)
            tell(c, lists[i].key, 0,
                 "a block is for everybody and takes no selectors; use \"action\": \"allow\" with "
                 "\"except\" to keep some out");
    }
}

static void check_allow(struct compiler *c, const struct rule_spec *spec)
{
    for (size_t i = 0; i < spec->who.n; i++) {
        if (holds_kind(&spec->who.v[i], SEL_IP))
            tell(c, "who", i, "an address is no identity: put `ip:` into \"require\" or \"except\"");
    }
}

static void check_lifetime(struct compiler *c, const struct rule_spec *spec)
{
    if (spec->lifetime_s && spec->action != ACTION_ALLOW)
        tell(c, "lifetime", 0, "only \"action\": \"allow\" asks who it is, and how long ago that was proven");
}

static void check_selectors(struct compiler *c, const struct rule_spec *spec)
{
    check_known(c, "who", &spec->who);
    check_known(c, "require", &spec->require);
    check_known(c, "except", &spec->except);
    switch (spec->action) {
    case ACTION_BYPASS:
        check_bypass(c, spec);
        return;
    case ACTION_BLOCK:
        check_block(c, spec);
        return;
    case ACTION_ALLOW:
        check_allow(c, spec);
        return;
    }
    tell(c, "action", 0, "one of \"bypass\", \"allow\", \"block\"");
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

/* The twins that guard.c asks for: of every allow or block that stands before a bypass. */
static void prepare_guards(struct compiler *c)
{
    struct policy *p = c->policy;
    size_t end = p->count;
    while (end > 0 && p->specs[end - 1].action != ACTION_BYPASS)
        end--;
    for (c->rule = 0; c->rule < end; c->rule++) {
        struct rule *r = &p->rules[c->rule];
        char error[200] = "";
        for (size_t i = 0; r->spec->action != ACTION_BYPASS && i < r->pattern_count; i++) {
            if (!pattern_prepare_folded(&r->patterns[i], error, sizeof(error)))
                tell(c, "path", i, "%s", error);
        }
    }
}

/* Design §3a, last sentence: nothing is behind a rule there that a second reading could reach. */
static bool passes_all(const struct policy *p, bool is_public)
{
    if (!is_public || p->count != 1)
        return false;
    const struct rule_spec *r = &p->specs[0];
    return r->action == ACTION_BYPASS && r->path_count == 1 && span_eq(r->paths[0], SPAN("/*")) &&
           r->method_count == 0 && r->require.n == 0 && r->except.n == 0;
}

static struct policy *policy_new(const struct rule_spec *rules, size_t count)
{
    struct policy *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->specs = calloc(count + 1, sizeof(*p->specs));
    p->rules = calloc(count + 1, sizeof(*p->rules));
    if (!p->specs || !p->rules) {
        policy_free(p);
        return NULL;
    }
    p->count = p->first_guard = count;
    for (size_t i = 0; i < count; i++) {
        p->specs[i] = rules[i];
        p->rules[i].spec = &p->specs[i];
        if (rules[i].action != ACTION_BYPASS && i < p->first_guard)
            p->first_guard = i;
    }
    return p;
}

const struct policy *policy_compile(const struct rule_spec *rules, size_t count, bool is_public,
                                    void (*on_error)(void *arg, const struct policy_error *e), void *arg)
{
    struct compiler c = {.policy = policy_new(rules, count), .on_error = on_error, .arg = arg};
    if (!c.policy) {
        tell(&c, "path", 0, "out of memory");
        return NULL;
    }
    for (c.rule = 0; c.rule < count; c.rule++) {
        compile_paths(&c, &c.policy->rules[c.rule]);
        check_methods(&c, &rules[c.rule]);
        check_selectors(&c, &rules[c.rule]);
        check_lifetime(&c, &rules[c.rule]);
    }
    prepare_guards(&c);
    c.policy->passes_all = passes_all(c.policy, is_public);
    if (c.errors == 0)
        return c.policy;
    policy_free(c.policy);
    return NULL;
}

void policy_free(const struct policy *p)
{
    if (!p)
        return;
    for (size_t i = 0; p->rules && i < p->count; i++) {
        for (size_t k = 0; k < p->rules[i].pattern_count; k++)
            pattern_fini(&p->rules[i].patterns[k]);
        free(p->rules[i].patterns);
    }
    free(p->rules);
    free(p->specs);
    free((struct policy *)(uintptr_t)p); /* const to everybody but its maker and this */
}

#include "config/build.h"

#include "base/count.h"

static const char *const actions[] = {
    [ACTION_BLOCK] = "block", [ACTION_BYPASS] = "bypass", [ACTION_ALLOW] = "allow", NULL};

static const struct key keys[] = {
    KEY(struct raw_rule, name, KEY_TEXT),
    KEY(struct raw_rule, path, KEY_TEXT_OR_LIST, .required = true),
    KEY(struct raw_rule, methods, KEY_TEXTS),
    KEY(struct raw_rule, action, KEY_CHOICE, .choices = actions, .required = true),
    KEY(struct raw_rule, who, KEY_TEXTS),
    KEY(struct raw_rule, require, KEY_TEXTS),
    KEY(struct raw_rule, except, KEY_TEXTS),
    KEY(struct raw_rule, lifetime, KEY_DURATION, .min = SECONDS(60), .max = DAYS(400), .depends = true),
};

const struct section section_rule = SECTION(struct raw_rule, keys);

/* A list that is written and empty would mean "no condition": never what its author meant. */
static bool is_empty_list(struct build *b, const struct texts_field *f, const char *means)
{
    if (!f->f.given || !f->v || f->n)
        return false;
    place_error(b->d, f->f.at, "is empty: %s", means);
    return true;
}

static const struct span *read_texts(struct build *b, const struct texts_field *f)
{
    struct span *all = build_alloc(b, f->n, sizeof(*all));

    for (size_t i = 0; all && i < f->n; i++)
        all[i] = f->v[i].v;
    return all;
}

/* What could not be read (its error is told) must not be compiled as if it were not there. */
static bool is_unreadable(const struct texts_field *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].f.bad)
            return true;
    return f->f.bad;
}

static bool read_rule(struct build *b, const struct raw_rule *raw, struct rule_spec *spec)
{
    bool bad = raw->e.later || !raw->action.f.given || raw->action.f.bad || raw->name.f.bad || !raw->path.f.given ||
               is_unreadable(&raw->path) || is_unreadable(&raw->methods) || is_unreadable(&raw->who) ||
               is_unreadable(&raw->require) || is_unreadable(&raw->except) || raw->lifetime.f.bad;

    bad |= is_empty_list(b, &raw->methods, "leave \"methods\" out to mean all methods");
    bad |=
        is_empty_list(b, &raw->who, "leave \"who\" out to admit whoever passed the gate; \"block\" refuses everybody");
    bad |= is_empty_list(b, &raw->require, "leave \"require\" out");
    bad |= is_empty_list(b, &raw->except, "leave \"except\" out");
    *spec = (struct rule_spec){
        .name = raw->name.v,
        .paths = read_texts(b, &raw->path),
        .path_count = raw->path.n,
        .methods = read_texts(b, &raw->methods),
        .method_count = raw->methods.n,
        .action = (enum action)raw->action.v,
        .who = build_selectors(b, &raw->who, &bad),
        .require = build_selectors(b, &raw->require, &bad),
        .except = build_selectors(b, &raw->except, &bad),
        .lifetime_s = (uint32_t)(raw->lifetime.v / 1000),
    };
    return !bad;
}

void build_rules_read(struct build *b, struct build_rules *r, const struct objects_field *list)
{
    r->at = list->f.at;
    r->raw = list->v;
    r->count = list->n;
    r->specs = build_alloc(b, list->n, sizeof(*r->specs));
    r->bad = !r->specs || !list->v;
    for (size_t i = 0; r->specs && i < list->n; i++)
        if (!read_rule(b, &r->raw[i], &r->specs[i]))
            r->bad = true;
    if (list->v && !list->n)
        place_warning(b->d, list->f.at, "there are no rules, so everything is refused with 403");
}

/* --- compiling ---------------------------------------------------------------------------------------------------- */

struct telling {
    struct build *b;
    const struct build_rules *r;
};

static const struct texts_field *list_of(const struct raw_rule *raw, const char *key)
{
    const struct {
        const char *key;
        const struct texts_field *list;
    } lists[] = {{"path", &raw->path},
                 {"methods", &raw->methods},
                 {"who", &raw->who},
                 {"require", &raw->require},
                 {"except", &raw->except}};

    for (size_t i = 0; i < COUNT(lists); i++)
        if (strcmp(lists[i].key, key) == 0)
            return lists[i].list;
    return NULL;
}

static void on_error(void *arg, const struct policy_error *e)
{
    const struct telling *t = arg;
    const struct raw_rule *raw = e->rule < t->r->count ? &t->r->raw[e->rule] : NULL;
    const struct texts_field *list = raw ? list_of(raw, e->key) : NULL;
    struct place at = raw ? raw->e.at : t->r->at;

    if (raw && strcmp(e->key, "lifetime") == 0)
        at = raw->lifetime.f.at;
    if (list && list->f.given)
        at = e->item < list->n ? list->v[e->item].f.at : list->f.at;
    place_error(t->b->d, at, "%s", e->message);
}

static void free_policy(const void *p)
{
    policy_free(p);
}

static const struct policy *compile(struct build *b, struct build_rules *r, bool is_public)
{
    struct telling t = {b, r};
    size_t errors = b->d->errors;
    const struct policy *p = policy_compile(r->specs, r->count, is_public, on_error, &t);

    if (!p && b->d->errors == errors)
        place_error(b->d, r->at, "these rules could not be compiled: out of memory");
    if (p && !config_memory_defer(b->mem, free_policy, p)) {
        policy_free(p);
        b->failed = true;
        return NULL;
    }
    return p;
}

/* A mistake in rules that several hosts share is told once. */
const struct policy *build_rules_policy(struct build *b, struct build_rules *r, bool is_public)
{
    if (r->bad || b->failed)
        return NULL;
    if (!r->made[is_public].tried) {
        r->made[is_public].tried = true;
        r->made[is_public].policy = compile(b, r, is_public);
        r->bad = !r->made[is_public].policy;
    }
    return r->made[is_public].policy;
}

void build_rulesets(struct build *b)
{
    const struct objects_field *map = &b->raw->rulesets;
    const struct named_objects *raw = map->v;

    b->rulesets = build_alloc(b, map->n, sizeof(*b->rulesets));
    if (!b->rulesets)
        return;
    b->ruleset_count = map->n;
    build_check_names(b, map, sizeof(struct named_objects), "a ruleset");
    for (size_t i = 0; i < map->n; i++) {
        b->rulesets[i].name = raw[i].e.name.v;
        build_rules_read(b, &b->rulesets[i], &raw[i].list);
    }
}

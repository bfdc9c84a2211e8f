/* What can be told of rules without a request. */

#include "policy/compiled.h"

/* Every known IPv4 address, or every known address of one family: no condition worth the name. */
static bool is_everywhere(const struct selector *sel)
{
    if (sel->kind != SEL_IP)
        return false;
    return sel->range.bits == 0 || (sel->range.bits == 96 && ip_is_v4(sel->range.ip));
}

static bool admits_everywhere(const struct selector *sel)
{
    if (sel->kind != SEL_GROUP)
        return is_everywhere(sel);
    for (size_t i = 0; i < sel->member_count; i++) {
        if (is_everywhere(&sel->members[i]))
            return true;
    }
    return false;
}

/* An `except` alone still leaves everybody else in. */
static bool is_open_bypass(const struct rule_spec *r)
{
    if (r->action != ACTION_BYPASS)
        return false;
    for (size_t i = 0; i < r->require.n; i++) {
        if (!admits_everywhere(&r->require.v[i]))
            return false;
    }
    return true;
}

static bool is_catch_all(const struct rule *r, struct regex_room *room)
{
    for (size_t i = 0; i < r->pattern_count; i++) {
        if (pattern_is_catch_all(&r->patterns[i], room))
            return true;
    }
    return false;
}

/* Surely everything: the probes of is_catch_all only guess about expressions. */
static bool takes_the_rest(const struct rule *r)
{
    if (r->spec->action == ACTION_BYPASS || r->spec->method_count > 0)
        return false;
    for (size_t i = 0; i < r->pattern_count; i++) {
        if (r->patterns[i].kind == PATTERN_PREFIX && r->patterns[i].text.n == 1)
            return true;
    }
    return false;
}

bool policy_is_open(const struct policy *p)
{
    struct regex_room *room = regex_room_new();
    bool open = room == NULL; /* doubt: whoever asks must then say `public` */
    for (size_t i = 0; !open && i < p->count && !takes_the_rest(&p->rules[i]); i++)
        open = is_open_bypass(&p->specs[i]) && is_catch_all(&p->rules[i], room);
    regex_room_free(room);
    return open;
}

static bool has_all_methods_of(const struct rule *a, const struct rule *b)
{
    if (a->spec->method_count == 0)
        return true;
    for (size_t i = 0; i < b->spec->method_count; i++) {
        if (!rule_has_method(a, b->spec->methods[i]))
            return false;
    }
    return b->spec->method_count > 0;
}

static bool covers_pattern(const struct rule *a, const struct pattern *b, struct regex_room *room)
{
    for (size_t i = 0; i < a->pattern_count; i++) {
        if (pattern_covers(&a->patterns[i], b, room))
            return true;
    }
    return false;
}

/* Does `a` decide everything that `b` could? A bypass with conditions may step aside. */
static bool shadows(const struct rule *a, const struct rule *b, struct regex_room *room)
{
    if (a->spec->action == ACTION_BYPASS && a->spec->require.n + a->spec->except.n > 0)
        return false;
    if (!has_all_methods_of(a, b))
        return false;
    for (size_t i = 0; i < b->pattern_count; i++) {
        if (!covers_pattern(a, &b->patterns[i], room))
            return false;
    }
    return true;
}

static int find_shadowed(const struct policy *p, size_t from, size_t *by, struct regex_room *room)
{
    for (size_t i = from; i < p->count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (!shadows(&p->rules[k], &p->rules[i], room))
                continue;
            *by = k;
            return (int)i;
        }
    }
    return -1;
}

int policy_find_shadowed(const struct policy *p, size_t from, size_t *by)
{
    struct regex_room *room = regex_room_new();
    int found = room ? find_shadowed(p, from, by, room) : -1;
    regex_room_free(room);
    return found;
}

static bool rule_excludes(const struct rule *r)
{
    for (size_t i = 0; i < r->pattern_count; i++) {
        if (r->patterns[i].excludes)
            return true;
    }
    return false;
}

int policy_find_doubtful(const struct policy *p, size_t from, size_t *bypass)
{
    for (size_t i = from; i < p->count; i++) {
        if (p->specs[i].action == ACTION_BYPASS || !rule_excludes(&p->rules[i]))
            continue;
        for (size_t k = i + 1; k < p->count; k++) {
            if (p->specs[k].action != ACTION_BYPASS)
                continue;
            *bypass = k;
            return (int)i;
        }
    }
    return -1;
}

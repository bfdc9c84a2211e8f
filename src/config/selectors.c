#include "config/build.h"

#include "config/nearest.h"

/* Prefixes that later versions know. */
static const char *const later[] = {
    "email:", "email_domain:", "github:", "github_org:", "github_team:", "service_token:", "client_cert:", NULL};

static bool is_later(struct build *b, const struct text_field *t)
{
    for (size_t i = 0; later[i]; i++)
        if (span_has_prefix(t->v, span_of(later[i]))) {
            place_error(b->d, t->f.at,
                        "%s is not supported yet: the selectors of this version are everyone, basic:USER, "
                        "ip:RANGE and groups of them",
                        later[i]);
            return true;
        }
    return false;
}

static bool read_ip(struct build *b, const struct text_field *t, struct selector *out)
{
    struct res r = cidr_parse(span_from(t->v, 3), &out->range);

    out->kind = SEL_IP;
    if (!res_ok(r))
        place_error(b->d, t->f.at, "\"%.*s\": %s: write \"ip:203.0.113.7\" or \"ip:203.0.113.0/24\"", SHOW(t->v),
                    r.err);
    return res_ok(r);
}

static bool read_basic(struct build *b, const struct text_field *t, struct selector *out)
{
    struct span user = span_from(t->v, 6), gate, name;

    if (!user.n) {
        place_error(b->d, t->f.at, "write the user behind basic:");
        return false;
    }
    if (span_cut(user, '/', &gate, &name)) {
        place_error(b->d, t->f.at,
                    "a rule knows the users of its host's own gate: write \"basic:%.*s\" (the gate is named in "
                    "\"expect\" alone)",
                    SHOW(name));
        return false;
    }
    out->kind = SEL_BASIC;
    out->subject = user;
    return true;
}

/* Everything but groups. *known: false when the text is no selector of that sort. */
static bool read_plain(struct build *b, const struct text_field *t, struct selector *out, bool *known)
{
    *known = true;
    if (is_later(b, t))
        return false;
    if (span_eq(t->v, SPAN("everyone"))) {
        out->kind = SEL_EVERYONE;
        return true;
    }
    if (span_has_prefix(t->v, SPAN("ip:")))
        return read_ip(b, t, out);
    if (span_has_prefix(t->v, SPAN("basic:")))
        return read_basic(b, t, out);
    *known = false;
    return false;
}

static void unknown(struct build *b, const struct text_field *t)
{
    struct span near = build_nearest(&b->raw->groups, sizeof(struct named_texts), t->v);

    if (near.n)
        place_error(b->d, t->f.at, "there is no group \"%.*s\": did you mean \"%.*s\"?", SHOW(t->v), SHOW(near));
    else
        place_error(b->d, t->f.at,
                    "\"%.*s\" is neither a group nor a selector: write everyone, basic:USER, ip:RANGE or the "
                    "name of a group",
                    SHOW(t->v));
}

static bool read_group(struct build *b, const struct text_field *t, struct selector *out)
{
    size_t i = build_find(&b->raw->groups, sizeof(struct named_texts), t->v);

    if (i == b->raw->groups.n) {
        unknown(b, t);
        return false;
    }
    b->group_used[i] = true;
    *out = b->groups[i];
    return !b->group_bad[i];
}

struct selectors build_selectors(struct build *b, const struct texts_field *list, bool *bad)
{
    struct selector *all = build_alloc(b, list->n, sizeof(*all));

    for (size_t i = 0; all && i < list->n; i++) {
        bool known = true;
        bool good = list->v[i].v.p && read_plain(b, &list->v[i], &all[i], &known);

        if (!known)
            good = read_group(b, &list->v[i], &all[i]);
        *bad |= !good;
    }
    *bad |= !all;
    return (struct selectors){all, all ? list->n : 0};
}

/* --- groups ------------------------------------------------------------------------------------------------------- */

static bool read_member(struct build *b, const struct text_field *t, struct selector *out)
{
    bool known = true;
    bool good = t->v.p && read_plain(b, t, out, &known);

    if (!known && build_find(&b->raw->groups, sizeof(struct named_texts), t->v) < b->raw->groups.n)
        place_error(b->d, t->f.at, "a group holds selectors, not groups: write the members of \"%.*s\" here",
                    SHOW(t->v));
    else if (!known)
        place_error(b->d, t->f.at, "\"%.*s\" is no selector: write everyone, basic:USER or ip:RANGE", SHOW(t->v));
    return good;
}

static void read_one_group(struct build *b, const struct named_texts *raw, size_t i)
{
    struct selector *members = build_alloc(b, raw->list.n, sizeof(*members));

    b->group_bad[i] = !members || !raw->list.v;
    for (size_t k = 0; members && k < raw->list.n; k++)
        b->group_bad[i] |= !read_member(b, &raw->list.v[k], &members[k]);
    b->groups[i] = (struct selector){.kind = SEL_GROUP, .members = members, .member_count = raw->list.n};
    if (raw->list.v && !raw->list.n)
        place_warning(b->d, raw->list.f.at,
                      "nobody belongs to this group, so nothing that asks for it is ever granted");
    if (span_eq(raw->e.name.v, SPAN("everyone")))
        place_error(b->d, raw->e.at, "everyone is a selector already: choose another name");
}

void build_groups(struct build *b)
{
    const struct objects_field *map = &b->raw->groups;

    b->groups = build_alloc(b, map->n, sizeof(*b->groups));
    b->group_bad = build_alloc(b, map->n, sizeof(*b->group_bad));
    b->group_used = build_alloc(b, map->n, sizeof(*b->group_used));
    if (!b->groups || !b->group_bad || !b->group_used)
        return;
    build_check_names(b, map, sizeof(struct named_texts), "a group");
    for (size_t i = 0; i < map->n && !b->failed; i++)
        read_one_group(b, (const struct named_texts *)map->v + i, i);
}

#include "config/build.h"

#include "base/count.h"
#include "config/nearest.h"
#include "config/syntax.h"

#define FORMS                                                                                                          \
    "everyone, email:ADDRESS, email_domain:DOMAIN, github:LOGIN, github_org:ORG, github_team:ORG/TEAM, "               \
    "service_token:NAME, github_actions:OWNER/REPOSITORY, basic:USER, ip:RANGE"

/* Prefixes that later versions know. */
static bool is_later(struct build *b, const struct text_field *t)
{
    if (!span_has_prefix(t->v, SPAN("client_cert:")))
        return false;
    place_error(b->d, t->f.at,
                "client_cert: is not supported yet: the selectors of this version are " FORMS " and groups of them");
    return true;
}

/* --- names that somebody has -------------------------------------------------------------------------------------- */

static bool is_token_name(struct span s)
{
    return syntax_is_visible(s, 64);
}

/* Those that are compared with ASCII case folded are kept in lower case. */
static const struct named {
    enum selector_kind kind;
    const char *prefix;
    bool folds;
    bool (*good)(struct span s);
    const char *instead;
} named[] = {
    {SEL_EMAIL, "email:", true, syntax_is_address, "write one address: \"email:name@example.com\""},
    {SEL_EMAIL_DOMAIN, "email_domain:", true, syntax_is_mail_domain,
     "write what stands behind the '@', exactly: \"email_domain:example.com\" (domains below it are others)"},
    {SEL_GITHUB, "github:", true, syntax_is_login, "write the login of a GitHub account: \"github:octocat\""},
    {SEL_GITHUB_ORG, "github_org:", true, syntax_is_login,
     "write the organisation as its address has it: \"github_org:example\""},
    {SEL_GITHUB_TEAM, "github_team:", true, syntax_is_team,
     "write organisation and team as the team's address has them: \"github_team:example/core\""},
    {SEL_SERVICE_TOKEN, "service_token:", false, is_token_name, "write the name of a service token of the gate"},
    {SEL_ACTIONS, "github_actions:", true, syntax_is_repository,
     "write owner and repository: \"github_actions:example/web\""},
};

const char *build_selector_prefix(enum selector_kind kind)
{
    for (size_t i = 0; i < COUNT(named); i++) {
        if (named[i].kind == kind)
            return named[i].prefix;
    }
    return kind == SEL_BASIC ? "basic:" : "";
}

static const struct named *find_named(struct span s)
{
    for (size_t i = 0; i < COUNT(named); i++) {
        if (span_has_prefix(s, span_of(named[i].prefix)))
            return &named[i];
    }
    return NULL;
}

static bool read_named(struct build *b, const struct text_field *t, const struct named *kind, struct selector *out)
{
    struct span name = span_from(t->v, strlen(kind->prefix));

    if (!kind->good(name)) {
        place_error(b->d, t->f.at, "\"%.*s\": %s", SHOW(t->v), kind->instead);
        return false;
    }
    out->kind = kind->kind;
    out->subject = kind->folds ? build_lower(b, name) : name;
    return true;
}

/* --- the others --------------------------------------------------------------------------------------------------- */

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
    const struct named *kind = find_named(t->v);

    *known = true;
    if (is_later(b, t))
        return false;
    if (kind)
        return read_named(b, t, kind, out);
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
        place_error(b->d, t->f.at, "\"%.*s\" is neither a group nor a selector: write " FORMS " or the name of a group",
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
        place_error(b->d, t->f.at, "\"%.*s\" is no selector: write " FORMS, SHOW(t->v));
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

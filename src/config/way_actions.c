/* gates{}.github_actions */
#include "config/build.h"

#include "config/syntax.h"

#define ISSUER "https://token.actions.githubusercontent.com"
#define TEXT_MAX 256

static const struct key keys[] = {
    KEY(struct raw_actions, repository, KEY_TEXT_OR_LIST, .required = true),
    KEY(struct raw_actions, ref, KEY_TEXT_OR_LIST),
    KEY(struct raw_actions, environment, KEY_TEXT_OR_LIST),
    KEY(struct raw_actions, audience, KEY_TEXT, .depends = true),
    KEY(struct raw_actions, issuer, KEY_TEXT, .text_def = ISSUER),
    KEY(struct raw_actions, own_preview_only, KEY_BOOL),
    KEY(struct raw_actions, lifetime, KEY_DURATION, .def = HOURS(1), .min = SECONDS(60), .max = DAYS(1)),
};

const struct section section_actions = SECTION(struct raw_actions, keys);

static bool is_ref(struct span s)
{
    return span_has_prefix(s, SPAN("refs/")) && syntax_is_visible(s, TEXT_MAX);
}

static bool is_environment(struct span s)
{
    return s.n > 0 && s.n <= TEXT_MAX && !span_has_control(s);
}

struct list_rule {
    bool (*good)(struct span s);
    const char *instead;
};

/* An empty list would mean "any", never what its author meant. */
static const struct span *read_list(struct build *b, const struct texts_field *f, const struct list_rule *rule)
{
    struct span *all = build_alloc(b, f->n, sizeof(*all));

    if (f->v && !f->n)
        place_error(b->d, f->f.at, "is empty: %s", rule->instead);
    for (size_t i = 0; all && i < f->n; i++) {
        all[i] = f->v[i].v;
        if (f->v[i].v.p && !rule->good(all[i]))
            place_error(b->d, f->v[i].f.at, "\"%.*s\": %s", SHOW(all[i]), rule->instead);
    }
    return all;
}

static const struct span *fold(struct build *b, const struct span *list, size_t n)
{
    struct span *all = build_alloc(b, n, sizeof(*all));

    for (size_t i = 0; all && list && i < n; i++)
        all[i] = build_lower(b, list[i]);
    return all;
}

static void read_texts(struct build *b, const struct raw_actions *raw, struct actions_config *c)
{
    c->issuer = SPAN(ISSUER);
    if (raw->issuer.v.p && !syntax_is_https_origin(raw->issuer.v, &c->issuer)) {
        /* An Enterprise server's issuer has a path. */
        c->issuer = raw->issuer.v;
        if (!span_has_prefix(raw->issuer.v, SPAN("https://")) || !syntax_is_visible(raw->issuer.v, TEXT_MAX))
            place_error(b->d, raw->issuer.f.at,
                        "\"%.*s\": write the https:// address that the tokens name as `iss`; for github.com leave "
                        "\"issuer\" out",
                        SHOW(raw->issuer.v));
    }
    c->audience = raw->audience.v;
    if (raw->audience.v.p && !syntax_is_visible(raw->audience.v, TEXT_MAX))
        place_error(b->d, raw->audience.f.at, "the audience is printable ASCII without spaces, 1 to %d characters",
                    TEXT_MAX);
}

void build_actions(struct build *b, struct build_gate *g, struct gate_config *gate)
{
    static const struct list_rule repositories = {syntax_is_repository, "write \"owner/name\""},
                                  refs = {is_ref, "write it as GitHub does: \"refs/heads/main\""},
                                  environments = {is_environment, "write the name of an environment of the repository"};
    const struct raw_actions *raw = g->raw->github_actions.v;
    struct actions_config *c = raw ? build_alloc(b, 1, sizeof(*c)) : NULL;

    if (!c)
        return;
    c->repositories = fold(b, read_list(b, &raw->repository, &repositories), raw->repository.n);
    c->repository_count = raw->repository.n;
    c->refs = read_list(b, &raw->ref, &refs);
    c->ref_count = raw->ref.n;
    c->environments = read_list(b, &raw->environment, &environments);
    c->environment_count = raw->environment.n;
    read_texts(b, raw, c);
    c->own_preview_only = raw->own_preview_only.v;
    c->lifetime_s = (uint32_t)(raw->lifetime.v / 1000);
    gate->actions = g->actions = c;
}

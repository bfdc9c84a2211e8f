/* What a host's rules ask, held against what its gate can prove: what nobody can ever prove was hardly meant. */
#include "config/build.h"

static struct span host_name(const struct build_host *h)
{
    return h->raw->host.n ? h->raw->host.v[0].v : SPAN_NONE;
}

/* Where a selector that fails is told. */
struct found {
    struct build *b;
    const struct build_host *h;
    const struct selector *sel;
    struct place at;
    struct span group; /* whose member it is; none: it stands there itself */
};

#define SHOW_GROUP(f) (f)->group.n ? " of group " : "", SHOW((f)->group)

static void refuse(const struct found *f, const char *why)
{
    place_error(f->b->d, f->at, "%s%.*s%s%.*s: gate %.*s of host %.*s %s", build_selector_prefix(f->sel->kind),
                SHOW(f->sel->subject), SHOW_GROUP(f), SHOW(f->h->gate->name), SHOW(host_name(f->h)), why);
}

static bool users_are_known(const struct raw_gate *raw)
{
    const struct raw_basic *basic = raw->basic.v;

    return basic && !basic->htpasswd.missing && !basic->htpasswd.f.bad && !basic->users.f.bad;
}

static void check_user(const struct found *f)
{
    if (!f->h->raw_gate->basic.f.given)
        refuse(f, "has no \"basic\"");
    else if (users_are_known(f->h->raw_gate) && !build_gate_has_user(f->h->gate, f->sel->subject))
        refuse(f, "has no such user");
}

static void check_token(const struct found *f)
{
    const struct objects_field *map = &f->h->raw_gate->service_tokens;

    if (!map->f.given)
        refuse(f, "has no \"service_tokens\"");
    else if (map->v && build_find(map, sizeof(struct raw_service_token), f->sel->subject) == map->n)
        place_error(f->b->d, f->at, "service_token:%.*s%s%.*s: gate %.*s of host %.*s has no such token%s",
                    SHOW(f->sel->subject), SHOW_GROUP(f), SHOW(f->h->gate->name), SHOW(host_name(f->h)),
                    build_suggest(f->b, map, sizeof(struct raw_service_token), f->sel->subject));
}

static void check_repository(const struct found *f)
{
    const struct actions_config *c = f->h->gate->actions;

    if (!f->h->raw_gate->github_actions.f.given) {
        refuse(f, "has no \"github_actions\"");
        return;
    }
    for (size_t i = 0; c && i < c->repository_count; i++) {
        if (span_eq(c->repositories[i], f->sel->subject))
            return;
    }
    if (c)
        refuse(f, "does not take jobs of that repository: it is not in its \"repository\"");
}

static void check_selector(const struct found *f)
{
    const struct raw_gate *raw = f->h->raw_gate;

    switch (f->sel->kind) {
    case SEL_BASIC:
        check_user(f);
        return;
    case SEL_EMAIL:
    case SEL_EMAIL_DOMAIN:
        if (!build_is_interactive(raw))
            refuse(f, "has neither \"email_pin\" nor \"github\", so that nobody can prove an address");
        return;
    case SEL_GITHUB:
    case SEL_GITHUB_ORG:
    case SEL_GITHUB_TEAM:
        if (!raw->github.f.given)
            refuse(f, "has no \"github\"");
        return;
    case SEL_SERVICE_TOKEN:
        check_token(f);
        return;
    case SEL_ACTIONS:
        check_repository(f);
        return;
    case SEL_NOBODY:
    case SEL_EVERYONE:
    case SEL_IP:
    case SEL_GROUP:
        break;
    }
}

static void check_list(struct build *b, const struct build_host *h, const struct selectors *s,
                       const struct texts_field *list)
{
    for (size_t i = 0; h->raw_gate && i < s->n; i++) {
        struct found f = {b, h, &s->v[i], list->v[i].f.at, SPAN_NONE};

        check_selector(&f);
        f.group = list->v[i].v;
        for (size_t k = 0; s->v[i].kind == SEL_GROUP && k < s->v[i].member_count; k++) {
            f.sel = &s->v[i].members[k];
            check_selector(&f);
        }
    }
}

/* --- the whole rule ----------------------------------------------------------------------------------------------- */

static void check_allow(struct build *b, const struct build_host *h, const struct raw_rule *raw)
{
    bool interactive = h->raw_gate && build_is_interactive(h->raw_gate);

    if (!h->raw->gate.f.given)
        place_error(b->d, h->raw->e.at, "\"gate\" is missing: the rule %s says \"allow\", which needs an identity",
                    raw->e.at.path);
    if (interactive && !raw->who.f.given)
        place_error(
            b->d, raw->e.at,
            "\"who\" is missing, and gate %.*s takes everybody who has a GitHub account or a mail address: name "
            "them, or write \"who\": [\"everyone\"] if the whole world may sign in",
            SHOW(h->gate->name));
    /* Browsers send Basic again by themselves, and the other ways prove anew with each request: nobody would be asked. */
    if (h->raw_gate && !interactive && raw->lifetime.f.given)
        place_error(b->d, raw->lifetime.f.at,
                    "gate %.*s of host %.*s has neither \"github\" nor \"email_pin\", so that nobody can be asked to "
                    "sign in anew: leave \"lifetime\" out, and set \"session\": {\"lifetime\": …} of the gate",
                    SHOW(h->gate->name), SHOW(host_name(h)));
}

void build_check_rule(struct build *b, const struct build_host *h, size_t rule)
{
    const struct rule_spec *spec = &h->rules->specs[rule];
    const struct raw_rule *raw = &h->rules->raw[rule];

    if (spec->action == ACTION_ALLOW && !raw->action.f.bad && raw->action.f.given)
        check_allow(b, h, raw);
    check_list(b, h, &spec->who, &raw->who);
    check_list(b, h, &spec->require, &raw->require);
    check_list(b, h, &spec->except, &raw->except);
}

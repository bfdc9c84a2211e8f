#include "config/as.h"

#include "base/count.h"
#include "config/syntax.h"

#define FORMS "who asks is " AS_FORMS

/* A lower-case copy, ended by `end` when that is not 0. Empty: no room left. */
static struct span folded(struct as_room *room, struct span s, char end)
{
    char *at = room->text + room->n;
    size_t n = s.n + (end ? 1 : 0);

    if (n > sizeof(room->text) - room->n)
        return SPAN_NONE;
    for (size_t i = 0; i < s.n; i++)
        at[i] = (char)ascii_lower(s.p[i]);
    if (end)
        at[s.n] = end;
    room->n += n;
    return span_make(at, n);
}

static const char *read_email(struct span s, struct as_room *room, struct identity *out)
{
    if (!syntax_is_address(s))
        return "write a mail address behind email:";
    out->email = folded(room, s, 0);
    return out->email.n ? NULL : "is too long";
}

static const char *by_email(struct span s, struct as_room *room, struct identity *out)
{
    const char *problem = read_email(s, room, out);

    out->subject = out->email;
    return problem;
}

static const char *by_github(struct span s, struct as_room *room, struct identity *out)
{
    if (!syntax_is_login(s))
        return "write a login behind github:";
    out->login = folded(room, s, 0);
    out->subject = out->login; /* the account's number, which nobody knows here, is asked by no rule */
    return NULL;
}

static const char *by_basic(struct span s, struct as_room *room, struct identity *out)
{
    (void)room;
    out->subject = s;
    if (span_find(s, '/') < s.n)
        span_cut(s, '/', &out->gate, &out->subject);
    return out->subject.n ? NULL : "write the gate and the user: \"basic:GATE/USER\"";
}

static const char *by_token(struct span s, struct as_room *room, struct identity *out)
{
    (void)room;
    out->subject = s;
    return s.n ? NULL : "write the name of a token behind service_token:";
}

static const char *by_actions(struct span s, struct as_room *room, struct identity *out)
{
    out->subject = folded(room, s, 0);
    return syntax_is_repository(s) ? NULL : "write \"github_actions:OWNER/REPOSITORY\"";
}

static const char *by_link(struct span s, struct as_room *room, struct identity *out)
{
    (void)room;
    out->subject = SPAN("link");
    out->scope = s;
    return s.n && s.p[0] == '/' ? NULL : "write the path that the link is good for: \"share_link:/docs/\"";
}

static const struct {
    struct span prefix;
    enum identity_way way;
    const char *(*read)(struct span s, struct as_room *room, struct identity *out);
} ways[] = {{{(const uint8_t *)"basic:", 6}, WAY_BASIC, by_basic},
            {{(const uint8_t *)"email:", 6}, WAY_EMAIL, by_email},
            {{(const uint8_t *)"github:", 7}, WAY_GITHUB, by_github},
            {{(const uint8_t *)"service_token:", 14}, WAY_SERVICE_TOKEN, by_token},
            {{(const uint8_t *)"github_actions:", 15}, WAY_ACTIONS, by_actions},
            {{(const uint8_t *)"share_link:", 11}, WAY_SHARE_LINK, by_link}};

static const char *read_way(struct span s, struct as_room *room, struct identity *out)
{
    for (size_t i = 0; i < COUNT(ways); i++) {
        if (!span_has_prefix(s, ways[i].prefix))
            continue;
        out->way = ways[i].way;
        return ways[i].read(span_from(s, ways[i].prefix.n), room, out);
    }
    return FORMS;
}

/* All groups stand side by side in the room, since nothing else is put there between them. */
static const char *add_group(struct span name, struct as_room *room, struct identity *out)
{
    struct span line = folded(room, name, '\n');

    if (!line.n)
        return "is too long";
    out->groups = span_make(out->groups.n ? out->groups.p : line.p, out->groups.n + line.n);
    return NULL;
}

static const char *read_fact(struct span s, struct as_room *room, struct identity *out)
{
    struct span org = span_from(s, 11), team = span_from(s, 12);

    if (span_has_prefix(s, SPAN("github_org:")))
        return syntax_is_login(org) ? add_group(org, room, out) : "write an organisation behind github_org:";
    if (span_has_prefix(s, SPAN("github_team:")))
        return syntax_is_team(team) ? add_group(team, room, out) : "write \"github_team:ORG/TEAM\"";
    /* Put behind the last group: no more of them then. */
    if (span_has_prefix(s, SPAN("email:")) && !out->email.n)
        return read_email(span_from(s, 6), room, out);
    return "behind \"github:LOGIN\" there may be \",github_org:ORG\", \",github_team:ORG/TEAM\" and at last "
           "\",email:ADDRESS\"";
}

const char *as_parse(struct span text, struct as_room *room, struct identity *out)
{
    struct span head, rest = text;
    bool is_github = span_has_prefix(text, SPAN("github:"));
    const char *problem;

    *out = (struct identity){.way = WAY_NONE};
    room->n = 0;
    if (span_eq(text, SPAN("anonymous")))
        return NULL;
    if (!is_github)
        return read_way(text, room, out);
    bool more = span_cut(rest, ',', &head, &rest);

    problem = read_way(head, room, out);
    while (more && !problem) {
        more = span_cut(rest, ',', &head, &rest);
        problem = out->email.n ? "\",email:ADDRESS\" comes last" : read_fact(head, room, out);
    }
    return problem;
}

/* --- by which gate ------------------------------------------------------------------------------------------------ */

static bool has_token(const struct gate_config *gate, struct span name)
{
    for (size_t i = 0; i < gate->token_count; i++) {
        if (span_eq(gate->tokens[i].name, name))
            return true;
    }
    return false;
}

static bool has_way(const struct gate_config *gate, const struct identity *who)
{
    switch (who->way) {
    case WAY_BASIC: /* whether there is such a user is told apart */
        return true;
    case WAY_GITHUB:
        return gate->github != NULL;
    case WAY_EMAIL:
        return gate->email_pin != NULL;
    case WAY_SERVICE_TOKEN:
        return has_token(gate, who->subject);
    case WAY_ACTIONS:
        return gate->actions != NULL;
    case WAY_SHARE_LINK:
        return gate->share_links;
    case WAY_NONE:
    case WAY_COUNT:
        break;
    }
    return false;
}

void as_prove(struct identity *who, const struct gate_config *gate)
{
    if (!gate || who->gate.n)
        return;
    /* An address can be proven by the account that has it, too. */
    if (who->way == WAY_EMAIL && !gate->email_pin && gate->github)
        who->way = WAY_GITHUB;
    if (has_way(gate, who))
        who->gate = gate->name;
}

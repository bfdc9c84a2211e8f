/* Does a selector mean who asks? */
#include "policy/asker.h"

/* A selector without a subject means nobody, whatever is compared. */
static bool is_user(const struct selector *sel, const struct identity *who)
{
    return who && who->way == WAY_BASIC && span_eq(sel->subject, who->subject) &&
           (sel->gate.n == 0 || span_eq(sel->gate, who->gate));
}

/* What lies behind the one '@'; empty: there is none, or nothing before it. A second one, wherever, makes it no address: which
 * of both divides it is read in two ways. */
static struct span domain_of(struct span email)
{
    struct span local, domain;
    (void)span_cut(email, '@', &local, &domain); /* without one, nothing stands behind it */
    return local.n == 0 || span_find(domain, '@') < domain.n ? SPAN_NONE : domain;
}

/* The address of who proved one: by a PIN, or as GitHub verified it. */
static struct span email_of(const struct identity *who)
{
    bool has = who && (who->way == WAY_EMAIL || who->way == WAY_GITHUB) && domain_of(who->email).n > 0;
    return has ? who->email : SPAN_NONE;
}

static bool is_same(struct span want, struct span have)
{
    return want.n > 0 && span_eq_nocase(want, have);
}

static bool has_group(const struct identity *who, struct span name)
{
    struct span rest = who && who->way == WAY_GITHUB ? who->groups : SPAN_NONE, head;
    while (span_cut(rest, '\n', &head, &rest)) {
        if (is_same(name, head))
            return true;
    }
    return false;
}

/* An organisation may let nobody look who its members are. */
static bool hides(const struct identity *who, struct span name)
{
    struct span rest = who->groups, head;
    while (span_cut(rest, '\n', &head, &rest)) {
        if (span_has_prefix(head, SPAN("?")) && is_same(name, span_from(head, 1)))
            return true;
    }
    return false;
}

/* What GitHub could not be asked for too long is gone from the identity, and an address may be kept back: who is excepted must not get in by
 * that. Each group ends with a '\n': of a list that was cut off nothing is known. */
static bool is_in_doubt(const struct selector *sel, const struct identity *who)
{
    if (!who || who->way != WAY_GITHUB)
        return false;
    switch (sel->kind) {
    case SEL_EMAIL:
    case SEL_EMAIL_DOMAIN:
        return domain_of(who->email).n == 0;
    case SEL_GITHUB:
    case SEL_GITHUB_ORG:
    case SEL_GITHUB_TEAM:
        return who->login.n == 0 || (who->groups.n > 0 && !span_has_suffix(who->groups, SPAN("\n"))) ||
               hides(who, sel->subject);
    default:
        return false;
    }
}

/* A team is never taken for an organisation of that name, nor the other way round. */
static bool is_team(struct span name)
{
    return span_find(name, '/') < name.n;
}

static bool is_subject(const struct identity *who, enum identity_way way, struct span name)
{
    return who && who->way == way && span_eq(who->subject, name);
}

static bool simple_holds(const struct selector *sel, const struct asker *a, bool doubt)
{
    const struct identity *who = a->who;
    if (is_in_doubt(sel, who))
        return doubt;
    switch (sel->kind) {
    case SEL_NOBODY:
        return false;
    case SEL_EVERYONE:
        return who != NULL;
    case SEL_BASIC:
        return is_user(sel, who);
    case SEL_IP:
        if (a->anywhere)
            return !doubt;
        return a->client.family == 0 ? doubt : cidr_has(&sel->range, &a->client);
    case SEL_EMAIL:
        return is_same(sel->subject, email_of(who));
    case SEL_EMAIL_DOMAIN:
        return is_same(sel->subject, domain_of(email_of(who)));
    case SEL_GITHUB:
        return who && who->way == WAY_GITHUB && is_same(sel->subject, who->login);
    case SEL_GITHUB_ORG:
        return !is_team(sel->subject) && has_group(who, sel->subject);
    case SEL_GITHUB_TEAM:
        return is_team(sel->subject) && has_group(who, sel->subject);
    case SEL_SERVICE_TOKEN:
        return is_subject(who, WAY_SERVICE_TOKEN, sel->subject);
    case SEL_ACTIONS:
        return who && who->way == WAY_ACTIONS && is_same(sel->subject, who->subject);
    case SEL_GROUP:
        break;
    }
    return doubt;
}

static bool holds(const struct selector *sel, const struct asker *a, bool doubt)
{
    if (sel->kind != SEL_GROUP)
        return simple_holds(sel, a, doubt);
    for (size_t i = 0; i < sel->member_count; i++) {
        if (simple_holds(&sel->members[i], a, doubt))
            return true;
    }
    return false;
}

bool selectors_any(const struct selectors *s, const struct asker *a, bool doubt)
{
    for (size_t i = 0; i < s->n; i++) {
        if (holds(&s->v[i], a, doubt))
            return true;
    }
    return false;
}

bool selectors_all(const struct selectors *s, const struct asker *a)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!holds(&s->v[i], a, false))
            return false;
    }
    return true;
}

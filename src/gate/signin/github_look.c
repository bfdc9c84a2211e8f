#include "gate/signin/github_look.h"

#include "base/clock.h"
#include "base/count.h"
#include "base/text.h"
#include "gate/ledger.h"

#include <stdlib.h>

#define AT_A_TIME 4u
#define PAGES_MAX 5u /* of 100 addresses */

enum ask_kind { ASK_USER = 0, ASK_EMAILS, ASK_ORG, ASK_TEAM };
enum ask_state { ASK_WAITS = 0, ASK_RUNS, ASK_DONE };

struct ask {
    struct github_look *look; /* back */
    enum ask_kind kind;
    enum ask_state state;
    struct span name; /* org, or org/team */
    unsigned page;
    enum github_member member;
    bool blocked;
    struct fetch *fetch; /* ASK_RUNS */
};

struct github_look {
    struct fetcher *fetcher;   /* borrows */
    struct span api;           /* behind the asks, as names are */
    struct text authorization; /* owns */
    struct github_user user;
    void (*on_done)(void *arg, const struct github_facts *facts);
    void *arg;
    unsigned running;
    size_t count;
    struct ask asks[];
};

/* --- life --------------------------------------------------------------------------------------------------------------- */

static size_t names_size(const struct span *v, size_t n)
{
    size_t size = 0;
    for (size_t i = 0; i < n; i++)
        size += v[i].n;
    return size;
}

static struct span keep(uint8_t **at, struct span s)
{
    struct span kept = span_make(*at, s.n);
    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return kept;
}

static void add_ask(struct github_look *l, enum ask_kind kind, struct span name, uint8_t **at)
{
    l->asks[l->count++] = (struct ask){.look = l, .kind = kind, .name = keep(at, name), .page = 1};
}

static struct github_look *look_new(const struct github_config *g, struct span token)
{
    size_t count = 2 + g->org_count + g->team_count, size = sizeof(struct github_look) + count * sizeof(struct ask);
    struct github_look *l =
        calloc(1, size + g->api.n + names_size(g->orgs, g->org_count) + names_size(g->teams, g->team_count));
    if (!l)
        return NULL;
    uint8_t *at = (uint8_t *)l + size;
    l->api = keep(&at, g->api);
    add_ask(l, ASK_USER, SPAN_NONE, &at);
    add_ask(l, ASK_EMAILS, SPAN_NONE, &at);
    for (size_t i = 0; i < g->org_count; i++)
        add_ask(l, ASK_ORG, g->orgs[i], &at);
    for (size_t i = 0; i < g->team_count; i++)
        add_ask(l, ASK_TEAM, g->teams[i], &at);
    text_init(&l->authorization);
    text_add(&l->authorization, SPAN("Bearer "));
    text_add(&l->authorization, token);
    return l;
}

void github_look_cancel(struct github_look *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->asks[i].state == ASK_RUNS)
            fetch_cancel(l->asks[i].fetch);
    text_wipe(&l->authorization);
    free(l);
}

static void end(struct github_look *l, const struct github_facts *facts)
{
    void (*on_done)(void *arg, const struct github_facts *facts) = l->on_done;
    on_done(l->arg, facts);
    github_look_cancel(l);
}

static void fail(struct github_look *l, enum github_look_outcome outcome, const char *detail, uint32_t retry_after_s)
{
    end(l, &(struct github_facts){.outcome = outcome, .detail = detail, .retry_after_s = retry_after_s});
}

/* --- asking ------------------------------------------------------------------------------------------------------------- */

void github_add_escaped(struct text *t, struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i], lower = ascii_lower(c);
        bool plain =
            (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
        if (plain)
            text_add(t, span_make(s.p + i, 1));
        else
            text_addf(t, "%%%02X", c);
    }
}

static void add_team(struct text *t, const struct ask *a)
{
    struct span org, slug;
    (void)span_cut(a->name, '/', &org, &slug);
    text_add(t, SPAN("/orgs/"));
    github_add_escaped(t, org);
    text_add(t, SPAN("/teams/"));
    github_add_escaped(t, slug);
    text_add(t, SPAN("/memberships/"));
    github_add_escaped(t, span_make(a->look->user.login, a->look->user.login_n));
}

static void add_url(struct text *t, const struct ask *a)
{
    text_add(t, a->look->api);
    switch (a->kind) {
    case ASK_USER:
        text_add(t, SPAN("/user"));
        break;
    case ASK_EMAILS:
        text_addf(t, "/user/emails?per_page=100&page=%u", a->page);
        break;
    case ASK_ORG:
        text_add(t, SPAN("/user/memberships/orgs/"));
        github_add_escaped(t, a->name);
        break;
    case ASK_TEAM:
        add_team(t, a);
        break;
    }
}

static void on_reply(void *arg, const struct fetch_reply *r);

static bool start(struct ask *a)
{
    struct github_look *l = a->look;
    const struct fetch_field fields[] = {{SPAN("Authorization"), text_span(&l->authorization)},
                                         {SPAN("Accept"), SPAN("application/vnd.github+json")},
                                         {SPAN("User-Agent"), SPAN("tiergate")}};
    struct text url;
    text_init(&url);
    add_url(&url, a);
    const struct fetch_request r = {
        .method = "GET", .url = text_span(&url), .fields = fields, .field_count = COUNT(fields)};
    a->fetch = url.failed || l->authorization.failed ? NULL : fetch_start(l->fetcher, &r, on_reply, a);
    text_fini(&url);
    if (!a->fetch)
        return false;
    a->state = ASK_RUNS;
    l->running++;
    return true;
}

/* A team is asked about by login, which must be known first. */
static bool can_start(const struct ask *a)
{
    return a->state == ASK_WAITS && (a->kind != ASK_TEAM || a->look->user.login_n > 0);
}

static bool start_some(struct github_look *l)
{
    for (size_t i = 0; i < l->count && l->running < AT_A_TIME; i++)
        if (can_start(&l->asks[i]) && !start(&l->asks[i]))
            return false;
    return true;
}

struct github_look *github_look_start(struct fetcher *f, const struct github_config *g, struct span token,
                                      void (*on_done)(void *arg, const struct github_facts *facts), void *arg)
{
    struct github_look *l = look_new(g, token);
    if (!l)
        return NULL;
    l->fetcher = f;
    l->on_done = on_done;
    l->arg = arg;
    if (start_some(l))
        return l;
    github_look_cancel(l);
    return NULL;
}

/* --- answers ------------------------------------------------------------------------------------------------------------ */

/* A team's members are members of its organisation, but the organisation's own rule asks about that. One that lets nobody look must not so keep
 * its members out of what excepts them. */
static void note(struct github_facts *facts, struct text *groups, const struct ask *a)
{
    struct span *first = a->blocked                           ? &facts->blocked
                         : a->member == GITHUB_MEMBER_PENDING ? &facts->pending
                         : a->member == GITHUB_MEMBER_NO      ? &facts->missing
                                                              : NULL;
    if (first && first->n == 0)
        *first = a->name;
    if (first && !a->blocked)
        return;
    text_add(groups, a->blocked ? SPAN("?") : SPAN(""));
    text_add(groups, a->name);
    text_add(groups, SPAN("\n"));
}

static void finish(struct github_look *l)
{
    struct github_facts facts = {.outcome = LOOK_OK, .user = &l->user};
    struct text groups;
    text_init(&groups);
    for (size_t i = 0; i < l->count; i++)
        if (l->asks[i].kind == ASK_ORG || l->asks[i].kind == ASK_TEAM)
            note(&facts, &groups, &l->asks[i]);
    facts.groups = text_span(&groups);
    if (groups.failed)
        fail(l, LOOK_FAILED, "out of memory", 0);
    else if (groups.n + l->user.login_n + l->user.email_n > LEDGER_FACTS_MAX)
        fail(l, LOOK_FAILED, "member of more organisations and teams than a session can name", 0);
    else
        end(l, &facts);
    text_fini(&groups);
}

/* NULL: read. Else what is wrong. */
static const char *read_user(struct ask *a, const struct fetch_reply *r)
{
    if (r->status != 200)
        return "GitHub does not say who it is";
    return github_read_user(r->body, &a->look->user) ? NULL : "GitHub's answer names no user";
}

/* An application that may not see addresses knows none. */
static const char *read_emails(struct ask *a, const struct fetch_reply *r)
{
    if (r->status == 403 || r->status == 404)
        return NULL;
    if (r->status != 200 || !github_read_emails(r->body, &a->look->user))
        return "GitHub does not tell the e-mail addresses";
    if (github_has_next(r->field(r, "Link")) && a->look->user.email_n == 0 && a->page < PAGES_MAX) {
        a->page++;
        a->state = ASK_WAITS;
    }
    return NULL;
}

static const char *read_member(struct ask *a, const struct fetch_reply *r)
{
    a->blocked = r->status == 403;
    a->member = GITHUB_MEMBER_NO;
    if (r->status == 403 || r->status == 404)
        return NULL;
    a->member = r->status == 200 ? github_read_member(r->body) : GITHUB_MEMBER_BAD;
    return a->member == GITHUB_MEMBER_BAD ? "GitHub does not tell about a membership" : NULL;
}

static const char *read_answer(struct ask *a, const struct fetch_reply *r)
{
    if (a->kind == ASK_USER)
        return read_user(a, r);
    return a->kind == ASK_EMAILS ? read_emails(a, r) : read_member(a, r);
}

static void go_on(struct github_look *l)
{
    if (!start_some(l))
        fail(l, LOOK_FAILED, "out of memory", 0);
    else if (l->running == 0)
        finish(l);
}

static void on_reply(void *arg, const struct fetch_reply *r)
{
    struct ask *a = arg;
    struct github_look *l = a->look;
    uint32_t retry_after_s = 0;
    a->state = ASK_DONE;
    a->fetch = NULL;
    l->running--;
    if (r->error != FETCH_OK) {
        fail(l, LOOK_FAILED, r->detail ? r->detail : fetch_error_text(r->error), 0);
    } else if (github_is_limited(r, clock_wall_s(), &retry_after_s)) {
        fail(l, LOOK_LIMITED, "GitHub: too many requests", retry_after_s);
    } else if (r->status == 401) {
        fail(l, LOOK_TOKEN_REFUSED, "GitHub does not know the token", 0);
    } else {
        const char *wrong = read_answer(a, r);
        if (wrong)
            fail(l, LOOK_FAILED, wrong, 0);
        else
            go_on(l);
    }
}

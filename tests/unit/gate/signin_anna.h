/* Anna, who is in acme and in its team, and GitHub as it answers her. */
#ifndef TG_TESTS_GATE_SIGNIN_ANNA_H
#define TG_TESTS_GATE_SIGNIN_ANNA_H

#include "signin_kit.h"

#define TEXT(s)                                                                                                        \
    {                                                                                                                  \
        (const uint8_t *)(s), sizeof(s) - 1                                                                            \
    }

static const struct selector by_org[] = {{.kind = SEL_GITHUB_ORG, .subject = TEXT("acme")},
                                         {.kind = SEL_GITHUB_TEAM, .subject = TEXT("acme/core")},
                                         {.kind = SEL_EMAIL, .subject = TEXT("boss@app.test")},
                                         {.kind = SEL_GITHUB, .subject = TEXT("boss")}};
static const struct span orgs[] = {TEXT("acme")}, teams[] = {TEXT("acme/core")}, logins[] = {TEXT("boss")};

#define EXCHANGE "POST https://github.test/login/oauth/access_token"
#define GIVE_BACK "DELETE https://api.github.test/applications/Iv1.client/token"
#define USER "GET https://api.github.test/user"
#define EMAILS "/user/emails?per_page=100&page=1"
#define ORG "GET https://api.github.test/user/memberships/orgs/acme"
#define TEAM "GET https://api.github.test/orgs/acme/teams/core/memberships/anna"
#define ANNA "{\"id\":4711,\"login\":\"Anna\"}"
#define GRANT(token) "{\"access_token\":\"" token "\",\"token_type\":\"bearer\",\"scope\":\"read:org,user:email\"}"
#define ADDRESS "[{\"email\":\"Anna@App.test\",\"primary\":true,\"verified\":true}]"
#define ACTIVE "{\"state\":\"active\"}"

/* Anna, who is in acme and in its team. */
static inline void open_org(struct service_kit *k)
{
    service_open(k, by_org, COUNT(by_org));
    k->github.orgs = orgs;
    k->github.org_count = 1;
    k->github.teams = teams;
    k->github.team_count = 1;
    k->github.logins = logins;
    k->github.login_count = 1;
    service_play(k, EXCHANGE, 200, GRANT("gho_first"));
    service_play(k, GIVE_BACK, 204, "");
    service_play(k, USER, 200, ANNA);
    service_play(k, EMAILS, 200, ADDRESS);
    service_play(k, ORG, 200, ACTIVE);
    service_play(k, TEAM, 200, ACTIVE);
}

static inline struct answered sign_in(struct service_kit *k)
{
    static const char browser[33] = "browser-a-browser-a-browser-a-br";
    const struct signin_question q = {.kind = SIGNIN_GITHUB,
                                      .gate = SPAN("g"),
                                      .host = SPAN("stg.app.test"),
                                      .browser = span_make(browser, 32),
                                      .code = SPAN("the+code"),
                                      .verifier = SPAN("the-verifier"),
                                      .redirect_uri = SPAN("https://stg.app.test/.tiergate/github/callback")};
    struct answered a;
    service_ask(k, &q, &a);
    service_wait(k, &a, 1);
    return a;
}

static inline unsigned times_asked(const struct service_kit *k, const char *what)
{
    unsigned n = 0;
    for (const char *at = k->asked.p; at && (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

static inline void no_groups(struct service_kit *k)
{
    service_play(k, ORG, 404, "{}");
    service_play(k, "/memberships/boss", 404, "{}");
    service_play(k, EMAILS, 200, "[]");
}

#endif

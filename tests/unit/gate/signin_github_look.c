/* A look at GitHub: what is asked, what becomes of each answer, and what does not. */
#include "signin_trial.h"

#include "base/count.h"
#include "gate/ledger.h"
#include "gate/signin/github_look.h"
#include "signin_anna.h"

static const struct span two_orgs[] = {TEXT("acme"), TEXT("beta")}, two_teams[] = {TEXT("acme/core"), TEXT("beta/x")};

#define BETA "GET https://api.github.test/user/memberships/orgs/beta"
#define TEAM_X "GET https://api.github.test/orgs/beta/teams/x/memberships/anna"

struct seen {
    unsigned times;
    enum github_look_outcome outcome;
    uint32_t retry_after_s;
    char detail[120], login[120], email[260], groups[2100], pending[40], blocked[40], missing[40];
};

static void put(char *out, size_t cap, struct span s)
{
    assert_true(s.n < cap);
    (void)snprintf(out, cap, "%.*s", SPAN_ARG(s));
}

static void on_done(void *arg, const struct github_facts *f)
{
    struct seen *seen = arg;
    seen->times++;
    seen->outcome = f->outcome;
    seen->retry_after_s = f->retry_after_s;
    put(seen->detail, sizeof(seen->detail), span_of(f->detail));
    assert_int_equal(f->user != NULL, f->outcome == LOOK_OK);
    if (!f->user)
        return;
    put(seen->login, sizeof(seen->login), span_make(f->user->login, f->user->login_n));
    put(seen->email, sizeof(seen->email), span_make(f->user->email, f->user->email_n));
    put(seen->groups, sizeof(seen->groups), f->groups);
    put(seen->pending, sizeof(seen->pending), f->pending);
    put(seen->blocked, sizeof(seen->blocked), f->blocked);
    put(seen->missing, sizeof(seen->missing), f->missing);
}

static void open_two(struct service_kit *k)
{
    open_org(k);
    k->github.orgs = two_orgs;
    k->github.org_count = 2;
    k->github.teams = two_teams;
    k->github.team_count = 2;
    service_play(k, BETA, 200, ACTIVE);
    service_play(k, TEAM_X, 200, ACTIVE);
    service_settle(k);
}

/* False: it could not be begun. */
static bool look(struct service_kit *k, struct seen *seen)
{
    *seen = (struct seen){.times = 0};
    k->asked_count = k->cancelled = k->most_running = 0;
    text_fini(&k->asked);
    if (!github_look_start(k->signin->c.fetcher, &k->github, SPAN("gho_first"), on_done, seen))
        return false;
    while (k->running)
        kit_idle(&k->base, 0);
    assert_int_equal(seen->times, 1);
    assert_true(k->asked.failed || times_asked(k, "Authorization: Bearer gho_first\n") == k->asked_count);
    return true;
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

#define ANSWER(end, status, body)                                                                                      \
    {                                                                                                                  \
        end, 0, status, body, NULL, NULL, NULL                                                                         \
    }
#define PENDING "{\"state\":\"pending\"}"
#define ALL "acme\nbeta\nacme/core\nbeta/x\n"

static const struct {
    const char *name;
    struct played played[4];
    enum github_look_outcome outcome;
    const char *detail, *groups;
    const char *pending, *blocked, *missing;
    const char *no_email;      /* not NULL: none is known */
    unsigned asked, cancelled; /* asked 0: all 6 */
    uint32_t retry_after_s;
} answers[] = {
    {.name = "member of all", .groups = ALL},
    {.name = "in no organisation",
     .played = {ANSWER(ORG, 404, "{}"), ANSWER(BETA, 404, "{}")},
     .groups = "acme/core\nbeta/x\n",
     .missing = "acme"},
    {.name = "in no team",
     .played = {ANSWER(TEAM, 404, "{}"), ANSWER(TEAM_X, 404, "{}")},
     .groups = "acme\nbeta\n",
     .missing = "acme/core"},
    {.name = "invited",
     .played = {ANSWER(BETA, 200, PENDING), ANSWER(TEAM_X, 200, PENDING)},
     .groups = "acme\nacme/core\n",
     .pending = "beta"},
    {.name = "of each",
     .played = {ANSWER(ORG, 200, PENDING), ANSWER(TEAM, 404, "{}")},
     .groups = "beta\nbeta/x\n",
     .pending = "acme",
     .missing = "acme/core"},
    {.name = "no such user",
     .played = {ANSWER(USER, 404, ANNA)},
     .outcome = LOOK_FAILED,
     .detail = "GitHub does not say who it is",
     .asked = 4,
     .cancelled = 3},
    {.name = "user down",
     .played = {ANSWER(USER, 500, ANNA)},
     .outcome = LOOK_FAILED,
     .detail = "GitHub does not say who it is",
     .asked = 4,
     .cancelled = 3},
    {.name = "nobody",
     .played = {ANSWER(USER, 200, "{}")},
     .outcome = LOOK_FAILED,
     .detail = "GitHub's answer names no user",
     .asked = 4,
     .cancelled = 3},
    {.name = "token refused",
     .played = {ANSWER(USER, 401, ANNA)},
     .outcome = LOOK_TOKEN_REFUSED,
     .detail = "GitHub does not know the token",
     .asked = 4,
     .cancelled = 3},
    {.name = "addresses down",
     .played = {ANSWER(EMAILS, 500, ADDRESS)},
     .outcome = LOOK_FAILED,
     .detail = "GitHub does not tell the e-mail addresses",
     .asked = 5,
     .cancelled = 3},
    {.name = "addresses are none",
     .played = {ANSWER(EMAILS, 200, "{}")},
     .outcome = LOOK_FAILED,
     .detail = "GitHub does not tell the e-mail addresses",
     .asked = 5,
     .cancelled = 3},
    {.name = "addresses not shown", .played = {ANSWER(EMAILS, 403, ADDRESS)}, .groups = ALL, .no_email = ""},
    {.name = "addresses not there", .played = {ANSWER(EMAILS, 404, ADDRESS)}, .groups = ALL, .no_email = ""},
    {.name = "addresses: token refused",
     .played = {ANSWER(EMAILS, 401, ADDRESS)},
     .outcome = LOOK_TOKEN_REFUSED,
     .detail = "GitHub does not know the token",
     .asked = 5,
     .cancelled = 3},
    {.name = "membership down",
     .played = {ANSWER(BETA, 500, ACTIVE)},
     .outcome = LOOK_FAILED,
     .detail = "GitHub does not tell about a membership",
     .asked = 6,
     .cancelled = 2},
    {.name = "membership moved",
     .played = {ANSWER(BETA, 302, ACTIVE)},
     .outcome = LOOK_FAILED,
     .detail = "GitHub does not tell about a membership",
     .asked = 6,
     .cancelled = 2},
    {.name = "membership says nothing",
     .played = {ANSWER(BETA, 200, "{}")},
     .outcome = LOOK_FAILED,
     .detail = "GitHub does not tell about a membership",
     .asked = 6,
     .cancelled = 2},
    {.name = "team's membership says nothing",
     .played = {ANSWER(TEAM_X, 200, "")},
     .outcome = LOOK_FAILED,
     .detail = "GitHub does not tell about a membership",
     .asked = 6},
    {.name = "limited",
     .played = {{TEAM, 0, 403, "", "Retry-After", "77", NULL}},
     .outcome = LOOK_LIMITED,
     .detail = "GitHub: too many requests",
     .retry_after_s = 77,
     .asked = 6,
     .cancelled = 1},
    {.name = "limited at once",
     .played = {{USER, 0, 429, ANNA, "Retry-After", "5", NULL}},
     .outcome = LOOK_LIMITED,
     .detail = "GitHub: too many requests",
     .retry_after_s = 5,
     .asked = 4,
     .cancelled = 3},
    {.name = "connection lost",
     .played = {{TEAM, FETCH_BROKEN, 0, "", NULL, NULL, NULL}},
     .outcome = LOOK_FAILED,
     .asked = 6,
     .cancelled = 1},
    {.name = "connection lost, and why",
     .played = {{TEAM, FETCH_BROKEN, 0, "", NULL, "the proxy went away", NULL}},
     .outcome = LOOK_FAILED,
     .detail = "the proxy went away",
     .asked = 6,
     .cancelled = 1},
    {.name = "next page, but the address is known",
     .played = {{EMAILS, 0, 200, ADDRESS, "Link", "<https://x/>; rel=\"next\"", NULL}},
     .groups = ALL},
    {.name = "last page",
     .played = {{EMAILS, 0, 200, "[]", "Link", "<https://x/>; rel=\"prev\"", NULL}},
     .groups = ALL,
     .no_email = ""},
};

static void check_answer(struct service_kit *k, size_t i)
{
    const char *name = answers[i].name;
    struct seen seen;
    for (size_t n = 0; n < COUNT(answers[i].played) && answers[i].played[n].end; n++)
        *service_played(k, answers[i].played[n].end) = answers[i].played[n];
    assert_true(look(k, &seen));
    CHECK(name, seen.outcome == answers[i].outcome);
    const char *detail = answers[i].detail ? answers[i].detail : fetch_error_text(answers[i].played[0].error);
    CHECK_SPAN(name, span_of(seen.detail), seen.outcome == LOOK_OK ? SPAN("") : span_of(detail));
    CHECK(name, (seen.detail[0] == '\0') == (seen.outcome == LOOK_OK));
    CHECK(name, seen.retry_after_s == answers[i].retry_after_s);
    CHECK(name, k->asked_count == (answers[i].asked ? answers[i].asked : 6));
    CHECK(name, k->cancelled == answers[i].cancelled);
    CHECK_SPAN(name, span_of(seen.groups), span_of(answers[i].groups));
    CHECK_SPAN(name, span_of(seen.pending), span_of(answers[i].pending));
    CHECK_SPAN(name, span_of(seen.blocked), span_of(answers[i].blocked));
    CHECK_SPAN(name, span_of(seen.missing), span_of(answers[i].missing));
    if (seen.outcome == LOOK_OK) {
        CHECK_SPAN(name, span_of(seen.login), SPAN("anna"));
        CHECK_SPAN(name, span_of(seen.email), span_of(answers[i].no_email ? "" : "anna@app.test"));
        CHECK(name, k->most_running == 4);
    }
}

static void test_answers(void **state)
{
    struct service_kit k;
    (void)state;
    open_two(&k);
    for (size_t i = 0; i < COUNT(answers); i++) {
        struct played before[PLAYED_MAX];
        memcpy(before, k.played, sizeof(k.played));
        check_answer(&k, i);
        memcpy(k.played, before, sizeof(k.played));
    }
    service_close(&k);
}

/* An organisation that lets nobody look: which one is told. */
static void test_blocked(void **state)
{
    struct service_kit k;
    struct seen seen;
    (void)state;
    open_two(&k);
    service_play(&k, BETA, 403, "{}");
    service_play(&k, TEAM_X, 403, "{}");
    assert_true(look(&k, &seen));
    assert_int_equal(seen.outcome, LOOK_OK);
    assert_string_equal(seen.blocked, "beta");
    assert_string_equal(seen.pending, "");
    assert_string_equal(seen.missing, "");
    assert_non_null(strstr(seen.groups, "acme\n"));
    assert_null(strstr(seen.groups, "\nbeta"));
    service_close(&k);
}

/* --- pages -------------------------------------------------------------------------------------------------------- */

#define NEXT "Link", "<https://api.github.test/more>; rel=\"next\""

static void test_pages(void **state)
{
    static const char *const pages[] = {"page=1", "page=2", "page=3", "page=4", "page=5"};
    struct service_kit k;
    struct seen seen;
    (void)state;
    open_two(&k);
    *service_played(&k, EMAILS) = (struct played){EMAILS, 0, 200, "[]", NEXT, NULL};
    for (size_t i = 1; i < COUNT(pages); i++)
        *service_played(&k, pages[i]) = (struct played){pages[i], 0, 200, "[]", NEXT, NULL};
    assert_true(look(&k, &seen)); /* there is a sixth one, but he who has so many addresses has none */
    assert_int_equal(seen.outcome, LOOK_OK);
    assert_string_equal(seen.email, "");
    assert_int_equal(k.asked_count, 6 + 4);
    service_play(&k, "page=5", 200, ADDRESS);
    assert_true(look(&k, &seen));
    assert_string_equal(seen.email, "anna@app.test");
    assert_int_equal(k.asked_count, 6 + 4);
    service_close(&k);
}

/* --- too long ----------------------------------------------------------------------------------------------------- */

/* What the ledger could not hold is not cut short: a rule may exclude what would be missing. */
static void test_too_many_groups(void **state)
{
    static char name[LEDGER_FACTS_MAX];
    struct service_kit k;
    struct seen seen;
    struct span org = span_make(name, 0);
    (void)state;
    memset(name, 'x', sizeof(name));
    open_org(&k);
    k.github.orgs = &org;
    k.github.team_count = 0;
    service_play(&k, "xxxx", 200, ACTIVE);
    org.n = LEDGER_FACTS_MAX - strlen("\nannaanna@app.test");
    assert_true(look(&k, &seen));
    assert_int_equal(seen.outcome, LOOK_OK);
    assert_int_equal(strlen(seen.groups), org.n + 1);
    org.n++;
    assert_true(look(&k, &seen));
    assert_int_equal(seen.outcome, LOOK_FAILED);
    assert_string_equal(seen.detail, "member of more organisations and teams than a session can name");
    service_close(&k);
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

static void test_escapes(void **state)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        uint8_t byte = (uint8_t)c;
        char want[8];
        struct text t;
        bool is_plain = c && strchr(plain, (int)c);
        (void)snprintf(want, sizeof(want), is_plain ? "%c" : "%%%02X", c);
        text_init(&t);
        github_add_escaped(&t, span_make(&byte, 1));
        CHECK_SPAN(want, text_span(&t), span_of(want));
        text_fini(&t);
    }
}

static void test_cancel(void **state)
{
    struct service_kit k;
    struct seen seen = {.times = 0};
    (void)state;
    open_two(&k);
    struct github_look *l = github_look_start(k.signin->c.fetcher, &k.github, SPAN("gho_first"), on_done, &seen);
    assert_non_null(l);
    github_look_cancel(l);
    assert_int_equal(k.cancelled, 4);
    while (k.running)
        kit_idle(&k.base, 0);
    assert_int_equal(seen.times, 0);
    service_close(&k);
}

/* All of it is known, or the look failed: never is it taken for GitHub's own word. */
static void test_no_memory(void **state)
{
    struct service_kit k;
    bool was_hit = true;
    unsigned skip = 0, begun = 0;
    (void)state;
    open_two(&k);
    for (; was_hit; skip++) {
        struct seen seen;
        trial_begin();
        trial_fail(TRIAL_MEMORY, skip);
        bool is_begun = look(&k, &seen);
        was_hit = trial_was_hit();
        trial_end();
        assert_true(is_begun || seen.times == 0);
        assert_true(is_begun || was_hit);
        while (k.running) /* those that were cancelled */
            kit_idle(&k.base, 0);
        if (!is_begun)
            continue;
        begun++;
        if (seen.outcome == LOOK_OK) {
            assert_string_equal(seen.groups, ALL);
            assert_string_equal(seen.email, "anna@app.test");
        } else {
            assert_true(was_hit && seen.outcome == LOOK_FAILED && seen.detail[0] != '\0');
        }
    }
    assert_in_range(skip, 20, 200);
    assert_in_range(begun, 5, skip - 5);
    service_close(&k);
}

/* There is nobody else to wait for when the next page cannot be asked for. */
static void test_no_memory_for_a_page(void **state)
{
    struct service_kit k;
    bool was_hit = true;
    (void)state;
    open_two(&k);
    k.github.org_count = k.github.team_count = 0;
    *service_played(&k, EMAILS) = (struct played){EMAILS, 0, 200, "[]", NEXT, NULL};
    service_play(&k, "page=2", 200, ADDRESS);
    for (unsigned skip = 0; was_hit; skip++) {
        struct seen seen;
        trial_begin();
        trial_fail(TRIAL_MEMORY, skip);
        bool is_begun = look(&k, &seen);
        was_hit = trial_was_hit();
        trial_end();
        while (k.running)
            kit_idle(&k.base, 0);
        assert_true(is_begun || was_hit);
        if (is_begun && seen.outcome == LOOK_OK)
            assert_string_equal(seen.email, "anna@app.test");
        else
            assert_true(was_hit && (!is_begun || seen.outcome == LOOK_FAILED));
    }
    service_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),   cmocka_unit_test(test_blocked),
        cmocka_unit_test(test_pages),     cmocka_unit_test(test_too_many_groups),
        cmocka_unit_test(test_escapes),   cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_no_memory), cmocka_unit_test(test_no_memory_for_a_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Every page and every JSON of the gate, to the letter: whole-pages.txt, which `gate-whole-pages FILE anew` writes. What changes there is
 * what people and scripts will see. */
#include "stage.h"

#include "base/text.h"
#include "gate/answer_access.h"
#include "gate/sign_in_pages.h"

#define TO SPAN("T-0")
#define SITE SPAN("a.test")

struct scene {
    struct memory m;
    struct gate_fixture f;
    struct http_request r;
    struct pages_config look;
    struct answer_request q;
    struct answer a;
};

static void scene_init(struct scene *s)
{
    memory_init(&s->m);
    fixture_init(&s->f, "beta", NULL);
    request_make(&s->r, &s->m.arena, "");
    s->look = (struct pages_config){.name = SPAN("plyr"), .logo = SPAN("\x89PNG"), .logo_type = "image/png"};
    s->q = (struct answer_request){.request = &s->r,
                                   .asker = ASKER_NAVIGATION,
                                   .gate = &s->f.gate,
                                   .reason = "why",
                                   .look = &s->look,
                                   .arena = &s->m.arena};
}

/* --- as it is written down -------------------------------------------------------------------------------------------- */

static struct span between(struct span s, const char *from, const char *to)
{
    const uint8_t *first = memmem(s.p, s.n, from, strlen(from));
    assert_non_null(first);
    struct span rest = span_from(s, (size_t)(first - s.p));
    const uint8_t *last = memmem(rest.p, rest.n, to, strlen(to));
    assert_non_null(last);
    return span_make(rest.p, (size_t)(last - rest.p) + strlen(to));
}

/* What all pages have alike is tried elsewhere. */
static void add_page(struct text *out, struct span body)
{
    text_add(out, between(body, "<link rel=\"icon\"", "</title>\n"));
    text_add(out, between(body, "<main>\n", "</body>\n"));
}

static void tell(struct text *out, const char *name, struct scene *s, bool made)
{
    CHECK(name, made);
    text_addf(out, "=== %s: %u", name, s->a.head.status);
    if (s->a.head.content_length != s->a.body.n)
        text_addf(out, ", %llu bytes for others", (unsigned long long)s->a.head.content_length);
    text_add(out, SPAN("\n"));
    if (span_has_prefix(s->a.body, SPAN("<!doctype")))
        add_page(out, s->a.body);
    else
        text_add(out, s->a.body);
    memory_fini(&s->m);
}

/* --- signing in ------------------------------------------------------------------------------------------------------- */

static void tell_sign_in_pages(struct text *out)
{
    static const struct {
        const char *name;
        struct sign_in_page p;
    } cases[] = {
        {"sign-in, all ways", {.to = TO, .site = SITE, .github = true, .email_pin = true, .basic = true}},
        {"sign-in, GitHub once more", {.to = TO, .site = SITE, .github = true, .another = true}},
        {"sign-in, mail", {.to = TO, .site = SITE, .email_pin = true}},
        {"sign-in, no address", {.email_pin = true, .address = SPAN("a@"), .note = NOTE_ADDRESS}},
        {"sign-in, Basic", {.to = TO, .site = SITE, .basic = true}},
        {"sign-in, GitHub and Basic", {.to = TO, .site = SITE, .github = true, .basic = true}},
        {"sign-in, mail and Basic", {.to = TO, .site = SITE, .email_pin = true, .basic = true}},
        {"sign-in, limited", {.github = true, .note = NOTE_LIMITED, .retry_after_s = 90}},
        {"sign-in, nothing", {.to = TO, .site = SITE}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene s;
        scene_init(&s);
        tell(out, cases[i].name, &s, answer_sign_in_page(&s.q, &cases[i].p, &s.a));
    }
}

static void tell_pin_pages(struct text *out)
{
    static const struct {
        const char *name;
        enum page_note note;
        uint32_t retry_after_s;
    } cases[] = {{"code", NOTE_NONE, 0},
                 {"code, wrong", NOTE_PIN_WRONG, 0},
                 {"code, sent again", NOTE_SENT_AGAIN, 0},
                 {"code, limited", NOTE_LIMITED, 25}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene s;
        scene_init(&s);
        const struct pin_page p = {.state = SPAN("S-1"),
                                   .site = SITE,
                                   .address = SPAN("a@b.test"),
                                   .to = TO,
                                   .note = cases[i].note,
                                   .retry_after_s = cases[i].retry_after_s};
        tell(out, cases[i].name, &s, answer_pin_page(&s.q, &p, &s.a));
    }
}

static void tell_denied_pages(struct text *out)
{
    for (unsigned why = SIGNIN_OK; why <= SIGNIN_FAILED; why++) {
        struct scene s;
        char name[32];
        scene_init(&s);
        snprintf(name, sizeof(name), "denied %u", why);
        const struct denied_page p = {.why = (enum signin_outcome)why,
                                      .subject = SPAN("octo"),
                                      .what = SPAN("acme"),
                                      .site = SITE,
                                      .to = TO,
                                      .approve = SPAN("https://github.test/acme")};
        tell(out, name, &s, answer_denied_page(&s.q, &p, &s.a));
    }
    struct scene s;
    scene_init(&s);
    tell(out, "denied, all unknown", &s, answer_denied_page(&s.q, &(struct denied_page){.why = SIGNIN_PENDING}, &s.a));
}

static void tell_signed_in(struct text *out)
{
    struct scene s;
    scene_init(&s);
    tell(out, "signed in", &s, answer_signed_in_page(&s.q, SITE, &s.a));
    scene_init(&s);
    tell(out, "signed in, nowhere", &s, answer_signed_in_page(&s.q, SPAN("a b"), &s.a));
}

/* --- 401 and signing out ---------------------------------------------------------------------------------------------- */

enum ways { NO_GATE, NO_WAY, BASIC, GITHUB, MAIL, BASIC_GITHUB, BASIC_MAIL, WAYS };

static const char *gate_of(enum ways ways, struct scene *s)
{
    static const char *const names[] = {"no gate", "no way", "Basic", "GitHub", "mail", "Basic, GitHub", "Basic, mail"};
    static const struct github_config github = {.client_id = SPAN("id")};
    static const struct email_pin_config mail = {.from = SPAN("x")};
    scene_init(s);
    if (ways != BASIC && ways != BASIC_GITHUB && ways != BASIC_MAIL)
        s->f.gate.basic = NULL;
    if (ways == GITHUB || ways == BASIC_GITHUB)
        s->f.gate.github = &github;
    if (ways == MAIL || ways == BASIC_MAIL)
        s->f.gate.email_pin = &mail;
    if (ways == NO_GATE)
        s->q.gate = NULL;
    return names[ways];
}

static void tell_sign_ins(struct text *out)
{
    static const struct {
        const char *name;
        enum asker asker;
        bool tried, way_back;
    } cases[] = {{"first", ASKER_NAVIGATION, false, false},     {"tried", ASKER_NAVIGATION, true, true},
                 {"form", ASKER_POST_NAVIGATION, false, false}, {"form, tried", ASKER_POST_NAVIGATION, true, true},
                 {"script", ASKER_SCRIPT, false, true},         {"token", ASKER_TOKEN, false, true}};
    for (size_t i = 0; i < COUNT(cases); i++)
        for (unsigned ways = 0; ways < (i == 0 ? WAYS : 1u); ways++) {
            struct scene s;
            char name[64];
            snprintf(name, sizeof(name), "401 %s, %s", cases[i].name, gate_of(ways, &s));
            s.q.asker = cases[i].asker;
            if (cases[i].way_back)
                s.q.sign_in = SPAN("https://in.test/.tiergate/sign-in?to=T");
            tell(out, name, &s, answer_sign_in(&s.q, cases[i].tried, &s.a));
        }
}

static void tell_signed_out(struct text *out)
{
    struct scene s;
    for (unsigned ways = 0; ways < WAYS; ways++) {
        char name[64];
        snprintf(name, sizeof(name), "signed out, %s", gate_of(ways, &s));
        tell(out, name, &s, answer_signed_out(&s.q, &s.a));
    }
    scene_init(&s);
    s.q.asker = ASKER_SCRIPT;
    tell(out, "signed out, script", &s, answer_signed_out(&s.q, &s.a));
    scene_init(&s);
    tell(out, "sign-out form", &s, answer_sign_out_form(&s.q, &s.a));
}

/* --- refusals --------------------------------------------------------------------------------------------------------- */

static void tell_statuses(struct text *out)
{
    static const unsigned statuses[] = {400, 401, 403, 404, 405, 408, 413, 414, 417, 418,
                                        421, 429, 431, 500, 501, 502, 503, 504, 505};
    static const enum asker askers[] = {ASKER_NAVIGATION, ASKER_CLIENT};
    for (size_t i = 0; i < COUNT(statuses); i++)
        for (size_t k = 0; k < COUNT(askers); k++) {
            struct scene s;
            char name[32];
            snprintf(name, sizeof(name), "%u for %s", statuses[i], k ? "clients" : "people");
            scene_init(&s);
            s.q.asker = askers[k];
            tell(out, name, &s, answer_status(&s.q, statuses[i], &s.a));
        }
    const struct identity octocat = {.way = WAY_GITHUB, .subject = SPAN("583231"), .login = SPAN("octocat")};
    const struct identity anna = {.way = WAY_EMAIL, .subject = SPAN("anna<b>@plyr.example")};
    const struct identity beta = {.way = WAY_BASIC, .subject = SPAN("beta")};
    const struct identity link = {.way = WAY_SHARE_LINK, .subject = SPAN("f3d1cc31")};
    const struct {
        const char *name, *reason;
        unsigned status;
        bool gated;
        enum asker asker;
        const struct identity *who;
    } cases[] = {{"403 by identity", "not-allowed", 403, true, ASKER_NAVIGATION, NULL},
                 {"403 of an account", "not-allowed", 403, true, ASKER_NAVIGATION, &octocat},
                 {"403 of an address", "not-allowed", 403, true, ASKER_NAVIGATION, &anna},
                 {"403 of a user", "not-allowed", 403, true, ASKER_NAVIGATION, &beta},
                 {"403 of a link", "not-allowed", 403, true, ASKER_NAVIGATION, &link},
                 {"403 for another reason", "rule", 403, true, ASKER_NAVIGATION, &anna},
                 {"403 by identity, a form", "not-allowed", 403, true, ASKER_POST_NAVIGATION, NULL},
                 {"403 without a gate", "not-allowed", 403, false, ASKER_NAVIGATION, NULL},
                 {"404 of that reason", "not-allowed", 404, true, ASKER_NAVIGATION, NULL},
                 {"503 after a form", "busy", 503, true, ASKER_POST_NAVIGATION, NULL}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene s;
        scene_init(&s);
        s.q.reason = cases[i].reason;
        s.q.asker = cases[i].asker;
        s.q.request_id = SPAN("id-17");
        s.q.retry_after_s = cases[i].status == 503 ? 5 : 0;
        s.q.who = cases[i].who;
        if (!cases[i].gated)
            s.q.gate = NULL;
        tell(out, cases[i].name, &s, answer_status(&s.q, cases[i].status, &s.a));
    }
}

/* --- under Access's names --------------------------------------------------------------------------------------------- */

static const struct assertion_keys keys = {.subject = {7}, .certs = {(const uint8_t *)"{\"keys\":[]}\n", 12}};

static void tell_certs(struct text *out)
{
    struct scene s;
    scene_init(&s);
    tell(out, "certs", &s, answer_certs(&s.q, &keys, &s.a));
    scene_init(&s);
    s.r.method = M_HEAD;
    tell(out, "certs, HEAD", &s, answer_certs(&s.q, &keys, &s.a));
    scene_init(&s);
    s.q.request = NULL;
    tell(out, "certs, no request", &s, answer_certs(&s.q, &keys, &s.a));
}

static void tell_identities(struct text *out)
{
    static const struct {
        const char *name, *client;
        struct identity who;
    } cases[] = {
        {"identity, Basic", "192.0.2.7", {.way = WAY_BASIC, .gate = SPAN("beta"), .subject = SPAN("anna")}},
        {"identity, mail",
         NULL,
         {.way = WAY_EMAIL, .gate = SPAN("beta"), .subject = SPAN("a@b.c"), .email = SPAN("a@b.c"), .proven_s = 17}},
        {"identity, GitHub",
         "2001:db8::1",
         {.way = WAY_GITHUB,
          .gate = SPAN("be\"ta"),
          .subject = SPAN("4711"),
          .login = SPAN("anna"),
          .email = SPAN("a@b.c"),
          .proven_s = 1234567890}},
        {"identity, token", NULL, {.way = WAY_SERVICE_TOKEN, .gate = SPAN("beta"), .subject = SPAN("ci")}},
        {"identity, job", NULL, {.way = WAY_ACTIONS, .gate = SPAN("beta"), .subject = SPAN("acme/app")}},
        {"identity, link", NULL, {.way = WAY_SHARE_LINK, .gate = SPAN("beta"), .subject = SPAN("0102")}},
    };
    static const struct service_token ci = {.name = SPAN("ci"), .client_id = SPAN("ci.access")};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene s;
        scene_init(&s);
        s.f.gate.tokens = &ci;
        s.f.gate.token_count = 1;
        struct gate_check check = {.gate = &s.f.gate, .identity = cases[i].who};
        assert_true(!cases[i].client || addr_parse_ip(span_of(cases[i].client), &check.client));
        tell(out, cases[i].name, &s, answer_identity(&s.q, &keys, &check, &s.a));
    }
}

static void tell_jobs(struct text *out)
{
    struct scene s;
    scene_init(&s);
    const struct sold_session sold = {SPAN("__Host-tiergate"), SPAN("AAAA"), 1234567890};
    tell(out, "session for a job", &s, answer_sold_session(&s.q, &sold, &s.a));
    scene_init(&s);
    tell(out, "problem", &s, answer_problem(&s.q, 403, "not_allowed", NULL, &s.a));
    scene_init(&s);
    tell(out, "problem, told", &s, answer_problem(&s.q, 400, "bad_token", "It is \"old\".", &s.a));
}

/* --- the whole -------------------------------------------------------------------------------------------------------- */

static void tell_all(struct text *out)
{
    text_init(out);
    tell_sign_in_pages(out);
    tell_pin_pages(out);
    tell_denied_pages(out);
    tell_signed_in(out);
    tell_sign_ins(out);
    tell_signed_out(out);
    tell_statuses(out);
    tell_certs(out);
    tell_identities(out);
    tell_jobs(out);
    assert_false(out->failed);
}

static void test_pages(void **state)
{
    struct text now;
    struct span rest, want, got, left;
    char *was = NULL;
    size_t room = 0;
    FILE *f = fopen(*state, "r");
    assert_non_null(f);
    ssize_t n = getdelim(&was, &room, '\0', f);
    assert_true(n > 0);
    fclose(f);
    tell_all(&now);
    rest = text_span(&now);
    left = span_make(was, (size_t)n);
    for (unsigned line = 1; rest.n || left.n; line++) {
        char name[32];
        snprintf(name, sizeof(name), "line %u", line);
        span_cut(rest, '\n', &got, &rest);
        span_cut(left, '\n', &want, &left);
        CHECK_SPAN(name, got, want);
    }
    text_fini(&now);
    free(was);
}

static void write_pages(void **state)
{
    struct text now;
    FILE *f = fopen(*state, "w");
    assert_non_null(f);
    tell_all(&now);
    assert_int_equal(fwrite(now.p, 1, now.n, f), now.n);
    assert_int_equal(fclose(f), 0);
    text_fini(&now);
}

int main(int argc, char **argv)
{
    struct CMUnitTest tests[] = {cmocka_unit_test_prestate(test_pages, argv[1])};
    if (argc > 2)
        tests[0].test_func = write_pages;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

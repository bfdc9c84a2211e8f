/* Writes every page that the gate shows to people, one JSON object a line: name, status, headers, body. A file named on the command line is
 * the logo. */
#include <stdio.h>

#include "base/count.h"
#include "base/text.h"
#include "gate/sign_in_pages.h"

#define SITE SPAN("stg.plyr.example")
#define TO SPAN("sealed-way-back_0123456789")
#define STATE SPAN("sealed-state_0123456789")
#define LONG_ADDRESS SPAN("somebody.with.a.very-long.name+and.a.tag@mail.subdomain.of-a-long-company-name.example")

struct studio {
    struct slab blocks;
    struct arena arena;
    struct http_request request;
    struct basic_config basic;
    struct gate_config gate;
    struct pages_config look;
    struct answer_request q;
    bool failed;
};

static void tell(struct studio *s, const char *name, bool made, const struct answer *a)
{
    struct text t;
    text_init(&t);
    text_addf(&t, "{\"name\":\"%s\",\"status\":%u,\"headers\":{", name, a->head.status);
    for (size_t i = 0; made && i < a->head.headers.n; i++) {
        const struct header *h = &a->head.headers.v[i];
        text_addf(&t, "%s\"%.*s\":\"", i ? "," : "", SPAN_ARG(h->name));
        text_add_json(&t, h->value);
        text_add(&t, SPAN("\""));
    }
    text_add(&t, SPAN("},\"body\":\""));
    text_add_json(&t, a->body);
    text_add(&t, SPAN("\"}\n"));
    s->failed = s->failed || !made || t.failed || fwrite(t.p, 1, t.n, stdout) != t.n;
    text_fini(&t);
}

/* --- signing in ----------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    bool github, email_pin, basic;
    enum page_note note;
    uint32_t retry_after_s;
    const char *address;
} sign_ins[] = {
    {"sign-in", true, true, false, NOTE_NONE, 0, ""},
    {"sign-in-all", true, true, true, NOTE_NONE, 0, ""},
    {"sign-in-github", true, false, false, NOTE_NONE, 0, ""},
    {"sign-in-mail", false, true, false, NOTE_NONE, 0, ""},
    {"sign-in-basic", false, false, true, NOTE_NONE, 0, ""},
    {"sign-in-nothing", false, false, false, NOTE_NONE, 0, ""},
    {"sign-in-address", true, true, false, NOTE_ADDRESS, 0, "anna@"},
    {"sign-in-limited", true, true, false, NOTE_LIMITED, 290, "anna@plyr.example"},
    {"sign-in-expired", true, true, false, NOTE_EXPIRED, 0, ""},
    {"sign-in-no-cookie", true, true, true, NOTE_NO_COOKIE, 0, ""},
    {"sign-in-unreachable", true, true, false, NOTE_UNREACHABLE, 0, "anna@plyr.example"},
    {"sign-in-cancelled", true, true, false, NOTE_CANCELLED, 0, ""},
    {"sign-in-failed", false, true, true, NOTE_FAILED, 0, "anna@plyr.example"},
};

static void show_sign_ins(struct studio *s)
{
    for (size_t i = 0; i < COUNT(sign_ins); i++) {
        struct answer a;
        struct sign_in_page p = {.to = TO,
                                 .site = SITE,
                                 .github = sign_ins[i].github,
                                 .email_pin = sign_ins[i].email_pin,
                                 .basic = sign_ins[i].basic,
                                 .address = span_of(sign_ins[i].address),
                                 .note = sign_ins[i].note,
                                 .retry_after_s = sign_ins[i].retry_after_s};
        tell(s, sign_ins[i].name, answer_sign_in_page(&s->q, &p, &a), &a);
    }
}

static const struct {
    const char *name;
    enum page_note note;
    uint32_t retry_after_s;
} pins[] = {
    {"pin", NOTE_NONE, 0},
    {"pin-long", NOTE_NONE, 0},
    {"pin-wrong", NOTE_PIN_WRONG, 0},
    {"pin-again", NOTE_SENT_AGAIN, 0},
    {"pin-limited", NOTE_LIMITED, 25},
    {"pin-failed", NOTE_FAILED, 0},
};

static void show_pins(struct studio *s)
{
    for (size_t i = 0; i < COUNT(pins); i++) {
        struct answer a;
        struct pin_page p = {.state = STATE,
                             .site = SITE,
                             .address = i == 1 ? LONG_ADDRESS : SPAN("anna@plyr.example"),
                             .to = TO,
                             .note = pins[i].note,
                             .retry_after_s = pins[i].retry_after_s};
        tell(s, pins[i].name, answer_pin_page(&s->q, &p, &a), &a);
    }
}

static const struct {
    const char *name;
    enum signin_outcome why;
    const char *subject, *what, *approve;
} denials[] = {
    {"denied-wrong", SIGNIN_WRONG, "", "", ""},
    {"denied-limited", SIGNIN_LIMITED, "", "", ""},
    {"denied-not-admitted", SIGNIN_NOT_ADMITTED, "anna@elsewhere.example", "", ""},
    {"denied-not-admitted-unknown", SIGNIN_NOT_ADMITTED, "", "", ""},
    {"denied-not-member", SIGNIN_NOT_MEMBER, "octocat", "plyr-fm", ""},
    {"denied-not-member-unknown", SIGNIN_NOT_MEMBER, "", "", ""},
    {"denied-pending", SIGNIN_PENDING, "octocat", "plyr-fm", "https://github.com/orgs/plyr-fm/invitation"},
    {"denied-pending-no-link", SIGNIN_PENDING, "octocat", "plyr-fm", ""},
    {"denied-scope-refused", SIGNIN_SCOPE_REFUSED, "octocat", "", ""},
    {"denied-org-blocks", SIGNIN_ORG_BLOCKS, "octocat", "plyr-fm",
     "https://github.com/orgs/plyr-fm/policies/applications/17"},
    {"denied-login-changed", SIGNIN_LOGIN_CHANGED, "octocat", "", ""},
    {"denied-unreachable", SIGNIN_UNREACHABLE, "", "", ""},
    {"denied-failed", SIGNIN_FAILED, "", "", ""},
};

static void show_denials(struct studio *s)
{
    for (size_t i = 0; i < COUNT(denials); i++) {
        struct answer a;
        struct denied_page p = {.why = denials[i].why,
                                .subject = span_of(denials[i].subject),
                                .what = span_of(denials[i].what),
                                .site = SITE,
                                .to = TO,
                                .approve = span_of(denials[i].approve)};
        tell(s, denials[i].name, answer_denied_page(&s->q, &p, &a), &a);
    }
}

/* --- the others ----------------------------------------------------------------------------------------------------------- */

static void show_challenges(struct studio *s)
{
    static const struct github_config github;
    struct answer a;
    tell(s, "challenge", answer_sign_in(&s->q, false, &a), &a);
    tell(s, "challenge-wrong", answer_sign_in(&s->q, true, &a), &a);
    s->q.asker = ASKER_POST_NAVIGATION;
    tell(s, "challenge-form", answer_sign_in(&s->q, false, &a), &a);
    s->q.asker = ASKER_NAVIGATION;
    s->gate.github = &github;
    tell(s, "challenge-github", answer_sign_in(&s->q, false, &a), &a);
    s->gate.github = NULL;
}

static void show_ends(struct studio *s)
{
    struct answer a;
    tell(s, "signed-in", answer_signed_in_page(&s->q, SITE, &a), &a);
    tell(s, "sign-out", answer_sign_out_form(&s->q, &a), &a);
    tell(s, "signed-out", answer_signed_out(&s->q, &a), &a);
}

static void show_refusals(struct studio *s)
{
    static const struct {
        const char *name;
        unsigned status;
        uint32_t retry_after_s;
    } refusals[] = {{"400", 400, 0}, {"403", 403, 0}, {"404", 404, 0},  {"429", 429, 600},
                    {"500", 500, 0}, {"502", 502, 0}, {"503", 503, 30}, {"504", 504, 0}};
    struct answer a;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        s->q.retry_after_s = refusals[i].retry_after_s;
        tell(s, refusals[i].name, answer_status(&s->q, refusals[i].status, &a), &a);
    }
    s->q.retry_after_s = 0;
    const struct identity who = {.way = WAY_EMAIL,
                                 .subject = SPAN("somebody.with.a.very-long.name+and.a.tag@mail.subdomain.example")};
    s->q.reason = "not-allowed";
    tell(s, "403-identity", answer_status(&s->q, 403, &a), &a);
    s->q.who = &who;
    tell(s, "403-address", answer_status(&s->q, 403, &a), &a);
    s->q.who = NULL;
    s->q.reason = "test";
}

/* Nothing configured: no name, no logo, no tier. */
static void show_plain(struct studio *s)
{
    struct answer a;
    struct sign_in_page p = {.to = TO, .site = SITE, .github = true, .email_pin = true};
    s->q.look = NULL;
    s->q.tier = SPAN_NONE;
    tell(s, "plain", answer_sign_in_page(&s->q, &p, &a), &a);
    tell(s, "plain-403", answer_status(&s->q, 403, &a), &a);
}

static size_t read_logo(const char *path, uint8_t *out, size_t size)
{
    FILE *f = path ? fopen(path, "rb") : NULL;
    size_t n = f ? fread(out, 1, size, f) : 0;
    if (f)
        (void)fclose(f);
    return n;
}

static void set_up(struct studio *s, struct span logo)
{
    slab_init(&s->blocks, 4096, 4);
    arena_init(&s->arena, &s->blocks);
    s->request = (struct http_request){
        .method = M_GET, .path_query = SPAN("/"), .authority = SPAN("stg.plyr.example"), .version = HTTP_1_1};
    s->basic = (struct basic_config){.realm = SPAN("plyr beta")};
    s->gate = (struct gate_config){.name = SPAN("team"), .basic = &s->basic};
    s->look = (struct pages_config){.name = SPAN("plyr"), .logo = logo, .logo_type = "image/png"};
    s->q = (struct answer_request){.request = &s->request,
                                   .asker = ASKER_NAVIGATION,
                                   .gate = &s->gate,
                                   .reason = "test",
                                   .request_id = SPAN("4bf92f3577b34da6a3ce929d0e0e4736"),
                                   .tier = SPAN("staging"),
                                   .look = &s->look,
                                   .arena = &s->arena};
    s->failed = !headers_init(&s->request.headers, &s->arena, 1);
}

int main(int argc, char **argv)
{
    static uint8_t logo[65536];
    struct studio s = {0};
    set_up(&s, span_make(logo, read_logo(argc > 1 ? argv[1] : NULL, logo, sizeof logo)));
    show_sign_ins(&s);
    show_pins(&s);
    show_denials(&s);
    show_challenges(&s);
    show_ends(&s);
    show_refusals(&s);
    show_plain(&s);
    arena_fini(&s.arena);
    slab_fini(&s.blocks);
    return s.failed ? 1 : 0;
}

#include "support.h"

#include "gate/sign_in_pages.h"

#define HOSTILE                                                                                                        \
    SPAN("\"'><script>alert(1)</script><img src=x onerror='y'>&quot;&#34;&lt;\r\nSet-Cookie: a=b\0</title></style>"    \
         "#javascript:\xff\xc0\xe2\x80")
#define GOOD SPAN("good")

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
                                   .reason = "sign-in",
                                   .request_id = SPAN("id-17"),
                                   .tier = SPAN("staging"),
                                   .look = &s->look,
                                   .arena = &s->m.arena};
}

static struct span field(const struct answer *a, const char *name)
{
    for (size_t i = 0; i < a->head.headers.n; i++)
        if (span_eq_nocase(a->head.headers.v[i].name, span_of(name)))
            return a->head.headers.v[i].value;
    return SPAN_NONE;
}

static bool body_has(const struct answer *a, const char *text)
{
    return a->body.n && memmem(a->body.p, a->body.n, text, strlen(text)) != NULL;
}

static size_t times(struct span s, uint8_t c)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == c;
    return n;
}

/* --- sign-in -------------------------------------------------------------------------------------------------------------- */

#define GITHUB "<a class=\"button\" href=\"/.tiergate/github?to=T-0\">Continue with GitHub</a>"
#define OR "<p class=\"or\">or</p>"
#define MAIL "<form method=\"post\" action=\"/.tiergate/pin\">"
#define BASIC "href=\"/.tiergate/sign-in?with=basic&amp;to=T-0\">Use a user name and password</a>"
#define NO_WAY "There is no way"

static void test_ways(void **state)
{
    static const struct {
        const char *name;
        bool github, email_pin, basic;
        const char *has[5], *lacks[5];
    } cases[] = {
        {"all",
         true,
         true,
         true,
         {GITHUB, OR, MAIL, BASIC, "class=\"button other\">Send"},
         {NO_WAY, "button\" href=\"/.tiergate/sign-in"}},
        {"GitHub", true, false, false, {GITHUB}, {OR, MAIL, BASIC, NO_WAY, "<form"}},
        {"mail", false, true, false, {MAIL, "class=\"button\">Send me a code"}, {GITHUB, OR, BASIC, NO_WAY}},
        {"Basic",
         false,
         false,
         true,
         {BASIC, "class=\"button\" href=\"/.tiergate/sign-in"},
         {GITHUB, OR, MAIL, NO_WAY, "more\">"}},
        {"GitHub and Basic", true, false, true, {GITHUB, BASIC, "class=\"quiet\""}, {OR, MAIL, NO_WAY}},
        {"mail and Basic", false, true, true, {MAIL, BASIC, "class=\"button\">Send"}, {OR, GITHUB, NO_WAY}},
        {"nothing", false, false, false, {NO_WAY}, {GITHUB, OR, MAIL, BASIC, "<form"}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene s;
        scene_init(&s);
        const struct sign_in_page p = {.to = SPAN("T-0"),
                                       .site = SPAN("a.test"),
                                       .github = cases[i].github,
                                       .email_pin = cases[i].email_pin,
                                       .basic = cases[i].basic};
        assert_true(answer_sign_in_page(&s.q, &p, &s.a));
        CHECK(cases[i].name, s.a.head.status == 200 && field(&s.a, "Retry-After").p == NULL);
        CHECK(cases[i].name,
              body_has(&s.a, "<title>Sign in · plyr</title>") && body_has(&s.a, "<strong>a.test</strong>"));
        CHECK(cases[i].name, body_has(&s.a, "name=\"to\" value=\"T-0\"") == cases[i].email_pin);
        for (size_t k = 0; k < COUNT(cases[i].has) && cases[i].has[k]; k++)
            CHECK(cases[i].has[k], body_has(&s.a, cases[i].has[k]));
        for (size_t k = 0; k < COUNT(cases[i].lacks) && cases[i].lacks[k]; k++)
            CHECK(cases[i].lacks[k], !body_has(&s.a, cases[i].lacks[k]));
        memory_fini(&s.m);
    }
}

/* Without a way back there is none in the page; what may not stand in a query is encoded there. */
static void test_way_back(void **state)
{
    struct scene s;
    scene_init(&s);
    struct sign_in_page p = {.github = true, .email_pin = true, .basic = true};
    assert_true(answer_sign_in_page(&s.q, &p, &s.a));
    assert_true(body_has(&s.a, "href=\"/.tiergate/github\"") && body_has(&s.a, "sign-in?with=basic\""));
    assert_false(body_has(&s.a, "name=\"to\""));
    assert_true(body_has(&s.a, "<strong>app.test</strong>")); /* the host that was asked for */
    p.to = SPAN("a&b=\" c%-._~/Z9");
    assert_true(answer_sign_in_page(&s.q, &p, &s.a));
    assert_true(body_has(&s.a, "/.tiergate/github?to=a%26b%3D%22%20c%25-._~%2FZ9\""));
    assert_true(body_has(&s.a, "sign-in?with=basic&amp;to=a%26b%3D%22%20c%25-._~%2FZ9\""));
    assert_true(body_has(&s.a, "name=\"to\" value=\"a&amp;b=&quot; c%-._~/Z9\""));
    s.q.request = NULL;
    p.to = SPAN_NONE;
    assert_true(answer_sign_in_page(&s.q, &p, &s.a));
    assert_false(body_has(&s.a, "to continue to"));
    memory_fini(&s.m);
}

static void test_notes(void **state)
{
    static const struct {
        enum page_note note;
        uint32_t retry_after_s;
        unsigned status;
        const char *box, *words, *retry_after;
    } cases[] = {
        {NOTE_NONE, 0, 200, NULL, NULL, NULL},
        {NOTE_ADDRESS, 0, 400, "alert", "no e-mail address", NULL},
        {NOTE_PIN_WRONG, 0, 403, "alert", "wrong, too old, or was used before", NULL},
        {NOTE_SENT_AGAIN, 0, 200, "status", "If this address may come in", NULL},
        {NOTE_LIMITED, 1, 429, "alert", "<strong>in 1 second</strong>", "1"},
        {NOTE_LIMITED, 90, 429, "alert", "<strong>in 90 seconds</strong>", "90"},
        {NOTE_LIMITED, 91, 429, "alert", "<strong>in 2 minutes</strong>", "91"},
        {NOTE_LIMITED, 5400, 429, "alert", "<strong>in 90 minutes</strong>", "5400"},
        {NOTE_LIMITED, 5401, 429, "alert", "<strong>in 2 hours</strong>", "5401"},
        {NOTE_LIMITED, UINT32_MAX, 429, "alert", "<strong>in 1193047 hours</strong>", "4294967295"},
        {NOTE_LIMITED, 0, 429, "alert", "<strong>in a moment</strong>", NULL},
        {NOTE_EXPIRED, 0, 400, "alert", "begin again", NULL},
        {NOTE_NO_COOKIE, 0, 400, "alert", "Allow cookies", NULL},
        {NOTE_UNREACHABLE, 0, 503, "alert", "GitHub does not answer", NULL},
        {NOTE_CANCELLED, 0, 403, "status", "cancelled at GitHub", NULL},
        {NOTE_FAILED, 0, 503, "alert", "went wrong", NULL},
        {(enum page_note)99, 0, 503, "alert", "went wrong", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int pin = 0; pin < 2; pin++) {
            struct scene s;
            char box[64];
            scene_init(&s);
            const struct sign_in_page in = {
                .email_pin = true, .note = cases[i].note, .retry_after_s = cases[i].retry_after_s};
            const struct pin_page code = {.note = cases[i].note, .retry_after_s = cases[i].retry_after_s};
            assert_true(pin ? answer_pin_page(&s.q, &code, &s.a) : answer_sign_in_page(&s.q, &in, &s.a));
            snprintf(box, sizeof box, "id=\"note\" role=\"%s\"", cases[i].box ? cases[i].box : "");
            CHECK(box, s.a.head.status == cases[i].status);
            CHECK(box, body_has(&s.a, "id=\"note\"") == (cases[i].box != NULL));
            CHECK(box, !cases[i].box || (body_has(&s.a, box) && body_has(&s.a, cases[i].words)));
            CHECK(box, body_has(&s.a, "<title>Error: ") == (cases[i].box && strcmp(cases[i].box, "alert") == 0));
            CHECK_SPAN(box, field(&s.a, "Retry-After"), span_of(cases[i].retry_after));
            bool wrong = cases[i].note == (pin ? NOTE_PIN_WRONG : NOTE_ADDRESS);
            CHECK(box, body_has(&s.a, "aria-invalid=\"true\"") == wrong);
            memory_fini(&s.m);
        }
}

static void test_pin(void **state)
{
    struct scene s;
    scene_init(&s);
    const struct pin_page p = {
        .state = SPAN("S&1"), .site = SPAN("a.test"), .address = SPAN("a'b@c.test"), .to = SPAN("T-0")};
    assert_true(answer_pin_page(&s.q, &p, &s.a));
    assert_true(body_has(&s.a, "<title>Check your mail · plyr</title>"));
    assert_true(body_has(&s.a, "If <strong>a&#39;b@c.test</strong> may come in, a code is on its way. "));
    assert_true(body_has(&s.a, "to continue to <strong>a.test</strong>."));
    assert_true(body_has(&s.a, "autocomplete=\"one-time-code\"") && body_has(&s.a, "inputmode=\"numeric\""));
    struct span first = span_make(memmem(s.a.body.p, s.a.body.n, "<form", 5), 0);
    assert_non_null(first.p);
    size_t from = (size_t)(first.p - s.a.body.p);
    struct span forms = span_from(s.a.body, from);
    const char *hidden = "name=\"state\" value=\"S&amp;1\"";
    const uint8_t *one = memmem(forms.p, forms.n, hidden, strlen(hidden));
    assert_non_null(one);
    struct span rest = span_from(forms, (size_t)(one - forms.p) + 1);
    assert_non_null(memmem(rest.p, rest.n, hidden, strlen(hidden)));
    assert_true(body_has(&s.a, "name=\"again\" value=\"1\""));
    assert_true(body_has(&s.a, "href=\"/.tiergate/sign-in?to=T-0\""));
    assert_false(body_has(&s.a, "name=\"to\""));
    memory_fini(&s.m);
}

/* --- denied --------------------------------------------------------------------------------------------------------------- */

static void test_denied(void **state)
{
    static const struct {
        enum signin_outcome why;
        unsigned status;
        const char *subject, *what, *approve;
        const char *title, *words, *advice, *link;
    } cases[] = {
        {SIGNIN_OK, 403, "octo", "", "", "Not let in", "not on this site&#39;s list", "Ask whoever runs", NULL},
        {SIGNIN_WRONG, 403, "", "", "", "Please begin again", "another browser", "sign in again", NULL},
        {SIGNIN_LIMITED, 429, "", "", "", "Too many tries", "too many tries", "Wait a while", NULL},
        {SIGNIN_NOT_ADMITTED, 403, "a@b.test", "", "", "Not let in", "with <strong>a@b.test</strong>, which",
         "Ask whoever", NULL},
        {SIGNIN_NOT_ADMITTED, 403, "", "", "https://github.com/x", "Not let in",
         "with <strong>your account</strong>, which", "Ask", NULL},
        {SIGNIN_NOT_MEMBER, 403, "octo", "org", "", "Not a member",
         "<strong>octo</strong>, which is not a member of <strong>org</strong>", "Ask an owner", NULL},
        {SIGNIN_NOT_MEMBER, 403, "octo", "", "", "Not a member", "of <strong>the organisation</strong>", "Ask an owner",
         NULL},
        {SIGNIN_PENDING, 403, "octo", "org", "https://github.com/orgs/org/invitation", "Your invitation waits",
         "not accepted", "Accept it at GitHub", "Go to the invitation"},
        {SIGNIN_PENDING, 403, "octo", "org", "", "Your invitation waits", "not accepted", "Accept it at GitHub", NULL},
        {SIGNIN_SCOPE_REFUSED, 403, "octo", "", "", "One permission is missing", "does not let us see",
         "leave the boxes ticked", NULL},
        {SIGNIN_ORG_BLOCKS, 403, "octo", "org", "https://github.com/orgs/org/policies", "Not approved yet",
         "<strong>org</strong> does not let", "send an owner the link", "Approve the app"},
        {SIGNIN_ORG_BLOCKS, 403, "octo", "org", "javascript:alert(1)", "Not approved yet",
         "<strong>org</strong> does not let", "An owner", NULL},
        {SIGNIN_LOGIN_CHANGED, 403, "octo", "", "", "Not let in", "another GitHub account", "Ask whoever", NULL},
        {SIGNIN_UNREACHABLE, 503, "", "", "", "GitHub does not answer", "could not ask", "did nothing wrong", NULL},
        {SIGNIN_FAILED, 503, "", "", "", "That did not work", "went wrong", "did nothing wrong", NULL},
        {(enum signin_outcome)99, 503, "", "", "", "That did not work", "went wrong", "did nothing wrong", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene s;
        char title[80];
        scene_init(&s);
        const struct denied_page p = {.why = cases[i].why,
                                      .subject = span_of(cases[i].subject),
                                      .what = span_of(cases[i].what),
                                      .approve = span_of(cases[i].approve),
                                      .site = SPAN("a.test"),
                                      .to = SPAN("T-0")};
        assert_true(answer_denied_page(&s.q, &p, &s.a));
        snprintf(title, sizeof title, "<title>%s · plyr</title>", cases[i].title);
        CHECK(title, s.a.head.status == cases[i].status);
        CHECK(title, body_has(&s.a, title) && body_has(&s.a, cases[i].words) && body_has(&s.a, cases[i].advice));
        CHECK(title, body_has(&s.a, "href=\"https://") == (cases[i].link != NULL));
        CHECK(title, !cases[i].link || (body_has(&s.a, cases[i].link) && body_has(&s.a, cases[i].approve)));
        CHECK(title, !body_has(&s.a, "javascript:"));
        bool another = body_has(&s.a, "Use another account");
        CHECK(title, body_has(&s.a, "href=\"/.tiergate/sign-in?another=1&amp;to=T-0\"") == another);
        CHECK(title, body_has(&s.a, "href=\"/.tiergate/sign-in?to=T-0\"") == !another);
        memory_fini(&s.m);
    }
}

static void test_signed_in(void **state)
{
    static const struct {
        const char *site, *link;
    } cases[] = {{"a.test", "href=\"https://a.test/\""},
                 {"a.test:8443", "href=\"https://a.test:8443/\""},
                 {"", NULL},
                 {"a.test/\"><b>", NULL},
                 {"a.test@evil.test", NULL},
                 {"//evil.test", NULL}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene s;
        scene_init(&s);
        assert_true(answer_signed_in_page(&s.q, span_of(cases[i].site), &s.a));
        CHECK(cases[i].site, s.a.head.status == 200 && body_has(&s.a, "You can close this window"));
        CHECK(cases[i].site, body_has(&s.a, "<a ") == (cases[i].link != NULL));
        CHECK(cases[i].site, !cases[i].link || body_has(&s.a, cases[i].link));
        memory_fini(&s.m);
    }
}

/* --- what others typed ---------------------------------------------------------------------------------------------------- */

static bool make(unsigned kind, struct scene *s, struct span v)
{
    const struct sign_in_page in = {.to = v, .site = v, .github = true, .email_pin = true, .basic = true, .address = v};
    const struct pin_page code = {.state = v, .site = v, .address = v, .to = v, .note = NOTE_SENT_AGAIN};
    struct denied_page denied = {
        .why = SIGNIN_ORG_BLOCKS, .subject = v, .what = v, .site = v, .to = v, .approve = SPAN_NONE};
    switch (kind) {
    case 0:
        return answer_sign_in_page(&s->q, &in, &s->a);
    case 1:
        return answer_pin_page(&s->q, &code, &s->a);
    case 2:
        denied.approve = arena_printf(&s->m.arena, "https://%.*s", SPAN_ARG(v));
        return answer_denied_page(&s->q, &denied, &s->a);
    default:
        s->q.sign_in = v;
        return answer_sign_in(&s->q, true, &s->a);
    }
}

/* Whatever stands in a field: the page has the same tags and attributes, and its head the same fields. */
static void test_hostile(void **state)
{
    for (unsigned kind = 0; kind < 4; kind++) {
        struct scene good, bad;
        scene_init(&good);
        scene_init(&bad);
        bad.look.name = bad.q.tier = bad.q.request_id = HOSTILE;
        assert_true(make(kind, &good, GOOD));
        assert_true(make(kind, &bad, HOSTILE));
        static const char structure[] = "<>\"'";
        for (size_t i = 0; structure[i]; i++)
            assert_int_equal(times(bad.a.body, (uint8_t)structure[i]), times(good.a.body, (uint8_t)structure[i]));
        assert_int_equal(bad.a.head.headers.n, good.a.head.headers.n);
        assert_false(body_has(&bad.a, "<script") || body_has(&bad.a, "&#34;\"") || body_has(&bad.a, "onerror='"));
        assert_true(bad.a.body.n > good.a.body.n);
        memory_fini(&good.m);
        memory_fini(&bad.m);
    }
}

/* The most that a sealed text may have. */
static void test_long(void **state)
{
    static uint8_t sealed[16384];
    struct scene s;
    scene_init(&s);
    memset(sealed, 'x', sizeof sealed);
    const struct pin_page p = {.state = span_make(sealed, sizeof sealed), .to = span_make(sealed, sizeof sealed)};
    assert_true(answer_pin_page(&s.q, &p, &s.a));
    assert_true(times(s.a.body, 'x') >= 3 * sizeof sealed);
    memory_fini(&s.m);
}

/* --- logo ----------------------------------------------------------------------------------------------------------------- */

static void test_logo(void **state)
{
    struct scene s;
    scene_init(&s);
    static const struct span cookie = {(const uint8_t *)"a=b", 3};
    s.q.set_cookies = &cookie; /* what all may keep sets none */
    assert_true(answer_logo(&s.q, &s.a));
    assert_int_equal(s.a.head.status, 200);
    assert_ptr_equal(s.a.body.p, s.look.logo.p);
    CHECK_SPAN("type", field(&s.a, "Content-Type"), SPAN("image/png"));
    CHECK_SPAN("kept", field(&s.a, "Cache-Control"), SPAN("public, max-age=3600"));
    CHECK_SPAN("sniffed", field(&s.a, "X-Content-Type-Options"), SPAN("nosniff"));
    CHECK_SPAN("policy", field(&s.a, "Content-Security-Policy"), SPAN("default-src 'none'; sandbox"));
    CHECK_SPAN("mark", field(&s.a, "Tiergate"), SPAN("sign-in"));
    assert_null(field(&s.a, "Vary").p);
    assert_null(field(&s.a, "Set-Cookie").p);
    s.r.method = M_HEAD;
    assert_true(answer_logo(&s.q, &s.a));
    assert_int_equal(s.a.body.n, 0);
    assert_int_equal(s.a.head.content_length, s.look.logo.n);
    s.look.logo = SPAN_NONE;
    assert_true(answer_logo(&s.q, &s.a));
    assert_int_equal(s.a.head.status, 404);
    s.q.look = NULL;
    assert_true(answer_logo(&s.q, &s.a));
    assert_int_equal(s.a.head.status, 404);
    memory_fini(&s.m);
}

/* A page shows a logo only where there is one, and calls the site by its name or else by its host. */
static void test_look(void **state)
{
    struct scene s;
    scene_init(&s);
    const struct sign_in_page p = {.site = SPAN("a.test"), .github = true};
    assert_true(answer_sign_in_page(&s.q, &p, &s.a));
    assert_true(body_has(&s.a, "<img src=\"/.tiergate/logo\" alt=\"\">") && !body_has(&s.a, "<svg"));
    assert_true(body_has(&s.a, "<span>plyr</span><b>staging</b>"));
    s.look = (struct pages_config){.name = SPAN_NONE};
    s.q.tier = SPAN_NONE;
    assert_true(answer_sign_in_page(&s.q, &p, &s.a));
    assert_true(!body_has(&s.a, "<img") && body_has(&s.a, "<svg") && body_has(&s.a, "href=\"data:,\""));
    assert_true(body_has(&s.a, "<span>a.test</span></header>") && body_has(&s.a, "<title>Sign in · a.test</title>"));
    memory_fini(&s.m);
}

/* A form's POST proves by Origin where it came from: `no-referrer` would make that "null". */
static void test_fields(void **state)
{
    struct scene s;
    scene_init(&s);
    assert_true(answer_sign_in_page(&s.q, &(struct sign_in_page){.github = true}, &s.a));
    CHECK_SPAN("referrer", field(&s.a, "Referrer-Policy"), SPAN("same-origin"));
    CHECK_SPAN("frames", field(&s.a, "X-Frame-Options"), SPAN("DENY"));
    CHECK_SPAN("resource", field(&s.a, "Cross-Origin-Resource-Policy"), SPAN("same-origin"));
    CHECK_SPAN("kept", field(&s.a, "Cache-Control"), SPAN("no-store"));
    assert_null(field(&s.a, "Cross-Origin-Opener-Policy").p);
    memory_fini(&s.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ways),    cmocka_unit_test(test_way_back), cmocka_unit_test(test_notes),
        cmocka_unit_test(test_pin),     cmocka_unit_test(test_denied),   cmocka_unit_test(test_signed_in),
        cmocka_unit_test(test_hostile), cmocka_unit_test(test_long),     cmocka_unit_test(test_logo),
        cmocka_unit_test(test_look),    cmocka_unit_test(test_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

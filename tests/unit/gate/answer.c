#include "support.h"

#include "base/crypto/mac.h"
#include "gate/answer.h"
#include "gate/pages.h"
#include "gate/sign_in_pages.h"

#define CHALLENGE "Basic realm=\"Beta\", charset=\"UTF-8\""

struct scene {
    struct memory m;
    struct gate_fixture f;
    struct http_request r;
    struct answer_request q;
    struct answer a;
};

static void scene_init(struct scene *s, enum asker asker, const char *fields)
{
    memory_init(&s->m);
    fixture_init(&s->f, "beta", NULL);
    request_make(&s->r, &s->m.arena, fields);
    s->r.authority = SPAN("App.test:8443");
    s->q = (struct answer_request){.request = &s->r,
                                   .asker = asker,
                                   .gate = &s->f.gate,
                                   .reason = "sign-in",
                                   .request_id = SPAN("id-17"),
                                   .arena = &s->m.arena};
}

static struct span field(const struct answer *a, const char *name)
{
    for (size_t i = 0; i < a->head.headers.n; i++)
        if (span_eq_nocase(a->head.headers.v[i].name, span_of(name)))
            return a->head.headers.v[i].value;
    return SPAN_NONE;
}

static bool has_field(const struct answer *a, const char *name)
{
    for (size_t i = 0; i < a->head.headers.n; i++)
        if (span_eq_nocase(a->head.headers.v[i].name, span_of(name)))
            return true;
    return false;
}

static bool body_has(const struct answer *a, const char *text)
{
    return a->body.n && memmem(a->body.p, a->body.n, text, strlen(text)) != NULL;
}

/* What every answer of ours has. */
static void check_marks(const char *name, const struct scene *s, unsigned status)
{
    CHECK(name, s->a.head.status == status);
    CHECK_SPAN(name, field(&s->a, "Tiergate"), span_of(s->q.reason));
    CHECK_SPAN(name, field(&s->a, "Cache-Control"), SPAN("no-store"));
    CHECK(name, span_has_prefix(field(&s->a, "Vary"), SPAN("Cookie, Authorization")));
    CHECK(name, s->a.head.version == HTTP_1_1 && s->a.head.keep_alive);
    CHECK(name, s->a.head.body == (status == 204 ? BODY_NONE : BODY_LENGTH));
    CHECK(name, field(&s->a, "Content-Length").p == NULL && field(&s->a, "Date").p == NULL); /* the connection's */
    if (s->a.head.body == BODY_LENGTH && s->r.method != M_HEAD)
        CHECK(name, s->a.head.content_length == s->a.body.n);
}

enum shape { BARE, PAGE, JSON };

static void check_shape(const char *name, const struct answer *a, enum shape shape)
{
    struct span type = field(a, "Content-Type");
    CHECK_SPAN(name, type,
               shape == PAGE   ? SPAN("text/html; charset=utf-8")
               : shape == JSON ? SPAN("application/json")
                               : SPAN_NONE);
    CHECK(name, (field(a, "Content-Security-Policy").n > 0) == (shape == PAGE));
    CHECK(name, shape == BARE || span_eq(field(a, "X-Content-Type-Options"), SPAN("nosniff")));
    CHECK(name, shape == BARE || span_has_suffix(a->body, shape == PAGE ? SPAN("</html>\n") : SPAN("}\n")));
}

static const struct {
    const char *name;
    enum asker asker;
    const char *fields;
    bool tried, challenge;
    enum shape shape;
} sign_ins[] = {
    {"service token", ASKER_TOKEN, "", false, false, JSON},
    {"WebSocket", ASKER_WEBSOCKET, "", false, false, JSON},
    {"navigation", ASKER_NAVIGATION, "", false, true, PAGE},
    {"navigation, wrong password", ASKER_NAVIGATION, "Authorization: Basic x", true, true, PAGE},
    {"navigation with the app's Bearer", ASKER_NAVIGATION, "Authorization: Bearer x", false, true, PAGE},
    {"form", ASKER_POST_NAVIGATION, "", false, false, PAGE},
    {"script", ASKER_SCRIPT, "", false, true, JSON},
    {"script with the app's Bearer", ASKER_SCRIPT, "Authorization: Bearer x", false, false, JSON},
    {"script with a wrong Basic", ASKER_SCRIPT, "Authorization: Basic x", true, false, JSON},
    {"script with Basic in another place", ASKER_SCRIPT, "Tiergate-Authorization: Basic x", true, false, JSON},
    {"client", ASKER_CLIENT, "", false, true, JSON},
    {"client with a wrong Basic", ASKER_CLIENT, "Authorization: Basic x", true, true, JSON},
};

static void test_sign_in(void **state)
{
    for (size_t i = 0; i < COUNT(sign_ins); i++)
        for (int gated = 0; gated < 3; gated++) {
            struct scene s;
            scene_init(&s, sign_ins[i].asker, sign_ins[i].fields);
            headers_drop(&s.r.headers, H_AUTHORIZATION); /* taken off for the origin: still it came along */
            if (gated == 1)
                s.q.gate = NULL;
            if (gated == 2)
                s.f.gate.basic = NULL;
            assert_true(answer_sign_in(&s.q, sign_ins[i].tried, &s.a));
            check_marks(sign_ins[i].name, &s, 401);
            check_shape(sign_ins[i].name, &s.a, sign_ins[i].shape);
            bool challenge = sign_ins[i].challenge && gated == 0;
            CHECK_SPAN(sign_ins[i].name, field(&s.a, "WWW-Authenticate"), challenge ? SPAN(CHALLENGE) : SPAN_NONE);
            CHECK(sign_ins[i].name, headers_count(&s.a.head.headers, H_WWW_AUTHENTICATE) == challenge);
            CHECK(sign_ins[i].name, field(&s.a, "Location").p == NULL);
            if (sign_ins[i].asker == ASKER_TOKEN)
                CHECK_SPAN("token", s.a.body, SPAN("{\"error\":\"service_token_invalid\"}\n"));
            else if (sign_ins[i].shape == JSON)
                CHECK_SPAN(sign_ins[i].name, s.a.body,
                           SPAN("{\"error\":\"sign_in_required\","
                                "\"sign_in\":\"https://app.test:8443/.tiergate/sign-in\"}\n"));
            else
                CHECK(sign_ins[i].name, body_has(&s.a, "href=\"/.tiergate/sign-in\"") && body_has(&s.a, "id-17"));
            memory_fini(&s.m);
        }
}

static const struct {
    const char *name;
    enum asker asker;
    bool tried, gated;
    const char *title, *text, *link;
} words[] = {
    {"first visit", ASKER_NAVIGATION, false, true, "Sign in",
     "This site is not public. You need a user name and a password for <strong>Beta</strong>.", "Sign in"},
    {"no Basic here", ASKER_NAVIGATION, false, false, "Sign in", "This site is not public.<", "Sign in"},
    {"wrong password", ASKER_NAVIGATION, true, true, "That did not let you in",
     "The user name or the password is wrong.<", "Try again"},
    {"wrong password, no Basic here", ASKER_NAVIGATION, true, false, "That did not let you in",
     "The user name or the password is wrong.<", "Try again"},
    {"form", ASKER_POST_NAVIGATION, false, true, "Sign in first", "This form needs you to be signed in. ", "Sign in"},
    {"form, no Basic here", ASKER_POST_NAVIGATION, false, false, "Sign in first",
     "This form needs you to be signed in. ", "Sign in"},
};

static void test_words(void **state)
{
    for (size_t i = 0; i < COUNT(words); i++) {
        struct scene s;
        char title[80], link[80];
        scene_init(&s, words[i].asker, "");
        if (!words[i].gated)
            s.f.gate.basic = NULL;
        assert_true(answer_sign_in(&s.q, words[i].tried, &s.a));
        snprintf(title, sizeof(title), "<title>%s · app.test</title>", words[i].title);
        snprintf(link, sizeof(link), "sign-in\">%s</a>", words[i].link);
        CHECK(words[i].name, body_has(&s.a, title) && body_has(&s.a, words[i].text) && body_has(&s.a, link));
        CHECK(words[i].name,
              body_has(&s.a, "Beta") == (words[i].gated && !words[i].tried && words[i].asker == ASKER_NAVIGATION));
        memory_fini(&s.m);
    }
}

static void test_codes(void **state)
{
    static const struct {
        unsigned status;
        const char *code, *message;
    } codes[] = {{400, "bad_request", "could not be understood"},
                 {403, "not_allowed", "may not see"},
                 {421, "unknown_host", "No site of that name"},
                 {429, "too_many_attempts", "too many wrong"},
                 {503, "busy", "too much to do"},
                 {505, "version_not_supported", "not spoken here"},
                 {418, "refused", "was refused"}};
    for (size_t i = 0; i < COUNT(codes); i++) {
        struct scene s;
        char want[200];
        scene_init(&s, ASKER_CLIENT, "");
        assert_true(answer_status(&s.q, codes[i].status, &s.a));
        snprintf(want, sizeof(want), "{\"error\":\"%s\",\"status\":%u,\"reason\":\"sign-in\",\"message\":\"",
                 codes[i].code, codes[i].status);
        CHECK(codes[i].code, span_has_prefix(s.a.body, span_of(want)) && body_has(&s.a, codes[i].message));
        CHECK(codes[i].code, span_has_suffix(s.a.body, SPAN(",\"request_id\":\"id-17\"}\n")));
        s.q.request_id = SPAN_NONE;
        assert_true(answer_status(&s.q, codes[i].status, &s.a));
        CHECK(codes[i].code, span_has_suffix(s.a.body, SPAN("\"}\n")) && !body_has(&s.a, "request_id"));
        memory_fini(&s.m);
    }
}

static void render(struct text *out, const struct page_frame *f, const struct page *p)
{
    text_init(out);
    page_begin(out, f);
    page_body(out, p);
    page_end(out, f);
    assert_false(out->failed);
}

/* What is not given leaves no trace on a page. */
static void test_bare_page(void **state)
{
    struct text page;
    render(&page, &(struct page_frame){.title = "t"}, &(struct page){.title = "t"});
    static const char *const absent[] = {"<p>",  "<a ",  "<form", "<strong", "Request",
                                         "null", "<img", "·",     "Error",   "<b>"};
    for (size_t i = 0; i < COUNT(absent); i++)
        CHECK(absent[i], strstr(strstr(page.p, "</style>"), absent[i]) == NULL);
    assert_non_null(strstr(page.p, "<title>t</title>"));
    text_fini(&page);
    render(&page, &(struct page_frame){.title = "t"}, &(struct page){.text = {.words = "x"}});
    assert_non_null(strstr(page.p, "x</p>"));
    text_fini(&page);
}

/* More places than names are left empty; of an address all is encoded that is no letter, digit or one of four signs. */
static void test_page_parts(void **state)
{
    struct text page;
    text_init(&page);
    page_say(&page, (struct page_words){"# and # and #", {SPAN("a"), SPAN("b")}});
    CHECK_SPAN("words", text_span(&page), SPAN("<strong>a</strong> and <strong>b</strong> and "));
    text_fini(&page);
    text_init(&page);
    const struct page_target to = {
        .path = SPAN("/"), .keys = {SPAN("k")}, .values = {SPAN("/09:@AZ[`az{-._~\x7f\xff")}};
    page_link(&page, PAGE_QUIET, &to, "w");
    CHECK_SPAN("link", text_span(&page),
               SPAN("<p><a class=\"quiet\" href=\"/?k=%2F09%3A%40AZ%5B%60az%7B-._~%7F%FF\">w</a></p>\n"));
    text_fini(&page);
}

/* The page's own time to wait, or else that of the request. */
static void test_retry_after(void **state)
{
    for (uint32_t own = 0; own < 10; own += 9) {
        struct scene s;
        scene_init(&s, ASKER_NAVIGATION, "");
        s.q.retry_after_s = 7;
        assert_true(answer_sign_in_page(&s.q, &(struct sign_in_page){.retry_after_s = own}, &s.a));
        CHECK_SPAN("sign-in", field(&s.a, "Retry-After"), own ? SPAN("9") : SPAN("7"));
        memory_fini(&s.m);
    }
}

static void test_realm(void **state)
{
    struct scene s;
    scene_init(&s, ASKER_NAVIGATION, "");
    s.f.basic.realm = SPAN("a\"b\\c <i>");
    assert_true(answer_sign_in(&s.q, false, &s.a));
    CHECK_SPAN("quoted", field(&s.a, "WWW-Authenticate"), SPAN("Basic realm=\"a\\\"b\\\\c <i>\", charset=\"UTF-8\""));
    assert_true(body_has(&s.a, "a&quot;b\\c &lt;i&gt;"));
    assert_false(body_has(&s.a, "<i>"));
    s.f.basic.realm = SPAN("a\r\nSet-Cookie: x");
    assert_false(answer_sign_in(&s.q, false, &s.a));
    memory_fini(&s.m);
}

/* Of two fields of one kind, and of others: a Basic that came along is seen wherever it stands. */
static void test_other_fields(void **state)
{
    struct scene s;
    scene_init(&s, ASKER_SCRIPT, "Accept: */*\nCookie: a=1");
    assert_true(answer_sign_in(&s.q, false, &s.a));
    CHECK_SPAN("none came along", field(&s.a, "WWW-Authenticate"), SPAN(CHALLENGE));
    s.r.authority = SPAN("app.test");
    assert_true(answer_sign_in(&s.q, false, &s.a));
    assert_true(body_has(&s.a, "\"https://app.test/.tiergate/sign-in\""));
    s.q.request = NULL;
    assert_true(answer_sign_in(&s.q, false, &s.a));
    assert_null(field(&s.a, "WWW-Authenticate").p);
    s.q.asker = ASKER_PREFLIGHT;
    s.q.cors.origin = SPAN("https://a.test");
    assert_true(answer_preflight(&s.q, &s.a));
    assert_int_equal(s.a.head.status, 403);
    assert_true(answer_sign_in(&s.q, false, &s.a));
    assert_int_equal(s.a.head.status, 401);
    memory_fini(&s.m);
}

static void test_unknown_name(void **state)
{
    static const char *const bad[] = {"", "a b", "a.test:0", "<x>", "a.test/\"x"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct scene s;
        scene_init(&s, ASKER_CLIENT, "");
        s.r.authority = span_of(bad[i]);
        assert_true(answer_sign_in(&s.q, false, &s.a));
        CHECK_SPAN(bad[i], s.a.body, SPAN("{\"error\":\"sign_in_required\"}\n"));
        s.q.asker = ASKER_NAVIGATION;
        assert_true(answer_sign_in(&s.q, false, &s.a));
        CHECK(bad[i], body_has(&s.a, "<title>Sign in</title>"));
        memory_fini(&s.m);
    }
}

static void test_status(void **state)
{
    static const unsigned statuses[] = {400, 403, 404, 405, 408, 413, 414, 417, 421, 429,
                                        431, 500, 501, 502, 503, 504, 505, 418, 511};
    static const enum asker askers[] = {ASKER_TOKEN,           ASKER_PREFLIGHT, ASKER_WEBSOCKET, ASKER_NAVIGATION,
                                        ASKER_POST_NAVIGATION, ASKER_SCRIPT,    ASKER_CLIENT};
    for (size_t i = 0; i < COUNT(statuses); i++)
        for (size_t k = 0; k < COUNT(askers); k++) {
            struct scene s;
            char name[32];
            snprintf(name, sizeof(name), "%u for %zu", statuses[i], k);
            scene_init(&s, askers[k], "");
            s.q.retry_after_s = statuses[i] == 429 ? 42 : 0;
            s.q.reason = "why-not";
            assert_true(answer_status(&s.q, statuses[i], &s.a));
            check_marks(name, &s, statuses[i]);
            bool page = askers[k] == ASKER_NAVIGATION || askers[k] == ASKER_POST_NAVIGATION;
            check_shape(name, &s.a, page ? PAGE : JSON);
            CHECK(name, body_has(&s.a, "id-17"));
            CHECK(name, page || body_has(&s.a, "\"reason\":\"why-not\""));
            CHECK(name, field(&s.a, "WWW-Authenticate").p == NULL);
            CHECK_SPAN(name, field(&s.a, "Retry-After"), statuses[i] == 429 ? SPAN("42") : SPAN_NONE);
            CHECK_SPAN(name, field(&s.a, "Allow"), statuses[i] == 405 ? SPAN("GET, HEAD") : SPAN_NONE);
            s.q.allow = SPAN("POST");
            assert_true(answer_status(&s.q, statuses[i], &s.a));
            CHECK_SPAN(name, field(&s.a, "Allow"), statuses[i] == 405 ? SPAN("POST") : SPAN_NONE);
            memory_fini(&s.m);
        }
}

/* Before a request was understood there is none to look at. */
static void test_without_request(void **state)
{
    struct scene s;
    scene_init(&s, ASKER_NAVIGATION, "");
    s.q.request = NULL;
    s.q.gate = NULL;
    assert_true(answer_status(&s.q, 400, &s.a));
    check_shape("400", &s.a, JSON);
    assert_true(answer_sign_in(&s.q, false, &s.a));
    assert_true(answer_redirect(&s.q, 308, SPAN("https://a.test/"), &s.a));
    assert_true(answer_preflight(&s.q, &s.a));
    assert_int_equal(s.a.head.status, 403);
    const struct pages_config look = {.logo = SPAN("x"), .logo_type = "image/png"};
    s.q.look = &look;
    assert_true(answer_logo(&s.q, &s.a));
    CHECK_SPAN("logo", s.a.body, look.logo);
    const struct kept_answer kept = {"text/javascript", SPAN("script"), "\"tag\""};
    assert_true(answer_kept(&s.q, &kept, &s.a));
    CHECK_SPAN("kept", s.a.body, kept.bytes);
    memory_fini(&s.m);
}

static void test_cors(void **state)
{
    for (int granted = 0; granted < 2; granted++) {
        struct scene s;
        scene_init(&s, ASKER_SCRIPT, "Origin: https://a.test");
        if (granted)
            s.q.cors.origin = SPAN("https://a.test");
        assert_true(answer_sign_in(&s.q, false, &s.a));
        CHECK_SPAN("origin", field(&s.a, "Access-Control-Allow-Origin"), granted ? SPAN("https://a.test") : SPAN_NONE);
        CHECK_SPAN("credentials", field(&s.a, "Access-Control-Allow-Credentials"), granted ? SPAN("true") : SPAN_NONE);
        CHECK_SPAN("expose", field(&s.a, "Access-Control-Expose-Headers"), granted ? SPAN("Tiergate") : SPAN_NONE);
        CHECK_SPAN("vary", field(&s.a, "Vary"),
                   granted ? SPAN("Cookie, Authorization, Origin") : SPAN("Cookie, Authorization"));
        assert_true(answer_status(&s.q, 502, &s.a));
        CHECK_SPAN("502", field(&s.a, "Access-Control-Allow-Origin"), granted ? SPAN("https://a.test") : SPAN_NONE);
        memory_fini(&s.m);
    }
}

static const struct {
    const char *name, *fields;
    bool granted;
    unsigned status;
    const char *methods, *headers;
} preflights[] = {
    {"granted", "Access-Control-Request-Method: PUT\nAccess-Control-Request-Headers: authorization, x-a", true, 204,
     "PUT", "authorization, x-a"},
    {"without headers", "Access-Control-Request-Method: PUT", true, 204, "PUT", NULL},
    {"not granted", "Access-Control-Request-Method: PUT", false, 403, NULL, NULL},
    {"method is no token", "Access-Control-Request-Method: PUT, GET", true, 403, NULL, NULL},
    {"two methods", "Access-Control-Request-Method: PUT\nAccess-Control-Request-Method: GET", true, 403, NULL, NULL},
    {"two lists of headers",
     "Access-Control-Request-Method: PUT\nAccess-Control-Request-Headers: a\nAccess-Control-Request-Headers: b", true,
     403, NULL, NULL},
};

static void test_preflight(void **state)
{
    for (size_t i = 0; i < COUNT(preflights); i++)
        for (int by_sign_in = 0; by_sign_in < 2; by_sign_in++) {
            struct scene s;
            const char *name = preflights[i].name;
            scene_init(&s, ASKER_PREFLIGHT, preflights[i].fields);
            s.r.method = M_OPTIONS;
            if (preflights[i].granted)
                s.q.cors.origin = SPAN("https://a.test");
            assert_true(by_sign_in ? answer_sign_in(&s.q, false, &s.a) : answer_preflight(&s.q, &s.a));
            check_marks(name, &s, preflights[i].status);
            CHECK(name, (s.a.head.body == BODY_NONE) == (preflights[i].status == 204));
            CHECK_SPAN(name, field(&s.a, "Access-Control-Allow-Methods"), span_of(preflights[i].methods));
            CHECK_SPAN(name, field(&s.a, "Access-Control-Allow-Headers"), span_of(preflights[i].headers));
            CHECK(name, has_field(&s.a, "Access-Control-Allow-Headers") == (preflights[i].headers != NULL));
            CHECK_SPAN(name, field(&s.a, "Access-Control-Max-Age"),
                       preflights[i].status == 204 ? SPAN("600") : SPAN_NONE);
            CHECK_SPAN(name, field(&s.a, "Access-Control-Allow-Origin"),
                       preflights[i].granted ? SPAN("https://a.test") : SPAN_NONE);
            memory_fini(&s.m);
        }
}

static void test_redirect(void **state)
{
    struct scene s;
    scene_init(&s, ASKER_CLIENT, "");
    assert_true(answer_redirect(&s.q, 308, SPAN("https://app.test/a?b=%20"), &s.a));
    check_marks("308", &s, 308);
    CHECK_SPAN("location", field(&s.a, "Location"), SPAN("https://app.test/a?b=%20"));
    assert_int_equal(s.a.head.content_length, 0);
    assert_false(answer_redirect(&s.q, 308, SPAN("https://app.test/\r\nSet-Cookie: a=b"), &s.a));
    memory_fini(&s.m);
}

static void test_head(void **state)
{
    struct scene s;
    scene_init(&s, ASKER_CLIENT, "");
    assert_true(answer_status(&s.q, 404, &s.a));
    uint64_t length = s.a.head.content_length;
    s.r.method = M_HEAD;
    assert_true(answer_status(&s.q, 404, &s.a));
    check_marks("HEAD", &s, 404);
    assert_int_equal(s.a.body.n, 0);
    assert_int_equal(s.a.head.content_length, length);
    assert_true(length > 0);
    memory_fini(&s.m);
}

static void test_sign_out(void **state)
{
    static const struct span cookies[] = {{(const uint8_t *)"a=; Max-Age=0", 13}, {NULL, 0}};
    for (int page = 0; page < 2; page++) {
        struct scene s;
        scene_init(&s, page ? ASKER_POST_NAVIGATION : ASKER_SCRIPT, "");
        s.q.set_cookies = cookies;
        s.q.set_cookie_count = 2; /* the empty one is left out */
        s.q.reason = "signed-out";
        assert_true(answer_signed_out(&s.q, &s.a));
        check_marks("signed out", &s, 200);
        check_shape("signed out", &s.a, page ? PAGE : JSON);
        CHECK_SPAN("cookie", field(&s.a, "Set-Cookie"), SPAN("a=; Max-Age=0"));
        assert_int_equal(headers_count(&s.a.head.headers, H_SET_COOKIE), 1);
        CHECK_SPAN("cache", field(&s.a, "Clear-Site-Data"), SPAN("\"cache\""));
        s.q.set_cookie_count = 0;
        assert_false(s.q.clear_cache);
        assert_true(answer_sign_out_form(&s.q, &s.a));
        assert_null(field(&s.a, "Clear-Site-Data").p);
        check_shape("form", &s.a, PAGE);
        assert_true(body_has(&s.a, "<form method=\"post\" action=\"/.tiergate/sign-out\">"));
        assert_null(field(&s.a, "Set-Cookie").p);
        memory_fini(&s.m);
    }
}

static void test_health_and_session(void **state)
{
    struct scene s;
    scene_init(&s, ASKER_CLIENT, "");
    assert_true(answer_health(&s.q, &s.a));
    check_marks("health", &s, 200);
    CHECK_SPAN("health", s.a.body, SPAN("ok\n"));
    assert_true(answer_session(&s.q, NULL, 0, &s.a));
    CHECK_SPAN("nobody", s.a.body, SPAN("{\"signed_in\":false}\n"));
    assert_true(answer_session(&s.q, &(struct identity){.way = WAY_NONE}, 0, &s.a));
    CHECK_SPAN("nobody", s.a.body, SPAN("{\"signed_in\":false}\n"));
    assert_true(answer_session(&s.q, &(struct identity){.way = (enum identity_way)77}, 0, &s.a));
    assert_true(body_has(&s.a, "\"way\":\"none\""));
    const struct identity who = {
        .way = WAY_BASIC, .gate = SPAN("beta"), .subject = SPAN("a\"</script>"), .proven_s = 1234};
    assert_true(answer_session(&s.q, &who, 60, &s.a));
    check_shape("somebody", &s.a, JSON);
    CHECK_SPAN("somebody", s.a.body,
               SPAN("{\"signed_in\":true,\"way\":\"basic\",\"gate\":\"beta\",\"user\":\"a\\\"</"
                    "script>\",\"proven\":1234,\"ends_in\":60}\n"));
    memory_fini(&s.m);
}

static const struct {
    const char *name, *fields;
    enum http_method method;
    unsigned status;
    bool body;
} kept[] = {
    {"for the first time", "", M_GET, 200, true},
    {"HEAD", "", M_HEAD, 200, false},
    {"has it", "If-None-Match: \"tag\"", M_GET, 304, false},
    {"has it, weakly", "If-None-Match: W/\"tag\"", M_GET, 304, false},
    {"has it among others", "If-None-Match: \"old\" , \"tag\"", M_GET, 304, false},
    {"has it in a second field", "If-None-Match: \"old\"\r\nif-none-match: \"tag\"", M_GET, 304, false},
    {"has anything", "If-None-Match: *", M_GET, 304, false},
    {"has another", "If-None-Match: \"tags\", \"tag", M_GET, 200, true},
    {"has nothing", "If-None-Match: ", M_GET, 200, true},
    {"says so elsewhere", "If-Match: \"tag\"", M_GET, 200, true},
};

static void test_kept(void **state)
{
    const struct kept_answer what = {"text/javascript", SPAN("script"), "\"tag\""};
    for (size_t i = 0; i < COUNT(kept); i++) {
        struct scene s;
        scene_init(&s, ASKER_SCRIPT, kept[i].fields);
        s.r.method = kept[i].method;
        assert_true(answer_kept(&s.q, &what, &s.a));
        CHECK(kept[i].name, s.a.head.status == kept[i].status);
        CHECK_SPAN(kept[i].name, s.a.body, kept[i].body ? what.bytes : SPAN_NONE);
        CHECK(kept[i].name, s.a.head.content_length == what.bytes.n);
        CHECK_SPAN(kept[i].name, field(&s.a, "ETag"), SPAN("\"tag\""));
        CHECK_SPAN(kept[i].name, field(&s.a, "Cache-Control"), SPAN("public, max-age=3600"));
        CHECK_SPAN(kept[i].name, field(&s.a, "X-Content-Type-Options"), SPAN("nosniff"));
        CHECK(kept[i].name, !has_field(&s.a, "Vary") && !has_field(&s.a, "Set-Cookie"));
        memory_fini(&s.m);
    }
}

static void test_page_policy(void **state)
{
    uint8_t sum[32];
    char text[BASE64_SIZE(32)];
    char want[200];
    assert_true(res_ok(sha256(page_style(), sum)));
    size_t n = base64_encode(span_make(sum, sizeof(sum)), text);
    snprintf(want, sizeof(want), "style-src 'sha256-%.*s';", (int)n, text);
    struct span policy = page_policy();
    if (!memmem(policy.p, policy.n, want, strlen(want)))
        fail_msg("the policy needs %s", want);
    assert_true(span_has_prefix(policy, SPAN("default-src 'none'; ")));
    assert_true(span_has_suffix(policy, SPAN("frame-ancestors 'none'")));
    assert_non_null(memmem(policy.p, policy.n, "; form-action 'self' https:; ", 29));
    struct text page;
    const struct pages_config look = {.name = SPAN("<n>"), .logo = SPAN("x")};
    render(&page,
           &(struct page_frame){
               .title = "<t>", .site = SPAN("<s>"), .tier = SPAN("<e>"), .look = &look, .id = SPAN("<id>")},
           &(struct page){
               .text = {"a&b #", {SPAN("'s")}}, .advice = {.words = "<d>"}, .link = SPAN("\"l"), .link_text = "<l>"});
    assert_non_null(memmem(page.p, page.n, page_style().p, page_style().n));
    static const char *const escaped[] = {"<title>&lt;t&gt; · &lt;n&gt;</title>",
                                          "<img src=\"/.tiergate/logo\" alt=\"\">",
                                          "<b>&lt;e&gt;</b>",
                                          "a&amp;b <strong>&#39;s</strong>",
                                          "href=\"&quot;l\">&lt;l&gt;",
                                          "&lt;d&gt;",
                                          "Request &lt;id&gt;",
                                          "<html lang=\"en\">",
                                          "name=\"viewport\""};
    for (size_t i = 0; i < COUNT(escaped); i++)
        CHECK(escaped[i], strstr(page.p, escaped[i]) != NULL);
    assert_null(strstr(page.p, "<script"));
    assert_null(strstr(page.p, "<s>"));
    text_fini(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sign_in),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_bare_page),
        cmocka_unit_test(test_page_parts),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_other_fields),
        cmocka_unit_test(test_realm),
        cmocka_unit_test(test_unknown_name),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_without_request),
        cmocka_unit_test(test_cors),
        cmocka_unit_test(test_preflight),
        cmocka_unit_test(test_redirect),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_sign_out),
        cmocka_unit_test(test_health_and_session),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_page_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "support.h"

#include "gate/set_cookie.h"

#define U "Basic dTpw"

/* What is left for the origin, as "Name: value" lines. */
static const struct {
    const char *name;
    bool gated; /* else the host has no gate */
    const char *fields, *left;
} cases[] = {
    {"nothing of ours", true, "Accept: */*\nCookie: a=1", "Accept: */*\nCookie: a=1\n"},
    {"Basic", true, "Authorization: " U "\nAccept: x", "Accept: x\n"},
    {"Basic in lower case", true, "authorization: basic dTpw", ""},
    {"broken Basic", true, "Authorization: Basic !!!", ""},
    {"Basic without parameter", true, "Authorization: Basic", ""},
    {"two Basics", true, "Authorization: " U "\nAuthorization: " U, ""},
    {"Basic beside Bearer", true, "Authorization: Bearer x\nAuthorization: " U, "Authorization: Bearer x\n"},
    {"Bearer is the app's", true, "Authorization: Bearer x", "Authorization: Bearer x\n"},
    {"a scheme that only begins so", true, "Authorization: Basically x", "Authorization: Basically x\n"},
    {"without a gate Basic is the app's", false, "Authorization: " U, "Authorization: " U "\n"},
    {"the name in another field", true, "X-App: sess=1; a=2", "X-App: sess=1; a=2\n"},
    {"a field of the app that looks alike", true, "X-App: " U, "X-App: " U "\n"},
    {"further places", true, "Tiergate-Authorization: " U "\nProxy-Authorization: " U, ""},
    {"further places, any scheme", true, "Tiergate-Authorization: Bearer x\nProxy-Authorization: Digest y", ""},
    {"further places without a gate", false, "Tiergate-Authorization: " U "\nProxy-Authorization: " U, ""},
    {"further places in other spellings", true, "Tiergate_Authorization: " U "\nproxy.authorization: " U, ""},
    {"our cookie alone", true, "Cookie: sess=tok", ""},
    {"our cookie among others", true, "Cookie: a=1; sess=tok; b=2", "Cookie: a=1; b=2\n"},
    {"twice, in two fields", true, "Cookie: sess=1; sess=2\nCookie: a=1; sess=3", "Cookie: a=1\n"},
    {"the default names too", true, "Cookie: __Host-tiergate=x; a=1; __Secure-tiergate=y", "Cookie: a=1\n"},
    {"the default names without a gate", false, "Cookie: __Host-tiergate=x; a=1", "Cookie: a=1\n"},
    {"a name of no gate at all", false, "Cookie: sess=x", "Cookie: sess=x\n"},
    {"names that only look like it", true, "Cookie: sess2=1; xsess=2; Sess=3", "Cookie: sess2=1; xsess=2; Sess=3\n"},
    {"an empty field stays", true, "Cookie:", "Cookie: \n"},
};

static struct span left_of(const struct headers *h, struct arena *a)
{
    struct span all = SPAN("");
    for (size_t i = 0; i < h->n; i++)
        if (!h->v[i].drop)
            all = arena_printf(a, "%.*s%.*s: %.*s\n", SPAN_ARG(all), SPAN_ARG(h->v[i].name), SPAN_ARG(h->v[i].value));
    return all;
}

/* A session domain's cookie reaches every host below it: also those that have another gate, or none. */
static void test_other_gates_cookie(void **state)
{
    struct memory m;
    struct gate_fixture f;
    struct http_request r;
    memory_init(&m);
    fixture_init(&f, "g", NULL);
    f.gate.session.cookie = SPAN("sess");
    request_make(&r, &m.arena, "Authorization: " U "\nCookie: sess=x; a=1");
    assert_true(gate_strip_request(NULL, (struct gate_list){&f.gate, 1}, &r, &m.arena));
    CHECK_SPAN("other gate", left_of(&r.headers, &m.arena), SPAN("Authorization: " U "\nCookie: a=1\n"));
    memory_fini(&m);
}

static void test_request(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct memory m;
        struct gate_fixture f;
        struct http_request r;
        memory_init(&m);
        fixture_init(&f, "g", NULL);
        f.gate.session.cookie = SPAN("sess");
        request_make(&r, &m.arena, cases[i].fields);
        CHECK(cases[i].name, gate_strip_request(cases[i].gated ? &f.gate : NULL,
                                                (struct gate_list){&f.gate, cases[i].gated}, &r, &m.arena));
        CHECK_SPAN(cases[i].name, left_of(&r.headers, &m.arena), span_of(cases[i].left));
        memory_fini(&m);
    }
}

/* A gate without Basic leaves the app its own. */
static void test_gate_without_basic(void **state)
{
    struct memory m;
    struct gate_fixture f;
    struct http_request r;
    memory_init(&m);
    fixture_init(&f, "g", NULL);
    f.gate.basic = NULL;
    request_make(&r, &m.arena, "Authorization: " U);
    assert_true(gate_strip_request(&f.gate, (struct gate_list){&f.gate, 1}, &r, &m.arena));
    assert_int_equal(headers_count(&r.headers, H_AUTHORIZATION), 1);
    memory_fini(&m);
}

static void test_set_cookie(void **state)
{
    static const struct {
        const char *name, *value;
        bool gated, owns;
    } values[] = {
        {"ours", "sess=x; Path=/", true, true},
        {"ours, deleted", "sess=; Max-Age=0", true, true},
        {"ours in another case", "SESS=x", true, true},
        {"white space", " sess =x", true, true},
        {"nameless in front", "=sess=x", true, true},
        {"a default name", "__Host-tiergate=x", true, true},
        {"the other default name", "__secure-tiergate=x", true, true},
        {"a default name without a gate", "__Host-tiergate=x", false, true},
        {"the app's", "session=x", true, false},
        {"ours in the value", "a=sess=x", true, false},
        {"ours in an attribute", "a=1; sess=x", true, false},
        {"not ours without a gate", "sess=x", false, false},
        {"empty", "", true, false},
    };
    struct gate_fixture f;
    fixture_init(&f, "g", NULL);
    f.gate.session.cookie = SPAN("sess");
    for (size_t i = 0; i < COUNT(values); i++)
        CHECK(values[i].name, gate_owns_cookie((struct gate_list){&f.gate, values[i].gated},
                                               span_of(values[i].value)) == values[i].owns);
}

/* A field without even an empty text. */
static void test_no_value(void **state)
{
    struct memory m;
    struct gate_fixture f;
    struct http_request r;
    memory_init(&m);
    fixture_init(&f, "g", NULL);
    request_make(&r, &m.arena, "Cookie: x");
    r.headers.v[0].value = SPAN_NONE;
    assert_true(gate_strip_request(&f.gate, (struct gate_list){&f.gate, 1}, &r, &m.arena));
    assert_false(r.headers.v[0].drop);
    memory_fini(&m);
}

/* A gate without a cookie's name owns no nameless cookie. */
static void test_nameless(void **state)
{
    struct gate_fixture f;
    fixture_init(&f, "g", NULL);
    f.gate.session.cookie = SPAN_NONE;
    assert_false(gate_owns_cookie((struct gate_list){&f.gate, 1}, SPAN("=; Path=/")));
    assert_false(gate_owns_cookie((struct gate_list){&f.gate, 1}, SPAN_NONE));
}

/* A life that is over already ends the cookie, whatever a negative number would do. */
static void test_age(void **state)
{
    struct memory m;
    memory_init(&m);
    const struct session_config s = {.cookie = SPAN("c")};
    const struct circle host = {CIRCLE_HOST, SPAN("app.test"), SPAN("app.test")};
    CHECK_SPAN("over", set_cookie_make(&s, &host, SPAN("t"), -5, &m.arena),
               SPAN("c=t; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"));
    CHECK_SPAN("a second", set_cookie_make(&s, &host, SPAN("t"), 1, &m.arena),
               SPAN("c=t; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=1"));
    memory_fini(&m);
}

static void test_clear(void **state)
{
    static const struct {
        const char *name, *domain, *cookie, *host_only, *with_domain;
    } clears[] = {
        {"one host", NULL, "__Host-tiergate", "__Host-tiergate=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0",
         ""},
        {"a domain", "app.test", "__Secure-tiergate",
         "__Secure-tiergate=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0",
         "__Secure-tiergate=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0; Domain=app.test"},
    };
    for (size_t i = 0; i < COUNT(clears); i++) {
        struct memory m;
        struct gate_fixture f;
        struct span out[2];
        memory_init(&m);
        fixture_init(&f, "g", clears[i].domain);
        f.gate.session.cookie = span_of(clears[i].cookie);
        assert_true(gate_clear_cookies(&f.gate, &m.arena, out));
        CHECK_SPAN(clears[i].name, out[0], span_of(clears[i].host_only));
        CHECK_SPAN(clears[i].name, out[1], span_of(clears[i].with_domain));
        memory_fini(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_other_gates_cookie),
        cmocka_unit_test(test_gate_without_basic),
        cmocka_unit_test(test_set_cookie),
        cmocka_unit_test(test_no_value),
        cmocka_unit_test(test_nameless),
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

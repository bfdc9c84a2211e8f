#include "support.h"

#include "gate/basic.h"

#define A128                                                                                                           \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaaaaaaaaaaaaaa"

static const struct {
    const char *name, *pair; /* before base64 */
    enum basic_state state;
    const char *user, *password;
} pairs[] = {
    {"plain", "beta:secret", BASIC_FOUND, "beta", "secret"},
    {"the first colon separates", "beta:a:b:c", BASIC_FOUND, "beta", "a:b:c"},
    {"bytes above ASCII", "b\xc3\xa9ta:p\xc3\xa4ss", BASIC_FOUND, "b\xc3\xa9ta", "p\xc3\xa4ss"},
    {"spaces belong to both", " beta : pass ", BASIC_FOUND, " beta ", " pass "},
    {"longest of both", A128 ":" A128 A128, BASIC_FOUND, A128, A128 A128},
    {"user too long", A128 "a:x", BASIC_BAD, "", ""},
    {"password too long", "u:" A128 A128 "a", BASIC_BAD, "", ""},
    {"no colon", "beta", BASIC_BAD, "", ""},
    {"empty", "", BASIC_BAD, "", ""},
    {"empty user", ":secret", BASIC_BAD, "", ""},
    {"empty password", "beta:", BASIC_BAD, "", ""},
    {"newline in the password", "beta:se\ncret", BASIC_BAD, "", ""},
    {"tab in the user", "be\tta:secret", BASIC_BAD, "", ""},
    {"DEL", "beta:\x7f", BASIC_BAD, "", ""},
};

static void test_pairs(void **state)
{
    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct memory m;
        struct basic_credentials c;
        memory_init(&m);
        basic_parse(basic_value(&m.arena, pairs[i].pair), &c);
        CHECK(pairs[i].name, c.state == pairs[i].state);
        CHECK_SPAN(pairs[i].name, c.user, span_of(pairs[i].user));
        CHECK_SPAN(pairs[i].name, c.password, span_of(pairs[i].password));
        memory_fini(&m);
    }
}

static const struct {
    const char *name, *value;
    bool scheme;
    enum basic_state state;
} values[] = {
    {"as written", "Basic dTpw", true, BASIC_FOUND},
    {"lower case", "basic dTpw", true, BASIC_FOUND},
    {"upper case", "BASIC dTpw", true, BASIC_FOUND},
    {"several spaces", "Basic   dTpw", true, BASIC_FOUND},
    {"space behind", "Basic dTpw ", true, BASIC_FOUND},
    {"scheme alone", "Basic", true, BASIC_BAD},
    {"scheme and a space", "Basic ", true, BASIC_BAD},
    {"two parameters", "Basic dTpw dTpw", true, BASIC_BAD},
    {"comma list", "Basic dTpw, Basic dTpx", true, BASIC_BAD},
    {"no padding where it belongs", "Basic dTpwcA", true, BASIC_BAD},
    {"padding", "Basic dTpwcA==", true, BASIC_FOUND},
    {"padding too much", "Basic dTpw====", true, BASIC_BAD},
    {"stray bits", "Basic dTpwcB==", true, BASIC_BAD},
    {"space inside", "Basic dT pw", true, BASIC_BAD},
    {"url alphabet", "Basic dTo_Pz8-", true, BASIC_BAD},
    {"NUL inside", "Basic dTpwAHA=", true, BASIC_BAD},
    {"a tab", "Basic\tdTpw", true, BASIC_FOUND},
    {"a bad byte at the end", "Basic dTpwcHB3!", true, BASIC_BAD},
    {"another of that length", "Beers dTpw", false, BASIC_BAD},
    {"glued", "BasicdTpw", false, BASIC_BAD},
    {"longer scheme", "Basics dTpw", false, BASIC_BAD},
    {"Bearer", "Bearer dTpw", false, BASIC_BAD},
    {"Kelvin sign is no k",
     "Bas\xc4\xb1"
     "c dTpw",
     false, BASIC_BAD},
    {"empty", "", false, BASIC_BAD},
};

static void test_values(void **state)
{
    for (size_t i = 0; i < COUNT(values); i++) {
        struct basic_credentials c;
        CHECK(values[i].name, basic_is_scheme(span_of(values[i].value)) == values[i].scheme);
        basic_parse(span_of(values[i].value), &c);
        CHECK(values[i].name, c.state == values[i].state);
    }
}

#define U1 "Basic dTE6cA==" /* u1:p */
#define U2 "Basic dTI6cA=="
#define U3 "Basic dTM6cA=="

static const struct {
    const char *name, *fields;
    enum basic_state state;
    const char *user;
} places[] = {
    {"nothing", "Accept: */*", BASIC_NONE, ""},
    {"Authorization", "Authorization: " U1, BASIC_FOUND, "u1"},
    {"Tiergate-Authorization", "Tiergate-Authorization: " U2, BASIC_FOUND, "u2"},
    {"Proxy-Authorization", "Proxy-Authorization: " U3, BASIC_FOUND, "u3"},
    {"order, whatever stands first", "Proxy-Authorization: " U3 "\nTiergate-Authorization: " U2 "\nAuthorization: " U1,
     BASIC_FOUND, "u1"},
    {"order of the further places", "Proxy-Authorization: " U3 "\nTiergate-Authorization: " U2, BASIC_FOUND, "u2"},
    {"the app's Bearer beside ours", "Authorization: Bearer x\nTiergate-Authorization: " U2, BASIC_FOUND, "u2"},
    {"the app's Bearer alone", "Authorization: Bearer x", BASIC_NONE, ""},
    {"another scheme in our own place", "Tiergate-Authorization: Bearer x", BASIC_NONE, ""},
    {"a bad one hides the next place", "Authorization: Basic !\nTiergate-Authorization: " U2, BASIC_BAD, ""},
    {"two equal ones", "Authorization: " U1 "\nAuthorization: " U1, BASIC_BAD, ""},
    {"two different ones", "Authorization: " U1 "\nAuthorization: " U2, BASIC_BAD, ""},
    {"one beside a Bearer", "Authorization: Bearer x\nAuthorization: " U1, BASIC_BAD, ""},
    {"two of the further place", "Tiergate-Authorization: " U2 "\nTiergate-Authorization: " U3, BASIC_BAD, ""},
    {"an alias is no place", "Tiergate_Authorization: " U2, BASIC_NONE, ""},
};

/* As the check reads a request: the place first, then what stands there. */
static void read_request(const struct headers *h, struct basic_credentials *c)
{
    struct span field;
    *c = (struct basic_credentials){.state = basic_find(h, &field)};
    if (c->state == BASIC_FOUND)
        basic_parse(field, c);
}

static void test_places(void **state)
{
    for (size_t i = 0; i < COUNT(places); i++) {
        struct memory m;
        struct http_request r;
        struct basic_credentials c;
        memory_init(&m);
        request_make(&r, &m.arena, places[i].fields);
        read_request(&r.headers, &c);
        CHECK(places[i].name, c.state == places[i].state);
        CHECK_SPAN(places[i].name, c.user, span_of(places[i].user));
        headers_drop_hop_by_hop(&r.headers); /* the edge may have done so already */
        read_request(&r.headers, &c);
        CHECK(places[i].name, c.state == places[i].state);
        memory_fini(&m);
    }
}

/* A value cut at any byte is never taken for something else than a shorter or a bad one,
 * and nothing behind it is read. */
static void test_every_cut(void **state)
{
    static const char whole[] = "Basic YmV0YTpzZWNyZXQ=";
    for (size_t n = 0; n < sizeof(whole) - 1; n++) {
        struct basic_credentials c;
        uint8_t *copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy, whole, n);
        copy = realloc(copy, n ? n : 1);
        basic_parse(span_make(copy, n), &c);
        if (c.state == BASIC_FOUND)
            assert_true(span_has_prefix(SPAN("beta:secret"), span_make(c.room, c.user.n + 1 + c.password.n)));
        free(copy);
    }
}

static void test_users(void **state)
{
    static const struct {
        const char *name;
        int index;
    } wanted[] = {{"a", 0}, {"ab", 1}, {"b", 2}, {"c", 3}, {"", -1}, {"A", -1}, {"abc", -1}, {"d", -1}};
    static const struct basic_user users[] = {
        {.name = {(const uint8_t *)"a", 1}},
        {.name = {(const uint8_t *)"ab", 2}},
        {.name = {(const uint8_t *)"b", 1}},
        {.name = {(const uint8_t *)"c", 1}},
    };
    const struct basic_config b = {.users = users, .user_count = COUNT(users)};
    for (size_t i = 0; i < COUNT(wanted); i++) {
        const struct basic_user *u = basic_user_find(&b, span_of(wanted[i].name));
        CHECK(wanted[i].name, (u ? (int)(u - users) : -1) == wanted[i].index);
    }
    assert_null(basic_user_find(NULL, SPAN("a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),     cmocka_unit_test(test_values), cmocka_unit_test(test_places),
        cmocka_unit_test(test_every_cut), cmocka_unit_test(test_users),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

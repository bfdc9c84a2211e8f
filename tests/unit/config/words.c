/* Messages, durations and sizes, near words, urls of origins. */
#include "kit.h"

#include "config/nearest.h"
#include "config/origin_url.h"
#include "config/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"

static void test_print(void **state)
{
    struct diags d;
    struct text out;

    diags_init(&d);
    assert_true(diags_ok(&d));
    diags_addf(&d, DIAG_WARNING, "a.json", 0, NULL, "first %d", 1);
    assert_true(diags_ok(&d));
    diags_addf(&d, DIAG_ERROR, "a.json", 7, "hosts[0]", "bell \a, escape \033[2J, C1 \xc2\x9b, fine \xc3\xa4");
    diags_addf(&d, DIAG_ERROR, NULL, 0, NULL, "nowhere");
    assert_false(diags_ok(&d));
    assert_true(diags_mentions(&d, "bell") && !diags_mentions(&d, "first"));
    text_init(&out);
    diags_print(&d, false, &out);
    assert_string_equal(out.p, "a.json:7: error: hosts[0]: bell \\x07, escape \\x1b[2J, C1 \\x9b, fine \xc3\xa4\n"
                               "error: nowhere\n"
                               "a.json: warning: first 1\n");
    text_fini(&out);
    text_init(&out);
    diags_print(&d, true, &out);
    assert_non_null(strstr(out.p, "\033[31merror:\033[0m hosts[0]"));
    assert_null(strstr(out.p, "\033[2J"));
    text_fini(&out);
    diags_fini(&d);
}

static void test_json(void **state)
{
    struct diags d;
    struct text out;
    struct json_error err;

    diags_init(&d);
    text_init(&out);
    diags_json(&d, &out);
    assert_string_equal(out.p, "{\"ok\":true,\"errors\":[],\"warnings\":[]}\n");
    text_fini(&out);
    diags_addf(&d, DIAG_ERROR, "a\"b", 7, "p", "x\n\"y\"");
    diags_addf(&d, DIAG_WARNING, NULL, 0, NULL, "w");
    text_init(&out);
    diags_json(&d, &out);
    struct json_doc *doc = json_parse(text_span(&out), &err);

    assert_non_null(doc);
    const struct json_value *e = json_at(json_get(json_root(doc), "errors"), 0);

    assert_false(json_as_bool(json_get(json_root(doc), "ok")));
    assert_true(span_eq(json_as_string(json_get(e, "file")), SPAN("a\"b")));
    assert_true(span_eq(json_as_string(json_get(e, "message")), SPAN("x\n\"y\"")));
    assert_int_equal(json_as_int(json_get(e, "line")), 7);
    json_free(doc);
    text_fini(&out);
    diags_fini(&d);
}

static void test_units(void **state)
{
    static const struct {
        const char *text, *again; /* again: how it is written back; NULL: refused */
        uint64_t ms;
    } cases[] = {{"0", "0", 0},
                 {"0s", "0", 0},
                 {"1ms", "1ms", 1},
                 {"999ms", "999ms", 999},
                 {"1000ms", "1s", 1000},
                 {"90s", "90s", 90000},
                 {"60m", "1h", 3600000},
                 {"24h", "24h", 86400000},
                 {"1d", "24h", 86400000},
                 {"30d", "30d", 2592000000},
                 {"", NULL, 0},
                 {"s", NULL, 0},
                 {"1", NULL, 0},
                 {"1S", NULL, 0},
                 {"1 s", NULL, 0},
                 {" 1s", NULL, 0},
                 {"1.5h", NULL, 0},
                 {"-1s", NULL, 0},
                 {"1h30m", NULL, 0},
                 {"4294967296s", NULL, 0},
                 {"99999999999999999999d", NULL, 0}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char again[UNIT_TEXT];
        uint64_t ms = 1;

        if (duration_parse(span_of(cases[i].text), &ms) != (cases[i].again != NULL))
            fail_msg("%s", cases[i].text);
        if (!cases[i].again)
            continue;
        assert_int_equal(ms, cases[i].ms);
        duration_format(ms, again);
        assert_string_equal(again, cases[i].again);
    }
}

static void test_dates(void **state)
{
    static const struct {
        const char *text;
        int64_t end; /* 0: no date */
    } cases[] = {{"2000-01-01", 946771200},
                 {"2026-12-31", 1798761600},
                 {"2028-02-29", 1835481600},
                 {"2100-02-28", 4107542400},
                 {"9999-12-31", 253402300800},
                 {"", 0},
                 {"2026-12-3", 0},
                 {"2026-12-311", 0},
                 {"2026/12/31", 0},
                 {"31-12-2026", 0},
                 {"2026-00-10", 0},
                 {"2026-13-10", 0},
                 {"2026-04-31", 0},
                 {"2026-02-29", 0},
                 {"2100-02-29", 0},
                 {"2026-01-00", 0},
                 {"1999-12-31", 0},
                 {"2026-1 -01", 0},
                 {"+026-01-01", 0},
                 {"2026-12-31Z", 0}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t end = 0;

        if (date_parse_end(span_of(cases[i].text), &end) != (cases[i].end != 0) || end != cases[i].end)
            fail_msg("%s: %lld", cases[i].text, (long long)end);
    }
}

static void test_nearest(void **state)
{
    static const struct {
        const char *word, *best;
    } cases[] = {{"hots", "hosts"},
                 {"HOSTS", "hosts"},
                 {"host", "hosts"},
                 {"xosts", "hosts"},
                 {"origin", "origins"},
                 {"hats", ""},
                 {"", ""},
                 {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ""}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct nearest n = nearest_to(span_of(cases[i].word));

        nearest_offer(&n, SPAN("origins"));
        nearest_offer(&n, SPAN("hosts"));
        if (!span_eq(n.best, span_of(cases[i].best)))
            fail_msg("%s: %.*s", cases[i].word, SPAN_ARG(n.best));
    }
}

static void test_loopback(void **state)
{
    static const struct {
        const char *url;
        bool loopback;
    } cases[] = {{"http://localhost", true},
                 {"http://localhost:80", true},
                 {"http://a.localhost", true},
                 {"http://127.0.0.1:1", true},
                 {"http://127.9.9.9", true},
                 {"http://[::1]", true},
                 {"http://[::1]:99", true},
                 {"http://x-{n}.dev.localhost", true},
                 {"http://localhost.example.org", false},
                 {"http://notlocalhost", false},
                 {"http://128.0.0.1", false},
                 {"http://[::2]", false},
                 {"http://127.0.0.1.example.org", false},
                 {"http://x-{n}.example.org", false}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct origin_url u = {0};

        if (origin_url_parse(span_of(cases[i].url), &u) || origin_url_is_loopback(&u) != cases[i].loopback)
            fail_msg("%s", cases[i].url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print), cmocka_unit_test(test_json),    cmocka_unit_test(test_units),
        cmocka_unit_test(test_dates), cmocka_unit_test(test_nearest), cmocka_unit_test(test_loopback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

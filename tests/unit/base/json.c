#include "base/json.h"

#include "alloc.h"
#include "base/text.h"
#include "check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static const char sample[] = "// rules\n"
                             "{\n"
                             "  \"tier\": \"staging\", // a label\n"
                             "  \"url\": \"https://x/*//y*/\",\n"
                             "  \"list\": [1, 2.5,\n"
                             "    true, null,\n"
                             "    {\"b\": 1, \"a\":\n"
                             "      -7}],\n"
                             "  \"escaped \\\" // no comment\":\n"
                             "\n"
                             "    [],\n"
                             "  \"\": {}\n"
                             "} // end";

static struct json_doc *parse(const char *text)
{
    struct json_error err;

    return json_parse(span_of(text), &err);
}

static void values_and_lines(void **state)
{
    static const struct {
        const char *key;
        unsigned key_line, line;
        enum json_type type;
    } members[] = {
        {"tier", 3, 3, JSON_T_STRING}, {"url", 4, 4, JSON_T_STRING},
        {"list", 5, 5, JSON_T_ARRAY},  {"escaped \" // no comment", 9, 11, JSON_T_ARRAY},
        {"", 12, 12, JSON_T_OBJECT},
    };
    struct json_doc *doc = parse(sample);
    const struct json_value *root, *list, *inner;

    assert_non_null(doc);
    root = json_root(doc);
    assert_int_equal(json_line(root), 2);
    assert_int_equal(json_count(root), COUNT(members));
    for (size_t i = 0; i < COUNT(members); i++) {
        const struct json_value *v = json_at(root, i);

        CHECK(members[i].key, span_eq(json_key_at(root, i), span_of(members[i].key)));
        CHECK(members[i].key, json_key_line_at(root, i) == members[i].key_line);
        CHECK(members[i].key, json_line(v) == members[i].line);
        CHECK(members[i].key, json_type_of(v) == members[i].type);
        CHECK(members[i].key, json_get(root, members[i].key) == v);
    }
    assert_true(span_eq(json_as_string(json_get(root, "url")), SPAN("https://x/*//y*/")));

    list = json_get(root, "list");
    assert_int_equal(json_count(list), 5);
    assert_int_equal(json_as_int(json_at(list, 0)), 1);
    assert_int_equal(json_type_of(json_at(list, 1)), JSON_T_REAL);
    assert_true(json_as_bool(json_at(list, 2)));
    assert_int_equal(json_type_of(json_at(list, 3)), JSON_T_NULL);
    assert_int_equal(json_line(json_at(list, 3)), 6);

    inner = json_at(list, 4);
    assert_int_equal(json_line(inner), 7);
    assert_true(span_eq(json_key_at(inner, 0), SPAN("b"))); /* the file's order, not the alphabet's */
    assert_int_equal(json_as_int(json_get(inner, "a")), -7);
    assert_int_equal(json_line(json_get(inner, "a")), 8);
    assert_int_equal(json_key_line_at(inner, 1), 7);
    json_free(doc);
}

static void wrong_questions(void **state)
{
    struct json_doc *doc = parse("[\"s\", 3, {\"k\": false}]");
    const struct json_value *root = json_root(doc), *s = json_at(root, 0), *three = json_at(root, 1);

    assert_null(json_at(root, 3));
    assert_null(json_at(s, 0));
    assert_null(json_get(root, "k"));
    assert_null(json_get(root, ""));
    assert_null(json_get(s, "k"));
    assert_null(json_get(json_at(root, 2), "x"));
    assert_null(json_key_at(root, 9).p);
    assert_int_equal(json_key_line_at(root, 9), 0);
    assert_int_equal(json_count(s), 0);
    assert_int_equal(json_as_int(s), 0);
    assert_int_equal(json_as_string(three).n, 0);
    assert_false(json_as_bool(three));
    assert_string_equal(json_type_name(json_type_of(three)), "integer");
    assert_string_equal(json_type_name(json_type_of(root)), "array");
    json_free(doc);
    json_free(NULL);
}

/* A member that is not there may be asked as any other. */
static void nothing_there(void **state)
{
    assert_int_equal(json_type_of(NULL), JSON_T_NULL);
    assert_int_equal(json_as_string(NULL).n, 0);
    assert_int_equal(json_as_int(NULL), 0);
    assert_false(json_as_bool(NULL));
    assert_int_equal(json_count(NULL), 0);
    assert_null(json_at(NULL, 0));
    assert_null(json_key_at(NULL, 0).p);
    assert_int_equal(json_key_line_at(NULL, 0), 0);
    assert_null(json_get(NULL, "k"));
}

static void accepted(void **state)
{
    static const char *const cases[] = {
        "1",
        "\"x\"",
        "null",
        "[]",
        "{}",
        " // c\n1",
        "1//c",
        "[1]// \"",
        "// \" \n[]",
        "[\"//\\\\\", \"//\"]//",
        "\"\\\"//\"",
        "[\r\n1\r\n]",
        "// \xff is not read\n{}",
        "\"\xf0\x9f\x99\x82\"",
        "[1,//\n2]",
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct json_doc *doc = parse(cases[i]);

        CHECK(cases[i], doc != NULL);
        json_free(doc);
    }
}

static void refused(void **state)
{
    static const struct {
        const char *name;
        struct span text;
        unsigned line;
    } cases[] = {
        {"empty", SPAN(""), 1},
        {"only a comment", SPAN("// x\n"), 2},
        {"trailing comma", SPAN("[1,\n]"), 2},
        {"trailing comma in an object", SPAN("{\"a\": 1,\n}"), 2},
        {"duplicate key", SPAN("{\"a\": 1,\n\"a\": 2}"), 2},
        {"duplicate key, escaped", SPAN("{\"a\": 1,\n\"\\u0061\": 2}"), 2},
        {"two documents", SPAN("{}\n{}"), 2},
        {"missing comma behind a comment", SPAN("{\"a\": 1 // x\n\"b\": 2}"), 2},
        {"block comment", SPAN("/* x */ {}"), 1},
        {"one slash", SPAN("/ {}"), 1},
        {"single quotes", SPAN("{'a': 1}"), 1},
        {"NUL escape", SPAN("[\n\"\\u0000\"]"), 2},
        {"NUL", SPAN("[1]\0"), 1},
        {"NUL in a string", SPAN("[\"a\0b\"]"), 1},
        {"invalid UTF-8", SPAN("[\n\"\xff\"]"), 2},
        {"newline in a string", SPAN("[\"a\nb\"]"), 1},
        {"comment sign in an open string", SPAN("[\"a // b\n]"), 1},
        {"open string at the end", SPAN("[\"a"), 1},
        {"open string with a backslash", SPAN("[\"a\\"), 1},
        {"NaN", SPAN("[NaN]"), 1},
        {"integer too large", SPAN("[\n9223372036854775808]"), 2},
        {"real too large", SPAN("[\n1e999]"), 2},
        {"leading zero", SPAN("[01]"), 1},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct json_error err = {0};
        struct json_doc *doc = json_parse(cases[i].text, &err);

        CHECK(cases[i].name, !doc);
        if (err.line != cases[i].line)
            fail_msg("%s: line %u, column %u: %s", cases[i].name, err.line, err.column, err.message);
        CHECK(cases[i].name, err.column > 0 && err.message[0]);
    }
}

static void depth(void **state)
{
    for (int n = 60; n < 70; n++) {
        char text[400] = "";
        struct json_error err;
        int at = 0;

        for (int i = 0; i < n; i++)
            at += snprintf(text + at, sizeof(text) - (size_t)at, "%s", i % 2 ? "\n[" : "[");
        memset(text + at, ']', (size_t)n);

        struct json_doc *doc = json_parse(span_of(text), &err);

        if (doc ? n > 64 : n <= 64)
            fail_msg("depth %d", n);
        if (!doc)
            assert_int_equal(err.line, 33);
        json_free(doc);
    }

    static char deep[100000];

    memset(deep, '[', sizeof(deep));
    struct json_error err;

    assert_null(json_parse(span_make(deep, sizeof(deep)), &err));
}

/* Every beginning of a document is refused but the whole one, and nothing beyond its end is read (AddressSanitizer). */
static void every_prefix(void **state)
{
    size_t whole = sizeof(sample) - 1 - strlen(" // end");

    for (size_t n = 0; n < sizeof(sample); n++) {
        struct json_error err;
        char *copy = malloc(n ? n : 1);

        memcpy(copy, sample, n);

        struct json_doc *doc = json_parse(span_make(copy, n), &err);

        /* "} /" lacks the second stroke that makes it a comment. */
        bool good = n >= whole && n != whole + 2;

        if ((n < sizeof(sample) - 1 || good) && (doc != NULL) != good)
            fail_msg("prefix of %zu bytes", n);
        json_free(doc);
        free(copy);
    }
}

/* Long enough that jansson's buffers for words and numbers grow while they are read. */
static const char grows[] =
    "{\"a path that is longer than a buffer at first\": \"/shut/and/longer/than/a/buffer/at/first/*\","
    " \"n\": 1234567890123456789}";

/* jansson's allocations are among those that fail. Each n: no document and a reason. */
static void no_memory_for(const char *text, long least)
{
    struct json_error err;

    alloc_fail_never();
    json_free(json_parse(span_of(text), &err));

    long needed = alloc_count();

    assert_true(needed >= least);
    for (long n = 0; n < 2 * needed; n++) {
        if (n % 2)
            alloc_fail_after(n / 2);
        else
            alloc_fail_one(n / 2);
        if (json_parse(span_of(text), &err))
            fail_msg("allocation %ld of %ld failed, and nobody said so", n / 2 + 1, needed);
        alloc_fail_never();
        assert_string_equal(err.message, "out of memory");
        assert_true(err.no_memory);
    }
}

/* Of a string whose end got no room, what stands behind it in memory would be read, and more be written than there is room for. */
static void no_memory_within_a_string(void)
{
    struct text t;

    text_init(&t);
    text_add(&t, SPAN("{\"members\": ["));
    for (int i = 0; i < 200; i++)
        text_add(&t, SPAN("{\"a\": [\"b\", 1.5]}, "));
    text_add(&t, SPAN("\""));
    for (int i = 0; i < 3000; i++)
        text_add(&t, SPAN("long text "));
    text_add(&t, SPAN("\"]}"));
    assert_false(t.failed);
    no_memory_for(t.p, 20);
    text_fini(&t);
}

static void out_of_memory(void **state)
{
    no_memory_for(sample, 3);
    no_memory_for(grows, 3);
    no_memory_within_a_string();
}

static void *parse_often(void *arg)
{
    uintptr_t good = 0;

    (void)arg;
    for (unsigned i = 0; i < 200; i++) {
        struct json_doc *doc = parse(sample);

        good += doc != NULL;
        json_free(doc);
    }
    return (void *)good;
}

/* Loop threads read what comes in `Authorization` while the control thread reads GitHub's answers. */
static void threads(void **state)
{
    pthread_t all[4];

    (void)state;
    for (size_t i = 0; i < COUNT(all); i++)
        assert_int_equal(pthread_create(&all[i], NULL, parse_often, NULL), 0);
    for (size_t i = 0; i < COUNT(all); i++) {
        void *good = NULL;

        pthread_join(all[i], &good);
        assert_int_equal((uintptr_t)good, 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_lines), cmocka_unit_test(wrong_questions), cmocka_unit_test(accepted),
        cmocka_unit_test(refused),          cmocka_unit_test(depth),           cmocka_unit_test(every_prefix),
        cmocka_unit_test(out_of_memory),    cmocka_unit_test(nothing_there),   cmocka_unit_test(threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

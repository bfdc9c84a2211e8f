/* rules/tiergate.schema.json and docs/rules.md say what the parser does: the key tables are compared with both. */
#include "config/key.h"

#include "base/json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/policy.h"

static char *read_file(const char *folder, const char *name)
{
    char path[512];
    struct text t;
    char block[4096];
    size_t n;

    snprintf(path, sizeof(path), "%s/%s", getenv(folder), name);
    FILE *f = fopen(path, "re");

    if (!f)
        fail_msg("%s cannot be read", path);
    text_init(&t);
    while ((n = fread(block, 1, sizeof(block), f)) > 0)
        text_add(&t, span_make(block, n));
    fclose(f);
    assert_false(t.failed);
    return t.p;
}

/* --- schema → the lines of config_describe_keys ------------------------------------------------------------------- */

struct walk {
    const struct json_value *root;
    struct text out;
};

static struct span string_of(const struct json_value *v, const char *key)
{
    const struct json_value *s = json_get(v, key);

    return s && json_type_of(s) == JSON_T_STRING ? json_as_string(s) : SPAN_NONE;
}

/* "#/$defs/x" → x; empty without $ref. */
static struct span ref_name(const struct json_value *node)
{
    struct span ref = string_of(node, "$ref");

    return span_has_prefix(ref, SPAN("#/$defs/")) ? span_from(ref, 8) : SPAN_NONE;
}

static const struct json_value *resolve(const struct walk *w, const struct json_value *node)
{
    struct span name = ref_name(node);

    if (!name.n)
        return node;
    char *key = span_dup(name);
    const struct json_value *def = json_get(json_get(w->root, "$defs"), key);

    if (!def)
        fail_msg("no definition %s", key);
    free(key);
    return def;
}

/* Types that a definition stands for. */
static const struct {
    const char *ref, *type;
} named[] = {{"duration", "duration"},
             {"size", "size"},
             {"secret", "secret"},
             {"secrets", "secret or list of secrets"},
             {"file", "file"},
             {"strings", "list of strings"},
             {"one_or_more", "string or list of strings"}};

static const char *type_of(const struct walk *w, const struct json_value *node);

/* "object of lists of strings" from "list of strings". */
static const char *plural(const char *prefix, const char *type)
{
    static const struct {
        const char *one, *object_of, *list_of;
    } forms[] = {{"secret", "object of secrets", NULL},
                 {"list of strings", "object of lists of strings", NULL},
                 {"object", "object of objects", "list of objects"},
                 {"list of objects", "object of lists of objects", NULL},
                 {"secret or object", "object of secrets or objects", NULL},
                 {"string", NULL, "list of strings"}};

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (strcmp(type, forms[i].one) == 0) {
            const char *s = *prefix == 'o' ? forms[i].object_of : forms[i].list_of;

            return s ? s : "?";
        }
    return "?";
}

static const char *type_of_shape(const struct walk *w, const struct json_value *node)
{
    struct span type = string_of(node, "type");
    const struct json_value *more = json_get(node, "additionalProperties");

    if (json_get(node, "not"))
        return "not supported yet";
    if (json_get(node, "enum"))
        return "choice";
    if (json_get(node, "oneOf"))
        return ref_name(json_at(json_get(node, "oneOf"), 0)).n ? "secret or object" : "name or list of objects";
    if (span_eq(type, SPAN("array")))
        return plural("list", type_of(w, json_get(node, "items")));
    if (span_eq(type, SPAN("object")))
        return json_type_of(more) == JSON_T_OBJECT ? plural("object", type_of(w, more)) : "object";
    return type.n == 6 ? "string" : type.n == 7 && type.p[0] == 'b' ? "boolean" : type.n == 7 ? "integer" : "?";
}

static const char *type_of(const struct walk *w, const struct json_value *node)
{
    struct span ref = ref_name(node);

    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
        if (ref.n && span_eq(ref, span_of(named[i].ref)))
            return named[i].type;
    return type_of_shape(w, resolve(w, node));
}

static void add_value(struct walk *w, const struct json_value *v)
{
    if (!v)
        text_addf(&w->out, "\t-");
    else if (json_type_of(v) == JSON_T_STRING)
        text_addf(&w->out, "\t%.*s", SPAN_ARG(json_as_string(v)));
    else if (json_type_of(v) == JSON_T_INT)
        text_addf(&w->out, "\t%" PRId64, json_as_int(v));
    else
        text_addf(&w->out, "\t%s", json_as_bool(v) ? "true" : "false");
}

static const struct json_value *either(const struct json_value *node, const char *a, const char *b)
{
    const struct json_value *v = json_get(node, a);

    return v ? v : json_get(node, b);
}

static bool is_required(const struct json_value *object, struct span key)
{
    const struct json_value *list = json_get(object, "required");

    for (size_t i = 0; list && i < json_count(list); i++)
        if (span_eq(json_as_string(json_at(list, i)), key))
            return true;
    return false;
}

static void add_choices(struct walk *w, const struct json_value *list)
{
    text_addf(&w->out, "\t%s", list ? "" : "-");
    for (size_t i = 0; list && i < json_count(list); i++)
        text_addf(&w->out, "%s%.*s", i ? "," : "", SPAN_ARG(json_as_string(json_at(list, i))));
    text_addf(&w->out, "\n");
}

static void walk_object(struct walk *w, const struct json_value *object, const char *path);

/* Below a key: the object, or what a list or map holds. */
static void walk_below(struct walk *w, const struct json_value *node, const char *type, const char *path)
{
    static const struct {
        const char *type, *suffix, *steps[3];
    } ways[] = {{"object", "", {NULL}},
                {"list of objects", "[]", {"items"}},
                {"object of objects", "{}", {"additionalProperties"}},
                {"object of lists of objects", "{}[]", {"additionalProperties", "items"}}};
    char below[520];

    if (strcmp(type, "object of secrets or objects") == 0) {
        const struct json_value *shapes = json_get(json_get(node, "additionalProperties"), "oneOf");

        snprintf(below, sizeof(below), "%s{}", path);
        walk_object(w, resolve(w, json_at(shapes, 1)), below);
        return;
    }
    if (strcmp(type, "name or list of objects") == 0) {
        walk_below(w, json_at(json_get(node, "oneOf"), 1), "list of objects", path);
        return;
    }
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (strcmp(type, ways[i].type) != 0)
            continue;
        node = resolve(w, node);
        for (size_t k = 0; ways[i].steps[k]; k++)
            node = resolve(w, json_get(node, ways[i].steps[k]));
        snprintf(below, sizeof(below), "%s%s", path, ways[i].suffix);
        walk_object(w, node, below);
    }
}

static void walk_object(struct walk *w, const struct json_value *object, const char *path)
{
    const struct json_value *properties = json_get(object, "properties");
    const struct json_value *more = json_get(object, "additionalProperties");

    if (!more || json_type_of(more) != JSON_T_BOOL || json_as_bool(more))
        fail_msg("%s: the schema takes unknown keys", path);
    for (size_t i = 0; i < json_count(properties); i++) {
        const struct json_value *node = json_at(properties, i);
        struct span key = json_key_at(properties, i);
        const char *type = span_eq(key, SPAN("$schema")) ? "ignored" : type_of(w, node);
        char full[512];

        if (!string_of(node, "description").n)
            fail_msg("%s.%.*s has no description", path, SPAN_ARG(key));
        snprintf(full, sizeof(full), "%s%s%.*s", path, *path ? "." : "", SPAN_ARG(key));
        text_addf(&w->out, "%s\t%s\t%s", full, type, is_required(object, key) ? "required" : "optional");
        add_value(w, json_get(node, "default"));
        add_value(w, either(node, "minimum", "x-min"));
        add_value(w, either(node, "maximum", "x-max"));
        add_choices(w, json_get(node, "enum"));
        walk_below(w, node, type, full);
    }
}

/* --- comparison --------------------------------------------------------------------------------------------------- */

static bool has_line(struct span text, struct span line)
{
    struct span head, rest = text;

    while (rest.n) {
        span_cut(rest, '\n', &head, &rest);
        if (span_eq(head, line))
            return true;
    }
    return false;
}

static void every_line_in(struct span lines, struct span text, const char *complaint)
{
    struct span line, rest = lines;
    struct text missing;

    text_init(&missing);
    while (rest.n) {
        span_cut(rest, '\n', &line, &rest);
        if (line.n && !has_line(text, line))
            text_addf(&missing, "\n  %.*s", SPAN_ARG(line));
    }
    if (missing.n)
        fail_msg("%s:%s", complaint, missing.p);
    text_fini(&missing);
}

static void test_schema(void **state)
{
    char *text = read_file("RULES_DIR", "tiergate.schema.json");
    struct json_error err;
    struct json_doc *doc = json_parse(span_of(text), &err);
    struct text keys;

    if (!doc)
        fail_msg("schema: line %u: %s", err.line, err.message);
    struct walk w = {.root = json_root(doc)};

    text_init(&w.out);
    walk_object(&w, w.root, "");
    text_init(&keys);
    config_describe_keys(&keys);
    every_line_in(text_span(&keys), text_span(&w.out), "the parser has it, the schema has it not");
    every_line_in(text_span(&w.out), text_span(&keys), "the schema has it, the parser has it not");
    text_fini(&keys);
    text_fini(&w.out);
    json_free(doc);
    free(text);
}

/* --- docs/rules.md ------------------------------------------------------------------------------------------------ */

#define COLUMNS 7

/* Sections that stand in two places are described once. */
static void row_path(struct span path, char *out, size_t size)
{
    static const struct {
        const char *prefix, *instead;
    } shared[] = {{"hosts[].rules[].", "rules[]."}, {"rulesets{}[].", "rules[]."}, {"gates{}.session.", "session."}};

    for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
        if (span_has_prefix(path, span_of(shared[i].prefix))) {
            struct span rest = span_from(path, strlen(shared[i].prefix));

            snprintf(out, size, "%s%.*s", shared[i].instead, SPAN_ARG(rest));
            return;
        }
    snprintf(out, size, "%.*s", SPAN_ARG(path));
}

static void add_code_list(struct text *row, struct span list)
{
    struct span one;
    const char *comma = "";

    while (list.n) {
        span_cut(list, ',', &one, &list);
        text_addf(row, "%s`%.*s`", comma, SPAN_ARG(one));
        comma = ", ";
    }
}

/* "| `path` | type | default | range |": how a row of the tables begins. */
static void make_row(const struct span c[COLUMNS], struct text *row)
{
    static const struct span none = {(const uint8_t *)"-", 1};
    char path[256];
    bool later = span_eq(c[1], SPAN("not supported yet"));

    row_path(c[0], path, sizeof(path));
    text_addf(row, "| `%s` | %.*s | ", path, SPAN_ARG(c[1]));
    if (span_eq(c[2], SPAN("required")) && !later)
        text_addf(row, "required");
    else if (span_eq(c[3], none))
        text_addf(row, "–");
    else
        text_addf(row, "`%.*s`", SPAN_ARG(c[3]));
    text_addf(row, " | ");
    if (!span_eq(c[6], none))
        add_code_list(row, c[6]);
    else if (span_eq(c[4], none))
        text_addf(row, "–");
    else
        text_addf(row, "`%.*s` to `%.*s`", SPAN_ARG(c[4]), SPAN_ARG(c[5]));
    text_addf(row, " | ");
}

static void test_docs(void **state)
{
    char *docs = read_file("DOCS_DIR", "rules.md");
    struct text keys, missing;
    struct span line, rest;

    text_init(&keys);
    text_init(&missing);
    config_describe_keys(&keys);
    rest = text_span(&keys);
    while (rest.n) {
        struct span columns[COLUMNS];
        struct text row;

        span_cut(rest, '\n', &line, &rest);
        for (size_t i = 0; i < COLUMNS; i++)
            span_cut(line, '\t', &columns[i], &line);
        text_init(&row);
        make_row(columns, &row);
        if (!strstr(docs, row.p))
            text_addf(&missing, "\n  %s", row.p);
        text_fini(&row);
    }
    if (missing.n)
        fail_msg("docs/rules.md has no such rows:%s", missing.p);
    text_fini(&keys);
    text_fini(&missing);
    free(docs);
}

static void test_presets(void **state)
{
    static const char *const names[] = {"preset:health", "preset:pwa", "preset:sveltekit-assets"};
    char *docs = read_file("DOCS_DIR", "rules.md");

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t n = 0;
        const char *const *patterns = policy_preset(span_of(names[i]), &n);
        struct text row;

        text_init(&row);
        text_addf(&row, "| `%s` |", names[i]);
        for (size_t k = 0; k < n; k++)
            text_addf(&row, "%s `%s`", k ? "," : "", patterns[k]);
        text_addf(&row, " |");
        if (!strstr(docs, row.p))
            fail_msg("docs/rules.md has no row %s", row.p);
        text_fini(&row);
    }
    free(docs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema),
        cmocka_unit_test(test_docs),
        cmocka_unit_test(test_presets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

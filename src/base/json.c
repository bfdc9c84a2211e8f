#include "base/json.h"

#include "base/arena.h"
#include "base/json_lines.h"

#include <jansson.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK 4096

struct json_value {
    json_t *node; /* borrows: it lies in the doc's arena */
    struct span key;
    unsigned line, key_line;
    size_t count;
    struct json_value *items; /* borrows: a run of doc->values */
};

struct json_doc {
    struct slab slab;
    struct arena arena;        /* owns all of it, jansson's values as well */
    struct json_value *values; /* the root first, the members of each container side by side */
    size_t used;
};

/* Recursion here and below is bounded by JSON_DEPTH_MAX, which is checked on the text first. */
static size_t count_values(json_t *node)
{
    size_t total = 1;

    for (size_t i = 0; i < json_array_size(node); i++)
        total += count_values(json_array_get(node, i));
    for (void *it = json_object_iter(node); it; it = json_object_iter_next(node, it))
        total += count_values(json_object_iter_value(it));
    return total;
}

static void read_value(struct json_doc *doc, struct json_cursor *c, struct json_value *v);

/* jansson keeps the members of an object in the order of the text, so text and tree go side by side. */
static void read_key(struct json_cursor *c, struct json_value *v, void *it)
{
    json_cursor_space(c);
    v->key = span_make(json_object_iter_key(it), json_object_iter_key_len(it));
    v->key_line = c->line;
    json_cursor_scalar(c);
    json_cursor_space(c);
    json_cursor_punct(c);
}

static void read_items(struct json_doc *doc, struct json_cursor *c, struct json_value *v)
{
    bool object = json_is_object(v->node);
    void *it = json_object_iter(v->node);

    v->count = object ? json_object_size(v->node) : json_array_size(v->node);
    v->items = doc->values + doc->used;
    doc->used += v->count;
    json_cursor_punct(c);
    for (size_t i = 0; i < v->count; i++) {
        struct json_value *item = &v->items[i];

        if (object) {
            read_key(c, item, it);
            item->node = json_object_iter_value(it);
            it = json_object_iter_next(v->node, it);
        } else {
            item->node = json_array_get(v->node, i);
        }
        read_value(doc, c, item);
        json_cursor_space(c);
        if (i + 1 < v->count)
            json_cursor_punct(c);
    }
    json_cursor_space(c);
    json_cursor_punct(c);
}

static void read_value(struct json_doc *doc, struct json_cursor *c, struct json_value *v)
{
    json_cursor_space(c);
    v->line = c->line;
    if (json_is_object(v->node) || json_is_array(v->node))
        read_items(doc, c, v);
    else
        json_cursor_scalar(c);
}

static void set_error(struct json_error *err, int line, int column, const char *message)
{
    err->line = line > 0 ? (unsigned)line : 1;
    err->column = column > 0 ? (unsigned)column : 1;
    err->no_memory = !message || !*message;
    snprintf(err->message, sizeof(err->message), "%s", err->no_memory ? "out of memory" : message);
}

/* --- jansson ------------------------------------------------------------------------------------------------------ */

/* jansson must never be refused memory: its lexer drops a byte without a word then, "/shut" would become another path, and where that was
 * a closing quote it reads and writes on behind the string. So its memory comes from the document's arena, and when there is no more
 * of that, the parse is left at once; what it made goes with the arena. jansson's hooks carry no argument: hence the one variable. */
struct parse {
    struct arena *arena;
    jmp_buf no_memory;
};

static struct parse **under_way(void)
{
    static _Thread_local struct parse *parse;

    return &parse;
}

static void *take(size_t n)
{
    struct parse *parse = *under_way();
    void *p = arena_alloc(parse->arena, n);

    if (!p)
        longjmp(parse->no_memory, 1);
    return p;
}

static void give(void *p)
{
    (void)p;
}

static void set_hooks(void)
{
    json_set_alloc_funcs(take, give);
}

/* jansson's hooks are the process's: whichever thread parses first sets them. */
static void need_hooks(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, set_hooks);
}

/* NULL without a text in *why: out of memory. */
static json_t *load_into(struct arena *arena, struct span text, json_error_t *why)
{
    struct parse parse = {.arena = arena};

    need_hooks();
    *under_way() = &parse;
    if (setjmp(parse.no_memory) != 0) {
        *why = (json_error_t){.line = 1};
        return NULL;
    }
    return json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, why);
}

static json_t *load(struct arena *arena, uint8_t *text, size_t n, struct json_error *err)
{
    json_error_t why;

    json_blank_comments(text, n);

    unsigned deep = json_too_deep(span_make(text, n));

    if (deep) {
        set_error(err, (int)deep, 1, "nested too deeply");
        return NULL;
    }

    json_t *root = load_into(arena, span_make(text, n), &why);

    if (!root)
        set_error(err, why.line, why.column, why.text);
    return root;
}

/* --- documents ---------------------------------------------------------------------------------------------------- */

static bool build(struct json_doc *doc, json_t *root, struct span text)
{
    struct json_cursor c = {text, 1};

    doc->values = arena_zalloc(&doc->arena, count_values(root) * sizeof(*doc->values));
    if (!doc->values)
        return false;
    doc->used = 1;
    doc->values[0].node = root;
    read_value(doc, &c, &doc->values[0]);
    return true;
}

static bool fill(struct json_doc *doc, struct span text, struct json_error *err)
{
    uint8_t *copy = (uint8_t *)span_dup(text);

    set_error(err, 1, 1, NULL);
    if (!copy)
        return false;

    json_t *root = load(&doc->arena, copy, text.n, err);
    bool built = root && build(doc, root, span_make(copy, text.n));

    if (root && !built)
        set_error(err, 1, 1, NULL);
    free(copy);
    return built;
}

struct json_doc *json_parse(struct span text, struct json_error *err)
{
    struct json_doc *doc = malloc(sizeof(*doc));

    if (!doc) {
        set_error(err, 1, 1, NULL);
        return NULL;
    }
    slab_init(&doc->slab, BLOCK, 0);
    arena_init(&doc->arena, &doc->slab);
    if (fill(doc, text, err))
        return doc;
    json_free(doc);
    return NULL;
}

void json_free(struct json_doc *doc)
{
    if (!doc)
        return;
    arena_fini(&doc->arena);
    slab_fini(&doc->slab);
    free(doc);
}

const struct json_value *json_root(const struct json_doc *doc)
{
    return &doc->values[0];
}

enum json_type json_type_of(const struct json_value *v)
{
    static const enum json_type types[] = {
        [JSON_OBJECT] = JSON_T_OBJECT, [JSON_ARRAY] = JSON_T_ARRAY, [JSON_STRING] = JSON_T_STRING,
        [JSON_INTEGER] = JSON_T_INT,   [JSON_REAL] = JSON_T_REAL,   [JSON_TRUE] = JSON_T_BOOL,
        [JSON_FALSE] = JSON_T_BOOL,    [JSON_NULL] = JSON_T_NULL,
    };

    return v ? types[json_typeof(v->node)] : JSON_T_NULL;
}

const char *json_type_name(enum json_type t)
{
    static const char *const names[] = {
        [JSON_T_NULL] = "null",     [JSON_T_BOOL] = "boolean", [JSON_T_INT] = "integer",   [JSON_T_REAL] = "number",
        [JSON_T_STRING] = "string", [JSON_T_ARRAY] = "array",  [JSON_T_OBJECT] = "object",
    };

    return names[t];
}

unsigned json_line(const struct json_value *v)
{
    return v->line;
}

struct span json_as_string(const struct json_value *v)
{
    return v ? span_make(json_string_value(v->node), json_string_length(v->node)) : SPAN_NONE;
}

int64_t json_as_int(const struct json_value *v)
{
    return v ? json_integer_value(v->node) : 0;
}

bool json_as_bool(const struct json_value *v)
{
    return v && json_is_true(v->node);
}

size_t json_count(const struct json_value *v)
{
    return v ? v->count : 0;
}

const struct json_value *json_at(const struct json_value *v, size_t i)
{
    return i < json_count(v) ? &v->items[i] : NULL;
}

struct span json_key_at(const struct json_value *v, size_t i)
{
    return i < json_count(v) ? v->items[i].key : SPAN_NONE;
}

unsigned json_key_line_at(const struct json_value *v, size_t i)
{
    return i < json_count(v) ? v->items[i].key_line : 0;
}

const struct json_value *json_get(const struct json_value *v, const char *key)
{
    for (size_t i = 0; i < json_count(v); i++)
        if (v->items[i].key.p && span_eq(v->items[i].key, span_of(key)))
            return &v->items[i];
    return NULL;
}

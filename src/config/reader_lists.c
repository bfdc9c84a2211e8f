/* Lists, and maps from names. */
#include "config/reader_parts.h"

/* Elements of a list, each read as `element` says. */
static void *read_items(struct reader *r, const struct reader_job *j, const struct key *element, size_t size)
{
    size_t n = json_count(j->v);
    char *items = reader_alloc(r, (n ? n : 1) * size);

    for (size_t i = 0; items && i < n; i++) {
        const struct json_value *v = json_at(j->v, i);
        struct reader_job item = {element, v, reader_place(r, v, reader_path(r, "%s[%zu]", j->at.path, i))};

        reader_value(r, &item, items + i * size);
    }
    return items;
}

/* A string (or secret) alone stands for a list of one. */
static void *read_one_or_items(struct reader *r, const struct reader_job *j, const struct key *element, size_t *n)
{
    size_t size = key_field_size(element->type);

    if (json_type_of(j->v) == JSON_T_ARRAY) {
        *n = json_count(j->v);
        return read_items(r, j, element, size);
    }
    void *one = reader_alloc(r, size);
    struct reader_job item = {element, j->v, j->at};

    *n = 1;
    if (one)
        reader_value(r, &item, one);
    return one;
}

static const struct key text_element = {.name = "", .type = KEY_TEXT};
static const struct key secret_element = {.name = "", .type = KEY_SECRET};
static const struct key plain_element = {.name = "", .type = KEY_SECRET, .plain = true};

bool reader_read_texts(struct reader *r, const struct reader_job *j, void *field)
{
    struct texts_field *f = field;

    if (json_type_of(j->v) != JSON_T_ARRAY)
        return reader_wrong_type(r, j->at, j->v, "a list of strings");
    f->v = read_one_or_items(r, j, &text_element, &f->n);
    return true;
}

bool reader_read_text_or_list(struct reader *r, const struct reader_job *j, void *field)
{
    struct texts_field *f = field;

    if (json_type_of(j->v) != JSON_T_ARRAY && json_type_of(j->v) != JSON_T_STRING)
        return reader_wrong_type(r, j->at, j->v, "a string or a list of strings");
    f->v = read_one_or_items(r, j, &text_element, &f->n);
    return true;
}

bool reader_read_secrets(struct reader *r, const struct reader_job *j, void *field)
{
    struct secrets_field *f = field;

    if (json_type_of(j->v) != JSON_T_ARRAY && json_type_of(j->v) != JSON_T_STRING)
        return reader_wrong_type(r, j->at, j->v, "\"env:NAME\", \"file:PATH\" or a list of them, the newest first");
    f->v = read_one_or_items(r, j, j->key->plain ? &plain_element : &secret_element, &f->n);
    return true;
}

void reader_name_entry(struct reader *r, struct entry *e, const struct reader_job *j, size_t i, const char *path)
{
    e->at = (struct place){r->file, json_key_line_at(j->v, i), path};
    e->name.f = (struct field){.at = e->at, .given = true};
    e->name.v = reader_copy(r, json_key_at(j->v, i));
}

/* name → value; each element is a struct that begins with an entry and holds the field at `offset`. */
struct map_shape {
    struct key element;
    size_t size, offset;
};

static bool read_named(struct reader *r, const struct reader_job *j, struct objects_field *f, const struct map_shape *m)
{
    if (json_type_of(j->v) != JSON_T_OBJECT)
        return reader_wrong_type(r, j->at, j->v, "an object");
    f->n = json_count(j->v);
    char *items = reader_alloc(r, (f->n ? f->n : 1) * m->size);

    f->v = items;
    for (size_t i = 0; items && i < f->n; i++) {
        const struct json_value *v = json_at(j->v, i);
        const char *path = reader_member_path(r, j->at.path, json_key_at(j->v, i));
        struct reader_job item = {&m->element, v, reader_place(r, v, path)};

        reader_name_entry(r, (struct entry *)(items + i * m->size), j, i, path);
        reader_value(r, &item, items + i * m->size + m->offset);
    }
    if (!items)
        f->n = 0;
    return true;
}

bool reader_read_secret_map(struct reader *r, const struct reader_job *j, void *field)
{
    static const struct map_shape shape = {
        {.name = "", .type = KEY_SECRET}, sizeof(struct named_secret), offsetof(struct named_secret, secret)};

    return read_named(r, j, field, &shape);
}

bool reader_read_texts_map(struct reader *r, const struct reader_job *j, void *field)
{
    static const struct map_shape shape = {
        {.name = "", .type = KEY_TEXTS}, sizeof(struct named_texts), offsetof(struct named_texts, list)};

    return read_named(r, j, field, &shape);
}

bool reader_read_objects_map(struct reader *r, const struct reader_job *j, void *field)
{
    const struct map_shape shape = {{.name = "", .type = KEY_OBJECTS, .sub = j->key->sub},
                                    sizeof(struct named_objects),
                                    offsetof(struct named_objects, list)};

    return read_named(r, j, field, &shape);
}

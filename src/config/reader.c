/* Objects, and the one table of readers. */
#include "config/reader.h"

#include "config/nearest.h"
#include "config/reader_parts.h"

#include <assert.h>

static void set_defaults(const struct section *s, void *object, struct place at)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct key *k = &s->keys[i];

        if (!k->size)
            continue;
        assert(k->size == key_field_size(k->type));
        ((struct field *)key_field(k, object))->at = at;
        if (key_is_number(k->type))
            ((struct num_field *)key_field(k, object))->v = k->def;
    }
}

void *reader_new_object(struct reader *r, const struct section *s, struct place at)
{
    struct entry *e = reader_alloc(r, s->size);

    if (!e)
        return NULL;
    e->at = at;
    set_defaults(s, e, at);
    return e;
}

static const struct key *find_key(const struct section *s, struct span name)
{
    for (size_t i = 0; i < s->count; i++)
        if (span_eq(name, span_of(s->keys[i].name)))
            return &s->keys[i];
    return NULL;
}

static void unknown_key(struct reader *r, const struct section *s, struct place at, struct span name)
{
    struct nearest near = nearest_to(name);
    struct text list;

    for (size_t i = 0; i < s->count; i++)
        nearest_offer(&near, span_of(s->keys[i].name));
    if (near.best.n) {
        place_error(r->d, at, "unknown key: did you mean \"%.*s\"?", SHOW(near.best));
        return;
    }
    text_init(&list);
    for (size_t i = 0; i < s->count; i++)
        text_addf(&list, "%s%s", i ? ", " : "", s->keys[i].name);
    place_error(r->d, at, "unknown key: known here are %s", list.p ? list.p : "");
    text_fini(&list);
}

static void read_member(struct reader *r, const struct section *s, const struct reader_job *j, size_t i,
                        struct entry *object)
{
    struct span name = json_key_at(j->v, i);
    const struct json_value *v = json_at(j->v, i);
    const char *path = reader_member_path(r, j->at.path, name);
    const struct key *k = find_key(s, name);

    if (!k) {
        unknown_key(r, s, (struct place){r->file, json_key_line_at(j->v, i), path}, name);
        return;
    }
    if (k->type == KEY_LATER) {
        object->later = true;
        place_error(r->d, (struct place){r->file, json_key_line_at(j->v, i), path},
                    "%s is not supported yet: this version has only what docs/rules.md describes", k->name);
        return;
    }
    if (k->type == KEY_IGNORED)
        return;
    struct reader_job member = {k, v, reader_place(r, v, path)};

    reader_value(r, &member, key_field(k, object));
}

static void check_required(struct reader *r, const struct section *s, struct place at, void *object)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct key *k = &s->keys[i];

        if (k->required && !((struct field *)key_field(k, object))->given)
            place_error(r->d, at, "\"%s\" is missing (%s)", k->name, key_type_name(k->type));
    }
}

/* A value that is no object stands for one with a single key. */
static bool fill_short(struct reader *r, const struct reader_job *j, const struct section *s, void *object)
{
    const struct key *k = find_key(s, span_of(j->key->alone));
    struct reader_job value = {k, j->v, j->at};

    return reader_value(r, &value, key_field(k, object));
}

/* object was made by reader_new_object, or lies zeroed in a list. */
static bool fill_object(struct reader *r, const struct reader_job *j, const struct section *s, void *object)
{
    struct entry *e = object;

    e->at = j->at;
    set_defaults(s, object, j->at);
    if (json_type_of(j->v) != JSON_T_OBJECT && j->key && j->key->type == KEY_SHORT_MAP)
        return fill_short(r, j, s, object);
    if (json_type_of(j->v) != JSON_T_OBJECT) {
        e->later = true; /* nothing else is worth telling of it */
        return reader_wrong_type(r, j->at, j->v, "an object");
    }
    for (size_t i = 0; i < json_count(j->v); i++)
        read_member(r, s, j, i, e);
    check_required(r, s, j->at, object);
    return true;
}

static bool read_object(struct reader *r, const struct reader_job *j, void *field)
{
    struct object_field *f = field;

    f->v = reader_new_object(r, j->key->sub, j->at);
    return f->v && fill_object(r, j, j->key->sub, f->v);
}

/* Elements are objects in place, so read_items does not fit. */
static bool read_objects(struct reader *r, const struct reader_job *j, void *field)
{
    struct objects_field *f = field;
    const struct section *s = j->key->sub;

    if (json_type_of(j->v) != JSON_T_ARRAY)
        return reader_wrong_type(r, j->at, j->v, "a list of objects");
    size_t n = json_count(j->v);
    char *items = reader_alloc(r, (n ? n : 1) * s->size);

    for (size_t i = 0; items && i < n; i++) {
        const struct json_value *v = json_at(j->v, i);
        struct reader_job item = {j->key, v, reader_place(r, v, reader_path(r, "%s[%zu]", j->at.path, i))};

        fill_object(r, &item, s, items + i * s->size);
    }
    f->v = items;
    f->n = items ? n : 0;
    return true;
}

static bool read_map(struct reader *r, const struct reader_job *j, void *field)
{
    struct objects_field *f = field;
    const struct section *s = j->key->sub;

    if (json_type_of(j->v) != JSON_T_OBJECT)
        return reader_wrong_type(r, j->at, j->v, "an object");
    size_t n = json_count(j->v);
    char *items = reader_alloc(r, (n ? n : 1) * s->size);

    for (size_t i = 0; items && i < n; i++) {
        const struct json_value *v = json_at(j->v, i);
        const char *path = reader_member_path(r, j->at.path, json_key_at(j->v, i));
        struct reader_job item = {j->key, v, reader_place(r, v, path)};

        fill_object(r, &item, s, items + i * s->size);
        reader_name_entry(r, (struct entry *)(items + i * s->size), j, i, path);
    }
    f->v = items;
    f->n = items ? n : 0;
    return true;
}

static bool read_name_or_objects(struct reader *r, const struct reader_job *j, void *field)
{
    struct name_or_objects_field *f = field;

    if (json_type_of(j->v) == JSON_T_STRING) {
        f->name = reader_copy(r, json_as_string(j->v));
        return true;
    }
    if (json_type_of(j->v) != JSON_T_ARRAY)
        return reader_wrong_type(r, j->at, j->v, "a list of objects or the name of one");
    f->list.f = (struct field){.at = j->at, .given = true};
    return read_objects(r, j, &f->list);
}

static bool (*const readers[KEY_TYPES])(struct reader *, const struct reader_job *, void *) = {
    [KEY_TEXT] = reader_read_text,
    [KEY_BOOL] = reader_read_bool,
    [KEY_INT] = reader_read_int,
    [KEY_DURATION] = reader_read_duration,
    [KEY_SIZE] = reader_read_size,
    [KEY_CHOICE] = reader_read_choice,
    [KEY_SECRET] = reader_read_secret,
    [KEY_SECRETS] = reader_read_secrets,
    [KEY_SECRET_MAP] = reader_read_secret_map,
    [KEY_FILE] = reader_read_file,
    [KEY_TEXTS] = reader_read_texts,
    [KEY_TEXT_OR_LIST] = reader_read_text_or_list,
    [KEY_TEXTS_MAP] = reader_read_texts_map,
    [KEY_OBJECT] = read_object,
    [KEY_OBJECTS] = read_objects,
    [KEY_MAP] = read_map,
    [KEY_SHORT_MAP] = read_map,
    [KEY_OBJECTS_MAP] = reader_read_objects_map,
    [KEY_NAME_OR_OBJECTS] = read_name_or_objects,
};

/* A value that does not fit counts as given: that it is missing must not be told, too. */
bool reader_value(struct reader *r, const struct reader_job *j, void *field)
{
    struct field *f = field;

    f->at = j->at;
    f->given = true;
    f->bad = !readers[j->key->type](r, j, field);
    return !f->bad;
}

void reader_read_root(struct reader *r, const struct json_value *root, void *object)
{
    struct reader_job j = {NULL, root, reader_place(r, root, "")};

    fill_object(r, &j, &section_root, object);
}

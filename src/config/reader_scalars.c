/* Values that hold no others. */
#include "config/reader_parts.h"

#include "config/nearest.h"
#include "config/units.h"

#include <inttypes.h>

bool reader_read_text(struct reader *r, const struct reader_job *j, void *field)
{
    struct text_field *f = field;

    if (json_type_of(j->v) != JSON_T_STRING)
        return reader_wrong_type(r, j->at, j->v, "a string");
    f->v = reader_copy(r, json_as_string(j->v));
    return true;
}

bool reader_read_bool(struct reader *r, const struct reader_job *j, void *field)
{
    struct num_field *f = field;

    if (json_type_of(j->v) != JSON_T_BOOL)
        return reader_wrong_type(r, j->at, j->v, "true or false");
    f->v = json_as_bool(j->v);
    return true;
}

static bool in_range(const struct key *k, uint64_t v)
{
    return k->min == k->max || (v >= k->min && v <= k->max);
}

bool reader_read_int(struct reader *r, const struct reader_job *j, void *field)
{
    struct num_field *f = field;

    if (json_type_of(j->v) != JSON_T_INT)
        return reader_wrong_type(r, j->at, j->v, "a whole number");
    int64_t v = json_as_int(j->v);

    if (v < 0 || !in_range(j->key, (uint64_t)v)) {
        place_error(r->d, j->at, "must be from %" PRIu64 " to %" PRIu64 ", not %" PRId64, j->key->min, j->key->max, v);
        return false;
    }
    f->v = (uint64_t)v;
    return true;
}

/* Durations and sizes. */
struct unit_kind {
    bool (*parse)(struct span s, uint64_t *out);
    void (*format)(uint64_t v, char out[UNIT_TEXT]);
    const char *want;
};

static bool read_unit(struct reader *r, const struct reader_job *j, struct num_field *f, const struct unit_kind *u)
{
    char least[UNIT_TEXT], most[UNIT_TEXT];
    uint64_t v;

    if (json_type_of(j->v) != JSON_T_STRING)
        return reader_wrong_type(r, j->at, j->v, u->want);
    struct span s = json_as_string(j->v);

    if (!u->parse(s, &v)) {
        place_error(r->d, j->at, "\"%.*s\" must be %s", SHOW(s), u->want);
        return false;
    }
    if (!in_range(j->key, v)) {
        u->format(j->key->min, least);
        u->format(j->key->max, most);
        place_error(r->d, j->at, "must be from \"%s\" to \"%s\", not \"%.*s\"", least, most, SHOW(s));
        return false;
    }
    f->v = v;
    return true;
}

bool reader_read_duration(struct reader *r, const struct reader_job *j, void *field)
{
    static const struct unit_kind unit = {duration_parse, duration_format,
                                          "a duration such as \"500ms\", \"15s\", \"10m\", \"24h\" or \"30d\""};

    return read_unit(r, j, field, &unit);
}

bool reader_read_size(struct reader *r, const struct reader_job *j, void *field)
{
    static const struct unit_kind unit = {size_parse, size_format, "a size such as \"512B\", \"32KiB\" or \"1MiB\""};

    return read_unit(r, j, field, &unit);
}

static void list_choices(const char *const *choices, struct text *list)
{
    text_init(list);
    for (size_t i = 0; choices[i]; i++)
        text_addf(list, "%s\"%s\"", !i ? "" : choices[i + 1] ? ", " : " or ", choices[i]);
}

static void no_choice(struct reader *r, const struct reader_job *j)
{
    struct text list;

    list_choices(j->key->choices, &list);
    reader_wrong_type(r, j->at, j->v, list.p ? list.p : "a string");
    text_fini(&list);
}

static void bad_choice(struct reader *r, const struct reader_job *j, struct span s)
{
    struct nearest near = nearest_to(s);
    struct text list;

    list_choices(j->key->choices, &list);
    for (size_t i = 0; j->key->choices[i]; i++)
        nearest_offer(&near, span_of(j->key->choices[i]));
    if (near.best.n)
        place_error(r->d, j->at, "\"%.*s\" is none of %s: did you mean \"%.*s\"?", SHOW(s), list.p ? list.p : "",
                    SHOW(near.best));
    else
        place_error(r->d, j->at, "\"%.*s\" must be %s", SHOW(s), list.p ? list.p : "");
    text_fini(&list);
}

bool reader_read_choice(struct reader *r, const struct reader_job *j, void *field)
{
    struct num_field *f = field;

    if (json_type_of(j->v) != JSON_T_STRING) {
        no_choice(r, j);
        return false;
    }
    struct span s = json_as_string(j->v);

    for (size_t i = 0; j->key->choices[i]; i++)
        if (span_eq(s, span_of(j->key->choices[i]))) {
            f->v = i;
            return true;
        }
    bad_choice(r, j, s);
    return false;
}

bool reader_read_secret(struct reader *r, const struct reader_job *j, void *field)
{
    if (json_type_of(j->v) != JSON_T_STRING)
        return reader_wrong_type(r, j->at, j->v, "a string such as \"env:NAME\" or \"file:PATH\"");
    ((struct field *)field)->at = j->at;
    ((struct secret_field *)field)->plain = j->key->plain;
    r->references.on_secret(r->references.arg, field, json_as_string(j->v));
    return true;
}

bool reader_read_file(struct reader *r, const struct reader_job *j, void *field)
{
    if (json_type_of(j->v) != JSON_T_STRING)
        return reader_wrong_type(r, j->at, j->v, "a string: the path of a file");
    ((struct field *)field)->at = j->at;
    r->references.on_file(r->references.arg, field, json_as_string(j->v));
    return true;
}

#include "config/merge.h"

#include "config/raw.h"

static size_t element_size(const struct key *k)
{
    switch (k->type) {
    case KEY_SECRET_MAP:
        return sizeof(struct named_secret);
    case KEY_TEXTS_MAP:
        return sizeof(struct named_texts);
    case KEY_OBJECTS_MAP:
        return sizeof(struct named_objects);
    case KEY_MAP:
    case KEY_OBJECTS:
        return k->sub->size;
    default:
        return 0; /* one value, one place */
    }
}

static const struct entry *entry_at(const struct objects_field *f, size_t size, size_t i)
{
    return (const struct entry *)((const char *)f->v + i * size);
}

static void check_names(struct reader *r, const struct objects_field *into, const struct objects_field *from,
                        size_t size)
{
    for (size_t i = 0; i < from->n; i++)
        for (size_t k = 0; k < into->n; k++) {
            const struct entry *e = entry_at(from, size, i), *other = entry_at(into, size, k);

            if (span_eq(e->name.v, other->name.v))
                place_error(r->d, e->at, "is defined already at %s:%u: keep one of both", other->at.file,
                            other->at.line);
        }
}

static void append(struct reader *r, struct objects_field *into, const struct objects_field *from, size_t size)
{
    char *all = arena_alloc(r->arena, (into->n + from->n + 1) * size);

    if (!all) {
        r->failed = true;
        return;
    }
    if (into->n)
        memcpy(all, into->v, into->n * size);
    if (from->n)
        memcpy(all + into->n * size, from->v, from->n * size);
    into->v = all;
    into->n += from->n;
    into->f.bad |= from->f.bad;
}

static void merge_key(struct reader *r, const struct key *k, void *into, const void *from)
{
    struct field *to = into;
    const struct field *more = from;
    size_t size = element_size(k);

    if (!more->given)
        return;
    if (!to->given) {
        memcpy(into, from, k->size);
        return;
    }
    if (!size) {
        place_error(r->d, more->at, "stands at %s:%u already: it can stand in one file only", to->at.file, to->at.line);
        return;
    }
    if (k->type != KEY_OBJECTS)
        check_names(r, into, from, size);
    append(r, into, from, size);
}

void merge_roots(struct reader *r, void *into, const void *from)
{
    struct entry *to = into;

    to->later |= ((const struct entry *)from)->later;
    for (size_t i = 0; i < section_root.count; i++) {
        const struct key *k = &section_root.keys[i];

        if (k->size)
            merge_key(r, k, (char *)into + k->offset, (const char *)from + k->offset);
    }
}

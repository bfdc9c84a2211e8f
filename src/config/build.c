#include "config/build.h"

#include "base/crypto/mac.h"
#include "base/crypto/random.h"
#include "config/nearest.h"

void *build_alloc(struct build *b, size_t n, size_t size)
{
    void *p = n > SIZE_MAX / 2 / size ? NULL : arena_zalloc(b->arena, (n ? n : 1) * size);

    if (!p)
        b->failed = true;
    return p;
}

struct span build_copy(struct build *b, struct span s)
{
    struct span copy = arena_printf(b->arena, "%.*s", SPAN_ARG(s));

    if (!copy.p)
        b->failed = true;
    return copy;
}

struct span build_lower(struct build *b, struct span s)
{
    uint8_t *copy = build_alloc(b, s.n + 1, 1);

    for (size_t i = 0; copy && i < s.n; i++)
        copy[i] = ascii_lower(s.p[i]);
    return span_make(copy, copy ? s.n : 0);
}

struct span build_secret(struct build *b, struct span s)
{
    struct span copy = config_memory_secret(b->mem, s);

    if (!copy.p)
        b->failed = true;
    return copy;
}

struct span build_unusable_secret(struct build *b)
{
    uint8_t bytes[32];

    if (!res_ok(random_bytes(bytes, sizeof(bytes)))) {
        b->failed = true;
        return SPAN_NONE;
    }
    struct span s = build_secret(b, span_make(bytes, sizeof(bytes)));

    wipe(bytes, sizeof(bytes));
    return s;
}

static const struct entry *entry_at(const struct objects_field *map, size_t size, size_t i)
{
    return (const struct entry *)((const char *)map->v + i * size);
}

size_t build_find(const struct objects_field *map, size_t size, struct span name)
{
    for (size_t i = 0; i < map->n; i++)
        if (span_eq(entry_at(map, size, i)->name.v, name))
            return i;
    return map->n;
}

#define LISTED 5 /* names that are read at a glance */

/* ": there are "a", "b"" when nothing is near; NULL: no memory. */
static const char *list_names(struct build *b, const struct objects_field *map, size_t size)
{
    struct span s = span_of(map->n > 1 ? ": there are" : ": there is only");

    for (size_t i = 0; i < map->n && s.p; i++)
        s = arena_printf(b->arena, "%.*s%s \"%.*s\"", SPAN_ARG(s), i ? "," : "", SHOW(entry_at(map, size, i)->name.v));
    return (const char *)s.p;
}

struct span build_nearest(const struct objects_field *map, size_t size, struct span name)
{
    struct nearest near = nearest_to(name);

    for (size_t i = 0; i < map->n; i++)
        nearest_offer(&near, entry_at(map, size, i)->name.v);
    return near.best;
}

const char *build_suggest(struct build *b, const struct objects_field *map, size_t size, struct span name)
{
    struct span near = build_nearest(map, size, name);
    const char *hint = "";

    if (near.n)
        hint = (const char *)arena_printf(b->arena, ": did you mean \"%.*s\"?", SHOW(near)).p;
    else if (map->n && map->n <= LISTED)
        hint = list_names(b, map, size);
    return hint ? hint : "";
}

static bool is_name(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] == '_' || s.p[i] == '-' || s.p[i] == '.' || (s.p[i] >= '0' && s.p[i] <= '9') ||
              (ascii_lower(s.p[i]) >= 'a' && ascii_lower(s.p[i]) <= 'z')))
            return false;
    return s.n > 0 && s.n <= 64;
}

void build_check_names(struct build *b, const struct objects_field *map, size_t size, const char *what)
{
    for (size_t i = 0; i < map->n; i++) {
        const struct entry *e = entry_at(map, size, i);

        if (!is_name(e->name.v))
            place_error(b->d, e->at, "the name of %s is 1 to 64 letters, digits, '.', '_' and '-'", what);
    }
}

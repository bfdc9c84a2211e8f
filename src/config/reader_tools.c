/* What all readers use: memory, paths, places. */
#include "config/reader_parts.h"

#include <stdio.h>
#include <stdlib.h>

const char *reader_path(struct reader *r, const char *format, ...)
{
    char *text = NULL;
    va_list ap;

    va_start(ap, format);
    int n = vasprintf(&text, format, ap);

    va_end(ap);
    if (n < 0) {
        r->failed = true;
        return "";
    }
    struct span copy = arena_printf(r->arena, "%s", text);

    free(text);
    if (!copy.p) {
        r->failed = true;
        return "";
    }
    return (const char *)copy.p;
}

struct span reader_resolve(struct arena *a, const char *file, struct span written)
{
    const char *slash = file ? strrchr(file, '/') : NULL;

    if (!slash || (written.n && written.p[0] == '/'))
        return arena_printf(a, "%.*s", SPAN_ARG(written));
    return arena_printf(a, "%.*s%.*s", (int)(slash - file + 1), file, SPAN_ARG(written));
}

void *reader_alloc(struct reader *r, size_t n)
{
    void *p = arena_zalloc(r->arena, n);

    if (!p)
        r->failed = true;
    return p;
}

struct span reader_copy(struct reader *r, struct span s)
{
    struct span copy = arena_printf(r->arena, "%.*s", SPAN_ARG(s));

    if (!copy.p)
        r->failed = true;
    return copy;
}

struct place reader_place(const struct reader *r, const struct json_value *v, const char *path)
{
    return (struct place){r->file, json_line(v), path};
}

/* Names that need no quotes in a path. */
static bool is_plain_name(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] == '_' || s.p[i] == '-' || s.p[i] == '$' || (s.p[i] >= '0' && s.p[i] <= '9') ||
              (ascii_lower(s.p[i]) >= 'a' && ascii_lower(s.p[i]) <= 'z')))
            return false;
    return s.n > 0;
}

const char *reader_member_path(struct reader *r, const char *path, struct span name)
{
    if (!is_plain_name(name))
        return reader_path(r, "%s[\"%.*s\"]", path, SPAN_ARG(name));
    return reader_path(r, "%s%s%.*s", path, *path ? "." : "", SPAN_ARG(name));
}

bool reader_wrong_type(struct reader *r, struct place at, const struct json_value *v, const char *want)
{
    place_error(r->d, at, "must be %s, not %s", want, json_type_name(json_type_of(v)));
    return false;
}

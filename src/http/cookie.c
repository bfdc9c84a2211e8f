#include "http/cookie.h"

/* `name = value` of one pair, white space around both taken off. False: no '='. */
static bool split_pair(struct span pair, struct span *name, struct span *value)
{
    if (!span_cut(pair, '=', name, value))
        return false;
    *name = span_trim(*name);
    *value = span_trim(*value);
    return true;
}

static bool pair_is_named(struct span pair, struct span wanted, struct span *value)
{
    struct span name;
    return split_pair(pair, &name, value) && span_eq(name, wanted);
}

size_t cookie_find(const struct headers *h, struct span name, struct span *values, size_t cap)
{
    size_t found = 0;
    if (!headers_find(h, H_COOKIE))
        return 0;
    for (size_t i = 0; i < h->n; i++) {
        if (h->v[i].id != H_COOKIE || h->v[i].drop != 0)
            continue;
        struct span rest = h->v[i].value, pair, value;
        while (rest.n > 0) {
            span_cut(rest, ';', &pair, &rest);
            if (!pair_is_named(pair, name, &value))
                continue;
            if (found < cap)
                values[found] = value;
            found++;
        }
    }
    return found;
}

static bool holds(struct span rest, struct span name)
{
    struct span pair, value;
    while (rest.n > 0) {
        span_cut(rest, ';', &pair, &rest);
        if (pair_is_named(pair, name, &value))
            return true;
    }
    return false;
}

/* Copies the other pairs with their bytes as they are; a pair goes with the ';' before
 * it. Returns the bytes written. */
static size_t copy_others(struct span rest, struct span name, uint8_t *out)
{
    struct span pair, value;
    size_t n = 0;
    bool more = true, first = true;
    while (more) {
        more = span_cut(rest, ';', &pair, &rest);
        if (pair_is_named(pair, name, &value))
            continue;
        if (!first)
            out[n++] = ';';
        if (pair.n > 0)
            memcpy(out + n, pair.p, pair.n);
        n += pair.n;
        first = false;
    }
    return n;
}

static bool is_blank(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != ';')
            return false;
    return true;
}

struct span cookie_strip(struct arena *a, struct span value, struct span name)
{
    if (!holds(value, name))
        return value;
    uint8_t *out = arena_alloc(a, value.n);
    if (!out)
        return SPAN_NONE;
    struct span left = span_trim(span_make(out, copy_others(value, name, out)));
    return is_blank(left) ? span_make(out, 0) : left;
}

/* `Set-Cookie: =name=value` makes a cookie without a name, which is sent as `name=value`: what a reader will take for
 * the name counts, so empty names before it are passed over. */
struct span set_cookie_name(struct span value)
{
    struct span pair, rest, name;
    span_cut(value, ';', &pair, &rest);
    do {
        span_cut(pair, '=', &name, &pair);
        name = span_trim(name);
    } while (name.n == 0 && pair.n > 0);
    return name;
}

#include "http/form.h"

#include "base/hex.h"

static enum form_verdict decode(struct span s, struct arena *a, struct span *out)
{
    uint8_t *to = arena_alloc(a, s.n + 1);
    size_t n = 0;
    if (!to)
        return FORM_MEMORY;
    for (size_t i = 0; i < s.n; i++) {
        int c = s.p[i] == '+' ? ' ' : s.p[i];
        if (c == '%') {
            int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1, low = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return FORM_BAD;
            c = high << 4 | low;
            i += 2;
        }
        if (c < 0x20 || c == 0x7f)
            return FORM_BAD;
        to[n++] = (uint8_t)c;
    }
    *out = span_make(to, n);
    return FORM_FOUND;
}

enum form_verdict form_field(struct span fields, struct span name, struct arena *a, struct span *value)
{
    struct span one, key, found = SPAN_NONE;
    enum form_verdict verdict = FORM_MISSING;
    *value = SPAN_NONE;
    for (bool more = true; more;) {
        more = span_cut(fields, '&', &one, &fields);
        (void)span_cut(one, '=', &key, &one);
        if (!span_eq(key, name))
            continue;
        if (verdict == FORM_FOUND)
            return FORM_TWICE;
        verdict = FORM_FOUND;
        found = one;
    }
    return verdict == FORM_FOUND ? decode(found, a, value) : verdict;
}

struct span form_query(struct span target)
{
    struct span path, query;
    span_cut(target, '?', &path, &query);
    return query;
}

struct span form_escape(struct span value, struct arena *a)
{
    static const char digits[] = "0123456789ABCDEF";
    uint8_t *to = arena_alloc(a, value.n * 3 + 1);
    size_t n = 0;
    for (size_t i = 0; to && i < value.n; i++) {
        uint8_t c = value.p[i];
        bool plain = (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '-' ||
                     c == '_' || c == '.' || c == '~';
        if (plain) {
            to[n++] = c;
            continue;
        }
        to[n++] = '%';
        to[n++] = (uint8_t)digits[c >> 4];
        to[n++] = (uint8_t)digits[c & 15];
    }
    return to ? span_make(to, n) : SPAN_NONE;
}

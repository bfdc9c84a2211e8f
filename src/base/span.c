#include "base/span.h"

#include <stdlib.h>

/* ascii_lower() of eight bytes at once: no sum of two of seven bits carries into the next byte. */
static uint64_t lower_word(const uint8_t *p)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t w;

    memcpy(&w, p, sizeof(w));
    uint64_t low = w & (0x7f * ones);
    uint64_t from_a = low + (0x80 - 'A') * ones, above_z = low + (0x7f - 'Z') * ones;
    uint64_t upper = from_a & ~above_z & ~w & (0x80 * ones);

    return w | upper >> 2;
}

static bool short_eq_nocase(const uint8_t *a, const uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ascii_lower(a[i]) != ascii_lower(b[i]))
            return false;
    return true;
}

bool span_eq_nocase(struct span a, struct span b)
{
    if (a.n != b.n)
        return false;
    if (a.n < 8)
        return short_eq_nocase(a.p, b.p, a.n);
    for (size_t i = 0; i + 8 <= a.n; i += 8)
        if (lower_word(a.p + i) != lower_word(b.p + i))
            return false;
    return lower_word(a.p + a.n - 8) == lower_word(b.p + b.n - 8); /* the rest, and some once more */
}

bool span_has_prefix(struct span s, struct span prefix)
{
    return s.n >= prefix.n && span_eq(span_make(s.p, prefix.n), prefix);
}

bool span_has_suffix(struct span s, struct span suffix)
{
    return s.n >= suffix.n && span_eq(span_from(s, s.n - suffix.n), suffix);
}

size_t span_find(struct span s, uint8_t c)
{
    const uint8_t *at = s.n ? memchr(s.p, c, s.n) : NULL;

    return at ? (size_t)(at - s.p) : s.n;
}

struct span span_from(struct span s, size_t from)
{
    /* Adding to a NULL p, even 0, would be undefined. */
    if (from >= s.n)
        return span_make(s.n ? s.p + s.n : s.p, 0);
    return span_make(s.p + from, s.n - from);
}

static bool is_ows(uint8_t c)
{
    return c == ' ' || c == '\t';
}

struct span span_trim(struct span s)
{
    while (s.n && is_ows(s.p[0]))
        s = span_from(s, 1);
    while (s.n && is_ows(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool span_has_control(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] == 0x7f)
            return true;
    return false;
}

bool span_cut(struct span s, uint8_t sep, struct span *head, struct span *tail)
{
    size_t at = span_find(s, sep);

    *head = span_make(s.p, at);
    *tail = span_from(s, at + 1);
    return at < s.n;
}

bool span_parse_u64(struct span s, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    if (!s.n)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)s.p[i] - '0';

        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
        if (value > max)
            return false;
    }
    *out = value;
    return true;
}

struct span span_decimal(uint64_t value, char room[SPAN_DECIMAL_MAX])
{
    size_t at = SPAN_DECIMAL_MAX;
    do {
        room[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return span_make(room + at, SPAN_DECIMAL_MAX - at);
}

char *span_dup(struct span s)
{
    char *copy = s.n < SIZE_MAX ? malloc(s.n + 1) : NULL;

    if (!copy)
        return NULL;
    if (s.n)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return copy;
}

int span_cmp(struct span a, struct span b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;

    return order ? order : (a.n > b.n) - (a.n < b.n);
}

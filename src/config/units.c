#include "config/units.h"

#include <stdio.h>

struct unit {
    const char *name;
    uint64_t factor;
    uint64_t least; /* for writing: people say 24h, not 1d */
};

/* Small to large. */
static const struct unit durations[] = {
    {"ms", 1, 1},
    {"s", 1000, 1000},
    {"m", 60 * 1000, 60 * 1000},
    {"h", 3600 * 1000, 3600 * 1000},
    {"d", 24 * 3600 * 1000, 48 * 3600 * 1000},
    {NULL, 0, 0},
};
static const struct unit sizes[] = {
    {"B", 1, 1},
    {"KiB", 1024, 1024},
    {"MiB", 1024 * 1024, 1024 * 1024},
    {"GiB", 1024 * 1024 * 1024, 1024 * 1024 * 1024},
    {NULL, 0, 0},
};

static bool parse(const struct unit *units, struct span s, uint64_t *out)
{
    size_t digits = 0;
    uint64_t number;

    while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
        digits++;
    if (!span_parse_u64(span_make(s.p, digits), UINT32_MAX, &number))
        return false;
    for (; units->name; units++)
        if (span_eq(span_from(s, digits), span_of(units->name))) {
            *out = number * units->factor;
            return true;
        }
    return false;
}

static void format(const struct unit *units, uint64_t v, char out[UNIT_TEXT])
{
    const struct unit *best = units;

    for (const struct unit *u = units; u->name; u++)
        if (v >= u->least && v % u->factor == 0)
            best = u;
    snprintf(out, UNIT_TEXT, "%llu%s", (unsigned long long)(v / best->factor), v ? best->name : "");
}

bool duration_parse(struct span s, uint64_t *out)
{
    if (span_eq(s, SPAN("0"))) {
        *out = 0;
        return true;
    }
    return parse(durations, s, out);
}

bool size_parse(struct span s, uint64_t *out)
{
    return parse(sizes, s, out);
}

void duration_format(uint64_t ms, char out[UNIT_TEXT])
{
    format(durations, ms, out);
}

void size_format(uint64_t bytes, char out[UNIT_TEXT])
{
    format(sizes, bytes, out);
}

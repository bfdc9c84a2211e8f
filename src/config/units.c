#include "config/units.h"

#include <stdio.h>
#include <time.h>

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

static unsigned days_of_month(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

bool date_parse_end(struct span s, int64_t *out)
{
    uint64_t year, month, day;

    if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-' || !span_parse_u64(span_make(s.p, 4), 9999, &year) ||
        !span_parse_u64(span_make(s.p + 5, 2), 12, &month) || !span_parse_u64(span_make(s.p + 8, 2), 31, &day))
        return false;
    if (year < 2000 || month < 1 || day < 1 || day > days_of_month((unsigned)year, (unsigned)month))
        return false;
    struct tm next = {.tm_year = (int)year - 1900, .tm_mon = (int)month - 1, .tm_mday = (int)day + 1};

    *out = timegm(&next);
    return true;
}

void duration_format(uint64_t ms, char out[UNIT_TEXT])
{
    format(durations, ms, out);
}

void size_format(uint64_t bytes, char out[UNIT_TEXT])
{
    format(sizes, bytes, out);
}

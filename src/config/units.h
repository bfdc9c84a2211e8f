/* Durations ("500ms", "24h"), sizes ("32KiB") and dates ("2026-12-31") as the rules file writes them. */
#ifndef TG_CONFIG_UNITS_H
#define TG_CONFIG_UNITS_H

#include "base/span.h"

#define UNIT_TEXT 32

/* Digits and ms, s, m, h or d; "0" alone is zero. Milliseconds. */
bool duration_parse(struct span s, uint64_t *out);
/* Digits and B, KiB, MiB or GiB. Bytes. */
bool size_parse(struct span s, uint64_t *out);
/* The wall-clock second (UTC) in which that day is over; years 2000 to 9999. */
bool date_parse_end(struct span s, int64_t *out);
/* In the largest unit that divides it. */
void duration_format(uint64_t ms, char out[UNIT_TEXT]);
void size_format(uint64_t bytes, char out[UNIT_TEXT]);

#endif

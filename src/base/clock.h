/* Time. Monotonic milliseconds for limits, wall-clock seconds for tokens and logs. */
#ifndef TG_BASE_CLOCK_H
#define TG_BASE_CLOCK_H

#include <stdint.h>

#include "base/span.h"

uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);
/* Microseconds since the epoch. */
uint64_t clock_wall_us(void);
int64_t clock_wall_s(void);
/* "2026-11-21T17:31:55.123Z" (24 bytes, no NUL) of wall_us into out. */
void clock_format_iso(uint64_t wall_us, char out[24]);
/* RFC 9110 §5.6.7 IMF-fixdate, "Sun, 06 Nov 1994 08:49:37 GMT" (29 bytes, no NUL). */
void clock_format_http(int64_t wall_s, char out[29]);

#endif

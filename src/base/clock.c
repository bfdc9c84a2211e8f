#include "base/clock.h"

#include <time.h>

static uint64_t read_us(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

uint64_t clock_mono_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

uint64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000u;
}

uint64_t clock_wall_us(void)
{
    return read_us(CLOCK_REALTIME);
}

int64_t clock_wall_s(void)
{
    return (int64_t)(clock_wall_us() / 1000000u);
}

static char *put_digits(char *at, unsigned value, unsigned width)
{
    for (unsigned i = width; i-- > 0; value /= 10)
        at[i] = (char)('0' + value % 10);
    return at + width;
}

static char *put_text(char *at, const char *s, size_t n)
{
    memcpy(at, s, n);
    return at + n;
}

static char *put_time(char *at, const struct tm *tm)
{
    at = put_digits(at, (unsigned)tm->tm_hour, 2);
    *at++ = ':';
    at = put_digits(at, (unsigned)tm->tm_min, 2);
    *at++ = ':';
    return put_digits(at, (unsigned)tm->tm_sec, 2);
}

/* A time that no calendar of four-digit years holds comes from a broken clock: it is shown as the epoch. */
static struct tm utc_of(int64_t wall_s)
{
    time_t t = wall_s >= 0 && wall_s < 253402300800 ? (time_t)wall_s : 0;
    struct tm tm;

    gmtime_r(&t, &tm);
    return tm;
}

void clock_format_iso(uint64_t wall_us, char out[24])
{
    struct tm tm = utc_of((int64_t)(wall_us / 1000000u));
    char *at = put_digits(out, (unsigned)tm.tm_year + 1900, 4);

    *at++ = '-';
    at = put_digits(at, (unsigned)tm.tm_mon + 1, 2);
    *at++ = '-';
    at = put_digits(at, (unsigned)tm.tm_mday, 2);
    *at++ = 'T';
    at = put_time(at, &tm);
    *at++ = '.';
    at = put_digits(at, (unsigned)(wall_us / 1000u % 1000u), 3);
    *at = 'Z';
}

/* By hand and not by strftime, whose names follow the locale. */
void clock_format_http(int64_t wall_s, char out[29])
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm = utc_of(wall_s);
    char *at = put_text(out, days + 3 * tm.tm_wday, 3);

    at = put_text(at, ", ", 2);
    at = put_digits(at, (unsigned)tm.tm_mday, 2);
    *at++ = ' ';
    at = put_text(at, months + 3 * tm.tm_mon, 3);
    *at++ = ' ';
    at = put_digits(at, (unsigned)tm.tm_year + 1900, 4);
    *at++ = ' ';
    at = put_time(at, &tm);
    put_text(at, " GMT", 4);
}

#include "base/clock.h"

#include "check.h"

#include <time.h>

static void iso(void **state)
{
    static const struct {
        const char *name;
        uint64_t us;
        const char *want;
    } cases[] = {
        {"epoch", 0, "1970-01-01T00:00:00.000Z"},
        {"example", 1795282315123456, "2026-11-21T17:31:55.123Z"},
        {"cut, not rounded", 1999, "1970-01-01T00:00:00.001Z"},
        {"leap day", 1709164800000000, "2024-02-29T00:00:00.000Z"},
        {"last year", 253402300799999999, "9999-12-31T23:59:59.999Z"},
        {"no such year", 253402300800000000, "1970-01-01T00:00:00.000Z"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[25] = {0};

        out[24] = '#';
        clock_format_iso(cases[i].us, out);
        CHECK(cases[i].name, out[24] == '#');
        CHECK(cases[i].name, span_eq(span_make(out, 24), span_of(cases[i].want)));
    }
}

static void http(void **state)
{
    static const struct {
        const char *name;
        int64_t s;
        const char *want;
    } cases[] = {
        {"RFC 9110's example", 784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {"epoch", 0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"December", 1767225599, "Wed, 31 Dec 2025 23:59:59 GMT"},
        {"Saturday", 1772236800, "Sat, 28 Feb 2026 00:00:00 GMT"},
        {"before the epoch", -1, "Thu, 01 Jan 1970 00:00:00 GMT"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[30] = {0};

        out[29] = '#';
        clock_format_http(cases[i].s, out);
        CHECK(cases[i].name, out[29] == '#');
        CHECK(cases[i].name, span_eq(span_make(out, 29), span_of(cases[i].want)));
    }
}

static void runs(void **state)
{
    uint64_t us = clock_mono_us(), ms = clock_mono_ms();
    struct timespec pause = {.tv_nsec = 3000000};

    assert_true(ms >= us / 1000 && ms - us / 1000 < 1000);
    nanosleep(&pause, NULL);
    assert_true(clock_mono_us() - us >= 3000);
    assert_true(clock_wall_s() - (int64_t)time(NULL) <= 1);
    assert_true((int64_t)(clock_wall_us() / 1000000) - clock_wall_s() <= 1);
    assert_true(clock_wall_s() > 1700000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(iso), cmocka_unit_test(http), cmocka_unit_test(runs)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

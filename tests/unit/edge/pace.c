/* Who takes what lies ready too slowly, and who has every right to. */
#include "edge/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/count.h"
#include "http/h2/h2.h"
#include "net/stream.h"

static const struct pace_limits usual = {.rate = 250, .after_ms = 30000, .still_ms = 60000, .held_ms = 600000};
static const struct pace_limits unrated = {.rate = 0, .after_ms = 30000, .still_ms = 60000, .held_ms = 600000};
static const struct pace_limits patient = {.rate = 250, .after_ms = 30000, .still_ms = 60000, .held_ms = 0};

/* Each second `per_second` bytes are taken, in the first `busy_s` seconds `busy` bytes per second; the window is closed from
 * `closes_s` on (0: never) but for each `opens_each`th second. */
static const struct {
    const char *name;
    const struct pace_limits *limits;
    unsigned busy_s, busy, per_second, closes_s, opens_each;
    enum pace_verdict want;
    unsigned at_s; /* when; 0: not within two hours */
} cases[] = {
    {"reads well", &usual, 0, 0, 100000, 0, 0, PACE_FINE, 0},
    {"just fast enough", &usual, 0, 0, 250, 0, 0, PACE_FINE, 0},
    {"just too slow", &usual, 0, 0, 249, 0, 0, PACE_SLOW, 30},
    {"nobody there", &usual, 0, 0, 0, 0, 0, PACE_SLOW, 30},
    {"nobody there, no rate", &unrated, 0, 0, 0, 0, 0, PACE_STILL, 60},
    {"a byte now and then, no rate", &unrated, 0, 0, 1, 0, 0, PACE_FINE, 0},
    {"was fast, then drips", &usual, 100, 1000000, 10, 0, 0, PACE_SLOW, 150},
    {"paused", &usual, 0, 0, 0, 1, 0, PACE_HELD, 600},
    {"played, then paused", &usual, 100, 1000000, 0, 101, 0, PACE_HELD, 720},
    {"paused for ever", &patient, 0, 0, 0, 1, 0, PACE_FINE, 0},
    {"drips behind a closed window", &usual, 0, 0, 5, 1, 0, PACE_HELD, 600},
    {"opens its window for a sip", &usual, 0, 0, 5, 1, 10, PACE_SLOW, 300},
    {"reads enough though the window closes", &usual, 0, 0, 300, 1, 10, PACE_FINE, 0},
};

static enum pace_verdict run(size_t i, unsigned *at_s)
{
    struct pace p = {.since_ms = 1000};
    uint64_t taken = 777;
    for (unsigned s = 0; s < 7200; s++) {
        bool closed = cases[i].closes_s && s >= cases[i].closes_s;
        if (cases[i].opens_each && s % cases[i].opens_each == 0)
            closed = false;
        struct stream_taken k = {.bytes = taken, .closed = closed};
        enum pace_verdict v = pace_judge(&p, &k, cases[i].limits, 1000 + s * 1000ull);
        *at_s = s;
        if (v != PACE_FINE)
            return v;
        taken += s < cases[i].busy_s ? cases[i].busy : cases[i].per_second;
    }
    *at_s = 0;
    return PACE_FINE;
}

static void test_table(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        unsigned at_s;
        enum pace_verdict v = run(i, &at_s);
        /* The beginning of a span may lie up to its length before what it measures. */
        if (v != cases[i].want || at_s < cases[i].at_s || at_s > cases[i].at_s + (cases[i].at_s ? 31 : 0))
            fail_msg("%s: %d at %u s", cases[i].name, v, at_s);
    }
}

static void test_behind(void **state)
{
    struct pace p = {.since_ms = 1000};
    struct stream_taken k = {.bytes = 100};
    assert_false(pace_is_behind(&p, 3000, 1024, 9000)); /* never asked */
    pace_judge(&p, &k, &usual, 2000);
    assert_false(pace_is_behind(&p, 3000, 1024, 4999));
    assert_true(pace_is_behind(&p, 3000, 1024, 5000));
    k.bytes += 3 * 1024;
    pace_judge(&p, &k, &usual, 5000);
    assert_false(pace_is_behind(&p, 3000, 1024, 5000));
    assert_true(pace_is_behind(&p, 3000, 1024, 6000));
    p = (struct pace){.since_ms = 0};
    assert_false(pace_is_behind(&p, 3000, 1024, 90000));
}

/* A stream's window that opens by drips is as good as shut. */
static void test_h2_stream(void **state)
{
    static const struct {
        const char *name;
        uint32_t rate, per_second;
        uint64_t want_ms; /* after ten seconds */
        bool behind;      /* 3 s, 1024 bytes a second */
    } rows[] = {
        {"shut", 250, 0, 10000, true},        {"drips", 250, 249, 10000, true},   {"enough", 250, 250, 0, false},
        {"shut, no rate", 0, 0, 10000, true}, {"drips, no rate", 0, 1, 0, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct h2_stream s = {.out = {.bytes = 100}};
        uint64_t behind_ms = pace_of_h2(&s, rows[i].rate, 5000);
        if (behind_ms != 0 || pace_h2_is_behind(&s, 3000, 1024, 6000))
            fail_msg("%s: at once", rows[i].name);
        for (unsigned t = 1; t <= 10; t++) {
            s.bytes_sent += rows[i].per_second;
            behind_ms = pace_of_h2(&s, rows[i].rate, 5000 + t * 1000ull);
        }
        if (behind_ms != rows[i].want_ms || pace_h2_is_behind(&s, 3000, 1024, 15000) != rows[i].behind)
            fail_msg("%s: %d ms", rows[i].name, (int)behind_ms);
        s.out.bytes = 0;
        if (pace_h2_is_behind(&s, 3000, 1024, 15000) || pace_of_h2(&s, rows[i].rate, 15000) != 0)
            fail_msg("%s: nothing waits", rows[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_behind),
        cmocka_unit_test(test_h2_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

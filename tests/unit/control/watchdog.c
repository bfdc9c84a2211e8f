#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "control/watchdog.h"

/* Each case: how many turns the thread makes between two looks, in order; then the last number for ever. */
static const struct {
    const char *name;
    unsigned turns[16];
    size_t n;
    unsigned alarm; /* at which look; 0: never */
} cases[] = {
    {"one that turns is left alone", {2}, 1, 0},
    {"one turn between two looks is enough", {1}, 1, 0},
    {"one that never turned", {0}, 1, 10},
    {"one that stops", {5, 5, 5, 0}, 4, 13},
    {"a long turn is none", {3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 11, 0},
    {"a turn at the last moment starts the count anew", {3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0}, 12, 21},
};

static void alarms(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct watchdog d = {0};
        uint64_t turns = 0;
        unsigned alarm = 0;
        for (unsigned look = 1; look <= 100 && alarm == 0; look++) {
            turns += cases[i].turns[look <= cases[i].n ? look - 1 : cases[i].n - 1];
            alarm = watchdog_look(&d, turns) ? look : 0;
        }
        if (alarm != cases[i].alarm) {
            fail_msg("%s: alarm at look %u", cases[i].name, alarm);
        }
    }
}

/* The counter may pass its end without a false alarm. */
static void the_count_may_wrap(void **state)
{
    (void)state;
    struct watchdog d = {0};
    uint64_t turns = UINT64_MAX - 20;
    for (unsigned look = 0; look < 100; look++) {
        assert_false(watchdog_look(&d, turns++));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(alarms), cmocka_unit_test(the_count_may_wrap)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "control/backoff.h"

#define STEPS 8

static const struct {
    const char *name;
    struct {
        uint32_t lives_ms, want_ms;
    } steps[STEPS];
    size_t n;
} cases[] = {
    {"the first death restarts at once", {{5, 0}}, 1},
    {"a crash loop waits longer, up to a second",
     {{5, 0}, {5, 100}, {5, 200}, {5, 400}, {5, 800}, {5, 1000}, {5, 1000}, {5, 1000}},
     8},
    {"a life of ten seconds is none", {{5, 0}, {5, 100}, {10000, 0}, {5, 100}}, 4},
    {"just below ten seconds still is", {{5, 0}, {9999, 100}, {9999, 200}}, 3},
};

static void restarts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct backoff b = {0};
        uint64_t now = 1000000;
        for (size_t k = 0; k < cases[i].n; k++) {
            backoff_started(&b, now);
            now += cases[i].steps[k].lives_ms;
            uint32_t got = backoff_died(&b, now);
            if (got != cases[i].steps[k].want_ms) {
                fail_msg("%s: step %zu waits %u", cases[i].name, k, got);
            }
            now += got;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(restarts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

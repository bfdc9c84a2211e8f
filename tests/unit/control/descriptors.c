#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "config/snapshot.h"
#include "control/descriptors.h"

static const struct {
    const char *name;
    struct descriptors d;
    uint32_t wanted;                  /* limits.connections */
    uint32_t connections, idle, more; /* what it comes to */
} cases[] = {
    {"plenty", {524288, 2, 4, 0}, 10000, 10000, 32765, 186594},
    {"64", {64, 1, 1, 0}, 10000, 11, 4, 4},
    {"64, two threads", {64, 2, 2, 0}, 10000, 9, 1, 3},
    {"the usual soft limit", {1024, 1, 2, 0}, 10000, 311, 124, 63},
    {"a small wish leaves more", {1024, 1, 2, 0}, 100, 100, 124, 274},
    {"an old hard limit", {4096, 2, 2, 0}, 10000, 1269, 253, 255},
    {"they ask GitHub too", {1024, 1, 2, 64}, 10000, 291, 116, 59},
    {"hardly any", {21, 1, 1, 0}, 10000, 1, 1, 1},
    {"none at all", {0, 8, 8, 0}, 10000, 1, 1, 1},
    {"no limit", {UINT64_MAX, 1, 1, 0}, 1000000, 1000000, UINT32_MAX, UINT32_MAX},
};

static void shares(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct limits_config l = {.connections = cases[i].wanted, .origin_idle = UINT32_MAX, .places_more = UINT32_MAX};
        (void)descriptors_fit(&cases[i].d, &l);
        if (l.connections != cases[i].connections || l.origin_idle != cases[i].idle || l.places_more != cases[i].more) {
            fail_msg("%s: %u connections, %u idle, %u more", cases[i].name, l.connections, l.origin_idle,
                     l.places_more);
        }
    }
}

/* The limit that is named is enough, and one less is not. */
static void what_is_needed(void **state)
{
    (void)state;
    static const uint32_t wishes[] = {1, 2, 3, 7, 100, 10000, 1000000};
    for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
        struct descriptors d = {.limit = 0, .threads = 3, .sockets = 6};
        struct limits_config l = {.connections = wishes[i], .origin_idle = UINT32_MAX};
        d.limit = descriptors_fit(&d, &l);
        l.connections = wishes[i];
        (void)descriptors_fit(&d, &l);
        assert_int_equal(l.connections, wishes[i]);
        d.limit--;
        (void)descriptors_fit(&d, &l);
        assert_true(l.connections < wishes[i] || wishes[i] == 1);
    }
}

/* All pairs, all idle ones, all further places and what is always open are within the limit. */
static void nothing_is_given_twice(void **state)
{
    (void)state;
    for (uint64_t limit = 64; limit < 5000; limit += 7) {
        for (unsigned threads = 1; threads <= 4; threads++) {
            struct descriptors d = {.limit = limit, .threads = threads, .sockets = threads};
            struct limits_config l = {.connections = 1000000, .origin_idle = UINT32_MAX, .places_more = UINT32_MAX};
            if (limit % 2) {
                l.connections = 20;
            }
            (void)descriptors_fit(&d, &l);
            uint64_t lent = 2ull * l.connections + 2ull * l.places_more, idle = (uint64_t)l.origin_idle * threads;
            assert_true(lent + idle + 10 + 8ull * threads <= limit);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares),
        cmocka_unit_test(what_is_needed),
        cmocka_unit_test(nothing_is_given_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/budget.h"

#include "check.h"

#include "base/arena.h"
#include "base/slab.h"

/* Of 1000 bytes: begins at 700, 850, 950; ends at 600, 750, 880. */
static const struct {
    const char *name;
    enum budget_level from, to;
    size_t held;
} steps[] = {
    {"nothing is held", BUDGET_CALM, BUDGET_CALM, 0},
    {"just below tight", BUDGET_CALM, BUDGET_CALM, 699},
    {"tight begins", BUDGET_CALM, BUDGET_TIGHT, 700},
    {"tight goes on below its beginning", BUDGET_TIGHT, BUDGET_TIGHT, 600},
    {"tight ends", BUDGET_TIGHT, BUDGET_CALM, 599},
    {"short begins", BUDGET_TIGHT, BUDGET_SHORT, 850},
    {"short goes on", BUDGET_SHORT, BUDGET_SHORT, 750},
    {"short ends in tight", BUDGET_SHORT, BUDGET_TIGHT, 749},
    {"full begins", BUDGET_SHORT, BUDGET_FULL, 950},
    {"full goes on", BUDGET_FULL, BUDGET_FULL, 880},
    {"full ends in short", BUDGET_FULL, BUDGET_SHORT, 879},
    {"all at once", BUDGET_CALM, BUDGET_FULL, 5000},
    {"and back", BUDGET_FULL, BUDGET_CALM, 0},
    {"back past one", BUDGET_FULL, BUDGET_TIGHT, 700},
};

static void test_levels(void **state)
{
    for (size_t i = 0; i < COUNT(steps); i++)
        CHECK(steps[i].name, budget_next(steps[i].from, steps[i].held, 1000) == steps[i].to);
    assert_int_equal(budget_end_of(BUDGET_TIGHT, 1000), 600);
    assert_int_equal(budget_end_of(BUDGET_FULL, (size_t)1 << 40), ((size_t)1 << 40) / 1000 * 880 + 776 * 880 / 1000);
    assert_string_equal(budget_level_name(BUDGET_FULL), "full");
}

static void test_steps(void **state)
{
    struct budget b;
    struct meter one = {.budget = &b}, other = {.budget = &b};
    budget_init(&b, 10 * METER_STEP);
    meter_add(&one, METER_STEP);
    assert_int_equal(budget_held(&b), 0); /* not worth telling */
    meter_add(&one, 1);
    assert_int_equal(budget_held(&b), METER_STEP + 1);
    meter_add(&other, 6 * METER_STEP);
    assert_int_equal(budget_held(&b), 7 * METER_STEP + 1);
    assert_int_equal(budget_level(&b), BUDGET_TIGHT);
    meter_sub(&one, METER_STEP);
    assert_int_equal(budget_held(&b), 7 * METER_STEP + 1);
    meter_tell(&one);
    assert_int_equal(budget_held(&b), 6 * METER_STEP + 1);
    meter_sub(&other, 6 * METER_STEP);
    assert_int_equal(budget_held(&b), 1);
    assert_int_equal(budget_level(&b), BUDGET_CALM);
    budget_set_limit(&b, 1);
    assert_int_equal(budget_level(&b), BUDGET_FULL);
    meter_add(NULL, 5);
    meter_sub(NULL, 5);
}

/* Kept blocks are held, too; large blocks of arenas besides. */
static void test_memory_is_counted(void **state)
{
    struct meter m = {.budget = NULL};
    struct slab s;
    struct arena a;
    slab_init(&s, 4096, 2);
    s.meter = &m;
    arena_init(&a, &s);
    assert_non_null(arena_alloc(&a, 100));
    assert_int_equal(m.held, 4096);
    assert_non_null(arena_alloc(&a, 10000));
    assert_true(m.held >= 14096 && m.held < 14200);
    arena_reset(&a);
    assert_int_equal(m.held, s.kept * 4096);
    slab_set_keep(&s, 0);
    assert_int_equal(s.kept, 0);
    assert_int_equal(m.held, 0);
    void *p[3] = {slab_take(&s), slab_take(&s), slab_take(&s)};
    assert_int_equal(m.held, 3 * 4096);
    slab_set_keep(&s, 2);
    for (size_t i = 0; i < COUNT(p); i++)
        slab_give(&s, p[i]);
    assert_int_equal(m.held, s.keep * 4096);
    slab_fini(&s);
    assert_int_equal(m.held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_memory_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

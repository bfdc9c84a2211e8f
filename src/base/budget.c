#include "base/budget.h"

/* Per mille of the limit. */
static const struct {
    unsigned begins, ends;
    const char *name;
} levels[BUDGET_LEVELS] = {
    [BUDGET_CALM] = {0, 0, "calm"},
    [BUDGET_TIGHT] = {700, 600, "tight"},
    [BUDGET_SHORT] = {850, 750, "short"},
    [BUDGET_FULL] = {950, 880, "full"},
};

static size_t share(size_t limit, unsigned per_mille)
{
    return limit / 1000 * per_mille + limit % 1000 * per_mille / 1000;
}

void budget_init(struct budget *b, size_t limit)
{
    atomic_init(&b->held, 0);
    atomic_init(&b->limit, limit);
    atomic_init(&b->level, BUDGET_CALM);
}

size_t budget_held(const struct budget *b)
{
    return atomic_load_explicit(&b->held, memory_order_relaxed);
}

size_t budget_limit(const struct budget *b)
{
    return atomic_load_explicit(&b->limit, memory_order_relaxed);
}

size_t budget_end_of(enum budget_level level, size_t limit)
{
    return share(limit, levels[level].ends);
}

enum budget_level budget_next(enum budget_level level, size_t held, size_t limit)
{
    while (level + 1 < BUDGET_LEVELS && held >= share(limit, levels[level + 1].begins))
        level++;
    while (level > BUDGET_CALM && held < share(limit, levels[level].ends))
        level--;
    return level;
}

const char *budget_level_name(enum budget_level level)
{
    return level < BUDGET_LEVELS ? levels[level].name : "";
}

/* Two threads may judge at once, and the older judgement be stored last: the next one, a quarter of a second later at
 * most, sets it right. */
static void judge(struct budget *b)
{
    enum budget_level before = budget_level(b), after = budget_next(before, budget_held(b), budget_limit(b));

    if (after != before)
        atomic_store_explicit(&b->level, after, memory_order_relaxed);
}

void budget_set_limit(struct budget *b, size_t limit)
{
    atomic_store_explicit(&b->limit, limit, memory_order_relaxed);
    judge(b);
}

void meter_tell(struct meter *m)
{
    if (m->budget) {
        atomic_fetch_add_explicit(&m->budget->held, m->held - m->told, memory_order_relaxed);
        judge(m->budget);
    }
    m->told = m->held;
}

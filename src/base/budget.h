/* How much memory the connections of all threads hold, against a bound, as a level that everybody may ask for the price
 * of a load. Each thread counts what it holds in a meter of its own and tells the budget only when that moved by a step:
 * the hot path shares no counter. The bound is no wall: nothing is refused here; who asks does less, or lets something go. */
#ifndef TG_BASE_BUDGET_H
#define TG_BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define METER_STEP (256u * 1024)

enum budget_level {
    BUDGET_CALM = 0,
    BUDGET_TIGHT, /* hold less, and let go of what nobody would miss */
    BUDGET_SHORT, /* no new work for strangers */
    BUDGET_FULL,  /* no new work for anybody */
    BUDGET_LEVELS
};

/* thread: any */
struct budget {
    atomic_size_t held; /* written by whoever tells … */
    char apart[64];
    atomic_size_t limit; /* … and these are read all the time: not on one cache line */
    atomic_uint level;
};

/* thread: the one that counts */
struct meter {
    struct budget *budget; /* borrows; NULL: counts, and tells nobody */
    size_t held, told;
};

void budget_init(struct budget *b, size_t limit);
void budget_set_limit(struct budget *b, size_t limit);
size_t budget_held(const struct budget *b);
size_t budget_limit(const struct budget *b);
/* What follows `level` when `held` of `limit` bytes are held. A level begins higher than it ends, so that it does not flap. */
enum budget_level budget_next(enum budget_level level, size_t held, size_t limit);
/* Where a level ends: held less than this. */
size_t budget_end_of(enum budget_level level, size_t limit);
const char *budget_level_name(enum budget_level level);

static inline enum budget_level budget_level(const struct budget *b)
{
    return (enum budget_level)atomic_load_explicit(&b->level, memory_order_relaxed);
}

/* Tells now, however little it is. */
void meter_tell(struct meter *m);

static inline void meter_check(struct meter *m)
{
    if (m->held - m->told + METER_STEP > 2 * METER_STEP) /* unsigned: also when it fell */
        meter_tell(m);
}

static inline void meter_add(struct meter *m, size_t n)
{
    if (!m)
        return;
    m->held += n;
    meter_check(m);
}

static inline void meter_sub(struct meter *m, size_t n)
{
    if (!m)
        return;
    m->held -= n;
    meter_check(m);
}

#endif

/* Memory that ends at each allocation in turn. cmocka's headers come before this one. */
#ifndef TG_TESTS_BASE_NEED_H
#define TG_TESTS_BASE_NEED_H

#include <stdbool.h>

#include "alloc.h"
#include "base/count.h"

/* One time around: after how many allocations memory ends, and whether it did. */
struct need {
    void (*end)(long allowed);
    long allowed;
    bool ended;
};

/* Writes over what earlier calls left on the stack, so that it stands in for nothing that could not be made. */
static __attribute__((noinline, unused)) void need_scribble(void)
{
    volatile unsigned char room[65536];
    for (size_t i = 0; i < sizeof(room); i++)
        room[i] = 0xa5;
}

static inline void need_begin(struct need *n)
{
    need_scribble();
    n->end(n->allowed);
}

static inline void need_end(struct need *n)
{
    n->ended = n->ended || alloc_refused() > 0;
    alloc_fail_never();
}

/* Lets one allocation after another fail, alone and with all after it. run() puts need_begin() and need_end() around what is
 * tried, and says whether it got what it asked for. */
static inline void need_sweep(const char *name, bool (*run)(struct need *n))
{
    static void (*const kinds[])(long allowed) = {alloc_fail_one, alloc_fail_after};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct need n = {.end = kinds[i], .ended = true};
        bool whole = false;
        for (; n.ended; n.allowed++) {
            n.ended = false;
            whole = run(&n);
            if (n.allowed > 500)
                fail_msg("%s: memory ends again and again", name);
        }
        if (!whole)
            fail_msg("%s: not done, though there was memory", name);
    }
}

#endif

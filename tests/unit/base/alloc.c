#include "alloc.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static atomic_long left = LONG_MAX;
static atomic_long made;
static atomic_long few; /* so many fail after `left`, 0: all of them */
static atomic_long refused;

void alloc_fail_after(long allowed)
{
    atomic_store(&few, 0);
    atomic_store(&left, allowed);
    atomic_store(&made, 0);
    atomic_store(&refused, 0);
}

void alloc_fail_few(long allowed, long count)
{
    alloc_fail_after(allowed);
    atomic_store(&few, count);
}

void alloc_fail_one(long allowed)
{
    alloc_fail_few(allowed, 1);
}

void alloc_fail_never(void)
{
    alloc_fail_after(LONG_MAX);
}

long alloc_count(void)
{
    return atomic_load(&made);
}

long alloc_refused(void)
{
    return atomic_load(&refused);
}

bool alloc_may(void)
{
    if (atomic_load(&left) <= 0) {
        atomic_fetch_add(&refused, 1);
        if (atomic_load(&few) > 0 && atomic_fetch_sub(&few, 1) == 1)
            atomic_store(&left, LONG_MAX);
        return false;
    }
    atomic_fetch_sub(&left, 1);
    atomic_fetch_add(&made, 1);
    return true;
}

void *__wrap_malloc(size_t n)
{
    return alloc_may() ? __real_malloc(n) : NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
    return alloc_may() ? __real_calloc(n, size) : NULL;
}

void *__wrap_realloc(void *p, size_t n)
{
    return alloc_may() ? __real_realloc(p, n) : NULL;
}

/* malloc, calloc and realloc of the code under test fail on demand (the linker wraps them, see meson.build). */
#ifndef TG_TESTS_BASE_ALLOC_H
#define TG_TESTS_BASE_ALLOC_H

#include <stdbool.h>

/* `allowed` more allocations succeed, all after them fail. */
void alloc_fail_after(long allowed);
/* `allowed` more succeed, the next `count` fail, then all succeed again. */
void alloc_fail_few(long allowed, long count);
/* As that, for one. */
void alloc_fail_one(long allowed);
void alloc_fail_never(void);
/* Allocations made since the last call of one of the above. */
long alloc_count(void);
/* Those that failed since then. */
long alloc_refused(void);
/* Counts as one allocation: for other calls that are to fail in the same way. */
bool alloc_may(void);

#endif

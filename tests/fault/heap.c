/* malloc and its kin: counted, and failing on demand. The next ones in line are the C library's, or a sanitizer's. */
#include "fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

void *malloc(size_t n);
void free(void *p);
void *calloc(size_t count, size_t size);
void *realloc(void *p, size_t n);
int posix_memalign(void **out, size_t alignment, size_t n);
void *aligned_alloc(size_t alignment, size_t n);

/* dlsym() itself allocates before we know whom to ask. */
static _Alignas(16) char early[1 << 16];
static size_t early_used;

static void *early_alloc(size_t n)
{
    n = (n + 31) & ~(size_t)15;
    if (n > sizeof(early) - early_used)
        return NULL;
    char *p = early + early_used + 16;
    memcpy(early + early_used, &n, sizeof(n));
    early_used += n;
    return p;
}

static bool is_early(const void *p)
{
    return (const char *)p >= early && (const char *)p < early + sizeof(early);
}

static struct {
    void *(*malloc)(size_t);
    void (*free)(void *);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*aligned_alloc)(size_t, size_t);
} next;

static void *find(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

/* Before there are threads: the first allocation of a process is the loader's. */
static bool ready(void)
{
    static enum { NOT_YET, UNDER_WAY, DONE } state;
    if (state == NOT_YET) {
        state = UNDER_WAY;
        *(void **)&next.malloc = find("malloc");
        *(void **)&next.free = find("free");
        *(void **)&next.calloc = find("calloc");
        *(void **)&next.realloc = find("realloc");
        *(void **)&next.posix_memalign = find("posix_memalign");
        *(void **)&next.aligned_alloc = find("aligned_alloc");
        state = DONE;
    }
    return state == DONE;
}

static void *count(void *p)
{
    if (p != NULL && fault_role() == FAULT_WORKER)
        atomic_fetch_add_explicit(&fault_page()->live, 1, memory_order_relaxed);
    return p;
}

void *malloc(size_t n)
{
    if (!ready())
        return early_alloc(n);
    return fault_hits(FAULT_ALLOC) ? NULL : count(next.malloc(n));
}

void *calloc(size_t n, size_t size)
{
    if (!ready())
        return early_alloc(n * size);
    return fault_hits(FAULT_ALLOC) ? NULL : count(next.calloc(n, size));
}

static void *realloc_early(void *p, size_t n)
{
    size_t had;
    memcpy(&had, (char *)p - 16, sizeof(had));
    void *fresh = malloc(n);
    if (fresh != NULL)
        memcpy(fresh, p, had - 16 < n ? had - 16 : n);
    return fresh;
}

void *realloc(void *p, size_t n)
{
    if (p == NULL)
        return malloc(n);
    if (is_early(p))
        return realloc_early(p, n);
    return n > 0 && fault_hits(FAULT_ALLOC) ? NULL : next.realloc(p, n);
}

void free(void *p)
{
    if (p == NULL || is_early(p))
        return;
    if (fault_role() == FAULT_WORKER)
        atomic_fetch_sub_explicit(&fault_page()->live, 1, memory_order_relaxed);
    if (ready())
        next.free(p);
}

int posix_memalign(void **out, size_t alignment, size_t n)
{
    if (!ready() || fault_hits(FAULT_ALLOC))
        return ENOMEM;
    int r = next.posix_memalign(out, alignment, n);
    if (r == 0)
        count(*out);
    return r;
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return !ready() || fault_hits(FAULT_ALLOC) ? NULL : count(next.aligned_alloc(alignment, n));
}

/* Any bytes as a Cookie field: after the gate's cookie was taken out it is not found, and the rest is as it was. */
#include <stdlib.h>

#include "http/cookie.h"

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

static size_t find(struct arena *a, struct span value, struct span name)
{
    struct headers h;
    struct span values[2];
    MUST(headers_init(&h, a, 2) && headers_add(&h, a, SPAN("Cookie"), value));
    return cookie_find(&h, name, values, 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slab blocks;
    struct arena arena;
    uint8_t *in = malloc(size + 1);
    MUST(in);
    memcpy(in, data, size);
    slab_init(&blocks, 4096, 2);
    arena_init(&arena, &blocks);
    struct span value = span_make(in, size), name = SPAN("g");
    size_t found = find(&arena, value, name);
    size_t others = find(&arena, value, SPAN("other"));
    struct span stripped = cookie_strip(&arena, value, name);
    MUST(stripped.p && stripped.n <= value.n);
    MUST(find(&arena, stripped, name) == 0 && find(&arena, stripped, SPAN("other")) == others);
    MUST((found == 0) == (stripped.p == value.p && stripped.n == value.n));
    MUST(set_cookie_name(value).n <= value.n);
    arena_fini(&arena);
    slab_fini(&blocks);
    free(in);
    return 0;
}

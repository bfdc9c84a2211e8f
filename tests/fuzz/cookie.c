/* Any bytes as a Cookie field: after the gate's cookie was taken out it is not found, and the rest is as it was. */
#include "http/cookie.h"
#include "must.h"

#define VALUES 4

static size_t find(struct arena *a, struct span value, struct span name, struct span values[VALUES])
{
    struct headers h;
    MUST(headers_init(&h, a, 2) && headers_add(&h, a, SPAN("Cookie"), value));
    return cookie_find(&h, name, values, VALUES);
}

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
    struct span mine[VALUES], before[VALUES], after[VALUES];
    size_t found = find(&arena, value, name, mine);
    size_t others = find(&arena, value, SPAN("other"), before);
    struct span stripped = cookie_strip(&arena, value, name);
    MUST(stripped.p && stripped.n <= value.n);
    MUST(find(&arena, stripped, name, mine) == 0 && find(&arena, stripped, SPAN("other"), after) == others);
    for (size_t i = 0; i < others && i < VALUES; i++)
        MUST(span_eq(before[i], after[i]));
    struct span again = cookie_strip(&arena, stripped, name);
    MUST(again.p == stripped.p && again.n == stripped.n);
    MUST((found == 0) == (stripped.p == value.p && stripped.n == value.n));
    MUST(set_cookie_name(value).n <= value.n);
    arena_fini(&arena);
    slab_fini(&blocks);
    free(in);
    return 0;
}

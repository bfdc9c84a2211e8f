#include "cli/rules.h"

struct snapshot *rules_compile(const char *const *paths, size_t count, enum load_mode mode, struct diags *d)
{
    struct load_request q = {.paths = paths, .path_count = count, .mode = mode};
    struct bundle *b = config_load(&q, d);
    struct snapshot *s = b ? config_compile(b, d) : NULL;
    bundle_free(b);
    if (!s && diags_ok(d))
        diags_addf(d, DIAG_ERROR, NULL, 0, NULL, "out of memory");
    if (!s || diags_ok(d))
        return s;
    snapshot_unref(s);
    return NULL;
}

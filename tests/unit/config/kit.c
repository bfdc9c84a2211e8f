#include "kit.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct bundle *kit_bundle(const struct kit_blob *blobs)
{
    static const uint8_t key[32] = "an example key of 32 bytes, okay";
    struct bundle *b = bundle_new();

    assert_non_null(b);
    assert_true(res_ok(bundle_add(b, BLOB_STATE, SPAN("session.key"), span_make(key, sizeof(key)))));
    for (; blobs->name; blobs++)
        assert_true(res_ok(bundle_add(b, blobs->kind, span_of(blobs->name), span_of(blobs->text))));
    return b;
}

struct snapshot *kit_compile(const char *rules, struct diags *d)
{
    const struct kit_blob blobs[] = {
        {BLOB_RULES, "rules/test.json", rules}, {BLOB_OPTION, "mode", "check"}, {0, NULL, NULL}};
    struct bundle *b = kit_bundle(blobs);
    struct snapshot *s = config_compile(b, d);

    bundle_free(b);
    return s;
}

char *kit_messages(const struct diags *d)
{
    struct text t;

    text_init(&t);
    text_addf(&t, "\n");
    diags_print(d, false, &t);
    assert_false(t.failed);
    return t.p;
}

const struct diag *kit_find(const struct diags *d, enum diag_level level, unsigned line, const char *path,
                            const char *part)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct diag *e = &d->v[i];

        if (e->level == level && (!line || e->line == line) && (!path || (e->path && strcmp(e->path, path) == 0)) &&
            strstr(e->message, part))
            return e;
    }
    return NULL;
}

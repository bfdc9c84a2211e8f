/* Any bytes as a bundle: what is taken is a list of blobs that lie within it, and comes out again as it went in. */
#include "config/bundle_format.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bundle *b;

    if (!res_ok(bundle_parse(span_make(data, size), &b)))
        return 0;
    size_t total = 4;

    for (size_t i = 0; i < bundle_count(b); i++) {
        enum blob_kind kind;
        struct span name, bytes, found;

        bundle_at(b, i, &kind, &name, &bytes);
        MUST(kind >= BLOB_RULES && kind <= BLOB_OPTION);
        MUST(bundle_find(b, kind, name, &found));
        total += 12 + name.n + bytes.n;
    }
    MUST(total == size && span_eq(bundle_bytes(b), span_make(data, size)));
    bundle_free(b);
    return 0;
}

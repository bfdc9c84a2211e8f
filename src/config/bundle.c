#include "config/bundle.h"

#include "config/bundle_format.h"

#include "base/crypto/mac.h"

#include <stdlib.h>

/* One buffer: "TGB1", then per blob kind, length of the name, length of the bytes (u32 in host order: it never leaves
 * the machine), name, bytes. */
struct bundle {
    uint8_t *p; /* owns */
    size_t n, cap;
    size_t count;
};

struct record {
    uint32_t kind, name_n, bytes_n;
};

#define MAGIC SPAN("TGB1")

struct blob {
    enum blob_kind kind;
    struct span name, bytes;
};

/* Bytes taken by the record at the start of s, or 0 when it is not whole. */
static size_t read_blob(struct span s, struct blob *out)
{
    struct record r;

    if (s.n < sizeof(r))
        return 0;
    memcpy(&r, s.p, sizeof(r));
    size_t n = sizeof(r) + (size_t)r.name_n + r.bytes_n;

    if (r.kind < BLOB_RULES || r.kind > BLOB_OPTION || n > s.n)
        return 0;
    *out = (struct blob){(enum blob_kind)r.kind, span_make(s.p + sizeof(r), r.name_n),
                         span_make(s.p + sizeof(r) + r.name_n, r.bytes_n)};
    return n;
}

/* The blob behind position *at; false at the end. The buffer was checked when it came in. */
static bool next_blob(const struct bundle *b, size_t *at, struct blob *out)
{
    size_t n = read_blob(span_from(bundle_bytes(b), *at), out);

    *at += n;
    return n > 0;
}

struct bundle *bundle_new(void)
{
    struct bundle *b = NULL;

    if (!res_ok(bundle_parse(MAGIC, &b)))
        return NULL;
    return b;
}

void bundle_free(struct bundle *b)
{
    if (!b)
        return;
    wipe(b->p, b->cap);
    free(b->p);
    free(b);
}

struct span bundle_bytes(const struct bundle *b)
{
    return span_make(b->p, b->n);
}

/* Not realloc: it would leave secrets behind in the old place. */
static bool reserve(struct bundle *b, size_t n)
{
    if (n <= b->cap - b->n)
        return true;
    size_t cap = b->cap * 2 > b->n + n ? b->cap * 2 : b->n + n;
    uint8_t *p = calloc(1, cap);

    if (!p)
        return false;
    memcpy(p, b->p, b->n);
    wipe(b->p, b->cap);
    free(b->p);
    b->p = p;
    b->cap = cap;
    return true;
}

static void append(struct bundle *b, struct span s)
{
    if (s.n)
        memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
}

struct res bundle_add(struct bundle *b, enum blob_kind kind, struct span name, struct span bytes)
{
    struct record r = {(uint32_t)kind, (uint32_t)name.n, (uint32_t)bytes.n};
    struct span old;

    if (bundle_find(b, kind, name, &old))
        return res_err("is already in the bundle");
    if (name.n > BUNDLE_MAX || bytes.n > BUNDLE_MAX || b->n + sizeof(r) + name.n + bytes.n > BUNDLE_MAX)
        return res_err("the configuration is larger than 256 MiB");
    if (!reserve(b, sizeof(r) + name.n + bytes.n))
        return res_err("out of memory");
    append(b, span_make(&r, sizeof(r)));
    append(b, name);
    append(b, bytes);
    b->count++;
    return RES_OK;
}

bool bundle_find(const struct bundle *b, enum blob_kind kind, struct span name, struct span *bytes)
{
    size_t at = MAGIC.n;
    struct blob blob;

    while (next_blob(b, &at, &blob))
        if (blob.kind == kind && span_eq(blob.name, name)) {
            *bytes = blob.bytes;
            return true;
        }
    return false;
}

size_t bundle_count(const struct bundle *b)
{
    return b->count;
}

void bundle_at(const struct bundle *b, size_t i, enum blob_kind *kind, struct span *name, struct span *bytes)
{
    size_t at = MAGIC.n;
    struct blob blob = {BLOB_RULES, SPAN_NONE, SPAN_NONE};

    while (next_blob(b, &at, &blob) && i--)
        continue;
    *kind = blob.kind;
    *name = blob.name;
    *bytes = blob.bytes;
}

static struct res check_blobs(struct bundle *b)
{
    struct span rest = span_from(bundle_bytes(b), MAGIC.n);
    struct blob blob;

    while (rest.n) {
        size_t n = read_blob(rest, &blob);

        if (!n)
            return res_err("the bundle is malformed");
        rest = span_from(rest, n);
        b->count++;
    }
    return RES_OK;
}

struct res bundle_parse(struct span bytes, struct bundle **out)
{
    if (!span_has_prefix(bytes, MAGIC) || bytes.n > BUNDLE_MAX)
        return res_err("the bundle is malformed");
    struct bundle *b = calloc(1, sizeof(*b));

    if (!b)
        return res_err("out of memory");
    b->cap = bytes.n;
    b->p = malloc(b->cap);
    if (!b->p) {
        free(b);
        return res_err("out of memory");
    }
    append(b, bytes);
    struct res r = check_blobs(b);

    if (!res_ok(r)) {
        bundle_free(b);
        return r;
    }
    *out = b;
    return RES_OK;
}

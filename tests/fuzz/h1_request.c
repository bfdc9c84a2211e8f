/* Any bytes as a request: found and judged the same whole or byte by byte, and what is accepted reads back the same
 * after it was written anew. */
#include <stdlib.h>

#include "http/h1/h1.h"

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

static const struct h1_limits limits = {32768, 100};

struct memory {
    struct slab blocks, chunks;
    struct arena arena;
};

static enum h1_scan scan_in_steps(struct memory *m, struct span bytes, size_t step, size_t *head_n)
{
    struct chunkq q;
    size_t scanned = 0;
    enum h1_scan result = H1_SCAN_MORE;
    chunkq_init(&q, &m->chunks);
    for (size_t at = 0; at < bytes.n && result == H1_SCAN_MORE; at += step) {
        size_t n = bytes.n - at < step ? bytes.n - at : step;
        MUST(chunkq_append(&q, span_make(bytes.p + at, n)));
        result = h1_scan_head(&q, limits.head_bytes, &scanned, head_n);
    }
    chunkq_clear(&q);
    return result;
}

static void check_fields(const struct headers *h)
{
    for (size_t i = 0; i < h->n; i++) {
        MUST(http_is_token(h->v[i].name));
        for (size_t at = 0; at < h->v[i].value.n; at++) {
            uint8_t c = h->v[i].value.p[at];
            MUST(c == '\t' || (c >= 0x20 && c != 0x7f));
        }
    }
}

static void check_rewritten(struct memory *m, struct http_request *r)
{
    struct chunkq q;
    struct http_request again;
    struct h1_error err;
    struct h1_limits wider = {65536, 110};
    chunkq_init(&q, &m->chunks);
    headers_drop_hop_by_hop(&r->headers);
    MUST(h1_write_request(&q, r, SPAN("origin.test"), NULL, SPAN("keep-alive")));
    uint8_t *p = arena_alloc(&m->arena, q.bytes);
    MUST(p);
    chunkq_copy(&q, q.bytes, p);
    MUST(h1_parse_request(span_make(p, q.bytes), &wider, &m->arena, &again, &err));
    MUST(again.method == r->method && span_eq(again.method_name, r->method_name));
    MUST(span_eq(again.path_query, r->path_query));
    MUST(again.body == r->body && again.content_length == r->content_length);
    MUST(!headers_find(&again.headers, H_UPGRADE) && !headers_find(&again.headers, H_EXPECT));
    chunkq_clear(&q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory m;
    struct http_request r;
    struct h1_error err = {0, NULL};
    size_t head_n = 0, other_n = 0;
    slab_init(&m.blocks, 4096, 2);
    slab_init(&m.chunks, CHUNK_BLOCK, 2);
    arena_init(&m.arena, &m.blocks);
    enum h1_scan scan = scan_in_steps(&m, span_make(data, size), size ? size : 1, &head_n);
    MUST(scan == scan_in_steps(&m, span_make(data, size), 1, &other_n) && head_n == other_n);
    if (scan == H1_SCAN_DONE) {
        struct span head = arena_copy(&m.arena, span_make(data, head_n));
        if (h1_parse_request(head, &limits, &m.arena, &r, &err)) {
            check_fields(&r.headers);
            MUST(r.path_query.n > 0 && (r.path_query.p[0] == '/' || r.path_query.p[0] == '*'));
            check_rewritten(&m, &r);
        } else {
            MUST(err.status >= 400 && err.status != 503 && err.why);
        }
    }
    arena_fini(&m.arena);
    MUST(m.chunks.used == 0 && m.blocks.used == 0);
    slab_fini(&m.blocks);
    slab_fini(&m.chunks);
    return 0;
}

/* Any bytes as a response head (the first byte chooses the request's method): what is accepted reads back the same
 * after it was written anew. */
#include <stdlib.h>

#include "http/h1/h1.h"
#include "http/ws.h"

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

static const struct h1_limits limits = {32768, 100}, wider = {65536, 110};

static void check_rewritten(struct slab *chunks, struct arena *a, struct http_response *r, enum http_method to)
{
    struct chunkq q;
    struct http_response again;
    struct h1_error err;
    chunkq_init(&q, chunks);
    headers_drop_hop_by_hop(&r->headers);
    MUST(h1_write_response(&q, r, NULL, SPAN_NONE));
    uint8_t *p = arena_alloc(a, q.bytes);
    MUST(p);
    chunkq_copy(&q, q.bytes, p);
    MUST(h1_parse_response(span_make(p, q.bytes), &wider, to, a, &again, &err));
    MUST(again.status == r->status && again.body == r->body);
    MUST(again.body != BODY_LENGTH || again.content_length == r->content_length);
    chunkq_clear(&q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slab blocks, chunks;
    struct arena arena;
    struct http_response r;
    struct h1_error err = {0, NULL};
    if (size == 0)
        return 0;
    enum http_method to = data[0] == 'H' ? M_HEAD : M_GET;
    slab_init(&blocks, 4096, 2);
    slab_init(&chunks, CHUNK_BLOCK, 2);
    arena_init(&arena, &blocks);
    struct span head = arena_copy(&arena, span_make(data + 1, size - 1));
    if (h1_parse_response(head, &limits, to, &arena, &r, &err)) {
        MUST(r.status >= 100 && r.status <= 599);
        MUST(r.body != BODY_UNTIL_CLOSE || !r.keep_alive);
        MUST(!ws_response_ok(&r, SPAN("dGhlIHNhbXBsZSBub25jZQ==")) || r.status == 101);
        check_rewritten(&chunks, &arena, &r, to);
    } else {
        MUST(err.status == 502 && err.why);
    }
    arena_fini(&arena);
    MUST(chunks.used == 0 && blocks.used == 0);
    slab_fini(&blocks);
    slab_fini(&chunks);
    return 0;
}

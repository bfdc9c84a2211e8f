/* Any bytes as a chunked body: the same payload, state and rest whole, byte by byte, and in pieces through a narrow
 * outlet (both sizes from the first byte). */
#include "http/h1/h1.h"
#include "must.h"

struct result {
    enum h1_body_state state;
    uint64_t payload;
    size_t rest;
    struct chunkq sink;
};

static void read_body(struct slab *chunks, struct span bytes, size_t step, size_t high, struct result *result)
{
    struct h1_body body;
    struct chunkq in, out;
    size_t at = 0, before;
    *result = (struct result){.state = H1_BODY_MORE};
    chunkq_init(&in, chunks);
    chunkq_init(&out, chunks);
    chunkq_init(&result->sink, chunks);
    h1_body_init(&body, BODY_CHUNKED, 0);
    while (at < bytes.n && body.state == H1_BODY_MORE) {
        size_t n = bytes.n - at < step ? bytes.n - at : step;
        MUST(chunkq_append(&in, span_make(bytes.p + at, n)));
        at += n;
        do {
            before = in.bytes;
            MUST(h1_body_read(&body, &in, &out, high, &result->payload));
            MUST(out.bytes <= high);
            MUST(chunkq_move(&result->sink, &out, out.bytes));
        } while (in.bytes < before && body.state == H1_BODY_MORE);
        MUST(body.state != H1_BODY_MORE || in.bytes == 0);
    }
    result->state = body.state;
    result->rest = in.bytes + (bytes.n - at);
    MUST(result->payload == result->sink.bytes);
    MUST((body.state == H1_BODY_BAD) == (body.why != NULL));
    chunkq_clear(&in);
    chunkq_clear(&out);
}

static void check_same(struct result *a, struct result *b)
{
    MUST(a->state == b->state && a->payload == b->payload && a->rest == b->rest);
    uint8_t *p = malloc(2 * (size_t)a->payload + 1);
    MUST(p);
    chunkq_copy(&a->sink, a->sink.bytes, p);
    chunkq_copy(&b->sink, b->sink.bytes, p + a->payload);
    MUST(memcmp(p, p + a->payload, (size_t)a->payload) == 0);
    free(p);
}

/* Framed anew, in pieces, it is the same payload. */
static void check_framed(struct slab *chunks, struct result *r, size_t piece)
{
    struct chunkq copy, framed;
    struct result again;
    uint8_t *p = malloc((size_t)r->payload + 1), *q;
    MUST(p);
    chunkq_copy(&r->sink, r->sink.bytes, p);
    chunkq_init(&copy, chunks);
    chunkq_init(&framed, chunks);
    MUST(chunkq_append(&copy, span_make(p, (size_t)r->payload)));
    while (copy.bytes)
        MUST(h1_body_write(BODY_CHUNKED, &framed, &copy, copy.bytes < piece ? copy.bytes : piece));
    MUST(h1_body_write_end(BODY_CHUNKED, &framed));
    size_t n = framed.bytes;
    MUST((q = malloc(n)));
    chunkq_copy(&framed, n, q);
    read_body(chunks, span_make(q, n), n, SIZE_MAX, &again);
    MUST(again.state == H1_BODY_END && again.rest == 0);
    again.state = r->state;
    again.rest = r->rest;
    check_same(r, &again);
    chunkq_clear(&again.sink);
    chunkq_clear(&framed);
    free(p);
    free(q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slab chunks;
    struct result whole, bytes, pieces;
    if (size == 0)
        return 0;
    slab_init(&chunks, CHUNK_BLOCK, 4);
    struct span in = span_make(data + 1, size - 1);
    read_body(&chunks, in, size, SIZE_MAX, &whole);
    read_body(&chunks, in, 1, SIZE_MAX, &bytes);
    read_body(&chunks, in, 1 + data[0] % 16, 1 + data[0] / 16, &pieces);
    check_same(&whole, &bytes);
    check_same(&whole, &pieces);
    check_framed(&chunks, &whole, 1 + data[0] * 16u);
    chunkq_clear(&whole.sink);
    chunkq_clear(&bytes.sink);
    chunkq_clear(&pieces.sink);
    MUST(chunks.used == 0);
    slab_fini(&chunks);
    return 0;
}

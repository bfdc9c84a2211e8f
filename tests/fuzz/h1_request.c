/* Any bytes as a request: found and judged the same whole or byte by byte, and what is accepted reads back the same
 * after it was written anew, and is written the same again. */
#include "h1.h"

static const struct h1_limits limits = {32768, 100}, wider = {65536, 110};

static struct span rewrite(struct memory *m, struct http_request *r)
{
    struct chunkq q;
    chunkq_init(&q, &m->chunks);
    headers_drop_hop_by_hop(&r->headers);
    MUST(h1_write_request(&q, r, SPAN("origin.test"), NULL, SPAN("keep-alive")));
    return take_bytes(m, &q);
}

static void check_rewritten(struct memory *m, struct http_request *r)
{
    struct http_request again;
    struct h1_error err;
    struct span first = rewrite(m, r);
    MUST(h1_parse_request(first, &wider, &m->arena, &again, &err));
    MUST(again.method == r->method && span_eq(again.method_name, r->method_name));
    MUST(span_eq(again.path_query, r->path_query) && span_eq(again.target, r->path_query));
    MUST(again.body == r->body && again.content_length == r->content_length);
    MUST(span_eq(again.authority, SPAN("origin.test")) && headers_count(&again.headers, H_HOST) == 1);
    MUST(!headers_find(&again.headers, H_UPGRADE) && !headers_find(&again.headers, H_EXPECT) && !again.websocket);
    MUST(span_eq(rewrite(m, &again), first));
}

static void check_head(struct memory *m, struct span bytes)
{
    struct http_request r;
    struct h1_error err = {0, NULL};
    struct span head = arena_copy(&m->arena, bytes);
    if (!h1_parse_request(head, &limits, &m->arena, &r, &err)) {
        MUST(err.status >= 400 && err.status != 503 && err.why);
        return;
    }
    check_fields(&r.headers);
    MUST(r.path_query.n > 0 && (r.path_query.p[0] == '/' || r.path_query.p[0] == '*'));
    MUST(r.body != BODY_UNTIL_CLOSE && (r.body != BODY_CHUNKED || r.version == HTTP_1_1));
    /* Two lengths, or a length and chunks, are never one body. */
    MUST(r.body != BODY_CHUNKED || headers_count(&r.headers, H_CONTENT_LENGTH) == 0);
    check_rewritten(m, &r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory m;
    size_t head_n;
    memory_init(&m);
    if (check_scan(&m, span_make(data, size), limits.head_bytes, &head_n) == H1_SCAN_DONE)
        check_head(&m, span_make(data, head_n));
    memory_fini(&m);
    return 0;
}

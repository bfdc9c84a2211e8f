/* Any bytes as a response head (the first byte chooses the request's method): what is accepted reads back the same
 * after it was written anew, and is written the same again. */
#include "h1.h"
#include "http/ws.h"

static const struct h1_limits limits = {32768, 100}, wider = {65536, 110};

static struct span rewrite(struct memory *m, struct http_response *r)
{
    struct chunkq q;
    chunkq_init(&q, &m->chunks);
    headers_drop_hop_by_hop(&r->headers);
    MUST(h1_write_response(&q, r, NULL, SPAN_NONE));
    return take_bytes(m, &q);
}

static void check_rewritten(struct memory *m, struct http_response *r, enum http_method to)
{
    struct http_response again;
    struct h1_error err;
    struct span first = rewrite(m, r);
    MUST(h1_parse_response(first, &wider, to, &m->arena, &again, &err));
    MUST(again.status == r->status && again.body == r->body);
    MUST(again.body != BODY_LENGTH || again.content_length == r->content_length);
    MUST(span_eq(rewrite(m, &again), first));
}

/* How its end is told (RFC 9112 §6.3), from status and method alone where they decide. */
static void check_body(const struct http_response *r, enum http_method to)
{
    bool never = to == M_HEAD || r->status < 200 || r->status == 204 || r->status == 304;
    MUST(!never || r->body == BODY_NONE);
    MUST(r->body != BODY_UNTIL_CLOSE || !r->keep_alive);
    MUST(r->body != BODY_CHUNKED || (r->version == HTTP_1_1 && headers_count(&r->headers, H_CONTENT_LENGTH) == 0));
}

static void check_head(struct memory *m, struct span bytes, enum http_method to)
{
    struct http_response r;
    struct h1_error err = {0, NULL};
    struct span head = arena_copy(&m->arena, bytes);
    if (!h1_parse_response(head, &limits, to, &m->arena, &r, &err)) {
        MUST(err.status == 502 && err.why);
        return;
    }
    MUST(r.status >= 100 && r.status <= 599);
    check_fields(&r.headers);
    check_body(&r, to);
    MUST(!ws_response_ok(&r, SPAN("dGhlIHNhbXBsZSBub25jZQ==")) || r.status == 101);
    check_rewritten(m, &r, to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory m;
    size_t head_n;
    if (size == 0)
        return 0;
    memory_init(&m);
    struct span bytes = span_make(data + 1, size - 1);
    enum http_method to = data[0] == 'H' ? M_HEAD : M_GET;
    if (check_scan(&m, bytes, limits.head_bytes, &head_n) == H1_SCAN_DONE)
        check_head(&m, span_make(bytes.p, head_n), to);
    memory_fini(&m);
    return 0;
}

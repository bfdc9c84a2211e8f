#include "http/h1/fields.h"

#include <stdio.h>

#include "http/bytes.h"

/* One head being written: into one reservation as long as it fits, which it nearly always does. */
struct head_writer {
    struct chunkq *q;
    uint8_t *at;
    size_t room, used;
    bool failed;
};

static void begin(struct head_writer *w, struct chunkq *q, size_t size)
{
    *w = (struct head_writer){.q = q};
    w->at = chunkq_reserve(q, size < CHUNK_SIZE ? size : CHUNK_SIZE, &w->room);
    w->failed = w->at == NULL;
}

static bool finish(struct head_writer *w)
{
    if (w->at)
        chunkq_commit(w->q, w->used);
    return !w->failed;
}

/* A head larger than a chunk: the rest is appended piece by piece. */
static void put_slowly(struct head_writer *w, struct span s)
{
    if (w->at)
        chunkq_commit(w->q, w->used);
    w->at = NULL;
    w->room = w->used = 0;
    w->failed = w->failed || !chunkq_append(w->q, s);
}

static inline void put(struct head_writer *w, struct span s)
{
    if (s.n > w->room - w->used) {
        put_slowly(w, s);
        return;
    }
    if (s.n > 0)
        memcpy(w->at + w->used, s.p, s.n);
    w->used += s.n;
}

static void put_field(struct head_writer *w, struct span name, struct span value)
{
    put(w, name);
    put(w, SPAN(": "));
    put(w, value);
    put(w, SPAN("\r\n"));
}

static void put_number(struct head_writer *w, uint64_t value)
{
    char digits[SPAN_DECIMAL_MAX];
    put(w, span_decimal(value, digits));
}

static bool is_copied(const struct header *f, uint64_t skip)
{
    return f->drop == 0 && !(skip & FIELD_BIT(f->id));
}

static size_t fields_size(const struct headers *h)
{
    size_t size = 0;
    for (size_t i = 0; h && i < h->n; i++)
        size += h->v[i].name.n + h->v[i].value.n + 4;
    return size;
}

static void put_fields(struct head_writer *w, const struct headers *h, uint64_t skip)
{
    for (size_t i = 0; h && i < h->n; i++)
        if (is_copied(&h->v[i], skip))
            put_field(w, h->v[i].name, h->v[i].value);
}

static void put_framing(struct head_writer *w, enum body_kind body, uint64_t content_length)
{
    if (body == BODY_CHUNKED) {
        put(w, SPAN("Transfer-Encoding: chunked\r\n"));
    } else if (body == BODY_LENGTH) {
        put(w, SPAN("Content-Length: "));
        put_number(w, content_length);
        put(w, SPAN("\r\n"));
    }
}

/* Connection, and the Upgrade that belongs to it: no other protocol than WebSocket ever passes. */
static void put_connection(struct head_writer *w, struct span connection)
{
    if (!connection.p)
        return;
    put_field(w, SPAN("Connection"), connection);
    if (span_eq(connection, SPAN("upgrade")))
        put(w, SPAN("Upgrade: websocket\r\n"));
}

/* Room for the start line's fixed parts, framing and Connection. */
#define HEAD_FIXED 256

bool h1_write_request(struct chunkq *q, const struct http_request *r, struct span host, const struct headers *extra,
                      struct span connection)
{
    struct head_writer w;
    if (!fields_are_writable(extra) || !field_is_one_line(host))
        return false;
    begin(&w, q,
          HEAD_FIXED + r->method_name.n + r->path_query.n + host.n + fields_size(&r->headers) + fields_size(extra));
    put(&w, r->method_name);
    put(&w, SPAN(" "));
    put(&w, r->path_query);
    put(&w, SPAN(" HTTP/1.1\r\n"));
    put_field(&w, SPAN("Host"), host);
    put_fields(&w, &r->headers, field_not_copied | FIELD_BIT(H_HOST));
    put_framing(&w, r->body, r->content_length);
    put_connection(&w, connection);
    put_fields(&w, extra, field_not_copied | FIELD_BIT(H_HOST));
    put(&w, SPAN("\r\n"));
    return finish(&w);
}

static void put_status_line(struct head_writer *w, unsigned status)
{
    put(w, SPAN("HTTP/1.1 "));
    put_number(w, status);
    put(w, SPAN(" "));
    put(w, span_of(http_reason(status)));
    put(w, SPAN("\r\n"));
}

static void put_informative_length(struct head_writer *w, const struct http_response *r)
{
    const struct header *f = field_informative_length(r);
    if (f)
        put_field(w, f->name, f->value);
}

bool h1_write_response(struct chunkq *q, const struct http_response *r, const struct headers *extra,
                       struct span connection)
{
    struct head_writer w;
    if (!fields_are_writable(extra))
        return false;
    begin(&w, q, HEAD_FIXED + fields_size(&r->headers) + fields_size(extra));
    put_status_line(&w, r->status);
    put_fields(&w, &r->headers, field_not_copied);
    put_framing(&w, r->body, r->content_length);
    put_informative_length(&w, r);
    put_connection(&w, connection);
    put_fields(&w, extra, field_not_copied);
    put(&w, SPAN("\r\n"));
    return finish(&w);
}

bool h1_write_interim(struct chunkq *q, unsigned status, const struct headers *fields)
{
    struct head_writer w;
    if (!fields_are_writable(fields))
        return false;
    begin(&w, q, HEAD_FIXED + fields_size(fields));
    put_status_line(&w, status);
    put_fields(&w, fields, field_not_copied);
    put(&w, SPAN("\r\n"));
    return finish(&w);
}

#define CHUNK_HEAD_MAX 18 /* 16 hex digits and CRLF */
#define COPY_MAX 8192     /* below this, one contiguous write is cheaper than handing chunks over */

static size_t format_chunk_head(size_t n, char out[CHUNK_HEAD_MAX + 1])
{
    return (size_t)snprintf(out, CHUNK_HEAD_MAX + 1, "%zx\r\n", n);
}

static bool write_chunk_copied(struct chunkq *dst, struct chunkq *src, size_t n, struct span chunk_head)
{
    size_t room;
    uint8_t *at = chunkq_reserve(dst, chunk_head.n + n + 2, &room);
    if (!at)
        return false;
    memcpy(at, chunk_head.p, chunk_head.n);
    chunkq_copy(src, n, at + chunk_head.n);
    memcpy(at + chunk_head.n + n, "\r\n", 2);
    chunkq_commit(dst, chunk_head.n + n + 2);
    chunkq_drop(src, n);
    return true;
}

bool h1_body_write(enum body_kind kind, struct chunkq *dst, struct chunkq *src, size_t n)
{
    char text[CHUNK_HEAD_MAX + 1];
    if (n == 0)
        return true; /* an empty chunk would end the body */
    if (kind != BODY_CHUNKED)
        return chunkq_move(dst, src, n);
    struct span chunk_head = span_make(text, format_chunk_head(n, text));
    if (n <= COPY_MAX)
        return write_chunk_copied(dst, src, n, chunk_head);
    return chunkq_append(dst, chunk_head) && chunkq_move(dst, src, n) && chunkq_append(dst, SPAN("\r\n"));
}

bool h1_body_write_end(enum body_kind kind, struct chunkq *dst)
{
    return kind != BODY_CHUNKED || chunkq_append(dst, SPAN("0\r\n\r\n"));
}

/* From the fields of a HEADERS block to a response, interim or final: RFC 9113 §8.3.2, and what HTTP/1's parser asks of one. */
#include "http/field_rules.h"
#include "http/h2/impl.h"

#define FIELDS_FIRST 24

static const uint64_t ascii_only = FIELD_BIT(H_CONNECTION) | FIELD_BIT(H_CONTENT_LENGTH) |
                                   FIELD_BIT(H_TRANSFER_ENCODING) | FIELD_BIT(H_UPGRADE) |
                                   FIELD_BIT(H_SEC_WEBSOCKET_ACCEPT);

static void fail(struct h2_stream *s, const char *why)
{
    h2_stream_fail(s, 502, why);
}

void h2_response_begins(struct h2_stream *s)
{
    s->head_bytes = s->fields = 0;
    if (!s->resp || (s->flags & H2S_FINAL))
        return;
    *s->resp = (struct http_response){.version = HTTP_2};
    if (!headers_init(&s->resp->headers, s->arena, FIELDS_FIRST))
        h2_stream_fail(s, 503, "out-of-memory");
}

/* The only pseudo field; nghttp2 lets it come once, and first. */
static void set_status(struct h2_stream *s, struct span name, struct span value)
{
    uint64_t status = 0;
    if (!span_eq(name, SPAN(":status")) || value.n != 3 || !span_parse_u64(value, 999, &status))
        fail(s, "bad-status");
    s->resp->status = (unsigned)status;
}

bool h2_response_field(struct h2_stream *s, struct span name, struct span value, bool permanent)
{
    bool ok = true;
    if (!h2_field_counts(s, &s->limits, 502, name, value))
        return false;
    if (s->error.status || !s->resp)
        return true;
    if (s->flags & H2S_FINAL)
        ok = h2_trailer_add(s, 502, permanent, name, value);
    else if (name.n > 0 && name.p[0] == ':')
        set_status(s, name, value);
    else
        ok = h2_field_add(s, &s->resp->headers, ascii_only, 502, permanent, name, value);
    if (!ok)
        h2_stream_fail(s, 503, "out-of-memory");
    return true;
}

static bool has_no_body(const struct http_response *r, enum http_method to)
{
    return to == M_HEAD || r->status < 200 || r->status == 204 || r->status == 304;
}

/* nghttp2 holds DATA against Content-Length, and against responses that have no body. */
static void set_body(struct h2_stream *s, enum field_length length, bool ended)
{
    struct http_response *r = s->resp;
    if (has_no_body(r, s->to))
        r->body = BODY_NONE;
    else if (ended || length == FIELD_LENGTH_OK)
        r->body = BODY_LENGTH;
    else
        r->body = BODY_CHUNKED;
}

void h2_response_complete(struct h2_stream *s, bool ended)
{
    struct http_response *r = s->resp;
    if (!r || s->error.status)
        return;
    enum field_length length = field_content_length(&r->headers, &r->content_length);
    if (r->status < 100 || r->status > 599 || r->status == 101) /* RFC 9113 §8.6: no 101 */
        fail(s, "bad-status");
    else if (length == FIELD_LENGTH_BAD)
        fail(s, "bad-content-length");
    else if (ended && r->content_length > 0 && !has_no_body(r, s->to))
        fail(s, "bad-content-length");
    else if (ended && r->status < 200)
        fail(s, "bad-status");
    if (r->status >= 200)
        s->flags |= H2S_FINAL;
    r->keep_alive = true;
    set_body(s, length, ended);
}

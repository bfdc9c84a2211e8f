#include "http/h1/fields.h"

#include "http/bytes.h"

static const uint64_t ascii_only = FIELD_BIT(H_CONNECTION) | FIELD_BIT(H_CONTENT_LENGTH) |
                                   FIELD_BIT(H_TRANSFER_ENCODING) | FIELD_BIT(H_UPGRADE) |
                                   FIELD_BIT(H_SEC_WEBSOCKET_ACCEPT);

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* HTTP-version SP 3DIGIT [ SP reason ]; the reason is checked and forgotten. */
static bool parse_status_line(struct span line, struct http_response *r, struct h1_error *err)
{
    unsigned classes = 0;
    if (line.n < 12 || line.p[8] != ' ' || (line.n > 12 && line.p[12] != ' '))
        return h1_fail(err, 502, "bad-status-line");
    unsigned version = h1_version(span_make(line.p, 8));
    if (version != HTTP_1_0 && version != HTTP_1_1)
        return h1_fail(err, 502, "bad-status-line");
    if (!is_digit(line.p[9]) || !is_digit(line.p[10]) || !is_digit(line.p[11]))
        return h1_fail(err, 502, "bad-status-line");
    if (bytes_value_run(line, &classes) != line.n)
        return h1_fail(err, 502, "bad-status-line");
    r->version = (enum http_version)version;
    r->status = (line.p[9] - (unsigned)'0') * 100 + (line.p[10] - (unsigned)'0') * 10 + (line.p[11] - (unsigned)'0');
    return (r->status >= 100 && r->status <= 599) || h1_fail(err, 502, "bad-status");
}

static bool has_no_body(unsigned status, enum http_method to)
{
    return to == M_HEAD || status < 200 || status == 204 || status == 304;
}

/* RFC 9112 §6.3. What no honest origin sends leaves the connection in a state that nobody knows for sure. */
static void set_body(struct http_response *r, enum http_method to, bool has_te, enum field_length length)
{
    if (has_no_body(r->status, to)) {
        bool claims_body = has_te || r->content_length > 0;
        r->body = BODY_NONE;
        r->keep_alive = r->keep_alive && r->status != 101 && !(claims_body && (r->status < 200 || r->status == 204));
    } else if (has_te) {
        r->body = BODY_CHUNKED;
    } else if (length == FIELD_LENGTH_OK) {
        r->body = BODY_LENGTH;
    } else {
        r->body = BODY_UNTIL_CLOSE;
        r->keep_alive = false;
    }
}

static bool check_framing(struct http_response *r, enum http_method to, struct h1_error *err)
{
    bool has_te = headers_find(&r->headers, H_TRANSFER_ENCODING) != NULL;
    enum field_length length = field_content_length(&r->headers, &r->content_length);
    if (length == FIELD_LENGTH_BAD)
        return h1_fail(err, 502, "bad-content-length");
    if (has_te && length == FIELD_LENGTH_OK)
        return h1_fail(err, 502, "length-and-transfer-encoding");
    if (has_te && (r->version == HTTP_1_0 || !h1_is_chunked(&r->headers)))
        return h1_fail(err, 502, "bad-transfer-encoding");
    r->keep_alive = h1_keep_alive(&r->headers, r->version) && h1_connection_ok(&r->headers);
    set_body(r, to, has_te, length);
    return true;
}

bool h1_parse_response(struct span head, const struct h1_limits *limits, enum http_method to, struct arena *a,
                       struct http_response *out, struct h1_error *err)
{
    *out = (struct http_response){.status = 0};
    if (head.n > limits->head_bytes)
        return h1_fail(err, 502, "head-too-large");
    size_t n = span_find(head, '\n');
    if (n == head.n || n == 0 || head.p[n - 1] != '\r')
        return h1_fail(err, 502, "bad-line-end");
    if (!parse_status_line(span_make(head.p, n - 1), out, err))
        return false;
    if (!h1_parse_fields(span_from(head, n + 1), limits, ascii_only, a, &out->headers, err))
        return h1_fail(err, err->status == 503 ? 503 : 502, err->why);
    return check_framing(out, to, err);
}

#include "http/field_rules.h"

#include "http/bytes.h"

const uint64_t field_request_ascii =
    FIELD_BIT(H_AUTHORIZATION) | FIELD_BIT(H_CF_ACCESS_CLIENT_ID) | FIELD_BIT(H_CF_ACCESS_CLIENT_SECRET) |
    FIELD_BIT(H_CF_CONNECTING_IP) | FIELD_BIT(H_CONNECTION) | FIELD_BIT(H_CONTENT_LENGTH) | FIELD_BIT(H_EXPECT) |
    FIELD_BIT(H_FLY_CLIENT_IP) | FIELD_BIT(H_FORWARDED) | FIELD_BIT(H_HOST) | FIELD_BIT(H_HTTP2_SETTINGS) |
    FIELD_BIT(H_KEEP_ALIVE) | FIELD_BIT(H_ORIGIN) | FIELD_BIT(H_PROXY_AUTHORIZATION) | FIELD_BIT(H_PROXY_CONNECTION) |
    FIELD_BIT(H_SEC_FETCH_DEST) | FIELD_BIT(H_SEC_FETCH_MODE) | FIELD_BIT(H_SEC_FETCH_SITE) |
    FIELD_BIT(H_SEC_WEBSOCKET_KEY) | FIELD_BIT(H_SEC_WEBSOCKET_VERSION) | FIELD_BIT(H_TE) |
    FIELD_BIT(H_TIERGATE_AUTHORIZATION) | FIELD_BIT(H_TRAILER) | FIELD_BIT(H_TRANSFER_ENCODING) |
    FIELD_BIT(H_TRUE_CLIENT_IP) | FIELD_BIT(H_UPGRADE) | FIELD_BIT(H_X_FORWARDED_FOR) |
    FIELD_BIT(H_ACCESS_CONTROL_REQUEST_HEADERS) | FIELD_BIT(H_ACCESS_CONTROL_REQUEST_METHOD);

const uint64_t field_not_copied = FIELD_BIT(H_CONNECTION) | FIELD_BIT(H_CONTENT_LENGTH) |
                                  FIELD_BIT(H_TRANSFER_ENCODING) | FIELD_BIT(H_KEEP_ALIVE) |
                                  FIELD_BIT(H_PROXY_CONNECTION) | FIELD_BIT(H_TE) | FIELD_BIT(H_TRAILER) |
                                  FIELD_BIT(H_UPGRADE) | FIELD_BIT(H_HTTP2_SETTINGS);

static bool is_alias(struct span name, struct span of)
{
    return header_name_alias(name, of) && !span_eq_nocase(name, of);
}

bool field_is_framing_alias(struct span name)
{
    return is_alias(name, SPAN("content-length")) || is_alias(name, SPAN("transfer-encoding"));
}

#define TRAILER_NAME_MAX 64

static bool is_one_of(struct span name, const char *const *list)
{
    for (; *list; list++)
        if (span_eq(name, span_of(*list)))
            return true;
    return false;
}

static bool begins_as_one_of(struct span name, const char *const *list)
{
    for (; *list; list++)
        if (span_has_prefix(name, span_of(*list)))
            return true;
    return false;
}

bool field_may_trail(struct span name)
{
    static const char *const beginnings[] = {"accept",      "access-control-", "if-", "proxy-", "sec-",
                                             "x-forwarded", "authentication-", NULL};
    static const char *const names[] = {"age",
                                        "allow",
                                        "alt-svc",
                                        "clear-site-data",
                                        "content-disposition",
                                        "content-encoding",
                                        "content-language",
                                        "content-range",
                                        "cookie2",
                                        "max-forwards",
                                        "pragma",
                                        "retry-after",
                                        "set-cookie2",
                                        "strict-transport-security",
                                        "early-data",
                                        NULL};
    uint8_t folded[TRAILER_NAME_MAX];
    if (name.n == 0 || name.n > sizeof folded || !http_is_token(name))
        return false;
    for (size_t i = 0; i < name.n; i++) {
        uint8_t c = ascii_lower(name.p[i]);
        folded[i] = c == '_' || c == '.' ? '-' : c;
    }
    struct span f = span_make(folded, name.n);
    static const struct span cache = {(const uint8_t *)"cache-control", 13};
    bool caches = f.n >= cache.n && span_eq(span_from(f, f.n - cache.n), cache);
    return header_id_of(f) == H_OTHER && !caches && !is_one_of(f, names) && !begins_as_one_of(f, beginnings);
}

static bool parse_length(struct span s, uint64_t *value)
{
    /* RFC 9110 §8.6 allows leading zeros, but some origins read them as octal. */
    if (s.n == 0 || (s.n > 1 && s.p[0] == '0'))
        return false;
    return span_parse_u64(s, INT64_MAX, value);
}

enum field_length field_content_length(const struct headers *h, uint64_t *value)
{
    const struct header *f = headers_find(h, H_CONTENT_LENGTH);
    *value = 0;
    if (!f)
        return FIELD_LENGTH_NONE;
    if (headers_count(h, H_CONTENT_LENGTH) != 1 || !parse_length(f->value, value))
        return FIELD_LENGTH_BAD;
    return FIELD_LENGTH_OK;
}

bool request_take_expect(struct http_request *r)
{
    if (!headers_find(&r->headers, H_EXPECT))
        return true;
    if (!span_eq_nocase(headers_only(&r->headers, H_EXPECT), SPAN("100-continue")))
        return false;
    r->expect_continue = r->version != HTTP_1_0 && r->body != BODY_NONE;
    headers_drop(&r->headers, H_EXPECT);
    return true;
}

#define COLUMNS 16

static inline void raise_columns(uint8_t highest[COLUMNS], const uint8_t *p)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        uint8_t above_control = (uint8_t)(p[i] - 0x20);
        highest[i] = above_control > highest[i] ? above_control : highest[i];
    }
}

/* Is all of it visible ASCII or SP? Nearly every value is. The columns are one vector register, for the kilobyte that we add ourselves. */
static bool is_plain(struct span s)
{
    uint8_t highest[COLUMNS] = {0}, all = 0;
    if (s.n < COLUMNS)
        return s.n >= 8 && bytes_word_is_plain(s.p) && bytes_word_is_plain(s.p + s.n - 8);
    for (size_t i = 0; s.n - i >= COLUMNS; i += COLUMNS)
        raise_columns(highest, s.p + i);
    raise_columns(highest, s.p + s.n - COLUMNS); /* the rest, and some once more */
    for (size_t i = 0; i < COLUMNS; i++)
        all = highest[i] > all ? highest[i] : all;
    return all <= 0x7e - 0x20;
}

bool field_is_one_line(struct span s)
{
    unsigned classes = 0;
    return is_plain(s) || bytes_value_run(s, &classes) == s.n;
}

bool fields_are_writable(const struct headers *h)
{
    for (size_t i = 0; h && i < h->n; i++)
        if (!http_is_token(h->v[i].name) || !field_is_one_line(h->v[i].value))
            return false;
    return true;
}

const struct header *field_informative_length(const struct http_response *r)
{
    if (r->body != BODY_NONE || r->status < 200 || r->status == 204)
        return NULL;
    return headers_find(&r->headers, H_CONTENT_LENGTH);
}

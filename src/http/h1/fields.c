#include "http/h1/fields.h"

#include "http/bytes.h"

/* Most requests have fewer; growing costs one copy. */
#define FIELDS_FIRST 24
#define CONNECTION_OPTIONS_MAX 32

bool h1_fail(struct h1_error *err, unsigned status, const char *why)
{
    *err = (struct h1_error){status, why};
    return false;
}

bool h1_take_crlf(struct span *rest)
{
    if (rest->n < 2 || rest->p[0] != '\r' || rest->p[1] != '\n')
        return false;
    *rest = span_make(rest->p + 2, rest->n - 2);
    return true;
}

/* One field line: `name:` OWS value OWS CRLF. */
struct field {
    struct span name, value;
    unsigned name_classes, value_classes;
};

static bool take_name(struct span *rest, struct field *f)
{
    size_t n = 0;
    unsigned c = 0;
    f->name_classes = 0;
    while (n < rest->n && ((c = byte_classes[rest->p[n]]) & BYTE_TOKEN)) {
        f->name_classes |= c;
        n++;
    }
    /* RFC 9112 §5.1: no white space before the colon; an empty name hid fields in CVE-2023-25725. */
    if (n == 0 || n == rest->n || rest->p[n] != ':')
        return false;
    f->name = span_make(rest->p, n);
    *rest = span_make(rest->p + n + 1, rest->n - n - 1);
    return true;
}

static bool take_value(struct span *rest, struct field *f)
{
    f->value_classes = 0;
    size_t n = bytes_value_run(*rest, &f->value_classes);
    f->value = span_trim(span_make(rest->p, n));
    *rest = span_make(rest->p + n, rest->n - n);
    return h1_take_crlf(rest);
}

static bool is_framing_alias(const struct field *f)
{
    return (f->name_classes & BYTE_ALIAS) != 0 && field_is_framing_alias(f->name);
}

static const char *take_field(struct span *rest, struct field *f)
{
    if (rest->p[0] == ' ' || rest->p[0] == '\t')
        return "obs-fold";
    if (!take_name(rest, f) || is_framing_alias(f))
        return "bad-header-name";
    if (!take_value(rest, f))
        return "bad-header-value";
    return NULL;
}

bool h1_parse_fields(struct span rest, const struct h1_limits *limits, uint64_t ascii_only, struct arena *a,
                     struct headers *out, struct h1_error *err)
{
    struct field f;
    if (!headers_init(out, a, FIELDS_FIRST))
        return h1_fail(err, 503, "out-of-memory");
    while (!h1_take_crlf(&rest)) {
        if (rest.n == 0)
            return h1_fail(err, 400, "head-without-end");
        const char *why = take_field(&rest, &f);
        if (why)
            return h1_fail(err, 400, why);
        if (out->n >= limits->fields)
            return h1_fail(err, 431, "too-many-headers");
        if (!headers_add(out, a, f.name, f.value))
            return h1_fail(err, 503, "out-of-memory");
        if ((f.value_classes & BYTE_OBS) && (ascii_only & FIELD_BIT(out->v[out->n - 1].id)))
            return h1_fail(err, 400, "bad-header-value");
    }
    return rest.n == 0 || h1_fail(err, 400, "bytes-behind-head");
}

bool h1_is_chunked(const struct headers *h)
{
    return headers_count(h, H_TRANSFER_ENCODING) == 1 &&
           span_eq_nocase(headers_find(h, H_TRANSFER_ENCODING)->value, SPAN("chunked"));
}

static bool options_ok(struct span list, size_t *left)
{
    struct span item;
    while (list.n > 0) {
        span_cut(list, ',', &item, &list);
        item = span_trim(item);
        if (item.n == 0)
            continue;
        if (*left == 0 || !http_is_token(item))
            return false;
        (*left)--;
    }
    return true;
}

bool h1_connection_ok(const struct headers *h)
{
    size_t left = CONNECTION_OPTIONS_MAX;
    if (!headers_find(h, H_CONNECTION))
        return true;
    for (size_t i = 0; i < h->n; i++)
        if (h->v[i].id == H_CONNECTION && !options_ok(h->v[i].value, &left))
            return false;
    return true;
}

bool h1_keep_alive(const struct headers *h, enum http_version version)
{
    if (!headers_find(h, H_CONNECTION))
        return version != HTTP_1_0;
    if (headers_has_token(h, H_CONNECTION, SPAN("close")))
        return false;
    return version != HTTP_1_0 || headers_has_token(h, H_CONNECTION, SPAN("keep-alive"));
}

unsigned h1_version(struct span s)
{
    if (s.n != 8 || !span_has_prefix(s, SPAN("HTTP/")) || s.p[6] != '.')
        return 0;
    unsigned major = s.p[5] - (unsigned)'0', minor = s.p[7] - (unsigned)'0';
    return major <= 9 && minor <= 9 ? major * 10 + minor : 0;
}

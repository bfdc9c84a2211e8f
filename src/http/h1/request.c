#include "http/h1/fields.h"

#include "base/count.h"
#include "http/bytes.h"
#include "http/host.h"
#include "http/ws.h"

struct request_parse {
    struct arena *arena;
    struct http_request *r;
    struct h1_error *err;
    struct span uri_authority; /* of an absolute-form target; p == NULL: another form */
    int uri_port;              /* the scheme's default port */
};

static bool check_version(struct request_parse *p, struct span s)
{
    unsigned version = h1_version(s);
    if (version == 0)
        return h1_fail(p->err, 400, "bad-version");
    if (version != HTTP_1_0 && version != HTTP_1_1)
        return h1_fail(p->err, 505, "version-not-supported");
    p->r->version = (enum http_version)version;
    return true;
}

/* The path and query behind an absolute-form's authority; an empty path is "/", or "*"
 * for OPTIONS (RFC 9112 §3.2.4). */
static bool set_absolute_path(struct request_parse *p, struct span rest)
{
    if (rest.n > 0 && rest.p[0] == '/') {
        p->r->path_query = rest;
    } else if (rest.n == 0) {
        p->r->path_query = p->r->method == M_OPTIONS ? SPAN("*") : SPAN("/");
    } else {
        p->r->path_query = arena_printf(p->arena, "/%.*s", SPAN_ARG(rest));
        if (!p->r->path_query.p)
            return h1_fail(p->err, 503, "out-of-memory");
    }
    return true;
}

static bool parse_absolute(struct request_parse *p, struct span target)
{
    static const struct {
        const char *scheme;
        int port;
    } schemes[] = {{"https://", 443}, {"http://", 80}};
    for (size_t i = 0; i < COUNT(schemes); i++) {
        struct span scheme = span_of(schemes[i].scheme);
        if (target.n < scheme.n || !span_eq_nocase(span_make(target.p, scheme.n), scheme))
            continue;
        struct span rest = span_from(target, scheme.n);
        size_t n = 0;
        while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
            n++;
        p->uri_authority = span_make(target.p + scheme.n, n);
        p->uri_port = schemes[i].port;
        return set_absolute_path(p, span_make(target.p + scheme.n + n, rest.n - n));
    }
    return h1_fail(p->err, 400, "bad-target");
}

static bool parse_target(struct request_parse *p, struct span target)
{
    p->r->target = target;
    if (target.n > REQUEST_TARGET_MAX)
        return h1_fail(p->err, 414, "target-too-long");
    if (target.n == 0 || bytes_run(target, BYTE_TARGET) != target.n)
        return h1_fail(p->err, 400, "bad-target");
    if (p->r->method == M_CONNECT || p->r->method == M_TRACE)
        return h1_fail(p->err, 405, "method-not-allowed");
    if (target.p[0] != '/' && !(p->r->method == M_OPTIONS && span_eq(target, SPAN("*"))))
        return parse_absolute(p, target);
    p->r->path_query = target;
    return true;
}

/* method SP request-target SP HTTP-version; the CRLF follows. */
static bool parse_request_line(struct request_parse *p, struct span line)
{
    size_t n = bytes_run(line, BYTE_TOKEN);
    if (n == 0 || n == line.n || line.p[n] != ' ')
        return h1_fail(p->err, 400, "bad-method");
    p->r->method_name = span_make(line.p, n);
    p->r->method = http_method_of(p->r->method_name);
    struct span target, version;
    if (!span_cut(span_from(line, n + 1), ' ', &target, &version))
        return h1_fail(p->err, 400, "bad-request-line");
    return parse_target(p, target) && check_version(p, version);
}

/* RFC 9112 §3.2 and §3.2.2, stricter: an absolute-form target and Host must agree. */
static bool check_host(struct request_parse *p)
{
    struct host uri, host;
    const struct header *f = headers_find(&p->r->headers, H_HOST);
    if (p->uri_authority.p && !host_parse(p->uri_authority, &uri))
        return h1_fail(p->err, 400, "bad-authority");
    if (!f) {
        p->r->authority = p->uri_authority;
        return p->r->version == HTTP_1_0 || h1_fail(p->err, 400, "host-missing");
    }
    if (headers_count(&p->r->headers, H_HOST) != 1 || !host_parse(f->value, &host))
        return h1_fail(p->err, 400, "bad-host");
    if (p->uri_authority.p && !host_same(&uri, &host, p->uri_port))
        return h1_fail(p->err, 400, "host-mismatch");
    p->r->authority = f->value;
    return true;
}

/* Methods whose requests usually have no body: an empty one is then the same as none. */
static bool is_bodyless(enum http_method m)
{
    return m == M_GET || m == M_HEAD || m == M_OPTIONS;
}

static bool check_framing(struct request_parse *p)
{
    struct http_request *r = p->r;
    bool has_te = headers_find(&r->headers, H_TRANSFER_ENCODING) != NULL;
    enum field_length length = field_content_length(&r->headers, &r->content_length);
    if (length == FIELD_LENGTH_BAD)
        return h1_fail(p->err, 400, "bad-content-length");
    if (has_te && length == FIELD_LENGTH_OK)
        return h1_fail(p->err, 400, "length-and-transfer-encoding");
    if (has_te && (r->version == HTTP_1_0 || !h1_is_chunked(&r->headers)))
        return h1_fail(p->err, 400, "bad-transfer-encoding");
    if (has_te)
        r->body = BODY_CHUNKED;
    else if (length == FIELD_LENGTH_OK && (r->content_length > 0 || !is_bodyless(r->method)))
        r->body = BODY_LENGTH;
    return true;
}

static bool check_expect(struct request_parse *p)
{
    return request_take_expect(p->r) || h1_fail(p->err, 417, "bad-expect");
}

static bool check_connection(struct request_parse *p)
{
    struct http_request *r = p->r;
    if (!h1_connection_ok(&r->headers))
        return h1_fail(p->err, 400, "bad-connection");
    r->keep_alive = h1_keep_alive(&r->headers, r->version);
    if (r->body != BODY_NONE && headers_has_token(&r->headers, H_UPGRADE, SPAN("websocket")))
        return h1_fail(p->err, 400, "upgrade-with-body");
    r->websocket = ws_request_ok(r);
    return true;
}

bool h1_parse_request(struct span head, const struct h1_limits *limits, struct arena *a, struct http_request *out,
                      struct h1_error *err)
{
    struct request_parse p = {.arena = a, .r = out, .err = err};
    *out = (struct http_request){.method = M_OTHER};
    if (head.n > limits->head_bytes)
        return h1_fail(err, 431, "head-too-large");
    h1_take_crlf(&head); /* RFC 9112 §2.2: one empty line before the request line is tolerated */
    size_t n = span_find(head, '\n');
    if (n == head.n || n == 0 || head.p[n - 1] != '\r')
        return h1_fail(err, 400, "bad-line-end");
    return parse_request_line(&p, span_make(head.p, n - 1)) &&
           h1_parse_fields(span_from(head, n + 1), limits, field_request_ascii, a, &out->headers, err) &&
           check_host(&p) && check_framing(&p) && check_expect(&p) && check_connection(&p);
}

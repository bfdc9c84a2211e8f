/* From the fields of a HEADERS block to a request: RFC 9113 §8.3, and everything that HTTP/1's parser asks of a head, since that is how the
 * request goes on to the origin. */
#include "base/count.h"
#include "http/bytes.h"
#include "http/field_rules.h"
#include "http/h2/impl.h"
#include "http/host.h"

static void fail(struct h2_stream *s, unsigned status, const char *why)
{
    h2_stream_fail(s, status, why);
}

/* --- one field ---------------------------------------------------------------------------------------------------- */

static bool set_pseudo(struct h2_stream *s, struct span name, struct span value)
{
    struct http_request *r = s->req;
    const struct {
        struct span name, *to;
    } pseudos[] = {
        {SPAN(":method"), &r->method_name}, {SPAN(":path"), &r->path_query},   {SPAN(":authority"), &r->authority},
        {SPAN(":scheme"), &s->scheme},      {SPAN(":protocol"), &s->protocol},
    };
    for (size_t i = 0; i < COUNT(pseudos); i++)
        if (span_eq(name, pseudos[i].name)) {
            *pseudos[i].to = arena_copy(s->arena, value);
            return pseudos[i].to->p != NULL;
        }
    fail(s, 400, "bad-header-name");
    return true;
}

static bool add_regular(struct h2_stream *s, struct span name, struct span value, bool permanent)
{
    return h2_field_add(s, &s->req->headers, field_request_ascii, 400, permanent, name, value);
}

/* Everything counts, also what is thrown away afterwards: trailers, crumbs of cookies, doubles (CVE-2026-73550). */
bool h2_request_field(struct h2_stream *s, struct span name, struct span value, bool permanent)
{
    bool ok;
    if (!h2_field_counts(s, &s->session->config, 431, name, value))
        return false;
    if (s->error.status)
        return true;
    if (s->flags & H2S_FINAL)
        ok = h2_trailer_add(s, 400, permanent, name, value);
    else if (!s->req)
        ok = true;
    else
        ok = name.n > 0 && name.p[0] == ':' ? set_pseudo(s, name, value) : add_regular(s, name, value, permanent);
    if (!ok)
        fail(s, 503, "out-of-memory");
    return true;
}

/* --- the whole head ----------------------------------------------------------------------------------------------- */

static bool check_method(struct h2_stream *s)
{
    struct http_request *r = s->req;
    if (!http_is_token(r->method_name)) {
        fail(s, 400, "bad-method");
        return false;
    }
    r->method = http_method_of(r->method_name);
    if (r->method == M_CONNECT && span_eq(s->protocol, SPAN("websocket"))) { /* RFC 8441; for rules it is a GET */
        s->flags |= H2S_WEBSOCKET;
        r->method = M_GET;
        r->method_name = SPAN("GET");
        return true;
    }
    if (s->protocol.p)
        fail(s, 501, "protocol-not-supported");
    else if (r->method == M_CONNECT || r->method == M_TRACE)
        fail(s, 405, "method-not-allowed");
    return s->error.status == 0;
}

static bool check_target(struct h2_stream *s)
{
    struct http_request *r = s->req;
    struct span t = r->path_query;
    r->target = t;
    if (t.n > REQUEST_TARGET_MAX)
        fail(s, 414, "target-too-long");
    else if (t.n == 0 || bytes_run(t, BYTE_TARGET) != t.n)
        fail(s, 400, "bad-target");
    else if (t.p[0] != '/' && !(r->method == M_OPTIONS && span_eq(t, SPAN("*"))))
        fail(s, 400, "bad-target");
    else if (!span_eq(s->scheme, SPAN("https")) && !span_eq(s->scheme, SPAN("http")))
        fail(s, 400, "bad-scheme");
    return s->error.status == 0;
}

/* RFC 9113 §8.3.1: a Host must not say anything else than :authority. */
static bool check_host(struct h2_stream *s)
{
    struct http_request *r = s->req;
    struct host authority, host;
    const struct header *f = headers_find(&r->headers, H_HOST);
    if (f && (headers_count(&r->headers, H_HOST) != 1 || !host_parse(f->value, &host)))
        fail(s, 400, "bad-host");
    else if (!r->authority.p)
        r->authority = f ? f->value : SPAN_NONE;
    else if (!host_parse(r->authority, &authority))
        fail(s, 400, "bad-authority");
    else if (f && !host_same(&authority, &host, 443))
        fail(s, 400, "host-mismatch");
    headers_drop(&r->headers, H_HOST);
    return s->error.status == 0;
}

static bool has_no_payload(const struct http_request *r)
{
    return r->method != M_POST && r->method != M_PUT && r->method != M_PATCH;
}

/* nghttp2 holds DATA against Content-Length; what goes to the origin is framed anew. */
static bool check_framing(struct h2_stream *s, bool ended)
{
    struct http_request *r = s->req;
    enum field_length length = field_content_length(&r->headers, &r->content_length);
    if (length == FIELD_LENGTH_BAD || (ended && r->content_length > 0))
        fail(s, 400, "bad-content-length");
    else if (s->flags & H2S_WEBSOCKET)
        r->body = BODY_NONE;
    else if (ended)
        r->body = has_no_payload(r) ? BODY_NONE : BODY_LENGTH;
    else
        r->body = length == FIELD_LENGTH_OK ? BODY_LENGTH : BODY_CHUNKED;
    return s->error.status == 0;
}

static bool check_websocket(struct h2_stream *s, bool ended)
{
    struct http_request *r = s->req;
    if (!(s->flags & H2S_WEBSOCKET))
        return true;
    if (ended || headers_find(&r->headers, H_CONTENT_LENGTH) || headers_find(&r->headers, H_SEC_WEBSOCKET_KEY) ||
        !span_eq(headers_only(&r->headers, H_SEC_WEBSOCKET_VERSION), SPAN("13")))
        fail(s, 400, "bad-websocket");
    r->websocket = true;
    return s->error.status == 0;
}

/* RFC 9113 §8.2.3: what was cut into crumbs for the compressor's sake is one field again, before anybody reads it. */
static bool join_cookies(struct h2_stream *s)
{
    struct headers *h = &s->req->headers;
    struct header *first = NULL;
    size_t room = 0, at = 0;
    if (headers_count(h, H_COOKIE) < 2)
        return true;
    for (size_t i = 0; i < h->n; i++)
        room += h->v[i].id == H_COOKIE ? h->v[i].value.n + 2 : 0;
    char *joined = arena_alloc(s->arena, room);
    if (!joined) {
        fail(s, 503, "out-of-memory");
        return false;
    }
    for (size_t i = 0; i < h->n; i++) {
        struct header *f = &h->v[i];
        if (f->id != H_COOKIE)
            continue;
        if (first)
            f->drop = 1;
        else
            first = f;
        if (at > 0 && f->value.n > 0) { /* an empty crumb leaves no trace */
            memcpy(joined + at, "; ", 2);
            at += 2;
        }
        memcpy(joined + at, f->value.p, f->value.n);
        at += f->value.n;
    }
    first->value = span_make(joined, at);
    return true;
}

void h2_request_complete(struct h2_stream *s, bool ended)
{
    struct http_request *r = s->req;
    r->version = HTTP_2;
    r->keep_alive = true;
    if (s->error.status)
        return;
    if (check_method(s) && check_target(s) && check_host(s) && check_framing(s, ended) && check_websocket(s, ended) &&
        join_cookies(s) && !request_take_expect(r))
        fail(s, 417, "bad-expect");
}

/* Who asks, read from the marks of a request (docs/askers.md). It shapes refusals only, never a verdict. */
#include "gate/answer.h"

static const struct header *find_any(const struct headers *h, enum header_id id)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->v[i].id == id)
            return &h->v[i];
    return NULL;
}

static bool is_token(const struct http_request *r)
{
    return find_any(&r->headers, H_CF_ACCESS_CLIENT_ID) || find_any(&r->headers, H_CF_ACCESS_CLIENT_SECRET);
}

static bool is_preflight(const struct http_request *r, bool canonical)
{
    bool bodiless = r->body == BODY_NONE || (r->body == BODY_LENGTH && r->content_length == 0);
    return r->method == M_OPTIONS && canonical && bodiless && headers_find(&r->headers, H_ORIGIN) &&
           headers_find(&r->headers, H_ACCESS_CONTROL_REQUEST_METHOD);
}

/* Browsers send no Sec-Fetch-* with the opening handshake, so it is known by what it asks for. */
static bool is_websocket(const struct http_request *r)
{
    bool asks = r->websocket || headers_has_token(&r->headers, H_UPGRADE, SPAN("websocket"));
    return asks && headers_find(&r->headers, H_ORIGIN);
}

static bool list_has_html(struct span list)
{
    struct span item, type, parameters;
    bool more = true;
    while (more) {
        more = span_cut(list, ',', &item, &list);
        span_cut(item, ';', &type, &parameters);
        if (span_eq_nocase(span_trim(type), SPAN("text/html")))
            return true;
    }
    return false;
}

static bool accepts_html(const struct headers *h)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->v[i].id == H_ACCEPT && list_has_html(h->v[i].value))
            return true;
    return false;
}

static bool has_fetch_marks(const struct headers *h)
{
    return headers_find(h, H_SEC_FETCH_MODE) || headers_find(h, H_SEC_FETCH_DEST) || headers_find(h, H_SEC_FETCH_SITE);
}

static bool is_navigation(const struct http_request *r)
{
    if (has_fetch_marks(&r->headers))
        return span_eq(headers_only(&r->headers, H_SEC_FETCH_MODE), SPAN("navigate"));
    return accepts_html(&r->headers) && !headers_find(&r->headers, H_X_REQUESTED_WITH);
}

enum asker asker_of(const struct http_request *r, bool canonical)
{
    if (is_token(r))
        return ASKER_TOKEN;
    if (is_preflight(r, canonical))
        return ASKER_PREFLIGHT;
    if (is_websocket(r))
        return ASKER_WEBSOCKET;
    if (is_navigation(r) && r->method == M_GET)
        return ASKER_NAVIGATION;
    if (is_navigation(r) && r->method == M_POST)
        return ASKER_POST_NAVIGATION;
    return has_fetch_marks(&r->headers) ? ASKER_SCRIPT : ASKER_CLIENT;
}

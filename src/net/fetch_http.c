/* A request by HTTP and its reply. */
#include "net/fetch_impl.h"

#include <stdlib.h>

#include "base/crypto/mac.h"

#define MAX_BODY (256u * 1024)

struct http_fetch {
    struct fetch base;
    void (*on_done)(void *arg, const struct fetch_reply *reply);
    char *method; /* owned */
    bool sends_body;
    struct text sent;          /* owned; its body, wiped at the end: it may hold a secret */
    struct curl_slist *fields; /* owned */
    size_t max_body, head_seen;
    bool head_is_whole; /* of the final response: what comes then are trailers */
    bool within_head;   /* the status line has come */
    bool too_large;
    struct text head, body; /* owned; what came */
};

/* --- what comes --------------------------------------------------------------------------------------------------- */

static struct span field_of(const struct fetch_reply *r, const char *name)
{
    struct span rest = *(const struct span *)r->fields, line, key, value, found = SPAN_NONE;
    while (rest.n > 0) {
        (void)span_cut(rest, '\n', &line, &rest);
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (span_cut(line, ':', &key, &value) && span_eq_nocase(key, span_of(name)))
            found = span_trim(value);
    }
    return found;
}

static bool is_end_of_head(struct span line)
{
    return line.n > 0 && (line.p[0] == '\r' || line.p[0] == '\n');
}

static bool is_final(const struct http_fetch *h)
{
    long status = 0;
    return curl_easy_getinfo(h->base.easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status >= 200;
}

static void take_line(struct http_fetch *h, struct span line)
{
    if (h->head_is_whole)
        return;
    if (is_end_of_head(line)) {
        h->within_head = false;
        h->head_is_whole = is_final(h);
        return;
    }
    if (h->within_head)
        text_add(&h->head, line);
    else
        h->head.n = 0; /* a status line: what came with 1xx is of no use */
    h->within_head = true;
}

/* Anything but n makes libcurl give up. */
static size_t on_head(char *p, size_t size, size_t n, void *arg)
{
    struct http_fetch *h = arg;
    h->head_seen += n;
    h->too_large = h->too_large || h->head_seen > FETCH_HEAD_MAX;
    if (h->too_large)
        return 0;
    take_line(h, span_make(p, n));
    return h->head.failed ? 0 : n;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct http_fetch *h = arg;
    h->too_large = h->too_large || n > h->max_body - h->body.n;
    if (h->too_large)
        return 0;
    text_add(&h->body, span_make(p, n));
    return h->body.failed ? 0 : n;
}

static void on_transfer(struct fetch *one, CURLcode code)
{
    const struct http_fetch *h = (const struct http_fetch *)one;
    const char *detail;
    enum fetch_error e = fetch_curl_error(one, code, &detail);
    if (code == CURLE_WRITE_ERROR) {
        e = h->too_large ? FETCH_TOO_LARGE : h->head.failed || h->body.failed ? FETCH_MEMORY : e;
        detail = NULL;
    }
    if (e == FETCH_OK && !h->head_is_whole)
        e = FETCH_BROKEN;
    fetch_end(one, e, e == FETCH_OK ? NULL : detail);
}

static void tell(struct fetch *one)
{
    struct http_fetch *h = (struct http_fetch *)one;
    struct span head = SPAN_NONE;
    struct fetch_reply r = {.error = one->error, .detail = one->detail, .field = field_of, .fields = &head};
    if (one->error == FETCH_OK) {
        long status = 0;
        (void)curl_easy_getinfo(one->easy, CURLINFO_RESPONSE_CODE, &status);
        r.status = (unsigned)status;
        r.body = text_span(&h->body);
        head = text_span(&h->head);
    }
    h->on_done(one->arg, &r);
}

static void release(struct fetch *one)
{
    struct http_fetch *h = (struct http_fetch *)one;
    for (struct curl_slist *s = h->fields; s != NULL; s = s->next)
        wipe(s->data, strlen(s->data));
    curl_slist_free_all(h->fields);
    text_wipe(&h->sent);
    text_fini(&h->head);
    text_wipe(&h->body);
    free(h->method);
    free(h);
}

/* --- what is sent ------------------------------------------------------------------------------------------------- */

static bool set_method(const struct http_fetch *h)
{
    CURL *e = h->base.easy;
    struct span method = span_of(h->method);
    if (span_eq(method, SPAN("HEAD")))
        return curl_easy_setopt(e, CURLOPT_NOBODY, 1L) == CURLE_OK;
    if (h->sends_body)
        return curl_easy_setopt(e, CURLOPT_POST, 1L) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)h->sent.n) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_POSTFIELDS, h->sent.p != NULL ? h->sent.p : "") == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, h->method) == CURLE_OK;
    return curl_easy_setopt(e, CURLOPT_HTTPGET, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, h->method) == CURLE_OK;
}

static bool set_options(struct fetch *one)
{
    struct http_fetch *h = (struct http_fetch *)one;
    CURL *e = one->easy;
    return set_method(h) && curl_easy_setopt(e, CURLOPT_HTTPHEADER, h->fields) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)h->max_body) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_head) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HEADERDATA, h) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEDATA, h) == CURLE_OK;
}

/* RFC 9110 §5.6.2 */
static bool is_token(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i], lower = ascii_lower(c);
        if (!((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
              (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL)))
            return false;
    }
    return s.n > 0;
}

static bool add_line(struct http_fetch *h, const char *line)
{
    struct curl_slist *grown = curl_slist_append(h->fields, line);
    h->fields = grown != NULL ? grown : h->fields;
    return grown != NULL;
}

/* libcurl takes "Name;" for a field without value. */
static bool add_field(struct http_fetch *h, const struct fetch_field *f)
{
    struct text t;
    text_init(&t);
    if (f->value.n > 0)
        text_addf(&t, "%.*s: %.*s", SPAN_ARG(f->name), SPAN_ARG(f->value));
    else
        text_addf(&t, "%.*s;", SPAN_ARG(f->name));
    bool ok = !t.failed && add_line(h, t.p);
    text_wipe(&t);
    return ok;
}

static bool is_allowed(const struct fetch_request *r)
{
    for (size_t i = 0; i < r->field_count; i++)
        if (!is_token(r->fields[i].name) || span_has_control(r->fields[i].value))
            return false;
    return r->method != NULL && is_token(span_of(r->method)) && !span_eq(span_of(r->method), SPAN("CONNECT"));
}

/* Without "Expect" a large body would wait a second for a 100. */
static bool copy(struct http_fetch *h, const struct fetch_request *r)
{
    bool ok = add_line(h, "Expect:");
    for (size_t i = 0; i < r->field_count && ok; i++)
        ok = add_field(h, &r->fields[i]);
    h->method = span_dup(span_of(r->method));
    h->sends_body = r->body.n > 0 || span_eq(span_of(r->method), SPAN("POST"));
    h->max_body = r->max_body != 0 ? r->max_body : MAX_BODY;
    text_add(&h->sent, r->body);
    return ok && h->method != NULL && !h->sent.failed;
}

struct fetch *fetch_start(struct fetcher *f, const struct fetch_request *r,
                          void (*on_done)(void *arg, const struct fetch_reply *reply), void *arg)
{
    static const char *const schemes[] = {"https", "http", NULL};
    static const struct fetch_kind kind = {schemes, set_options, on_transfer, tell, release};
    struct http_fetch *h = calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    h->on_done = on_done;
    if (!fetch_init(f, &h->base, &kind, arg)) {
        fetch_drop(&h->base);
        return NULL;
    }
    if (!is_allowed(r))
        fetch_fail_later(&h->base, FETCH_INVALID, "not a method or field that we send");
    else if (!copy(h, r))
        fetch_fail_later(&h->base, FETCH_MEMORY, NULL);
    else if (fetch_take_url(&h->base, r->url, 0, r->allows_plain_http))
        fetch_go(&h->base, r->timeout_ms);
    return &h->base;
}

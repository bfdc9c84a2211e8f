#include "net/fetch.h"

#include <stdlib.h>

#include "base/count.h"
#include "net/fetch_impl.h"

#define TIMEOUT_MS 10000

/* --- names and texts ---------------------------------------------------------------------------------------------- */

const char *fetch_error_text(enum fetch_error e)
{
    static const char *const texts[] = {
        [FETCH_OK] = "done",
        [FETCH_RESOLVE] = "the name cannot be resolved",
        [FETCH_CONNECT] = "no connection",
        [FETCH_TIMEOUT] = "no answer in time",
        [FETCH_TLS] = "TLS failed",
        [FETCH_TOO_LARGE] = "the answer is too large",
        [FETCH_BROKEN] = "the answer is broken",
        [FETCH_BUSY] = "too many requests of ours are under way",
        [FETCH_INVALID] = "not a request that we make",
        [FETCH_REFUSED] = "the server refused",
        [FETCH_MEMORY] = "out of memory",
    };
    return (size_t)e < COUNT(texts) ? texts[e] : "failed";
}

/* --- the end of one ----------------------------------------------------------------------------------------------- */

static void unlink_one(struct fetch *one)
{
    struct fetcher *f = one->fetcher;
    if (f == NULL)
        return;
    *(one->prev != NULL ? &one->prev->next : &f->all) = one->next;
    if (one->next != NULL)
        one->next->prev = one->prev;
    one->next = one->prev = NULL;
    one->fetcher = NULL;
    f->count--;
}

void fetch_drop(struct fetch *one)
{
    unlink_one(one);
    resolver_cancel(&one->question);
    loop_task_cancel(&one->failed);
    fetch_curl_fini(one);
    timer_fini(&one->deadline);
    timer_fini(&one->curl_timer);
    one->kind->release(one);
}

void fetch_end(struct fetch *one, enum fetch_error e, const char *detail)
{
    one->error = e;
    one->detail = detail != NULL ? detail : fetch_error_text(e);
    timer_stop(&one->deadline);
    timer_stop(&one->curl_timer);
    unlink_one(one); /* on_done may free the fetcher */
    one->kind->tell(one);
    fetch_drop(one);
}

static void on_failed(void *arg)
{
    struct fetch *one = arg;
    fetch_end(one, one->error, one->detail);
}

void fetch_fail_later(struct fetch *one, enum fetch_error e, const char *detail)
{
    one->error = e;
    one->detail = detail;
    loop_task_queue(one->fetcher->loop, &one->failed);
}

void fetch_cancel(struct fetch *one)
{
    if (one->fetcher != NULL) /* else it is being told just now, and goes by itself */
        fetch_drop(one);
}

/* --- the start of one --------------------------------------------------------------------------------------------- */

static void on_deadline(void *arg)
{
    fetch_end(arg, FETCH_TIMEOUT, NULL);
}

static void on_addresses(void *arg, const struct addr *addrs, size_t count, const char *why)
{
    struct fetch *one = arg;
    if (count == 0)
        fetch_end(one, FETCH_RESOLVE, why);
    else if (!fetch_curl_begin(one, addrs, count))
        fetch_end(one, FETCH_MEMORY, NULL);
}

bool fetch_init(struct fetcher *f, struct fetch *one, const struct fetch_kind *kind, void *arg)
{
    one->fetcher = f;
    one->kind = kind;
    one->arg = arg;
    one->question.on_done = on_addresses;
    one->question.arg = one;
    one->next = f->all;
    if (one->next != NULL)
        one->next->prev = one;
    f->all = one;
    f->count++;
    loop_task_init(&one->failed, on_failed, one);
    timer_init(&one->deadline, f->loop, on_deadline, one);
    timer_init(&one->curl_timer, f->loop, NULL, NULL);
    return timer_reserve(&one->deadline) && timer_reserve(&one->curl_timer);
}

/* Nothing but what a browser's address bar would show of it: no space or control, no other alphabet, no `\` that some read as `/`. */
static bool is_plain(struct span url)
{
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] <= 0x20 || url.p[i] >= 0x7f || url.p[i] == '\\')
            return false;
    return url.n > 0 && url.n <= 8192;
}

static bool has_scheme(const struct fetch *one, bool last_scheme)
{
    const char *const *s = one->kind->schemes;
    for (; *s != NULL; s++)
        if (span_eq(span_of(*s), span_of(one->scheme)))
            return s[1] != NULL || last_scheme;
    return false;
}

/* libcurl would take `https:/x` and `https:///x` as well. */
static bool has_authority(struct span url)
{
    size_t colon = span_find(url, ':');
    struct span rest = span_from(url, colon);
    return span_has_prefix(rest, SPAN("://")) && rest.n > 3 && rest.p[3] != '/';
}

static CURLUcode take_port(struct fetch *one, uint16_t default_port)
{
    char *text = NULL;
    uint64_t port = default_port;
    CURLUcode got = curl_url_get(one->url, CURLUPART_PORT, &text, default_port != 0 ? 0 : CURLU_DEFAULT_PORT);
    bool ok = got == CURLUE_OK ? span_parse_u64(span_of(text), UINT16_MAX, &port) : got == CURLUE_NO_PORT;
    curl_free(text);
    one->port = (uint16_t)port;
    return got == CURLUE_OUT_OF_MEMORY ? got : ok && port != 0 ? CURLUE_OK : CURLUE_BAD_PORT_NUMBER;
}

/* An address with a zone belongs to one link of ours, which nobody names who means a service. */
static CURLUcode refuse_zone(const struct fetch *one)
{
    char *zone = NULL;
    CURLUcode got = curl_url_get(one->url, CURLUPART_ZONEID, &zone, 0);
    curl_free(zone);
    return got == CURLUE_NO_ZONEID ? CURLUE_OK : got == CURLUE_OUT_OF_MEMORY ? got : CURLUE_BAD_IPV6;
}

static CURLUcode take_parts(struct fetch *one, struct span url, uint16_t default_port)
{
    char *text = span_dup(url);
    CURLUcode got =
        text != NULL ? curl_url_set(one->url, CURLUPART_URL, text, CURLU_DISALLOW_USER) : CURLUE_OUT_OF_MEMORY;
    if (got == CURLUE_OK)
        got = curl_url_get(one->url, CURLUPART_SCHEME, &one->scheme, 0);
    if (got == CURLUE_OK)
        got = curl_url_get(one->url, CURLUPART_HOST, &one->host, 0);
    if (got == CURLUE_OK)
        got = take_port(one, default_port);
    if (got == CURLUE_OK)
        got = refuse_zone(one);
    free(text);
    return got;
}

bool fetch_take_url(struct fetch *one, struct span url, uint16_t default_port, bool last_scheme)
{
    CURLUcode got = CURLUE_MALFORMED_INPUT;
    one->url = curl_url();
    if (one->url == NULL)
        got = CURLUE_OUT_OF_MEMORY;
    else if (is_plain(url) && has_authority(url))
        got = take_parts(one, url, default_port);
    if (got == CURLUE_OK && has_scheme(one, last_scheme) && !span_has_suffix(span_of(one->host), SPAN(".")))
        return true;
    if (got == CURLUE_OUT_OF_MEMORY)
        fetch_fail_later(one, FETCH_MEMORY, NULL);
    else
        fetch_fail_later(one, FETCH_INVALID, "not a URL that we ask");
    return false;
}

void fetch_go(struct fetch *one, uint32_t timeout_ms)
{
    struct fetcher *f = one->fetcher;
    if (f->count > FETCH_MAX) {
        fetch_fail_later(one, FETCH_BUSY, NULL);
        return;
    }
    if (f->authority == NULL && !fetcher_load_authorities(f)) {
        fetch_fail_later(one, FETCH_TLS, "the system's CA certificates cannot be read");
        return;
    }
    if (!timer_set(&one->deadline, timeout_ms != 0 ? timeout_ms : TIMEOUT_MS)) {
        fetch_fail_later(one, FETCH_MEMORY, NULL);
        return;
    }
    resolver_start(f->resolver, span_of(one->host), &one->question);
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

bool fetcher_load_authorities(struct fetcher *f)
{
    struct tls_client *fresh;
    if (!res_ok(tls_client_new(&(struct tls_client_config){.verify = TLS_VERIFY_FULL}, &fresh)))
        return false;
    tls_client_unref(f->authority);
    f->authority = fresh;
    return true;
}

struct fetcher *fetcher_new(struct loop *loop, struct resolver *resolver)
{
    struct fetcher *f = calloc(1, sizeof *f);
    if (f == NULL)
        return NULL;
    f->loop = loop;
    f->resolver = resolver;
    f->has_curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    if (!f->has_curl) {
        fetcher_free(f);
        return NULL;
    }
    (void)fetcher_load_authorities(f); /* the first fetch tries again */
    return f;
}

void fetcher_free(struct fetcher *f)
{
    if (f == NULL)
        return;
    while (f->all != NULL)
        fetch_drop(f->all);
    tls_client_unref(f->authority);
    if (f->has_curl)
        curl_global_cleanup();
    free(f);
}

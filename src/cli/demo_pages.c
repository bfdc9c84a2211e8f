#include "cli/demo_pages.h"

#include "base/count.h"

#define HTML SPAN("text/html; charset=utf-8")
#define PLAIN SPAN("text/plain; charset=utf-8")
#define JSON SPAN("application/json")

static const char head[] =
    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>tiergate demo</title>\n"
    "<style>\n"
    ":root { color-scheme: light dark }\n"
    "body { font: 1.05rem/1.55 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1.2rem }\n"
    "code, pre { font: .92em ui-monospace, monospace; background: #8882; border-radius: .3em; padding: .1em .3em }\n"
    "pre { padding: .8em; overflow: auto }\n"
    "table { border-collapse: collapse } td { padding: .25rem 1.2rem .25rem 0; vertical-align: top }\n"
    "a { color: inherit } output { font-weight: 600 }\n"
    "</style>\n";

static const char inside[] = "<table>\n"
                             "<tr><td><a href=\"/docs\">/docs</a><td>open to everyone: a <code>bypass</code> rule\n"
                             "<tr><td><a href=\"/api/health\">/api/health</a><td>open to probes\n"
                             "<tr><td><a href=\"/whoami\">/whoami</a><td>your request as this origin got it: your "
                             "password and the gate's cookie are "
                             "not in it\n"
                             "<tr><td><a href=\"/docs/..%2fwhoami\">/docs/..%2fwhoami</a><td>looks open, but two "
                             "servers could read it in two ways: no "
                             "bypass for it without a sign-in\n"
                             "</table>\n"
                             "<h2>With the app's own Authorization</h2>\n"
                             "<p><code>fetch('/whoami', {headers: {Authorization: 'Bearer mine'}})</code>: the session "
                             "cookie opens the gate, and "
                             "the Bearer reaches the app: <output id=\"bearer\">…</output>\n"
                             "<h2>A WebSocket on a sibling host</h2>\n"
                             "<p><code id=\"where\"></code> shares gate and cookie: <output id=\"socket\">…</output>\n"
                             "<p><a href=\"/.tiergate/sign-out\">Sign out</a>\n"
                             "<script>\n"
                             "const show = (id, text) => { document.getElementById(id).textContent = text }\n"
                             "fetch(location.origin + '/whoami', {headers: {Authorization: 'Bearer mine'}})\n"
                             "  .then(async r => show('bearer', r.status + ((await r.text()).includes('Bearer mine') ? "
                             "', it arrived' : ', it did not')))\n"
                             "  .catch(e => show('bearer', e))\n"
                             "const url = 'wss://ws.' + location.host + '/echo'\n"
                             "show('where', url)\n"
                             "const ws = new WebSocket(url)\n"
                             "ws.onopen = () => ws.send('hello through the gate')\n"
                             "ws.onmessage = e => show('socket', 'it says: ' + e.data)\n"
                             "ws.onerror = () => show('socket', 'refused')\n"
                             "</script>\n";

static void index_page(const struct http_request *r, struct demo_page *page)
{
    struct text *t = &page->body;
    page->type = HTML;
    text_add(t, span_of(head));
    text_addf(t, "<h1>You are through the gate</h1>\n<p>This page comes from a small server behind tiergate");
    for (size_t i = 0; i < r->headers.n; i++) {
        if (span_eq_nocase(r->headers.v[i].name, SPAN("X-Forwarded-User"))) {
            text_addf(t, ", which told it that you are <strong>");
            text_add_html(t, r->headers.v[i].value);
            text_addf(t, "</strong>");
        }
    }
    text_addf(t, ".\n");
    text_add(t, span_of(inside));
}

static void docs_page(const struct http_request *r, struct demo_page *page)
{
    struct text *t = &page->body;
    page->type = HTML;
    text_add(t, span_of(head));
    text_addf(
        t, "<h1>Docs, for everyone</h1>\n<p>A rule with <code>\"action\": \"bypass\"</code> opens this path:\n<pre>");
    text_add_html(t, r->path_query);
    text_addf(t,
              "</pre>\n<p>No identity was asked, and none was passed on. <a href=\"/\">The start page</a> is gated.\n");
}

static void health_page(const struct http_request *r, struct demo_page *page)
{
    page->type = JSON;
    text_addf(&page->body, "{\"status\":\"ok\",\"from\":\"the demo's origin\"}\n");
}

static void whoami_page(const struct http_request *r, struct demo_page *page)
{
    page->type = PLAIN;
    text_addf(&page->body, "%.*s %.*s\n", SPAN_ARG(r->method_name), SPAN_ARG(r->path_query));
    for (size_t i = 0; i < r->headers.n; i++) {
        const struct header *h = &r->headers.v[i];
        text_addf(&page->body, "%.*s: %.*s\n", SPAN_ARG(h->name), SPAN_ARG(h->value));
    }
}

static void missing_page(const struct http_request *r, struct demo_page *page)
{
    page->status = 404;
    page->type = PLAIN;
    text_addf(&page->body, "the demo's origin has no such page\n");
}

static const struct {
    struct span path;
    bool below; /* everything that begins so */
    void (*make)(const struct http_request *r, struct demo_page *page);
} pages[] = {
    {{(const uint8_t *)"/", 1}, false, index_page},        {{(const uint8_t *)"/docs", 5}, false, docs_page},
    {{(const uint8_t *)"/docs/", 6}, true, docs_page},     {{(const uint8_t *)"/api/health", 11}, false, health_page},
    {{(const uint8_t *)"/whoami", 7}, false, whoami_page},
};

void demo_page_make(const struct http_request *r, struct demo_page *page)
{
    struct span path, query;
    (void)span_cut(r->path_query, '?', &path, &query);
    page->status = 200;
    for (size_t i = 0; i < COUNT(pages); i++) {
        if (span_eq(path, pages[i].path) || (pages[i].below && span_has_prefix(path, pages[i].path))) {
            pages[i].make(r, page);
            return;
        }
    }
    missing_page(r, page);
}

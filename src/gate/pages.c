#include "gate/pages.h"

#define STYLE                                                                                                          \
    ":root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--paper:#fff;--line:#d0d7de;--act:#0b5cad;--on:#fff}"  \
    "@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa4af;--paper:#14181d;--line:#3a424c;"            \
    "--act:#79b8ff;--on:#0b0e12}}"                                                                                     \
    "*{box-sizing:border-box}"                                                                                         \
    "body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--paper);"           \
    "color:var(--ink);font:1rem/1.5 system-ui,sans-serif}"                                                             \
    "main{width:100%;max-width:32rem;overflow-wrap:anywhere}"                                                          \
    "h1{margin:0 0 .75rem;font-size:1.5rem;line-height:1.25}p{margin:0 0 1rem}"                                        \
    "a,button{display:inline-block;padding:.7rem 1.2rem;border:0;border-radius:.4rem;background:var(--act);"           \
    "color:var(--on);font:inherit;font-weight:600;text-decoration:none;cursor:pointer}"                                \
    "a:focus-visible,button:focus-visible{outline:3px solid var(--ink);outline-offset:2px}"                            \
    "small{display:block;margin-top:1.5rem;padding-top:.75rem;border-top:1px solid var(--line);color:var(--soft)}"

/* base64 of the SHA-256 of STYLE; a test recomputes it. */
#define STYLE_SHA256 "2RQry4FYBzxH6IlzKtsv/uX84a5P8ILdfY6fsb+ifxI="

struct span page_style(void)
{
    return SPAN(STYLE);
}

/* The empty icon keeps a browser from asking the gate for one. */
struct span page_policy(void)
{
    return SPAN("default-src 'none'; style-src 'sha256-" STYLE_SHA256 "'; img-src data:; form-action 'self'; "
                "base-uri 'none'; frame-ancestors 'none'");
}

static void add(struct text *out, const char *html)
{
    text_add(out, span_of(html));
}

static void add_head(const struct page *p, struct text *out)
{
    add(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<meta name=\"robots\" content=\"noindex\">\n<link rel=\"icon\" href=\"data:,\">\n<title>");
    text_add_html(out, span_of(p->title));
    add(out, "</title>\n<style>" STYLE "</style>\n</head>\n<body>\n<main>\n<h1>");
    text_add_html(out, span_of(p->title));
    add(out, "</h1>\n");
}

static void add_text(const struct page *p, struct text *out)
{
    add(out, "<p>");
    text_add_html(out, span_of(p->text));
    if (p->subject.n) {
        add(out, " <strong>");
        text_add_html(out, p->subject);
        add(out, "</strong>");
    }
    add(out, "</p>\n");
}

static void add_link(const struct page *p, struct text *out)
{
    add(out, "<p><a href=\"");
    text_add_html(out, p->link);
    add(out, "\">");
    text_add_html(out, span_of(p->link_text));
    add(out, "</a></p>\n");
}

static void add_form(const struct page *p, struct text *out)
{
    add(out, "<form method=\"post\" action=\"");
    text_add_html(out, span_of(p->form));
    add(out, "\"><button type=\"submit\">");
    text_add_html(out, span_of(p->button));
    add(out, "</button></form>\n");
}

void page_render(const struct page *p, struct text *out)
{
    add_head(p, out);
    if (p->text)
        add_text(p, out);
    if (p->link.n)
        add_link(p, out);
    if (p->form)
        add_form(p, out);
    if (p->id.n) {
        add(out, "<small>Request ");
        text_add_html(out, p->id);
        add(out, "</small>\n");
    }
    add(out, "</main>\n</body>\n</html>\n");
}

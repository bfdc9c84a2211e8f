#include "gate/pages.h"

#include "base/count.h"

static void add(struct text *out, const char *html)
{
    text_add(out, span_of(html));
}

/* --- frame ---------------------------------------------------------------------------------------------------------------- */

/* A gate that stands open; a logo takes its place. */
#define EMBLEM                                                                                                         \
    "<svg viewBox=\"0 0 24 24\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" stroke-linecap=\"round\" "    \
    "stroke-linejoin=\"round\" aria-hidden=\"true\"><path d=\"M3 21V11a9 9 0 0 1 18 0v10M1.5 21h21M8 21v-9.5a4 4 0 0 " \
    "1 8 0V21\"/></svg>"

/* What the page calls the site: its name, or else its host. */
static struct span name_of(const struct page_frame *f)
{
    return f->look && f->look->name.n ? f->look->name : f->site;
}

static bool has_logo(const struct page_frame *f)
{
    return f->look && f->look->logo.n;
}

/* The empty icon keeps a browser from asking the gate for one. */
static void add_head(struct text *out, const struct page_frame *f)
{
    add(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" content=\"noindex\">\n");
    add(out, has_logo(f) ? "<link rel=\"icon\" href=\"" LOGO_PATH "\">\n" : "<link rel=\"icon\" href=\"data:,\">\n");
    add(out, f->error ? "<title>Error: " : "<title>");
    text_add_html(out, span_of(f->title));
    if (name_of(f).n)
        add(out, " · ");
    text_add_html(out, name_of(f));
    add(out, "</title>\n<style>");
    text_add(out, page_style());
    add(out, "</style>\n</head>\n<body>\n");
}

/* The logo only adorns: the name stands beside it. */
static void add_banner(struct text *out, const struct page_frame *f)
{
    add(out, "<header>");
    add(out, has_logo(f) ? "<img src=\"" LOGO_PATH "\" alt=\"\">" : EMBLEM);
    add(out, "<span>");
    text_add_html(out, name_of(f));
    add(out, "</span>");
    if (f->tier.n) {
        add(out, "<b>");
        text_add_html(out, f->tier);
        add(out, "</b>");
    }
    add(out, "</header>\n");
}

void page_begin(struct text *out, const struct page_frame *f)
{
    add_head(out, f);
    add_banner(out, f);
    add(out, "<main>\n<h1>");
    text_add_html(out, span_of(f->title));
    add(out, "</h1>\n");
}

void page_end(struct text *out, const struct page_frame *f)
{
    add(out, "</main>\n");
    if (f->id.n) {
        add(out, "<footer><p>Request ");
        text_add_html(out, f->id);
        add(out, "</p></footer>\n");
    }
    add(out, "</body>\n</html>\n");
}

/* --- parts ---------------------------------------------------------------------------------------------------------------- */

static void add_strong(struct text *out, struct span name)
{
    add(out, "<strong>");
    text_add_html(out, name);
    add(out, "</strong>");
}

void page_say(struct text *out, struct page_words w)
{
    struct span rest = span_of(w.words), plain;
    for (size_t i = 0; span_cut(rest, '#', &plain, &rest); i++) {
        text_add_html(out, plain);
        if (i < COUNT(w.names))
            add_strong(out, w.names[i]);
    }
    text_add_html(out, plain);
}

void page_paragraph(struct text *out, bool soft, struct page_words w)
{
    add(out, soft ? "<p class=\"soft\">" : "<p>");
    page_say(out, w);
    add(out, "</p>\n");
}

void page_note(struct text *out, bool error, struct page_words w)
{
    add(out, error ? "<p class=\"note error\" id=\"note\" role=\"alert\">"
                   : "<p class=\"note\" id=\"note\" role=\"status\">");
    page_say(out, w);
    add(out, "</p>\n");
}

/* RFC 3986 §2.3: all but what is unreserved is encoded. */
static void add_encoded(struct text *out, struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i], lower = ascii_lower(c);
        bool plain = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || memchr("-._~", c, 4);
        if (plain)
            text_add(out, span_make(&s.p[i], 1));
        else
            text_addf(out, "%%%02X", c);
    }
}

static void add_target(struct text *out, const struct page_target *to)
{
    const char *before = "?";
    text_add_html(out, to->path);
    for (size_t i = 0; i < COUNT(to->keys); i++) {
        if (!to->values[i].n)
            continue;
        add(out, before);
        text_add_html(out, to->keys[i]);
        add(out, "=");
        add_encoded(out, to->values[i]);
        before = "&amp;";
    }
}

static const char *class_of(enum page_weight weight)
{
    static const char *const classes[] = {
        [PAGE_MAIN] = "button", [PAGE_OTHER] = "button other", [PAGE_QUIET] = "quiet"};
    return classes[weight];
}

void page_link(struct text *out, enum page_weight weight, const struct page_target *to, const char *words)
{
    text_addf(out, "%s<a class=\"%s\" href=\"", weight == PAGE_QUIET ? "<p>" : "", class_of(weight));
    add_target(out, to);
    add(out, "\">");
    text_add_html(out, span_of(words));
    add(out, weight == PAGE_QUIET ? "</a></p>\n" : "</a>\n");
}

void page_form(struct text *out, const char *action)
{
    text_addf(out, "<form method=\"post\" action=\"%s\">\n", action);
}

void page_form_end(struct text *out)
{
    add(out, "</form>\n");
}

void page_hidden(struct text *out, const char *name, struct span value)
{
    text_addf(out, "<input type=\"hidden\" name=\"%s\" value=\"", name);
    text_add_html(out, value);
    add(out, "\">\n");
}

void page_button(struct text *out, enum page_weight weight, const char *name, const char *value, const char *words)
{
    text_addf(out, "<button type=\"submit\" class=\"%s\"", class_of(weight));
    if (name)
        text_addf(out, " name=\"%s\" value=\"%s\"", name, value);
    add(out, ">");
    text_add_html(out, span_of(words));
    add(out, "</button>\n");
}

/* --- simple pages --------------------------------------------------------------------------------------------------------- */

void page_body(struct text *out, const struct page *p)
{
    if (p->text.words)
        page_paragraph(out, false, p->text);
    if (p->advice.words)
        page_paragraph(out, false, p->advice);
    if (p->link_text)
        page_link(out, PAGE_MAIN, &(struct page_target){.path = p->link}, p->link_text);
}

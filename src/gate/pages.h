/* The one HTML page: server-rendered, no scripts, light and dark, one column on every screen. Private to gate/. */
#ifndef TG_GATE_PAGES_H
#define TG_GATE_PAGES_H

#include "base/text.h"

/* Everything is escaped. NULL and empty: left out. */
struct page {
    const char *title;
    const char *text;
    struct span subject; /* shown behind text, emphasised */
    struct span link;    /* href */
    const char *link_text;
    const char *form; /* action of a POST form with one button */
    const char *button;
    struct span id; /* of the request, so that a person can name it */
};

void page_render(const struct page *p, struct text *out);
/* What the page holds between <style> and </style>; its hash stands in the policy. */
struct span page_style(void);
/* Content-Security-Policy: nothing may be loaded or run, nobody may frame it. */
struct span page_policy(void);

#endif

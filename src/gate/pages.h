/* The one HTML page: server-rendered, no scripts, light and dark, one column on every screen. Private to gate/. */
#ifndef TG_GATE_PAGES_H
#define TG_GATE_PAGES_H

#include "base/text.h"
#include "gate/look.h"

/* What stands around each page. Everything is escaped. */
struct page_frame {
    const char *title;               /* what it is about: heading, and with the site the window's title */
    bool error;                      /* the window's title says so first: it is read before anything else */
    struct span site;                /* host; empty: not known */
    struct span tier;                /* empty: none */
    const struct pages_config *look; /* NULL: no name, no logo */
    struct span id;                  /* of the request, so that a person can name it; empty: none */
};

void page_begin(struct text *out, const struct page_frame *f);
void page_end(struct text *out, const struct page_frame *f);

/* --- what pages are made of --------------------------------------------------------------------------------------------- */

/* Each '#' of `words` becomes the next of `names`, escaped and emphasised. */
struct page_words {
    const char *words;
    struct span names[2];
};

/* A page of a text and a link. What is empty is left out. */
struct page {
    const char *title;
    struct page_words text, advice; /* how it is, and what to do */
    struct span link;               /* href */
    const char *link_text;          /* without href it leads to the page itself: once more, please */
};

void page_body(struct text *out, const struct page *p);
void page_say(struct text *out, struct page_words w);
/* <p>, smaller and paler with `soft`. */
void page_paragraph(struct text *out, bool soft, struct page_words w);
/* A box that is read out: of what went wrong, or else of how things stand. Its id is "note". */
void page_note(struct text *out, bool error, struct page_words w);

/* Where a link leads: `path`, then ?key=value (and &…) for each that has a value, percent-encoded. */
struct page_target {
    struct span path;
    struct span keys[2], values[2];
};

enum page_weight {
    PAGE_MAIN = 0 /* a filled button */,
    PAGE_OTHER /* an outlined one */,
    PAGE_QUIET /* a link in the text */
};

void page_link(struct text *out, enum page_weight weight, const struct page_target *to, const char *words);
/* One POST form; fields and buttons come between. */
void page_form(struct text *out, const char *action);
void page_form_end(struct text *out);
void page_hidden(struct text *out, const char *name, struct span value);
/* name and value may be NULL. */
void page_button(struct text *out, enum page_weight weight, const char *name, const char *value, const char *words);

/* --- policy --------------------------------------------------------------------------------------------------------------- */

/* What the page holds between <style> and </style>; its hash stands in the policy. */
struct span page_style(void);
/* Content-Security-Policy: nothing may be run, nothing but the logo loaded, nobody may frame it. */
struct span page_policy(void);

#endif

/* What the demo's origin answers. Pure. */
#ifndef TG_CLI_DEMO_PAGES_H
#define TG_CLI_DEMO_PAGES_H

#include "base/text.h"
#include "http/message.h"

struct demo_page {
    unsigned status;
    struct span type; /* Content-Type */
    struct text body; /* owns */
};

/* Page of that request; page->body is initialised by the caller. */
void demo_page_make(const struct http_request *r, struct demo_page *page);

#endif

/* Growing text buffer for messages, pages, log lines and generated files. Not for the hot path. */
#ifndef TG_BASE_TEXT_H
#define TG_BASE_TEXT_H

#include <stdarg.h>

#include "base/span.h"

struct text {
    char *p; /* owned; NUL-terminated when n > 0 */
    size_t n, cap;
    bool failed; /* an allocation failed: content is incomplete and must not be used */
};

void text_init(struct text *t);
void text_fini(struct text *t);
/* The same for one that held a secret: what it holds last is wiped. */
void text_wipe(struct text *t);
void text_add(struct text *t, struct span s);
void text_addf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vaddf(struct text *t, const char *format, va_list ap);
/* As a JSON string body (no quotes): controls, `"` and `\` escaped, a byte that is no UTF-8 as \u00XX. */
void text_add_json(struct text *t, struct span s);
/* `& < > " '` as entities. */
void text_add_html(struct text *t, struct span s);
struct span text_span(const struct text *t);

#endif

/* application/x-www-form-urlencoded (WHATWG URL §5.1): bodies of forms, and parameters of a query. Pure. */
#ifndef TG_HTTP_FORM_H
#define TG_HTTP_FORM_H

#include "base/arena.h"
#include "base/span.h"

enum form_verdict {
    FORM_MISSING = 0,
    FORM_FOUND,
    FORM_TWICE,
    FORM_BAD /* a broken escape, a control byte */,
    FORM_MEMORY
};

/* The one field of that name, decoded (`+` is a space), in the arena or, when nothing was escaped, where it stands. */
enum form_verdict form_field(struct span fields, struct span name, struct arena *a, struct span *value);
/* The query of a target, without its '?'; empty: none. */
struct span form_query(struct span target);
/* Escaped as a value in the query of a URL. p == NULL: no memory. */
struct span form_escape(struct span value, struct arena *a);

#endif

/* Cookie request field, byte-exact (RFC 6265 §5.4; only SP and HTAB are white space, no quotes, no `$`). Pure. */
#ifndef TG_HTTP_COOKIE_H
#define TG_HTTP_COOKIE_H

#include "http/headers.h"

/* Collects the values of all cookies of exactly that name, over all Cookie fields, in order; returns how many there
 * are (may exceed cap). */
size_t cookie_find(const struct headers *h, struct span name, struct span *values, size_t cap);
/* The Cookie field's value without the cookies of that name: equal to `value` when it holds none; empty when nothing
 * else is left. p == NULL: no memory. */
struct span cookie_strip(struct arena *a, struct span value, struct span name);
/* Name of a Set-Cookie field's cookie (up to '='), trimmed. */
struct span set_cookie_name(struct span value);

#endif

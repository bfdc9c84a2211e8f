/* What request and response heads have in common: the field section and the framing fields. Private to h1/. */
#ifndef TG_HTTP_H1_FIELDS_H
#define TG_HTTP_H1_FIELDS_H

#include "http/field_rules.h"
#include "http/h1/h1.h"

/* Consumes exactly CRLF. */
bool h1_take_crlf(struct span *rest);
/* Parses fields up to and with the empty line, which must be the last thing in `rest`. `ascii_only`: FIELD_BIT of the
 * fields whose values must not hold obs-text. False: *err has 400, 431 or 503. */
bool h1_parse_fields(struct span rest, const struct h1_limits *limits, uint64_t ascii_only, struct arena *a,
                     struct headers *out, struct h1_error *err);

/* Is there exactly one Transfer-Encoding, and is it exactly `chunked`? */
bool h1_is_chunked(const struct headers *h);
/* Is every Connection field a list of tokens, 32 in all at most? */
bool h1_connection_ok(const struct headers *h);
/* RFC 9112 §9.3. */
bool h1_keep_alive(const struct headers *h, enum http_version version);
/* "HTTP/" DIGIT "." DIGIT as 10, 11 …; 0 when malformed. */
unsigned h1_version(struct span s);

/* Always false, for `return h1_fail(…)`. */
bool h1_fail(struct h1_error *err, unsigned status, const char *why);

#endif

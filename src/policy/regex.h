/* PCRE2 behind two calls: patterns that must fit the whole subject, matched within fixed bounds. Only
 * this pair of files knows the library. */
#ifndef TG_POLICY_REGEX_H
#define TG_POLICY_REGEX_H

#include "base/span.h"

enum match { MATCH_NO = 0, MATCH_YES, MATCH_ERROR };

struct regex;      /* immutable; thread: any */
struct regex_room; /* what one match needs to work in; thread: one */

/* NULL: *error says what is wrong with the pattern (or that memory is out). */
struct regex *regex_new(struct span pattern, bool caseless, char *error, size_t error_size);
void regex_free(struct regex *r);

struct regex_room *regex_room_new(void);
void regex_room_free(struct regex_room *room);

/* MATCH_ERROR: a limit was hit, the subject is no UTF-8, or the library failed: the caller decides what denies. */
enum match regex_match(const struct regex *r, struct span subject, struct regex_room *room);

#endif

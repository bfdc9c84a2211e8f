/* One path pattern of a rule, compiled. Used by the policy alone. */
#ifndef TG_POLICY_PATTERN_H
#define TG_POLICY_PATTERN_H

#include "base/span.h"
#include "policy/regex.h"

enum pattern_kind { PATTERN_EXACT = 0, PATTERN_PREFIX, PATTERN_GLOB, PATTERN_REGEX };

struct pattern {
    enum pattern_kind kind;
    bool has_tail; /* PATTERN_GLOB: ended in a slash and a star, anything may follow */
    bool is_ascii;
    bool excludes; /* PATTERN_REGEX: says what must not stand somewhere, so that folding case may make it match less */
    struct span text;     /* borrows; without the trailing star of a prefix or tail, without `re:` */
    struct regex *regex;  /* owns; PATTERN_REGEX */
    struct regex *folded; /* owns; the same pattern caseless, where pattern_prepare_folded() was called */
};

/* A path that is asked about, with what several patterns want to know of it. */
struct subject {
    struct span text;
    bool is_ascii;
};

struct subject subject_of(struct span text);

/* text: as written, no preset. False: *error says what is wrong and what to write instead.
 * text must outlive the pattern. */
bool pattern_parse(struct span text, struct pattern *out, char *error, size_t error_size);
void pattern_fini(struct pattern *p);

enum match pattern_match(const struct pattern *p, struct span path, struct regex_room *room);

/* Makes the caseless twin that pattern_match_folded needs; once. */
bool pattern_prepare_folded(struct pattern *p, char *error, size_t error_size);
/* As pattern_match with case folded (Unicode's simple folding). `room_text` has room for
 * as many bytes as the subject. */
enum match pattern_match_folded(const struct pattern *p, struct subject path, struct regex_room *room,
                                uint8_t *room_text);

/* Does `a` surely match every path that `b` matches? False when it cannot be told. */
bool pattern_covers(const struct pattern *a, const struct pattern *b, struct regex_room *room);
/* Does it match so much that a bypass of it opens the host? */
bool pattern_is_catch_all(const struct pattern *p, struct regex_room *room);

#endif

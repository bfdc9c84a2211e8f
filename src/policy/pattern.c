#include "policy/pattern.h"

#include "base/count.h"
#include "policy/glob.h"

static bool is_ascii(struct span s)
{
    uint8_t seen = 0;
    for (size_t i = 0; i < s.n; i++)
        seen |= s.p[i];
    return seen < 0x80;
}

struct subject subject_of(struct span text)
{
    return (struct subject){text, is_ascii(text)};
}

void pattern_fini(struct pattern *p)
{
    regex_free(p->regex);
    regex_free(p->folded);
    p->regex = NULL;
    p->folded = NULL;
}

enum match pattern_match(const struct pattern *p, struct span path, struct regex_room *room)
{
    switch (p->kind) {
    case PATTERN_EXACT:
        return span_eq(p->text, path) ? MATCH_YES : MATCH_NO;
    case PATTERN_PREFIX:
        return span_has_prefix(path, p->text) ? MATCH_YES : MATCH_NO;
    case PATTERN_GLOB:
        return glob_match(p->text, p->has_tail, path, false) ? MATCH_YES : MATCH_NO;
    case PATTERN_REGEX:
        return regex_match(p->regex, path, room);
    }
    return MATCH_ERROR;
}

static bool match_ascii_folded(const struct pattern *p, struct span path)
{
    switch (p->kind) {
    case PATTERN_EXACT:
        return span_eq_nocase(p->text, path);
    case PATTERN_PREFIX:
        return path.n >= p->text.n && span_eq_nocase(p->text, span_make(path.p, p->text.n));
    case PATTERN_GLOB:
    case PATTERN_REGEX:
        break;
    }
    return glob_match(p->text, p->has_tail, path, true);
}

enum letter_case { CASE_LOWER, CASE_UPPER };

static struct span to_case(struct span s, enum letter_case c, uint8_t *room)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t lower = ascii_lower(s.p[i]);
        room[i] = c == CASE_UPPER && lower >= 'a' && lower <= 'z' ? (uint8_t)(lower - 32) : lower;
    }
    return span_make(room, s.n);
}

static bool has_letters(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] >= 0x80 || (ascii_lower(s.p[i]) >= 'a' && ascii_lower(s.p[i]) <= 'z'))
            return true;
    }
    return false;
}

/* A caseless pattern alone does not do: `[^A-Z]` or `(?!admin)` matches less when caseless, so that the pattern as
 * it is is tried on the folded path too. Nor do both: `/open/[^a-z]` takes `/open/D` alone. Which spellings of a path such an
 * expression takes can't be told without trying all of them, so that any letter leaves a doubt. */
static enum match match_regex_folded(const struct pattern *p, struct span path, struct regex_room *room,
                                     uint8_t *room_text)
{
    enum match m = regex_match(p->folded, path, room);
    if (m == MATCH_NO)
        m = regex_match(p->regex, to_case(path, CASE_LOWER, room_text), room);
    if (m == MATCH_NO)
        m = regex_match(p->regex, to_case(path, CASE_UPPER, room_text), room);
    return m == MATCH_NO && p->excludes && has_letters(path) ? MATCH_ERROR : m;
}

enum match pattern_match_folded(const struct pattern *p, struct subject path, struct regex_room *room,
                                uint8_t *room_text)
{
    if (p->kind != PATTERN_REGEX && p->is_ascii && path.is_ascii)
        return match_ascii_folded(p, path.text) ? MATCH_YES : MATCH_NO;
    if (!p->folded)
        return MATCH_ERROR;
    if (p->kind == PATTERN_REGEX)
        return match_regex_folded(p, path.text, room, room_text);
    return regex_match(p->folded, path.text, room);
}

/* The literal bytes before the first star. */
static struct span literal_head(const struct pattern *p)
{
    return span_make(p->text.p, span_find(p->text, '*'));
}

static bool same_pattern(const struct pattern *a, const struct pattern *b)
{
    return a->kind == b->kind && a->has_tail == b->has_tail && span_eq(a->text, b->text);
}

bool pattern_covers(const struct pattern *a, const struct pattern *b, struct regex_room *room)
{
    if (same_pattern(a, b))
        return true;
    if (b->kind == PATTERN_EXACT)
        return pattern_match(a, b->text, room) == MATCH_YES;
    if (a->kind != PATTERN_PREFIX)
        return false;
    /* Every path begins with a slash, so that "/" covers expressions too. */
    if (b->kind == PATTERN_REGEX)
        return a->text.n == 1;
    return span_has_prefix(literal_head(b), a->text);
}

bool pattern_is_catch_all(const struct pattern *p, struct regex_room *room)
{
    static const char *const probes[] = {"/a", "/Zq-7/x.y_z", "/tiergate/probe/0", "/x/"};
    if (p->kind == PATTERN_EXACT)
        return false;
    for (size_t i = 0; i < COUNT(probes); i++) {
        if (pattern_match(p, span_of(probes[i]), room) != MATCH_YES)
            return false;
    }
    return true;
}

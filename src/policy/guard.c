#include "policy/compiled.h"

#include "base/count.h"

/* What a less careful server could take the path for: itself in another case, with its
 * last slash removed or one added. */
struct variants {
    struct subject v[4];
    size_t n;
};

/* Characters that a whole-string upper- or lower-casing turns into ASCII letters, beyond simple folding. Those whose
 * compatibility form holds a letter (long s, Kelvin, ligatures) never get here: they make a path ambiguous. */
static const struct {
    struct span character;
    char letters[3];
} spellings[] = {
    {{(const uint8_t *)"\xc3\x9f", 2}, "ss"},     /* U+00DF */
    {{(const uint8_t *)"\xe1\xba\x9e", 3}, "ss"}, /* U+1E9E */
    {{(const uint8_t *)"\xc4\xb0", 2}, "i"},      /* U+0130 */
    {{(const uint8_t *)"\xc4\xb1", 2}, "i"},      /* U+0131 */
};

static size_t spell_one(struct span rest, uint8_t *out, size_t *written)
{
    for (size_t i = 0; rest.p[0] >= 0x80 && i < COUNT(spellings); i++) {
        if (!span_has_prefix(rest, spellings[i].character))
            continue;
        *written = strlen(spellings[i].letters);
        memcpy(out, spellings[i].letters, *written);
        return spellings[i].character.n;
    }
    out[0] = rest.p[0];
    *written = 1;
    return 1;
}

/* Never longer than the path. */
static struct span spell_in_ascii(struct span path, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < path.n;) {
        size_t written;
        i += spell_one(span_from(path, i), out + n, &written);
        n += written;
    }
    return span_make(out, n);
}

static void add(struct variants *v, struct span path)
{
    if (path.n > 0)
        v->v[v->n++] = subject_of(path);
}

/* The path as it is, and with its last slash toggled; room holds one byte more than the path. */
static void add_with_toggled(struct variants *v, struct span path, uint8_t *room)
{
    add(v, path);
    if (path.p[path.n - 1] == '/') {
        add(v, span_make(path.p, path.n - 1));
        return;
    }
    memmove(room, path.p, path.n);
    room[path.n] = '/';
    add(v, span_make(room, path.n + 1));
}

static void find_variants(struct span path, struct policy_scratch *s, struct variants *out)
{
    out->n = 0;
    add_with_toggled(out, path, s->toggled);
    if (!out->v[0].is_ascii)
        add_with_toggled(out, spell_in_ascii(path, s->spelled), s->spelled);
}

static bool matches_folded(const struct rule *r, struct subject path, struct policy_scratch *s)
{
    for (size_t i = 0; i < r->pattern_count; i++) {
        if (pattern_match_folded(&r->patterns[i], path, s->regex, s->cased) != MATCH_NO)
            return true;
    }
    return false;
}

/* own: the path as rules match it. */
static bool rule_guards(const struct rule *r, struct span own, const struct variants *v, struct policy_scratch *s)
{
    if (r->spec->action == ACTION_BYPASS)
        return false;
    /* A rule that takes this very path was tried in its turn, and its methods did not fit.
     * That was no doubtful reading. */
    if (rule_match_path(r, own, s) == MATCH_YES)
        return false;
    for (size_t i = 0; i < v->n; i++) {
        /* Folded holds what matches unfolded, but expressions need not: caseless, `[^a]` takes less. */
        if (matches_folded(r, v->v[i], s) || rule_match_path(r, v->v[i].text, s) != MATCH_NO)
            return true;
    }
    return false;
}

static bool reading_is_guarded(const struct policy *p, size_t before, struct span own, struct span reading,
                               struct policy_scratch *s)
{
    struct variants variants;
    find_variants(reading, s, &variants);
    for (size_t i = p->first_guard; i < before; i++) {
        if (rule_guards(&p->rules[i], own, &variants, s))
            return true;
    }
    return false;
}

/* A server that routes before it decodes sees the raw bytes: `%5d` ends in a letter there. */
bool policy_path_is_guarded(const struct policy *p, size_t before, const struct path *path, struct policy_scratch *s)
{
    if (before <= p->first_guard)
        return false;
    if (path->decoded.n == 0 || path->raw.n >= SCRATCH_PATH)
        return true;
    return reading_is_guarded(p, before, path->decoded, path->decoded, s) ||
           (!span_eq(path->raw, path->decoded) && reading_is_guarded(p, before, path->decoded, path->raw, s));
}

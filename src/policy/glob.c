#include "policy/glob.h"

static bool same_byte(uint8_t a, uint8_t b, bool fold)
{
    return fold ? ascii_lower(a) == ascii_lower(b) : a == b;
}

/* One segment, no `/` in either. A star need only ever be retried from the last one seen:
 * the classic two-pointer walk. */
static bool match_segment(struct span pattern, struct span text, bool fold)
{
    size_t p = 0, t = 0, star = SIZE_MAX, retry = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            retry = t;
        } else if (p < pattern.n && same_byte(pattern.p[p], text.p[t], fold)) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++retry;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

bool glob_match(struct span pattern, bool has_tail, struct span text, bool fold)
{
    struct span pattern_segment, text_segment;
    for (;;) {
        bool more_pattern = span_cut(pattern, '/', &pattern_segment, &pattern);
        bool more_text = span_cut(text, '/', &text_segment, &text);
        /* A tail follows the pattern's last slash: its last segment is empty and takes what is left. */
        if (has_tail && !more_pattern)
            return true;
        if (!match_segment(pattern_segment, text_segment, fold) || more_pattern != more_text)
            return false;
        if (!more_pattern)
            return true;
    }
}

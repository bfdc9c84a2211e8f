#include "readings.h"

#include "base/count.h"

/* --- what servers do ---------------------------------------------------------------------------------------------- */

static int hex(uint8_t c)
{
    c = ascii_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void decode(struct reading *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        if (r->p[i] == '%' && i + 2 < r->n && hex(r->p[i + 1]) >= 0 && hex(r->p[i + 2]) >= 0) {
            r->p[n++] = (uint8_t)(hex(r->p[i + 1]) << 4 | hex(r->p[i + 2]));
            i += 2;
        } else {
            r->p[n++] = r->p[i];
        }
    }
    r->n = n;
}

static void cut_at(struct reading *r, uint8_t c)
{
    size_t n = span_find(reading_text(r), c);
    /* A server needs a path: what is cut to nothing is the root. */
    r->n = n > 0 ? n : 1;
}

static void cut_query(struct reading *r)
{
    cut_at(r, '?');
}

static void cut_fragment(struct reading *r)
{
    cut_at(r, '#');
}

/* `;jsessionid=…` as some servers see it: the rest of the target. */
static void cut_parameters(struct reading *r)
{
    cut_at(r, ';');
}

/* … and as others do: the rest of its segment. */
static void strip_matrix(struct reading *r)
{
    size_t n = 0;
    bool in_parameters = false;
    for (size_t i = 0; i < r->n; i++) {
        in_parameters = r->p[i] != '/' && (in_parameters || r->p[i] == ';');
        if (!in_parameters)
            r->p[n++] = r->p[i];
    }
    r->n = n;
}

static void turn_backslashes(struct reading *r)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->p[i] == '\\')
            r->p[i] = '/';
    }
}

static void merge_slashes(struct reading *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        if (n == 0 || r->p[i] != '/' || r->p[n - 1] != '/')
            r->p[n++] = r->p[i];
    }
    r->n = n;
}

/* Takes the last segment off a text that ends in a slash; the root stays. */
static void drop_segment(struct reading *r)
{
    if (r->n > 1)
        r->n--;
    while (r->n > 1 && r->p[r->n - 1] != '/')
        r->n--;
}

/* RFC 3986 §5.2.4, on segments. */
static void resolve_dots(struct reading *r)
{
    struct span rest = span_from(reading_text(r), 1), segment;
    struct reading out = {.p = "/", .n = 1, .from = r->from, .step = r->step};
    for (bool more = true; more;) {
        more = span_cut(rest, '/', &segment, &rest);
        if (span_eq(segment, SPAN(".."))) {
            drop_segment(&out);
        } else if (!span_eq(segment, SPAN("."))) {
            memcpy(out.p + out.n, segment.p, segment.n);
            out.n += segment.n;
            if (more)
                out.p[out.n++] = '/';
        }
    }
    *r = out;
}

/* File systems that know no name ending in a dot; `.` and `..` are left to resolve_dots. */
static void strip_last_dots(struct reading *r)
{
    struct span rest = span_from(reading_text(r), 1), segment;
    size_t n = 1;
    for (bool more = true; more;) {
        more = span_cut(rest, '/', &segment, &rest);
        while (segment.n > 0 && segment.p[segment.n - 1] == '.' && !span_eq(segment, SPAN(".")) &&
               !span_eq(segment, SPAN("..")))
            segment.n--;
        memmove(r->p + n, segment.p, segment.n);
        n += segment.n;
        if (more)
            r->p[n++] = '/';
    }
    r->n = n;
}

/* needs: without this byte the step changes nothing. Case and the last slash are no steps but ways of comparing, since
 * they change nothing that another step looks at (rules.h). */
static const struct {
    const char *name;
    void (*take)(struct reading *r);
    uint8_t needs;
} steps[] = {
    {"percent-decoded", decode, '%'},
    {"cut at `?`", cut_query, '?'},
    {"cut at `#`", cut_fragment, '#'},
    {"cut at `;`", cut_parameters, ';'},
    {"matrix parameters stripped", strip_matrix, ';'},
    {"backslashes as slashes", turn_backslashes, '\\'},
    {"slashes merged", merge_slashes, '/'},
    {"dots resolved", resolve_dots, '.'},
    {"last dots of segments stripped", strip_last_dots, '.'},
};

/* --- all of them, in every order ---------------------------------------------------------------------------------- */

struct span reading_text(const struct reading *r)
{
    return span_make(r->p, r->n);
}

static bool is_known(const struct readings *all, const struct reading *r)
{
    for (size_t i = 0; i < all->n; i++) {
        if (span_eq(reading_text(&all->v[i]), reading_text(r)))
            return true;
    }
    return false;
}

static bool has_byte(const struct reading *r, uint8_t c)
{
    return memchr(r->p, c, r->n) != NULL;
}

static bool has_double_slash(const struct reading *r)
{
    return memmem(r->p, r->n, "//", 2) != NULL;
}

static bool may_change(const struct reading *r, size_t step)
{
    return steps[step].needs == '/' ? has_double_slash(r) : has_byte(r, steps[step].needs);
}

static void add_next(struct readings *all, size_t from, size_t step)
{
    struct reading next = all->v[from];
    next.from = from;
    next.step = step;
    steps[step].take(&next);
    if (is_known(all, &next))
        return;
    if (all->n == READINGS_MAX)
        all->is_full = true;
    else
        all->v[all->n++] = next;
}

/* Ends: no step makes a path longer, and none brings back what another took away. */
void readings_find(struct span raw, struct readings *out)
{
    out->n = 1;
    out->is_full = false;
    out->v[0] = (struct reading){.n = raw.n};
    memcpy(out->v[0].p, raw.p, raw.n);
    for (size_t i = 0; i < out->n; i++) {
        for (size_t step = 0; step < COUNT(steps); step++) {
            if (may_change(&out->v[i], step))
                add_next(out, i, step);
        }
    }
}

void readings_print_chain(FILE *to, const struct readings *all, size_t index)
{
    const struct reading *r = &all->v[index];
    if (index > 0) {
        readings_print_chain(to, all, r->from);
        fprintf(to, " -> %s ", steps[r->step].name);
    }
    fprintf(to, "%.*s", SPAN_ARG(reading_text(r)));
}

#include "rules.h"

#include "base/count.h"

/* --- what the patterns with stars and expressions name ------------------------------------------------------------ */

static bool same(uint8_t a, uint8_t b, bool any_case)
{
    return any_case ? ascii_lower(a) == ascii_lower(b) : a == b;
}

static bool begins(struct span s, struct span head, bool any_case)
{
    for (size_t i = 0; i < head.n; i++) {
        if (i >= s.n || !same(s.p[i], head.p[i], any_case))
            return false;
    }
    return true;
}

/* What follows /open/, in *rest. */
static bool in_open(struct span path, bool any_case, struct span *rest)
{
    *rest = span_from(path, 6);
    return begins(path, SPAN("/open/"), any_case);
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* One segment below /open/ that ends in `.d`. */
static bool names_dot_d(struct span path, bool any_case)
{
    struct span rest;
    return in_open(path, any_case, &rest) && span_find(rest, '/') == rest.n && rest.n >= 2 &&
           begins(span_from(rest, rest.n - 2), SPAN(".d"), any_case);
}

/* All below a folder `a` two below /open/. */
static bool names_below_a(struct span path, bool any_case)
{
    struct span rest;
    return in_open(path, any_case, &rest) && begins(span_from(rest, span_find(rest, '/')), SPAN("/a/"), any_case);
}

/* All below a folder of the root that begins with an `a` and ends in a `d`. */
static bool names_below_a_to_d(struct span path, bool any_case)
{
    struct span folder, rest;
    if (!begins(path, SPAN("/a"), any_case) || !span_cut(span_from(path, 1), '/', &folder, &rest))
        return false;
    return folder.n >= 2 && same(folder.p[folder.n - 1], 'd', any_case);
}

/* A digit and an `e`. */
static bool names_digit_e(struct span path, bool any_case)
{
    struct span rest;
    return in_open(path, any_case, &rest) && rest.n == 2 && is_digit(rest.p[0]) && same(rest.p[1], 'e', any_case);
}

/* A segment without a capital. Where case does not count each capital is a small letter as well. */
static bool names_no_capital(struct span path, bool any_case)
{
    struct span rest;
    if (!in_open(path, any_case, &rest) || rest.n == 0)
        return false;
    for (size_t i = 0; i < rest.n; i++) {
        if (rest.p[i] == '/' || (rest.p[i] >= 'A' && rest.p[i] <= 'Z' && !any_case))
            return false;
    }
    return true;
}

/* One name below /open/ that ends in `d`. */
static bool names_d(struct span path, bool any_case)
{
    struct span rest;
    return in_open(path, any_case, &rest) && span_find(rest, '/') == rest.n && rest.n >= 1 &&
           begins(span_from(rest, rest.n - 1), SPAN("d"), any_case);
}

/* One name below /open/ without a small letter. */
static bool names_no_small(struct span path, bool any_case)
{
    struct span rest;
    if (!in_open(path, any_case, &rest) || rest.n == 0)
        return false;
    for (size_t i = 0; i < rest.n; i++) {
        if (rest.p[i] == '/' || (rest.p[i] >= 'a' && rest.p[i] <= 'z' && !any_case))
            return false;
    }
    return true;
}

/* A folder of digits in the root, and all below it. */
static bool names_number(struct span path, bool any_case)
{
    size_t i = 1;
    while (i < path.n && is_digit(path.p[i]))
        i++;
    return i > 1 && (i == path.n || path.p[i] == '/');
}

/* --- the sets ----------------------------------------------------------------------------------------------------- */

#define REST                                                                                                           \
    {                                                                                                                  \
        {                                                                                                              \
            "/*", NULL                                                                                                 \
        }                                                                                                              \
    }
#define OPEN                                                                                                           \
    {                                                                                                                  \
        {                                                                                                              \
            "/open/*", NULL                                                                                            \
        }                                                                                                              \
    }

const struct prove_set prove_sets[] = {
    {.name = "block inside an open tree",
     .method = "GET",
     .rules = {{.action = ACTION_BLOCK, .paths = {{"/open/ad", NULL}, {"/open/d/a/*", NULL}, {"/open/Ae/", NULL}}},
               {.action = ACTION_BYPASS, .paths = OPEN},
               {.action = ACTION_ALLOW, .paths = REST}}},
    {.name = "allow inside an open tree",
     .method = "GET",
     .rules = {{.action = ACTION_ALLOW, .paths = {{"/open/ad", NULL}, {"/open/d/a/*", NULL}, {"/open/Ae/", NULL}}},
               {.action = ACTION_BYPASS, .paths = OPEN},
               {.action = ACTION_BLOCK, .paths = REST}}},
    {.name = "open inside an allow inside an open tree",
     .method = "GET",
     .rules = {{.action = ACTION_BYPASS, .paths = {{"/open/d/a/*", NULL}}},
               {.action = ACTION_ALLOW, .paths = {{"/open/d/*", NULL}}},
               {.action = ACTION_BYPASS, .paths = OPEN},
               {.action = ACTION_BLOCK, .paths = REST}}},
    {.name = "the root open, parts of it closed",
     .method = "GET",
     .rules = {{.action = ACTION_BLOCK, .paths = {{"/ad", NULL}, {"/open/d/*", NULL}}},
               {.action = ACTION_ALLOW, .paths = {{"/a/*", NULL}, {"/gate/*", NULL}, {"/open/D2", NULL}}},
               {.action = ACTION_BYPASS, .paths = REST}}},
    {.name = "single paths open",
     .method = "GET",
     .rules = {{.action = ACTION_BYPASS, .paths = {{"/ad", NULL}, {"/open/ad", NULL}, {"/open/d/", NULL}}},
               {.action = ACTION_BLOCK, .paths = {{"/open/*", NULL}}},
               {.action = ACTION_ALLOW, .paths = REST}}},
    {.name = "stars",
     .method = "GET",
     .rules = {{.action = ACTION_ALLOW, .paths = {{"/open/*.d", names_dot_d}, {"/open/*/a/*", names_below_a}}},
               {.action = ACTION_BYPASS, .paths = {{"/open/*", NULL}, {"/a*d/*", names_below_a_to_d}}},
               {.action = ACTION_BLOCK, .paths = REST}}},
    {.name = "expressions",
     .method = "GET",
     .rules = {{.action = ACTION_BLOCK,
                .paths = {{"re:/open/\\de", names_digit_e}, {"re:^/open/[^A-Z/]+$", names_no_capital}}},
               {.action = ACTION_BYPASS, .paths = {{"/open/*", NULL}, {"re:/\\d+(/.*)?", names_number}}},
               {.action = ACTION_ALLOW, .paths = REST}}},
    {.name = "a star before a hex digit",
     .method = "GET",
     .rules = {{.action = ACTION_ALLOW, .paths = {{"/open/*d", names_d}}},
               {.action = ACTION_BYPASS, .paths = OPEN},
               {.action = ACTION_BLOCK, .paths = REST}}},
    {.name = "an expression without small letters",
     .method = "GET",
     .rules = {{.action = ACTION_BLOCK, .paths = {{"re:^/open/[^a-z/]+$", names_no_small}}},
               {.action = ACTION_BYPASS, .paths = OPEN},
               {.action = ACTION_ALLOW, .paths = REST}}},
    {.name = "methods, asked with GET",
     .method = "GET",
     .rules = {{.action = ACTION_BLOCK, .paths = {{"/open/ad", NULL}}, .method = "POST"},
               {.action = ACTION_ALLOW, .paths = {{"/open/d/*", NULL}}, .method = "GET"},
               {.action = ACTION_BYPASS, .paths = OPEN, .method = "GET"},
               {.action = ACTION_ALLOW, .paths = REST}}},
    {.name = "methods, asked with POST",
     .method = "POST",
     .rules = {{.action = ACTION_BLOCK, .paths = {{"/open/ad", NULL}}, .method = "POST"},
               {.action = ACTION_BYPASS, .paths = {{"/open/d/*", NULL}, {"/ad", NULL}}, .method = "POST"},
               {.action = ACTION_BYPASS, .paths = OPEN, .method = "GET"},
               {.action = ACTION_ALLOW, .paths = REST}}},
};
const size_t prove_set_count = COUNT(prove_sets);

size_t prove_rule_count(const struct prove_set *s)
{
    size_t n = 0;
    while (n < PROVE_RULES && s->rules[n].paths[0].text)
        n++;
    return n;
}

/* --- what they mean ----------------------------------------------------------------------------------------------- */

const struct prove_eyes prove_eyes[] = {
    {"as it stands", false, false},
    {"where case does not count", true, false},
    {"where the last slash does not count", false, true},
    {"where neither case nor the last slash counts", true, true},
};
const size_t prove_eyes_count = COUNT(prove_eyes);

static bool path_names(const struct prove_path *p, struct span path, bool any_case)
{
    struct span text = span_of(p->text);
    if (p->names)
        return p->names(path, any_case);
    if (text.p[text.n - 1] == '*')
        return begins(path, span_make(text.p, text.n - 1), any_case);
    return path.n == text.n && begins(path, text, any_case);
}

static bool rule_names(const struct prove_rule *r, struct span path, bool any_case)
{
    for (size_t i = 0; i < PROVE_PATHS && r->paths[i].text; i++) {
        if (path_names(&r->paths[i], path, any_case))
            return true;
    }
    return false;
}

/* The path with a slash added to its end, or taken off it. */
static struct span toggle_slash(struct span path, uint8_t room[static 1], size_t size)
{
    if (path.n > 1 && path.p[path.n - 1] == '/')
        return span_make(path.p, path.n - 1);
    if (path.n == 0 || path.p[path.n - 1] == '/' || path.n >= size)
        return path;
    memcpy(room, path.p, path.n);
    room[path.n] = '/';
    return span_make(room, path.n + 1);
}

size_t prove_first_rule(const struct prove_set *s, struct span path, const struct prove_eyes *eyes)
{
    uint8_t room[128];
    size_t n = prove_rule_count(s);
    struct span other = eyes->any_slash ? toggle_slash(path, room, sizeof(room)) : path;
    for (size_t i = 0; i < n; i++) {
        const struct prove_rule *r = &s->rules[i];
        if (r->method && strcmp(r->method, s->method) != 0)
            continue;
        if (rule_names(r, path, eyes->any_case) || (eyes->any_slash && rule_names(r, other, eyes->any_case)))
            return i;
    }
    return n;
}

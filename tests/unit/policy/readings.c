/* The property that the side door rests on: whatever a bypass lets through lies in the open tree, and
 * outside of what is closed in it, in every reading that some server might make of the path. All short
 * strings over the bytes that matter are tried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/count.h"
#include "policy/policy.h"

#define PATH_MAX_BYTES 64

static const char alphabet[] = "/.%2ef5c;\\?#adAD";
static const char *const prefixes[] = {"/open/", "/open", "/", "/open/a", "/open/d/", "/open/%2e"};

struct reading {
    uint8_t p[PATH_MAX_BYTES];
    size_t n;
};

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

static void cut_query(struct reading *r)
{
    size_t n = 0;
    while (n < r->n && r->p[n] != '?' && r->p[n] != '#')
        n++;
    r->n = n;
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

/* RFC 3986 §5.2.4, on segments. */
static void resolve_dots(struct reading *r)
{
    struct span rest = span_make(r->p, r->n), segment;
    struct reading out = {.n = 0};
    bool more = r->n > 0;
    while (more) {
        more = span_cut(rest, '/', &segment, &rest);
        bool up = span_eq(segment, SPAN("..")), stay = span_eq(segment, SPAN("."));
        if (up) {
            while (out.n > 0 && out.p[--out.n] != '/')
                ;
            while (out.n > 0 && out.p[out.n - 1] != '/')
                out.n--;
        } else if (!stay) {
            memcpy(out.p + out.n, segment.p, segment.n);
            out.n += segment.n;
            if (more)
                out.p[out.n++] = '/';
        }
    }
    if (out.n == 0)
        out.p[out.n++] = '/';
    *r = out;
}

static void fold(struct reading *r)
{
    for (size_t i = 0; i < r->n; i++)
        r->p[i] = ascii_lower(r->p[i]);
}

static void toggle_slash(struct reading *r)
{
    if (r->n > 1 && r->p[r->n - 1] == '/')
        r->n--;
    else
        r->p[r->n++] = '/';
}

static void (*const steps[])(struct reading *r) = {
    strip_matrix, decode,        cut_query,    decode, strip_matrix, turn_backslashes,
    cut_query,    merge_slashes, resolve_dots, fold,   toggle_slash,
};

/* --- what is open ------------------------------------------------------------------------------------------------- */

/* Closed inside the open tree: /open/ad, all below /open/d/a/, and .../f expressions. */
static bool is_open(const struct reading *r)
{
    struct span s = span_make(r->p, r->n);
    if (!span_has_prefix(s, SPAN("/open/")))
        return false;
    return !span_eq(s, SPAN("/open/ad")) && !span_has_prefix(s, SPAN("/open/d/a/")) && !span_eq(s, SPAN("/open/5e"));
}

static const struct policy *compile(enum action inner)
{
    static const struct span closed[] = {
        {(const uint8_t *)"/open/ad", 8}, {(const uint8_t *)"/open/d/a/*", 11}, {(const uint8_t *)"re:/open/\\de", 12}};
    static const struct span open[] = {{(const uint8_t *)"/open/*", 7}}, all[] = {{(const uint8_t *)"/*", 2}};
    const struct rule_spec rules[] = {
        {.paths = closed, .path_count = 3, .action = inner},
        {.paths = open, .path_count = 1, .action = ACTION_BYPASS},
        {.paths = all, .path_count = 1, .action = ACTION_ALLOW},
    };
    return policy_compile(rules, COUNT(rules), false, NULL, NULL);
}

struct count {
    size_t tried, bypassed;
};

static bool same(const struct reading *a, const struct reading *b)
{
    return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

/* Every server takes some of the steps: all subsets are tried, but a step that changes nothing once.
 * A trailing slash of the open tree's own root is no matter of reading: no server puts /open in the place of /open/. */
static void check_readings(struct span raw, const struct reading *r, size_t step)
{
    for (; step < COUNT(steps); step++) {
        struct reading changed = *r;
        steps[step](&changed);
        if (!same(&changed, r))
            check_readings(raw, &changed, step + 1);
    }
    if (!is_open(r) && !(r->n == 5 && memcmp(r->p, "/open", 5) == 0))
        fail_msg("%.*s is bypassed, and read as %.*s", SPAN_ARG(raw), (int)r->n, (const char *)r->p);
}

static void try_target(const struct policy *p, struct policy_scratch *s, struct span target, struct count *c)
{
    uint8_t room[PATH_MAX_BYTES];
    struct path path;
    path_parse(target, room, &path);
    c->tried++;
    if (path.kind == PATH_MALFORMED)
        return;
    struct policy_query q = {.path = &path, .method = SPAN("GET"), .gate = SPAN("team")};
    struct decision d = policy_decide(p, &q, s, NULL);
    if (d.verdict == VERDICT_ALLOW)
        fail_msg("%.*s is allowed to nobody", SPAN_ARG(target));
    if (d.verdict != VERDICT_BYPASS)
        return;
    c->bypassed++;
    struct reading r = {.n = path.raw.n};
    memcpy(r.p, path.raw.p, path.raw.n);
    check_readings(path.raw, &r, 0);
}

/* Every string of `length` bytes behind the prefix. */
static void try_all(const struct policy *p, struct policy_scratch *s, struct span prefix, size_t length,
                    struct count *c)
{
    uint8_t target[PATH_MAX_BYTES];
    size_t total = (size_t)1 << (4 * length);
    memcpy(target, prefix.p, prefix.n);
    for (size_t number = 0; number < total; number++) {
        for (size_t i = 0; i < length; i++)
            target[prefix.n + i] = (uint8_t)alphabet[number >> (4 * i) & 15];
        try_target(p, s, span_make(target, prefix.n + length), c);
    }
}

/* The same sequence on every run. */
static uint64_t next_number(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 24;
}

static void try_random(const struct policy *p, struct policy_scratch *s, struct span prefix, struct count *c)
{
    uint64_t state = prefix.n;
    uint8_t target[PATH_MAX_BYTES];
    memcpy(target, prefix.p, prefix.n);
    for (size_t round = 0; round < 40000; round++) {
        uint64_t number = next_number(&state);
        size_t length = 4 + number % 5;
        for (size_t i = 0; i < length; i++)
            target[prefix.n + i] = (uint8_t)alphabet[number >> (3 + 4 * i) & 15];
        try_target(p, s, span_make(target, prefix.n + length), c);
    }
}

static void check_action(enum action inner)
{
    const struct policy *p = compile(inner);
    struct policy_scratch *s = policy_scratch_new();
    struct count c = {0};
    assert_non_null(p);
    for (size_t i = 0; i < COUNT(prefixes); i++) {
        for (size_t length = 0; length <= 3; length++)
            try_all(p, s, span_of(prefixes[i]), length, &c);
        try_random(p, s, span_of(prefixes[i]), &c);
    }
    /* Else the property would hold of nothing. */
    assert_true(c.tried > 250000 && c.bypassed > 1000);
    policy_scratch_free(s);
    policy_free(p);
}

static void behind_a_block(void **state)
{
    check_action(ACTION_BLOCK);
}

static void behind_an_allow(void **state)
{
    check_action(ACTION_ALLOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(behind_a_block), cmocka_unit_test(behind_an_allow)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "policy/pattern.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/count.h"
#include "base/text.h"
#include "http/path.h"

#define PATTERN_MAX 1024

__attribute__((format(printf, 3, 4))) static bool fail(char *error, size_t size, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(error, size, format, ap);
    va_end(ap);
    return false;
}

static bool has_bytes(struct span s, const char *bytes)
{
    size_t n = strlen(bytes);
    return s.n >= n && memmem(s.p, s.n, bytes, n) != NULL;
}

/* Mistakes that deserve better words than what the path parser says of them. */
static const struct {
    const char *bytes, *advice;
} mistakes[] = {
    {"?", "the query never takes part in matching: drop everything from `?` on"},
    {"#", "a request never carries a fragment: drop everything from `#` on"},
    {"%", "patterns are written decoded: write the character itself instead of its `%` escape"},
    {"**", "one `*` is enough: `/docs/*` is everything below `/docs/`, elsewhere `*` stays within its segment"},
};

static bool check_mistakes(struct span text, char *error, size_t size)
{
    if (text.n == 0)
        return fail(error, size, "an empty path; write \"/\" for the front page, \"/*\" for everything");
    if (text.n > PATTERN_MAX)
        return fail(error, size, "longer than %d bytes", PATTERN_MAX);
    if (text.p[0] != '/')
        return fail(error, size, "a path begins with `/` (or with `re:` or `preset:`); write \"/%.*s\"",
                    text.n > 80 ? 80 : (int)text.n, (const char *)text.p);
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        if (has_bytes(text, mistakes[i].bytes))
            return fail(error, size, "%s", mistakes[i].advice);
    }
    return true;
}

/* As an honest client would send it (RFC 3986 §3.3 pchar); a star may stand for itself. */
static size_t encode(struct span text, uint8_t *out)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/";
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (c != 0 && strchr(plain, c)) {
            out[n++] = c;
            continue;
        }
        out[n++] = '%';
        out[n++] = (uint8_t)hex[c >> 4];
        out[n++] = (uint8_t)hex[c & 15];
    }
    return n;
}

/* No rule matches a path that is not canonical: a pattern that asks for one could never apply and hides a mistake. */
static bool check_canonical(struct span text, char *error, size_t size)
{
    uint8_t sent[3 * PATTERN_MAX], room[3 * PATTERN_MAX];
    struct path path;
    path_parse(span_make(sent, encode(text, sent)), room, &path);
    if (path.kind == PATH_CANONICAL)
        return true;
    return fail(error, size, "no request can match this (%s): such paths are judged by all rules of the host at once",
                path.why);
}

static bool parse_regex(struct span expression, struct pattern *out, char *error, size_t size)
{
    if (expression.n > PATTERN_MAX)
        return fail(error, size, "longer than %d bytes", PATTERN_MAX);
    out->kind = PATTERN_REGEX;
    out->text = expression;
    out->regex = regex_new(expression, false, error, size);
    return out->regex != NULL;
}

static void classify(struct span text, struct pattern *out)
{
    bool has_tail = span_has_suffix(text, SPAN("/*"));
    out->text = span_make(text.p, text.n - (has_tail ? 1 : 0));
    out->is_ascii = subject_of(text).is_ascii;
    if (span_find(out->text, '*') < out->text.n) {
        out->kind = PATTERN_GLOB;
        out->has_tail = has_tail;
        return;
    }
    out->kind = has_tail ? PATTERN_PREFIX : PATTERN_EXACT;
}

bool pattern_parse(struct span text, struct pattern *out, char *error, size_t error_size)
{
    *out = (struct pattern){0};
    if (span_has_prefix(text, SPAN("re:")))
        return parse_regex(span_from(text, 3), out, error, error_size);
    if (!check_mistakes(text, error, error_size))
        return false;
    classify(text, out);
    /* The trailing star stands for nothing, too: what precedes it must be canonical by itself. */
    return check_canonical(out->text, error, error_size);
}

/* The pattern as an expression: every byte quoted but letters, digits and what UTF-8 adds. */
static void add_expression(const struct pattern *p, struct text *out)
{
    for (size_t i = 0; i < p->text.n; i++) {
        uint8_t c = p->text.p[i];
        bool is_word = (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c >= 0x80;
        if (c == '*')
            text_addf(out, "[^/]*");
        else
            text_addf(out, is_word ? "%c" : "\\%c", c);
    }
    if (p->kind == PATTERN_PREFIX || p->has_tail)
        text_addf(out, ".*");
}

/* Negated classes, properties, and groups that are more than groups (looks, options). */
static bool excludes(struct span expression)
{
    for (size_t i = 0; i + 1 < expression.n; i++) {
        uint8_t a = expression.p[i], b = expression.p[i + 1];
        bool plain_group = i + 2 < expression.n && expression.p[i + 2] == ':';
        if (((a == '[' || a == ':') && b == '^') || (a == '(' && b == '?' && !plain_group) ||
            (a == '\\' && (b == 'p' || b == 'P')))
            return true;
    }
    return false;
}

bool pattern_prepare_folded(struct pattern *p, char *error, size_t error_size)
{
    if (p->kind == PATTERN_REGEX) {
        p->excludes = excludes(p->text);
        p->folded = regex_new(p->text, true, error, error_size);
        return p->folded != NULL;
    }
    struct text expression;
    text_init(&expression);
    add_expression(p, &expression);
    if (expression.failed)
        fail(error, error_size, "out of memory");
    else
        p->folded = regex_new(text_span(&expression), true, error, error_size);
    text_fini(&expression);
    return p->folded != NULL;
}

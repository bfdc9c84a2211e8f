#include "policy/hosts.h"

#include "http/host.h"

#define CAPTURE_MAX 40
#define LABEL_MAX 63

/* --- reading ------------------------------------------------------------------------------------------------------ */

static struct res check_name(struct span name)
{
    struct host host;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] >= 'A' && name.p[i] <= 'Z')
            return res_err("write host names in lower case");
        if (name.p[i] == '*')
            return res_err("`*` can only be the whole first label, as in `*.example.com`");
        if (name.p[i] == '{' || name.p[i] == '}')
            return res_err("one capture at most, written {name} or {name:int}");
    }
    if (name.n > 0 && name.p[name.n - 1] == '.')
        return res_err("write the host name without the dot at its end");
    if (!host_parse(name, &host))
        return res_err("not a host name: labels of 1 to 63 letters, digits, `-` and `_`, joined by single dots");
    if (host.port != -1)
        return res_err("write the host name without a port: the port in Host does not take part in the choice");
    return span_eq(host_span(&host), name) ? RES_OK : res_err("write the host name in its normal form");
}

static bool is_capture_name(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool is_letter = s.p[i] >= 'a' && s.p[i] <= 'z';
        if (!is_letter && (i == 0 || !((s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '_')))
            return false;
    }
    return s.n > 0 && s.n <= 32;
}

static struct res parse_capture(struct span inside, struct host_pattern *out)
{
    struct span kind;
    if (span_cut(inside, ':', &out->capture, &kind)) {
        if (!span_eq(kind, SPAN("int")))
            return res_err("the only kind of capture is int, as in {n:int}");
        out->capture_kind = CAPTURE_INT;
    }
    if (!is_capture_name(out->capture))
        return res_err("a capture has a name of lower-case letters, digits and `_`, as in {n} or {n:int}");
    return RES_OK;
}

/* The name with one letter in the capture's place must be a host name. */
static struct res check_around(const struct host_pattern *p)
{
    uint8_t name[HOST_MAX];
    size_t n = p->before.n + 1 + p->after.n;
    if (n > sizeof(name))
        return res_err("longer than a host name can be (253 bytes)");
    memcpy(name, p->before.p, p->before.n);
    name[p->before.n] = 'a';
    memcpy(name + p->before.n + 1, p->after.p, p->after.n);
    return check_name(span_make(name, n));
}

static struct res parse_template(struct span text, struct host_pattern *out)
{
    size_t open = span_find(text, '{'), close = span_find(text, '}');
    if (open >= close || close == text.n)
        return res_err("a capture is written {name} or {name:int}");
    out->kind = HOST_TEMPLATE;
    out->before = span_make(text.p, open);
    out->after = span_from(text, close + 1);
    struct res r = parse_capture(span_make(text.p + open + 1, close - open - 1), out);
    if (!res_ok(r))
        return r;
    if (span_find(out->after, '.') == out->after.n)
        return res_err("a capture stands before a fixed domain, as in pr-{n:int}.example.com");
    return check_around(out);
}

struct res host_pattern_parse(struct span text, struct host_pattern *out)
{
    *out = (struct host_pattern){.kind = HOST_EXACT, .text = text};
    if (text.n == 0)
        return res_err("an empty host name");
    if (span_find(text, '{') < text.n || span_find(text, '}') < text.n)
        return parse_template(text, out);
    if (!span_has_prefix(text, SPAN("*.")))
        return check_name(text);
    out->kind = HOST_WILDCARD;
    out->after = span_from(text, 1);
    return check_name(span_from(text, 2));
}

/* --- matching ----------------------------------------------------------------------------------------------------- */

static bool is_capture_byte(uint8_t c, int capture_kind)
{
    if (c >= '0' && c <= '9')
        return true;
    return capture_kind == CAPTURE_LABEL && ((c >= 'a' && c <= 'z') || c == '-');
}

static bool is_capture(struct span s, int capture_kind)
{
    if (s.n == 0 || s.n > CAPTURE_MAX || s.p[0] == '-' || s.p[s.n - 1] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_capture_byte(s.p[i], capture_kind))
            return false;
    }
    return true;
}

static bool match_template(const struct host_pattern *p, struct span name, struct span *captured)
{
    if (name.n <= p->before.n + p->after.n || !span_has_prefix(name, p->before) || !span_has_suffix(name, p->after))
        return false;
    *captured = span_make(name.p + p->before.n, name.n - p->before.n - p->after.n);
    if (is_capture(*captured, p->capture_kind))
        return true;
    *captured = SPAN_NONE;
    return false;
}

bool host_pattern_matches(const struct host_pattern *p, struct span name, struct span *captured)
{
    *captured = SPAN_NONE;
    switch (p->kind) {
    case HOST_EXACT:
        return span_eq(p->text, name);
    case HOST_TEMPLATE:
        return match_template(p, name, captured);
    case HOST_WILDCARD:
        break;
    }
    size_t dot = span_find(name, '.');
    return dot > 0 && dot < name.n && span_eq(span_from(name, dot), p->after);
}

/* --- overlap ------------------------------------------------------------------------------------------------------ */

/* One label of a template: literal, or literal ends around the capture. */
struct label {
    struct span before, after; /* literal: all of it in before */
    bool has_capture;
    int capture_kind;
};

/* Cuts the next label off; the capture, which holds no dot, is seen where before ends. */
struct label_walk {
    const struct host_pattern *pattern;
    struct span rest;
    bool past_capture;
};

static bool next_label(struct label_walk *w, struct label *out)
{
    struct span head;
    bool more = span_cut(w->rest, '.', &head, &w->rest);
    *out = (struct label){.before = head};
    if (more || w->past_capture)
        return more;
    /* The last label of `before` goes on behind the capture, and a domain follows. */
    w->past_capture = true;
    out->has_capture = true;
    out->capture_kind = w->pattern->capture_kind;
    return span_cut(w->pattern->after, '.', &out->after, &w->rest);
}

/* What may stand at position i of a label of n bytes, a length that it can have: a byte, or -1 for the capture's class. */
static int byte_at(const struct label *l, size_t i, size_t n)
{
    if (i < l->before.n)
        return l->before.p[i];
    size_t after_at = n - l->after.n;
    return i >= after_at ? l->after.p[i - after_at] : -1;
}

static bool class_admits(const struct label *l, int c, size_t i, size_t n)
{
    bool is_end = i == l->before.n || i + 1 == n - l->after.n;
    return is_capture_byte((uint8_t)c, l->capture_kind) && !(c == '-' && is_end);
}

static bool agree_at(const struct label *a, const struct label *b, size_t i, size_t n)
{
    int x = byte_at(a, i, n), y = byte_at(b, i, n);
    if (x == -1 && y == -1)
        return true; /* a digit fits both */
    if (x == -1)
        return class_admits(a, y, i, n);
    if (y == -1)
        return class_admits(b, x, i, n);
    return x == y;
}

static bool has_length(const struct label *l, size_t n)
{
    if (!l->has_capture)
        return l->before.n == n;
    size_t around = l->before.n + l->after.n;
    return n > around && n <= around + CAPTURE_MAX;
}

static bool labels_agree(const struct label *a, const struct label *b)
{
    for (size_t n = 1; n <= LABEL_MAX; n++) {
        size_t i = 0;
        if (!has_length(a, n) || !has_length(b, n))
            continue;
        while (i < n && agree_at(a, b, i, n))
            i++;
        if (i == n)
            return true;
    }
    return false;
}

bool host_pattern_overlaps(const struct host_pattern *a, const struct host_pattern *b)
{
    struct label_walk wa = {a, a->before, false}, wb = {b, b->before, false};
    struct label la, lb;
    if (a->kind != HOST_TEMPLATE || b->kind != HOST_TEMPLATE)
        return false;
    for (;;) {
        bool more_a = next_label(&wa, &la), more_b = next_label(&wb, &lb);
        if (!labels_agree(&la, &lb) || more_a != more_b)
            return false;
        if (!more_a)
            return true;
    }
}

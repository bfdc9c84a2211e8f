#include "base/text.h"

#include "base/crypto/mac.h"

#include <stdio.h>
#include <stdlib.h>

void text_init(struct text *t)
{
    *t = (struct text){0};
}

void text_fini(struct text *t)
{
    free(t->p);
    text_init(t);
}

void text_wipe(struct text *t)
{
    wipe(t->p, t->cap);
    text_fini(t);
}

/* Room for n more bytes and the NUL. */
static bool grow(struct text *t, size_t n)
{
    if (t->failed)
        return false;
    if (n < t->cap - t->n)
        return true;
    if (n > SIZE_MAX / 4 - t->n) {
        t->failed = true;
        return false;
    }
    size_t cap = t->cap ? t->cap : 256;

    while (cap <= t->n + n)
        cap *= 2;
    char *p = realloc(t->p, cap);

    if (!p) {
        t->failed = true;
        return false;
    }
    t->p = p;
    t->cap = cap;
    return true;
}

void text_add(struct text *t, struct span s)
{
    if (!s.n || !grow(t, s.n))
        return;
    memcpy(t->p + t->n, s.p, s.n);
    t->n += s.n;
    t->p[t->n] = '\0';
}

void text_vaddf(struct text *t, const char *format, va_list ap)
{
    va_list again;

    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, format, again);

    va_end(again);
    if (n < 0)
        t->failed = true;
    if (n <= 0 || !grow(t, (size_t)n))
        return;
    vsnprintf(t->p + t->n, (size_t)n + 1, format, ap);
    t->n += (size_t)n;
}

void text_addf(struct text *t, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    text_vaddf(t, format, ap);
    va_end(ap);
}

/* Length of the well-formed UTF-8 sequence at the start of s (Unicode 15, table 3-7), or 0. */
static size_t utf8_length(struct span s)
{
    uint8_t c = s.p[0], low = 0x80, high = 0xbf;
    size_t n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;

    if (n <= 1)
        return n;
    if (n > s.n)
        return 0;
    if (c == 0xe0)
        low = 0xa0;
    else if (c == 0xed)
        high = 0x9f;
    else if (c == 0xf0)
        low = 0x90;
    else if (c == 0xf4)
        high = 0x8f;
    if (s.p[1] < low || s.p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if (s.p[i] < 0x80 || s.p[i] > 0xbf)
            return 0;
    return n;
}

/* DEL and the C1 controls are legal in JSON, but a terminal that shows the log would obey them. */
static bool is_json_plain(struct span s, size_t n)
{
    if (n == 1)
        return s.p[0] >= 0x20 && s.p[0] != 0x7f && s.p[0] != '"' && s.p[0] != '\\';
    return n > 2 || (n == 2 && !(s.p[0] == 0xc2 && s.p[1] < 0xa0));
}

static void add_json_escape(struct text *t, uint8_t c)
{
    switch (c) {
    case '"':
        text_add(t, SPAN("\\\""));
        break;
    case '\\':
        text_add(t, SPAN("\\\\"));
        break;
    case '\n':
        text_add(t, SPAN("\\n"));
        break;
    case '\r':
        text_add(t, SPAN("\\r"));
        break;
    case '\t':
        text_add(t, SPAN("\\t"));
        break;
    default:
        text_addf(t, "\\u%04x", c);
    }
}

void text_add_json(struct text *t, struct span s)
{
    while (s.n) {
        size_t plain = 0, length = 0;

        while (plain < s.n && is_json_plain(span_from(s, plain), length = utf8_length(span_from(s, plain))))
            plain += length;
        text_add(t, span_make(s.p, plain));
        s = span_from(s, plain);
        if (!s.n)
            return;
        /* A C1 control is its two bytes' code point; a byte that is no UTF-8 shows as the code point of its value. */
        add_json_escape(t, length == 2 ? s.p[1] : s.p[0]);
        s = span_from(s, length == 2 ? 2 : 1);
    }
}

static struct span html_entity(uint8_t c)
{
    switch (c) {
    case '&':
        return SPAN("&amp;");
    case '<':
        return SPAN("&lt;");
    case '>':
        return SPAN("&gt;");
    case '"':
        return SPAN("&quot;");
    case '\'':
        return SPAN("&#39;");
    default:
        return SPAN_NONE;
    }
}

void text_add_html(struct text *t, struct span s)
{
    size_t plain = 0;

    for (size_t i = 0; i < s.n; i++) {
        struct span entity = html_entity(s.p[i]);

        if (!entity.n)
            continue;
        text_add(t, span_make(s.p + plain, i - plain));
        text_add(t, entity);
        plain = i + 1;
    }
    text_add(t, span_from(s, plain));
}

struct span text_span(const struct text *t)
{
    return span_make(t->p, t->n);
}

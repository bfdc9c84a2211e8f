#include "base/json_lines.h"

/* Bytes of the string that begins with the quote at s.p[0], both quotes counted. A raw newline ends one that is not
 * closed: jansson will refuse it there, and the rest of the file is still read as what it is. */
static size_t string_length(struct span s)
{
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '"')
            return i + 1;
        if (s.p[i] == '\n')
            return i;
        if (s.p[i] == '\\' && i + 1 < s.n && s.p[i + 1] != '\n')
            i++;
    }
    return s.n;
}

void json_blank_comments(uint8_t *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '"')
            i += string_length(span_make(text + i, n - i)) - 1;
        else if (text[i] == '/' && i + 1 < n && text[i + 1] == '/')
            while (i < n && text[i] != '\n')
                text[i++] = ' ';
    }
}

unsigned json_too_deep(struct span text)
{
    unsigned depth = 0, line = 1;

    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];

        if (c == '\n')
            line++;
        else if (c == '"')
            i += string_length(span_from(text, i)) - 1;
        else if ((c == '[' || c == '{') && ++depth > JSON_DEPTH_MAX)
            return line;
        else if ((c == ']' || c == '}') && depth)
            depth--;
    }
    return 0;
}

void json_cursor_space(struct json_cursor *c)
{
    size_t i = 0;

    for (; i < c->rest.n; i++) {
        uint8_t b = c->rest.p[i];

        if (b == '\n')
            c->line++;
        else if (b != ' ' && b != '\t' && b != '\r')
            break;
    }
    c->rest = span_from(c->rest, i);
}

void json_cursor_punct(struct json_cursor *c)
{
    c->rest = span_from(c->rest, 1);
}

static bool ends_word(uint8_t b)
{
    return b == ',' || b == ']' || b == '}' || b == ' ' || b == '\t' || b == '\r' || b == '\n';
}

void json_cursor_scalar(struct json_cursor *c)
{
    size_t n = 0;

    if (c->rest.n && c->rest.p[0] == '"') {
        n = string_length(c->rest);
    } else {
        while (n < c->rest.n && !ends_word(c->rest.p[n]))
            n++;
    }
    c->rest = span_from(c->rest, n);
}

/* What json.c needs beside jansson: comments taken out before parsing, and a cursor that walks the accepted text in
 * step with the tree, to know the line of everything. For json.c alone. */
#ifndef TG_BASE_JSON_LINES_H
#define TG_BASE_JSON_LINES_H

#include "base/span.h"

#define JSON_DEPTH_MAX 64u

/* Overwrites `//` comments with spaces: lines and columns stay true. */
void json_blank_comments(uint8_t *text, size_t n);
/* Line (from 1) on which nesting passes JSON_DEPTH_MAX, or 0. */
unsigned json_too_deep(struct span text);

struct json_cursor {
    struct span rest;
    unsigned line;
};

/* To the next byte that is not white space. */
void json_cursor_space(struct json_cursor *c);
/* Over one byte: a bracket, brace, comma or colon. */
void json_cursor_punct(struct json_cursor *c);
/* Over one string, number or word. */
void json_cursor_scalar(struct json_cursor *c);

#endif

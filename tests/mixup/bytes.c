#include "bytes.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRINT_MAX 1024

uint8_t *bytes_room(struct bytes *b, size_t n)
{
    if (b->off > 0 && b->end + n > b->cap) {
        memmove(b->p, b->p + b->off, b->end - b->off);
        b->end -= b->off;
        b->off = 0;
    }
    if (b->end + n > b->cap) {
        size_t cap = (b->end + n) * 2;
        uint8_t *p = realloc(b->p, cap);
        if (!p)
            abort();
        b->p = p;
        b->cap = cap;
    }
    return b->p + b->end;
}

void bytes_add(struct bytes *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    memcpy(bytes_room(b, n), p, n);
    b->end += n;
}

void bytes_text(struct bytes *b, const char *text)
{
    bytes_add(b, text, strlen(text));
}

void bytes_print(struct bytes *b, const char *format, ...)
{
    va_list args;
    char *p = (char *)bytes_room(b, PRINT_MAX);
    va_start(args, format);
    int n = vsnprintf(p, PRINT_MAX, format, args);
    va_end(args);
    assert(n >= 0 && n < PRINT_MAX);
    b->end += (size_t)n;
}

void bytes_drop(struct bytes *b, size_t n)
{
    assert(n <= bytes_count(b));
    b->off += n;
    if (b->off == b->end)
        b->off = b->end = 0;
}

void bytes_clear(struct bytes *b)
{
    b->off = b->end = 0;
}

void bytes_fini(struct bytes *b)
{
    free(b->p);
    *b = (struct bytes){0};
}

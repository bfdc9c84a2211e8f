#include "http.h"

#include "pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum head_state head_take(struct head *h, struct bytes *in)
{
    size_t n = bytes_count(in);
    const uint8_t *p = bytes_at(in);
    const uint8_t *end = n ? memmem(p, n, "\r\n\r\n", 4) : NULL;
    if (!end)
        return n > HEAD_MAX ? HEAD_BAD : HEAD_MORE;
    h->n = (size_t)(end - p) + 4;
    if (h->n > HEAD_MAX)
        return HEAD_BAD;
    memcpy(h->text, p, h->n);
    h->text[h->n] = '\0';
    bytes_drop(in, h->n);
    return strlen(h->text) == h->n ? HEAD_DONE : HEAD_BAD;
}

unsigned head_field(const struct head *h, const char *name, char *value, size_t size)
{
    size_t n = strlen(name);
    unsigned found = 0;
    for (const char *line = strstr(h->text, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
        const char *at = line + 2;
        if (strncasecmp(at, name, n) != 0 || at[n] != ':')
            continue;
        at += n + 1;
        at += strspn(at, " ");
        snprintf(value, size, "%.*s", (int)strcspn(at, "\r"), at);
        found++;
    }
    return found;
}

bool head_says(const struct head *h, const char *name, const char *value)
{
    char there[64];
    return head_field(h, name, there, sizeof there) == 1 && strcasecmp(there, value) == 0;
}

unsigned head_status(const struct head *h)
{
    if (strncmp(h->text, "HTTP/1.1 ", 9) != 0)
        return 0;
    unsigned long status = strtoul(h->text + 9, NULL, 10);
    return status >= 100 && status <= 599 ? (unsigned)status : 0;
}

/* --- bodies ----------------------------------------------------------------------------------------------------------- */

void body_of_head(struct body *b, const struct head *h, bool until_end)
{
    char value[32];
    *b = (struct body){.kind = until_end ? BODY_UNTIL_END : BODY_NONE};
    if (head_says(h, "Transfer-Encoding", "chunked")) {
        b->kind = BODY_CHUNKED;
    } else if (head_field(h, "Content-Length", value, sizeof value) > 0) {
        b->kind = BODY_LENGTH;
        b->left = strtoull(value, NULL, 10);
    }
}

static bool take_data(struct body *b, struct bytes *in, uint64_t most)
{
    size_t n = bytes_count(in) < most ? bytes_count(in) : (size_t)most;
    bool ours = b->any || pattern_is(b->key, b->at, bytes_at(in), n);
    b->at += n;
    b->left -= b->kind == BODY_UNTIL_END ? 0 : n;
    bytes_drop(in, n);
    return ours;
}

/* The line before a chunk's data; BODY_DONE behind the last one. */
static enum body_state take_chunk_line(struct body *b, struct bytes *in)
{
    char line[24];
    size_t n = bytes_count(in) < sizeof line - 1 ? bytes_count(in) : sizeof line - 1;
    memcpy(line, bytes_at(in), n);
    line[n] = '\0';
    char *end = strstr(line, "\r\n"), *stop;
    if (!end)
        return n < sizeof line - 1 ? BODY_MORE : BODY_BAD;
    b->left = strtoull(line, &stop, 16);
    if (stop != end || stop == line)
        return BODY_BAD;
    if (b->left > 0) {
        bytes_drop(in, (size_t)(end - line) + 2);
        b->in_chunk = true;
        return BODY_MORE;
    }
    if (n < (size_t)(end - line) + 4)
        return BODY_MORE;
    bytes_drop(in, (size_t)(end - line) + 4);
    return memcmp(end, "\r\n\r\n", 4) == 0 ? BODY_DONE : BODY_BAD;
}

static enum body_state take_chunked(struct body *b, struct bytes *in)
{
    enum body_state state = BODY_MORE;
    size_t before = SIZE_MAX;
    while (state == BODY_MORE && bytes_count(in) > 0 && bytes_count(in) != before) {
        before = bytes_count(in);
        if (!b->in_chunk) {
            state = take_chunk_line(b, in);
        } else if (b->left > 0) {
            state = take_data(b, in, b->left) ? BODY_MORE : BODY_FOREIGN;
        } else if (bytes_count(in) >= 2) {
            state = memcmp(bytes_at(in), "\r\n", 2) == 0 ? BODY_MORE : BODY_BAD;
            bytes_drop(in, 2);
            b->in_chunk = false;
        }
    }
    return state;
}

enum body_state body_take(struct body *b, struct bytes *in)
{
    switch (b->kind) {
    case BODY_NONE:
        return BODY_DONE;
    case BODY_LENGTH:
        if (!take_data(b, in, b->left))
            return BODY_FOREIGN;
        return b->left == 0 ? BODY_DONE : BODY_MORE;
    case BODY_UNTIL_END:
        return take_data(b, in, UINT64_MAX) ? BODY_MORE : BODY_FOREIGN;
    case BODY_CHUNKED:
        break;
    }
    return take_chunked(b, in);
}

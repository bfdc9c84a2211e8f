#include "http/h1/h1.h"

#include "http/bytes.h"

/* A view of the first `max` bytes of a queue, one contiguous piece after the other. */
struct pieces {
    const struct chunk *chunk;
    size_t left;
};

static struct span pieces_next(struct pieces *p)
{
    while (p->chunk && p->left > 0) {
        struct span s = span_make(p->chunk->data + p->chunk->off, p->chunk->end - p->chunk->off);
        p->chunk = p->chunk->next;
        if (s.n > p->left)
            s.n = p->left;
        p->left -= s.n;
        if (s.n > 0)
            return s;
    }
    return SPAN_NONE;
}

/* What stands directly before the byte under examination. */
enum line_state { LINE_BEGUN = 0, LINE_AT_START, LINE_AT_START_CR };

/* Index behind the LF that ends an empty line, or 0. An empty line that ends in a bare LF ends the head too: the
 * parser then refuses it at once, instead of waiting for an end that an honest peer would never send. */
static size_t find_end(struct span s, enum line_state *state)
{
    size_t i = 0;
    while (i < s.n) {
        if (*state != LINE_BEGUN && s.p[i] == '\n')
            return i + 1;
        if (*state == LINE_AT_START && s.p[i] == '\r') {
            *state = LINE_AT_START_CR;
            i++;
            continue;
        }
        *state = LINE_BEGUN;
        const uint8_t *lf = memchr(s.p + i, '\n', s.n - i);
        if (!lf)
            return 0;
        i = (size_t)(lf - s.p) + 1;
        *state = LINE_AT_START;
    }
    return 0;
}

/* RFC 9112 §2.2: one empty line before a request line is tolerated. Returns how many bytes it takes, or -1 when what
 * stands there can begin no message. */
static int check_start(const struct chunkq *q)
{
    uint8_t first[3];
    size_t n = q->bytes < sizeof(first) ? q->bytes : sizeof(first);
    chunkq_copy(q, n, first);
    if (n > 0 && byte_is(first[0], BYTE_TOKEN))
        return 0;
    static const uint8_t crlf[2] = {'\r', '\n'};
    if (memcmp(first, crlf, n < 2 ? n : 2) != 0 || (n == 3 && !byte_is(first[2], BYTE_TOKEN)))
        return -1;
    return (int)(n < 2 ? n : 2);
}

enum h1_scan h1_scan_head(const struct chunkq *q, size_t max, size_t *scanned, size_t *head_n)
{
    int skip = check_start(q);
    if (skip < 0)
        return H1_SCAN_BAD;
    size_t from = *scanned < 3 ? (size_t)skip : *scanned - 2; /* the end may have been cut after LF CR */
    size_t at = 0;
    enum line_state state = LINE_BEGUN;
    struct pieces pieces = {q->head, max};
    for (struct span s = pieces_next(&pieces); s.n > 0; s = pieces_next(&pieces)) {
        size_t skipped = from > at ? from - at : 0;
        size_t end = skipped < s.n ? find_end(span_from(s, skipped), &state) : 0;
        if (end > 0) {
            *head_n = at + skipped + end;
            return H1_SCAN_DONE;
        }
        at += s.n;
    }
    *scanned = at;
    return at >= max ? H1_SCAN_TOO_LARGE : H1_SCAN_MORE;
}

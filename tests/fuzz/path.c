/* Any bytes as a target: a canonical path holds nothing that a second reader could take for something else. */
#include "http/path.h"
#include "must.h"

static bool has(struct span s, const char *what)
{
    struct span wanted = span_of(what);
    for (size_t i = 0; i + wanted.n <= s.n; i++)
        if (memcmp(s.p + i, wanted.p, wanted.n) == 0)
            return true;
    return false;
}

static unsigned hex(uint8_t c)
{
    return c <= '9' ? c - '0' : (c | 0x20u) - 'a' + 10;
}

/* Decoded once, and nothing else done to it. */
static void check_decoded(struct span raw, struct span decoded)
{
    size_t at = 0;
    for (size_t i = 0; i < raw.n; i++) {
        uint8_t c = raw.p[i];
        if (c == '%') {
            MUST(i + 2 < raw.n);
            c = (uint8_t)(hex(raw.p[i + 1]) << 4 | hex(raw.p[i + 2]));
            i += 2;
        }
        MUST(at < decoded.n && decoded.p[at++] == c);
    }
    MUST(at == decoded.n);
}

static void check_canonical(const struct path *path)
{
    struct span d = path->decoded;
    MUST(d.n > 0 && d.n <= path->raw.n && d.p[0] == '/');
    for (size_t i = 0; i < d.n; i++)
        MUST(d.p[i] >= 0x20 && !strchr("\\%;?#\x7f", d.p[i]));
    MUST(!has(d, "//") && !has(d, "/./") && !has(d, "/../"));
    MUST(d.p[d.n - 1] != '.' && d.p[d.n - 1] != ' ');
    check_decoded(path->raw, d);
    MUST(!has(path->raw, "%2e") && !has(path->raw, "%2F") && !has(path->raw, "%00"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct path path, again;
    uint8_t *room = malloc(2 * size + 1), *in = malloc(size + 1);
    MUST(room && in);
    memcpy(in, data, size);
    path_parse(span_make(in, size), room, &path);
    path_parse(path.raw, room + size, &again);
    MUST(path.raw.n + path.query.n == size);
    MUST((path.kind == PATH_CANONICAL) == (path.why[0] == '\0'));
    if (path.kind != PATH_MALFORMED)
        MUST(again.kind == path.kind && again.why == path.why); /* the query has no say */
    if (path.kind == PATH_CANONICAL)
        check_canonical(&path);
    else
        MUST(path.decoded.n == 0);
    free(room);
    free(in);
    return 0;
}

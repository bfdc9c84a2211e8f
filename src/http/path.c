#include "http/path.h"

#include "base/count.h"
#include "http/bytes.h"
#include "http/nfkc_table.h"

enum path_class {
    RAW_MALFORMED = 1, /* below 0x21, 0x7f, `#` */
    RAW_AMBIGUOUS = 2, /* no place in an RFC 3986 path, or `;` */
    ESC_AMBIGUOUS = 4  /* escaped: a delimiter, a control, or what no honest client escapes */
};

/* clang-format off */
static const uint8_t path_classes[0x80] = {
    5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, /* 0x00 */
    5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, /* 0x10 */
    1, 0, 2, 5, 0, 4, 0, 0, 0, 0, 0, 0, 0, 4, 4, 4, /* 0x20 */
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 0, 6, 2, 0, 2, 4, /* 0x30 */
    0, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, /* 0x40 */
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 2, 6, 2, 2, 4, /* 0x50 */
    2, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, /* 0x60 */
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 2, 2, 2, 4, 5, /* 0x70 */
};
/* clang-format on */

/* One pass over the path. Until the first escape the decoded form is the raw one and nothing is copied. */
struct path_scan {
    struct span raw;
    size_t at;
    uint8_t *room;
    const uint8_t *decoded; /* raw.p, or room from the first escape on */
    size_t n;               /* decoded bytes */
    size_t segment;         /* index in decoded of the segment under way */
    const char *ambiguous;  /* first reason */
    const char *malformed;
};

static void set_ambiguous(struct path_scan *s, const char *why)
{
    if (!s->ambiguous)
        s->ambiguous = why;
}

static void emit(struct path_scan *s, uint8_t c)
{
    if (s->decoded == s->room)
        s->room[s->n] = c;
    s->n++;
}

static void begin_decoding(struct path_scan *s)
{
    if (s->decoded == s->room)
        return;
    memcpy(s->room, s->raw.p, s->n);
    s->decoded = s->room;
}

/* Reads `%XX` at index i. False: none there. */
static bool read_escape(const struct path_scan *s, size_t i, uint8_t *byte)
{
    if (s->raw.n - i < 3 || s->raw.p[i] != '%' || !byte_is(s->raw.p[i + 1], BYTE_HEX) ||
        !byte_is(s->raw.p[i + 2], BYTE_HEX))
        return false;
    *byte = (uint8_t)(byte_hex(s->raw.p[i + 1]) << 4 | byte_hex(s->raw.p[i + 2]));
    return true;
}

static bool nfkc_has_meaning(uint32_t cp)
{
    size_t low = 0, high = COUNT(nfkc_ranges);
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (cp > nfkc_ranges[mid].last)
            low = mid + 1;
        else
            high = mid;
    }
    return low < COUNT(nfkc_ranges) && cp >= nfkc_ranges[low].first;
}

/* The shape of a character by its first byte (RFC 3629 §4). */
struct utf8_shape {
    unsigned more; /* continuation bytes; 0: no character begins so */
    uint32_t bits, least;
};

static struct utf8_shape utf8_shape_of(uint8_t c)
{
    if (c >= 0xc2 && c <= 0xdf)
        return (struct utf8_shape){1, c & 0x1fu, 0x80};
    if (c >= 0xe0 && c <= 0xef)
        return (struct utf8_shape){2, c & 0x0fu, 0x800};
    if (c >= 0xf0 && c <= 0xf4)
        return (struct utf8_shape){3, c & 0x07u, 0x10000};
    return (struct utf8_shape){0, 0, 0};
}

/* Takes the escapes of one character beyond ASCII, the first of which was `c`; an invalid one is taken alone. */
static void take_character(struct path_scan *s, uint8_t c)
{
    struct utf8_shape shape = utf8_shape_of(c);
    uint32_t cp = shape.bits;
    uint8_t next;
    emit(s, c);
    s->at += 3;
    for (unsigned i = 0; i < shape.more; i++) {
        if (!read_escape(s, s->at, &next) || (next & 0xc0) != 0x80) {
            set_ambiguous(s, "invalid-utf8");
            return;
        }
        cp = cp << 6 | (next & 0x3fu);
        emit(s, next);
        s->at += 3;
    }
    if (shape.more == 0 || cp < shape.least || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
        set_ambiguous(s, "invalid-utf8");
    else if (nfkc_has_meaning(cp))
        set_ambiguous(s, "compatibility-character");
}

static void take_escape(struct path_scan *s)
{
    uint8_t c;
    if (!read_escape(s, s->at, &c)) {
        s->malformed = "bad-escape";
        return;
    }
    if (c == 0) {
        s->malformed = "escaped-nul";
        return;
    }
    begin_decoding(s);
    if (c >= 0x80) {
        take_character(s, c);
        return;
    }
    if (path_classes[c] & ESC_AMBIGUOUS)
        set_ambiguous(s, "needless-or-dangerous-escape");
    emit(s, c);
    s->at += 3;
}

/* At a `/` or at the end (`last`): an empty last segment is a path's ordinary trailing slash. */
static void end_segment(struct path_scan *s, bool last)
{
    struct span seg = span_make(s->decoded + s->segment, s->n - s->segment);
    if (seg.n == 0 && !last)
        set_ambiguous(s, "empty-segment");
    else if (span_eq(seg, SPAN(".")) || span_eq(seg, SPAN("..")))
        set_ambiguous(s, "dot-segment");
    else if (seg.n > 0 && (seg.p[seg.n - 1] == '.' || seg.p[seg.n - 1] == ' '))
        set_ambiguous(s, "segment-ends-in-dot-or-space");
}

static void take_raw(struct path_scan *s, uint8_t c)
{
    unsigned classes = c < 0x80 ? path_classes[c] : RAW_MALFORMED;
    if (classes & RAW_MALFORMED) {
        s->malformed = "bad-byte";
        return;
    }
    if (classes & RAW_AMBIGUOUS)
        set_ambiguous(s, "byte-without-place-in-a-path");
    if (c == '/')
        end_segment(s, false);
    emit(s, c);
    s->at++;
    if (c == '/')
        s->segment = s->n;
}

static void scan_path(struct path_scan *s)
{
    emit(s, '/');
    s->at = s->segment = 1;
    while (s->at < s->raw.n && !s->malformed) {
        uint8_t c = s->raw.p[s->at];
        if (c == '%')
            take_escape(s);
        else
            take_raw(s, c);
    }
    end_segment(s, true);
}

static void set_kind(struct path *out, enum path_kind kind, const char *why)
{
    out->kind = kind;
    out->why = why;
}

void path_parse(struct span path_query, uint8_t *room, struct path *out)
{
    size_t n = span_find(path_query, '?');
    *out = (struct path){.raw = span_make(path_query.p, n), .query = span_from(path_query, n)};
    struct path_scan s = {.raw = out->raw, .room = room, .decoded = out->raw.p};
    if (n == 0 || path_query.p[0] != '/') {
        set_kind(out, PATH_MALFORMED, "not-origin-form");
        return;
    }
    if (bytes_run(out->query, BYTE_TARGET) != out->query.n) {
        set_kind(out, PATH_MALFORMED, "bad-byte-in-query");
        return;
    }
    scan_path(&s);
    if (s.malformed) {
        set_kind(out, PATH_MALFORMED, s.malformed);
    } else if (s.ambiguous) {
        set_kind(out, PATH_AMBIGUOUS, s.ambiguous);
    } else {
        set_kind(out, PATH_CANONICAL, "");
        out->decoded = span_make(s.decoded, s.n);
    }
}

#include "h2_kit.h"

#include <nghttp2/nghttp2.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define HEAD 9
#define MAGIC "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

/* --- writing ------------------------------------------------------------------------------------------------------ */

struct writer {
    uint8_t *out;
    size_t n, cap;
};

static void put(struct writer *w, const void *p, size_t n)
{
    assert_true(w->n + n <= w->cap);
    if (n)
        memcpy(w->out + w->n, p, n);
    w->n += n;
}

static void put_int(struct writer *w, uint64_t v, unsigned bytes)
{
    while (bytes-- > 0) {
        uint8_t b = (uint8_t)(v >> (8 * bytes));
        put(w, &b, 1);
    }
}

static void put_frame(struct writer *w, unsigned type, unsigned flags, unsigned id, const void *p, size_t n)
{
    put_int(w, n, 3);
    put_int(w, type, 1);
    put_int(w, flags, 1);
    put_int(w, id, 4);
    put(w, p, n);
}

/* RFC 7541 §5.1 with a 7-bit prefix. */
static void put_length(struct writer *w, size_t n)
{
    if (n < 127) {
        put_int(w, n, 1);
        return;
    }
    put_int(w, 127, 1);
    for (n -= 127; n >= 128; n /= 128)
        put_int(w, n % 128 + 128, 1);
    put_int(w, n, 1);
}

/* Literal without indexing, new name (RFC 7541 §6.2.2): every byte as it stands. */
static void put_field(struct writer *w, struct span field)
{
    struct span name, value, rest = field;
    size_t colon = field.n > 0 && field.p[0] == ':';
    rest = span_from(field, colon);
    span_cut(rest, '=', &name, &value);
    name = span_make(field.p, name.n + colon);
    put_int(w, 0, 1);
    put_length(w, name.n);
    put(w, name.p, name.n);
    put_length(w, value.n);
    put(w, value.p, value.n);
}

static unsigned flags_of(struct span s)
{
    unsigned flags = NGHTTP2_FLAG_END_HEADERS;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == 'e')
            flags |= NGHTTP2_FLAG_END_STREAM;
        if (s.p[i] == 'h')
            flags &= ~(unsigned)NGHTTP2_FLAG_END_HEADERS;
    }
    return flags;
}

static struct span word(struct span *line)
{
    struct span w;
    span_cut(*line, ' ', &w, line);
    return w;
}

static unsigned number(struct span *line)
{
    uint64_t v = 0;
    assert_true(span_parse_u64(word(line), UINT32_MAX, &v));
    return (unsigned)v;
}

static void put_head(struct writer *w, unsigned type, struct span line)
{
    static uint8_t block[200000];
    struct writer b = {.out = block, .cap = sizeof block};
    unsigned id = number(&line), flags = flags_of(word(&line));
    while (line.n > 0) {
        struct span field;
        span_cut(line, '|', &field, &line);
        put_field(&b, field);
    }
    put_frame(w, type, flags, id, block, b.n);
}

static void put_settings(struct writer *w, struct span line)
{
    uint8_t payload[64 * 6];
    struct writer b = {.out = payload, .cap = sizeof payload};
    while (line.n > 0) {
        struct span pair = word(&line), id, value;
        uint64_t i = 0, v = 0;
        span_cut(pair, '=', &id, &value);
        assert_true(span_parse_u64(id, 65535, &i) && span_parse_u64(value, UINT32_MAX, &v));
        put_int(&b, i, 2);
        put_int(&b, v, 4);
    }
    put_frame(w, NGHTTP2_SETTINGS, 0, 0, payload, b.n);
}

static void put_number_frame(struct writer *w, unsigned type, struct span line)
{
    unsigned id = number(&line);
    uint8_t payload[4];
    struct writer b = {.out = payload, .cap = sizeof payload};
    put_int(&b, number(&line), 4);
    put_frame(w, type, 0, id, payload, 4);
}

static unsigned hex(uint8_t c)
{
    return c <= '9' ? c - 0x30u : (c | 0x20u) - 'a' + 10u;
}

static void put_any(struct writer *w, struct span line)
{
    uint8_t payload[1024];
    unsigned type = number(&line), flags = number(&line), id = number(&line);
    size_t n = line.n / 2;
    for (size_t i = 0; i < n; i++)
        payload[i] = (uint8_t)(hex(line.p[2 * i]) * 16 + hex(line.p[2 * i + 1]));
    put_frame(w, type, flags, id, payload, n);
}

static void put_update(struct writer *w, struct span line)
{
    uint8_t payload[128];
    struct writer b = {.out = payload, .cap = sizeof payload};
    put_int(&b, number(&line), 4);
    put(&b, line.p, line.n);
    put_frame(w, NGHTTP2_PRIORITY_UPDATE, 0, 0, payload, b.n);
}

static void put_data(struct writer *w, struct span line)
{
    unsigned id = number(&line), flags = flags_of(word(&line)) & NGHTTP2_FLAG_END_STREAM;
    put_frame(w, NGHTTP2_DATA, flags, id, line.p, line.n);
}

static void put_line(struct writer *w, struct span line)
{
    static const uint8_t zeros[8] = {0};
    struct span kind = word(&line);
    switch (kind.p[0]) {
    case 'P':
        put(w, MAGIC, sizeof MAGIC - 1);
        break;
    case 'S':
        put_settings(w, line);
        break;
    case 'A':
        put_frame(w, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, NULL, 0);
        break;
    case 'H':
        put_head(w, NGHTTP2_HEADERS, line);
        break;
    case 'C':
        put_head(w, NGHTTP2_CONTINUATION, line);
        break;
    case 'D':
        put_data(w, line);
        break;
    case 'R':
        put_number_frame(w, NGHTTP2_RST_STREAM, line);
        break;
    case 'W':
        put_number_frame(w, NGHTTP2_WINDOW_UPDATE, line);
        break;
    case 'I':
        put_frame(w, NGHTTP2_PING, 0, 0, zeros, 8);
        break;
    case 'O':
        put_frame(w, NGHTTP2_PRIORITY, 0, number(&line), "\0\0\0\0\x0f", 5);
        break;
    case 'U':
        put_update(w, line);
        break;
    case 'F':
        put_any(w, line);
        break;
    default:
        fail_msg("no such frame: %.*s", SPAN_ARG(kind));
    }
}

size_t h2_frames(const char *words, uint8_t *out, size_t cap)
{
    struct writer w = {.out = out, .cap = cap};
    struct span rest = span_of(words), line;
    while (rest.n > 0) {
        uint64_t times = 1;
        span_cut(rest, '\n', &line, &rest);
        if (line.n > 0 && line.p[0] == '*') {
            struct span count = word(&line);
            assert_true(span_parse_u64(span_from(count, 1), 1000000, &times));
        }
        while (line.n > 0 && times-- > 0)
            put_line(&w, line);
    }
    return w.n;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

struct h2_reader {
    nghttp2_hd_inflater *inflater;
    uint8_t bytes[400000];
    size_t n;
};

struct h2_reader *h2_reader_new(void)
{
    struct h2_reader *r = calloc(1, sizeof *r);
    assert_non_null(r);
    assert_int_equal(nghttp2_hd_inflate_new(&r->inflater), 0);
    return r;
}

void h2_reader_free(struct h2_reader *r)
{
    nghttp2_hd_inflate_del(r->inflater);
    free(r);
}

static uint32_t int_at(const uint8_t *p, unsigned bytes)
{
    uint32_t v = 0;
    while (bytes-- > 0)
        v = v << 8 | *p++;
    return v;
}

void h2_tell(char *text, size_t cap, const char *format, ...)
{
    size_t n = strlen(text);
    va_list args;
    va_start(args, format);
    assert_in_range(vsnprintf(text + n, cap - n, format, args), 0, cap - n - 1);
    va_end(args);
}

static void read_head(struct h2_reader *r, uint32_t id, unsigned flags, const uint8_t *p, size_t n, char *text,
                      size_t cap)
{
    int more = NGHTTP2_HD_INFLATE_EMIT;
    const char *between = " ";
    h2_tell(text, cap, "H %u %s", id, flags & NGHTTP2_FLAG_END_STREAM ? "e" : "-");
    while (!(more & NGHTTP2_HD_INFLATE_FINAL)) {
        nghttp2_nv nv;
        ssize_t took = nghttp2_hd_inflate_hd2(r->inflater, &nv, &more, p, n, 1);
        assert_true(took >= 0);
        p += took;
        n -= (size_t)took;
        if (more & NGHTTP2_HD_INFLATE_EMIT) {
            h2_tell(text, cap, "%s%.*s=%.*s", between, (int)nv.namelen, nv.name, (int)nv.valuelen, nv.value);
            between = "|";
        }
    }
    nghttp2_hd_inflate_end_headers(r->inflater);
    h2_tell(text, cap, "\n");
}

static void read_frame(struct h2_reader *r, const uint8_t *p, size_t n, char *text, size_t cap)
{
    unsigned type = p[3], flags = p[4];
    uint32_t id = int_at(p + 5, 4);
    const uint8_t *payload = p + HEAD;
    switch (type) {
    case NGHTTP2_DATA:
        h2_tell(text, cap, "D %u %s %zu\n", id, flags & NGHTTP2_FLAG_END_STREAM ? "e" : "-", n);
        break;
    case NGHTTP2_HEADERS:
        read_head(r, id, flags, payload, n, text, cap);
        break;
    case NGHTTP2_RST_STREAM:
        h2_tell(text, cap, "R %u %u\n", id, int_at(payload, 4));
        break;
    case NGHTTP2_SETTINGS:
        h2_tell(text, cap, flags & NGHTTP2_FLAG_ACK ? "A\n" : "S\n");
        break;
    case NGHTTP2_PING:
        h2_tell(text, cap, "I\n");
        break;
    case NGHTTP2_GOAWAY:
        h2_tell(text, cap, "G %u %u\n", int_at(payload, 4), int_at(payload + 4, 4));
        break;
    case NGHTTP2_WINDOW_UPDATE:
        h2_tell(text, cap, "W %u %u\n", id, int_at(payload, 4));
        break;
    default:
        h2_tell(text, cap, "? %u\n", type);
    }
}

void h2_reader_take(struct h2_reader *r, struct span frames, char *text, size_t cap)
{
    size_t at = 0;
    assert_true(r->n + frames.n <= sizeof r->bytes);
    memcpy(r->bytes + r->n, frames.p, frames.n);
    r->n += frames.n;
    while (r->n - at >= HEAD) {
        size_t n = int_at(r->bytes + at, 3);
        if (r->n - at < HEAD + n)
            break;
        read_frame(r, r->bytes + at, n, text, cap);
        at += HEAD + n;
    }
    memmove(r->bytes, r->bytes + at, r->n - at);
    r->n -= at;
}

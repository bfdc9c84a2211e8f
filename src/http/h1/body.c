#include "http/h1/h1.h"

#include "http/bytes.h"
#include "http/h1/fields.h"

#define SIZE_DIGITS_MAX 16
#define EXT_BYTES_MAX 256
#define TRAILER_BYTES_MAX 8192
#define TRAILER_FIELDS_MAX 32

/* Where the chunk parser stands (RFC 9112 §7.1). A line ends in CR LF and in nothing else. */
enum step {
    STEP_SIZE_FIRST = 0, /* the first digit of a chunk's size */
    STEP_SIZE,
    STEP_EXT_NAME_FIRST,
    STEP_EXT_NAME,
    STEP_EXT_VALUE_FIRST,
    STEP_EXT_TOKEN,
    STEP_EXT_QUOTED,
    STEP_EXT_ESCAPED,
    STEP_EXT_END, /* behind a quoted value */
    STEP_SIZE_LF,
    STEP_DATA,
    STEP_DATA_CR,
    STEP_DATA_LF,
    STEP_TRAILER_FIRST, /* a trailer line, or the empty one */
    STEP_TRAILER_NAME,
    STEP_TRAILER_VALUE,
    STEP_TRAILER_LF,
    STEP_END_LF
};

void h1_body_init(struct h1_body *b, enum body_kind kind, uint64_t content_length)
{
    *b = (struct h1_body){.kind = kind, .left = kind == BODY_LENGTH ? content_length : 0};
    if (kind == BODY_NONE || (kind == BODY_LENGTH && content_length == 0))
        b->state = H1_BODY_END;
}

static void fail(struct h1_body *b, const char *why)
{
    b->state = H1_BODY_BAD;
    b->why = why;
}

/* Goes to the next step, or fails when the byte is not the one that must stand here. */
static void expect(struct h1_body *b, uint8_t c, uint8_t wanted, enum step next)
{
    if (c != wanted)
        fail(b, "bad-chunk-line-end");
    else
        b->step = next;
}

static void add_size_digit(struct h1_body *b, uint8_t c)
{
    if (++b->line_bytes > SIZE_DIGITS_MAX || b->left > INT64_MAX >> 4) {
        fail(b, "chunk-too-large");
        return;
    }
    b->left = b->left << 4 | byte_hex(c);
    b->step = STEP_SIZE;
}

static void on_size(struct h1_body *b, uint8_t c)
{
    if (byte_is(c, BYTE_HEX))
        add_size_digit(b, c);
    else if (b->step == STEP_SIZE_FIRST)
        fail(b, "bad-chunk-size");
    else if (c == ';')
        b->step = STEP_EXT_NAME_FIRST;
    else if (c == '\r')
        b->step = STEP_SIZE_LF;
    else
        fail(b, "bad-chunk-size");
}

/* What may follow a complete extension. */
static void on_ext_end(struct h1_body *b, uint8_t c)
{
    if (c == ';')
        b->step = STEP_EXT_NAME_FIRST;
    else if (c == '\r')
        b->step = STEP_SIZE_LF;
    else
        fail(b, "bad-chunk-extension");
}

static void on_ext_name(struct h1_body *b, uint8_t c)
{
    if (byte_is(c, BYTE_TOKEN))
        b->step = STEP_EXT_NAME;
    else if (b->step == STEP_EXT_NAME_FIRST)
        fail(b, "bad-chunk-extension");
    else if (c == '=')
        b->step = STEP_EXT_VALUE_FIRST;
    else
        on_ext_end(b, c);
}

static void on_ext_value(struct h1_body *b, uint8_t c)
{
    if (byte_is(c, BYTE_TOKEN))
        b->step = STEP_EXT_TOKEN;
    else if (b->step == STEP_EXT_TOKEN)
        on_ext_end(b, c);
    else if (c == '"')
        b->step = STEP_EXT_QUOTED;
    else
        fail(b, "bad-chunk-extension");
}

static void on_ext_quoted(struct h1_body *b, uint8_t c)
{
    if (b->step == STEP_EXT_ESCAPED && (byte_is(c, BYTE_QUOTED) || c == '"' || c == '\\'))
        b->step = STEP_EXT_QUOTED;
    else if (b->step == STEP_EXT_QUOTED && byte_is(c, BYTE_QUOTED))
        return;
    else if (b->step == STEP_EXT_QUOTED && c == '"')
        b->step = STEP_EXT_END;
    else if (b->step == STEP_EXT_QUOTED && c == '\\')
        b->step = STEP_EXT_ESCAPED;
    else
        fail(b, "bad-chunk-extension");
}

/* RFC 9112 §7.1.1: extensions are limited all together, and never passed on. */
static void on_ext(struct h1_body *b, uint8_t c)
{
    if (++b->ext_bytes > EXT_BYTES_MAX)
        fail(b, "chunk-extensions-too-large");
    else if (b->step <= STEP_EXT_NAME)
        on_ext_name(b, c);
    else if (b->step <= STEP_EXT_TOKEN)
        on_ext_value(b, c);
    else if (b->step <= STEP_EXT_ESCAPED)
        on_ext_quoted(b, c);
    else
        on_ext_end(b, c);
}

static void on_trailer_first(struct h1_body *b, uint8_t c)
{
    if (c == '\r')
        b->step = STEP_END_LF;
    else if (!byte_is(c, BYTE_TOKEN))
        fail(b, "bad-trailer");
    else if (++b->trailer_fields > TRAILER_FIELDS_MAX)
        fail(b, "too-many-trailers");
    else
        b->step = STEP_TRAILER_NAME;
}

static void on_trailer_line(struct h1_body *b, uint8_t c)
{
    if (b->step == STEP_TRAILER_NAME && c == ':')
        b->step = STEP_TRAILER_VALUE;
    else if (b->step == STEP_TRAILER_VALUE && c == '\r')
        b->step = STEP_TRAILER_LF;
    else if (!byte_is(c, b->step == STEP_TRAILER_NAME ? BYTE_TOKEN : BYTE_VALUE))
        fail(b, "bad-trailer");
}

static void on_trailer(struct h1_body *b, uint8_t c)
{
    if (++b->trailer_bytes > TRAILER_BYTES_MAX)
        fail(b, "trailers-too-large");
    else if (b->step == STEP_TRAILER_FIRST)
        on_trailer_first(b, c);
    else if (b->step == STEP_TRAILER_LF)
        expect(b, c, '\n', STEP_TRAILER_FIRST);
    else
        on_trailer_line(b, c);
}

/* Behind on_trailer; the last byte, of the empty line's end, included. */
static void keep(struct h1_body *b, uint8_t c)
{
    if (!b->keep_in || b->trailer_fields == 0)
        return;
    if (!b->kept)
        b->kept = arena_alloc(b->keep_in, TRAILER_BYTES_MAX + 1);
    if (b->kept)
        b->kept[b->kept_n++] = c;
    else
        b->keep_in = NULL;
}

static void begin_size_line(struct h1_body *b)
{
    b->line_bytes = 0;
    b->left = 0;
}

/* One byte of framing. */
static void on_byte(struct h1_body *b, uint8_t c)
{
    if (b->step <= STEP_SIZE) {
        on_size(b, c);
    } else if (b->step <= STEP_EXT_END) {
        on_ext(b, c);
    } else if (b->step == STEP_SIZE_LF) {
        expect(b, c, '\n', b->left > 0 ? STEP_DATA : STEP_TRAILER_FIRST);
    } else if (b->step == STEP_DATA_CR) {
        expect(b, c, '\r', STEP_DATA_LF);
    } else if (b->step == STEP_DATA_LF) {
        expect(b, c, '\n', STEP_SIZE_FIRST);
        begin_size_line(b);
    } else if (b->step <= STEP_TRAILER_LF) {
        on_trailer(b, c);
        if (b->state == H1_BODY_MORE)
            keep(b, c);
    } else if (c != '\n') {
        fail(b, "bad-chunk-line-end");
    } else {
        keep(b, c);
        b->state = H1_BODY_END;
    }
}

bool h1_body_trailers(const struct h1_body *b, struct headers *out)
{
    static const struct h1_limits limits = {.fields = TRAILER_FIELDS_MAX};
    struct h1_error ignored;
    return b->state == H1_BODY_END && b->keep_in && b->kept_n > 0 &&
           h1_parse_fields(span_make(b->kept, b->kept_n), &limits, 0, b->keep_in, out, &ignored);
}

static void read_framing(struct h1_body *b, struct chunkq *in)
{
    struct span s = chunkq_peek(in);
    size_t i = 0;
    while (i < s.n && b->state == H1_BODY_MORE && b->step != STEP_DATA)
        on_byte(b, s.p[i++]);
    chunkq_drop(in, i);
}

/* Moves as much payload as there is, is due, and has room. *moved == 0: nothing to do now. */
static bool move_payload(uint64_t due, struct chunkq *in, struct chunkq *out, size_t out_high, size_t *moved)
{
    size_t room = out->bytes < out_high ? out_high - out->bytes : 0;
    size_t n = in->bytes < room ? in->bytes : room;
    if (n > due)
        n = (size_t)due;
    *moved = n;
    return n == 0 || chunkq_move_at_most(out, in, n, room);
}

static bool read_chunked(struct h1_body *b, struct chunkq *in, struct chunkq *out, size_t out_high, uint64_t *payload)
{
    while (b->state == H1_BODY_MORE && in->bytes > 0) {
        size_t moved;
        if (b->step != STEP_DATA) {
            read_framing(b, in);
            continue;
        }
        if (!move_payload(b->left, in, out, out_high, &moved))
            return false;
        if (moved == 0)
            break;
        *payload += moved;
        b->left -= moved;
        if (b->left == 0)
            b->step = STEP_DATA_CR;
    }
    return true;
}

bool h1_body_read(struct h1_body *b, struct chunkq *in, struct chunkq *out, size_t out_high, uint64_t *payload)
{
    size_t moved;
    if (b->state != H1_BODY_MORE)
        return true;
    if (b->kind == BODY_CHUNKED)
        return read_chunked(b, in, out, out_high, payload);
    if (!move_payload(b->kind == BODY_LENGTH ? b->left : UINT64_MAX, in, out, out_high, &moved))
        return false;
    *payload += moved;
    if (b->kind == BODY_LENGTH) {
        b->left -= moved;
        b->state = b->left == 0 ? H1_BODY_END : H1_BODY_MORE;
    }
    return true;
}

#include "cli/demo_frames.h"

#include <stdlib.h>

#include "http/ws_frames.h"

#define FIN 0x80u
#define MASKED 0x80u

enum { OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

struct frame {
    uint8_t first; /* FIN, RSV, opcode */
    uint64_t n;    /* payload */
    size_t head_n; /* mask included */
    uint8_t mask[4];
};

enum head { HEAD_MORE = 0, HEAD_DONE, HEAD_BAD };

/* RFC 6455 §5.2: 2 bytes, 0, 2 or 8 of length, 4 of mask. */
static enum head parse_head(const struct chunkq *in, struct frame *f)
{
    uint8_t b[14];
    size_t have = in->bytes < sizeof(b) ? in->bytes : sizeof(b);
    chunkq_copy(in, have, b);
    if (have < 2) {
        return HEAD_MORE;
    }
    size_t more = (b[1] & 0x7f) == 126 ? 2 : (b[1] & 0x7f) == 127 ? 8 : 0;
    f->head_n = 2 + more + 4;
    if ((b[0] & 0x70) != 0 || (b[1] & MASKED) == 0) {
        return HEAD_BAD; /* no extension was agreed on; clients mask */
    }
    if (have < f->head_n) {
        return HEAD_MORE;
    }
    f->first = b[0];
    f->n = more == 0 ? b[1] & 0x7fu : 0;
    for (size_t i = 0; i < more; i++) {
        f->n = f->n << 8 | b[2 + i];
    }
    memcpy(f->mask, b + 2 + more, sizeof(f->mask));
    return HEAD_DONE;
}

/* §5.5: control frames are whole and short; §11.8: opcodes that exist. */
static bool is_allowed(const struct frame *f)
{
    unsigned op = f->first & 0x0f;
    if (op >= OP_CLOSE) {
        return op <= OP_PONG && (f->first & FIN) != 0 && f->n <= 125;
    }
    return op <= 2 && f->n <= DEMO_FRAME_MAX;
}

static bool put(struct chunkq *out, uint8_t first, struct span payload)
{
    uint8_t head[4] = {first, (uint8_t)payload.n, (uint8_t)(payload.n >> 8), (uint8_t)payload.n};
    size_t head_n = 2;
    if (payload.n > 125) {
        head[1] = 126;
        head_n = 4;
    }
    return chunkq_append(out, span_make(head, head_n)) && chunkq_append(out, payload);
}

static enum demo_frame end_with(struct chunkq *out, uint16_t code)
{
    uint8_t frame[WS_CLOSE_MAX + 2];
    (void)chunkq_append(out, span_make(frame, ws_close_frame(code, SPAN(""), frame)));
    return DEMO_FRAME_END;
}

/* payload: unmasked. */
static enum demo_frame answer(struct chunkq *out, const struct frame *f, struct span payload)
{
    switch (f->first & 0x0f) {
    case OP_CLOSE:
        return end_with(out, 1000);
    case OP_PONG:
        return DEMO_FRAME_DONE;
    case OP_PING:
        return put(out, FIN | OP_PONG, payload) ? DEMO_FRAME_DONE : DEMO_FRAME_END;
    default:
        return put(out, f->first, payload) ? DEMO_FRAME_DONE : DEMO_FRAME_END;
    }
}

enum demo_frame demo_frame_echo(struct chunkq *in, struct chunkq *out)
{
    struct frame f;
    enum head h = parse_head(in, &f);
    if (h == HEAD_MORE) {
        return DEMO_FRAME_MORE;
    }
    if (h == HEAD_BAD || !is_allowed(&f)) {
        return end_with(out, h == HEAD_BAD ? 1002 : 1009);
    }
    if (in->bytes < f.head_n + f.n) {
        return DEMO_FRAME_MORE;
    }
    uint8_t *payload = malloc(f.n + 1);
    if (payload == NULL) {
        return end_with(out, 1011);
    }
    chunkq_drop(in, f.head_n);
    chunkq_copy(in, (size_t)f.n, payload);
    chunkq_drop(in, (size_t)f.n);
    for (size_t i = 0; i < f.n; i++) {
        payload[i] ^= f.mask[i % 4];
    }
    enum demo_frame d = answer(out, &f, span_make(payload, (size_t)f.n));
    free(payload);
    return d;
}

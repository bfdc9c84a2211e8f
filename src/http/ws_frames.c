#include "http/ws_frames.h"

#define MASKED 0x80
#define LENGTH_BITS 0x7f
#define OPCODE_CLOSE 0x88 /* with FIN */

bool ws_frames_at_boundary(const struct ws_frames *f)
{
    return !f->lost && f->have == 0 && f->left == 0;
}

/* Length of the header whose first two bytes are there. */
static size_t head_length(const uint8_t *head)
{
    unsigned length = head[1] & LENGTH_BITS;
    return length == 126 ? 4 : length == 127 ? 10 : 2;
}

static uint64_t payload_length(const uint8_t *head, size_t n)
{
    uint64_t length = n == 2 ? head[1] & LENGTH_BITS : 0;
    for (size_t i = 2; i < n; i++)
        length = length << 8 | head[i];
    return length;
}

/* A server must not mask (§5.1), and the highest bit of a length is 0. */
static void end_head(struct ws_frames *f)
{
    f->left = payload_length(f->head, f->have);
    f->lost = (f->head[1] & MASKED) || (f->left >> 63);
    f->have = 0;
}

static void take_head_byte(struct ws_frames *f, uint8_t byte)
{
    f->head[f->have++] = byte;
    if (f->have >= 2 && f->have == head_length(f->head))
        end_head(f);
}

size_t ws_frames_take(struct ws_frames *f, struct span s, bool stop)
{
    size_t at = 0;
    while (at < s.n && !f->lost && !(stop && ws_frames_at_boundary(f))) {
        size_t rest = s.n - at, payload = f->left < rest ? (size_t)f->left : rest;
        if (payload == 0) {
            take_head_byte(f, s.p[at++]);
            continue;
        }
        f->left -= payload;
        at += payload;
    }
    return f->lost ? s.n : at;
}

size_t ws_close_frame(uint16_t code, struct span reason, uint8_t out[WS_CLOSE_MAX + 2])
{
    size_t n = reason.n < WS_CLOSE_MAX - 2 ? reason.n : WS_CLOSE_MAX - 2;
    out[0] = OPCODE_CLOSE;
    out[1] = (uint8_t)(n + 2);
    out[2] = (uint8_t)(code >> 8);
    out[3] = (uint8_t)code;
    memcpy(out + 4, reason.p, n);
    return n + 4;
}

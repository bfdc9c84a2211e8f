/* Any bytes as what a server sends on a WebSocket, in pieces whose sizes the first byte chooses: the boundaries are where
 * a reader that knows the whole finds them, however it is cut, and a Close of ours fits between two frames. */
#include "http/ws_frames.h"
#include "must.h"

#define NO_END SIZE_MAX

/* The end of the frame that begins at `at`: NO_END when it does not end here; *lost: a server sends no such thing. */
static size_t frame_end(struct span in, size_t at, bool *lost)
{
    if (in.n - at < 2)
        return NO_END;
    unsigned code = in.p[at + 1] & 0x7f;
    size_t head = code == 126 ? 4 : code == 127 ? 10 : 2;
    uint64_t length = code < 126 ? code : 0;
    if (in.n - at < head)
        return NO_END;
    for (size_t i = 2; i < head; i++)
        length = length << 8 | in.p[at + i];
    *lost = (in.p[at + 1] & 0x80) != 0 || length > INT64_MAX;
    return *lost || length > in.n - at - head ? NO_END : at + head + (size_t)length;
}

static bool is_same(const struct ws_frames *a, const struct ws_frames *b)
{
    return a->left == b->left && a->have == b->have && a->lost == b->lost && memcmp(a->head, b->head, a->have) == 0;
}

/* From boundary to boundary; what is left behind the last one is no whole frame. */
static struct ws_frames walk(struct span in)
{
    struct ws_frames f = {0};
    bool lost = false;
    size_t at = 0, end;
    while (at < in.n && (end = frame_end(in, at, &lost)) != NO_END) {
        MUST(ws_frames_at_boundary(&f));
        MUST(ws_frames_take(&f, span_from(in, at), true) == 0);
        MUST(ws_frames_take(&f, span_make(in.p + at, 1), false) == 1 && !ws_frames_at_boundary(&f));
        MUST(ws_frames_take(&f, span_from(in, at + 1), true) == end - at - 1);
        at = end;
    }
    MUST(ws_frames_at_boundary(&f));
    MUST(ws_frames_take(&f, span_from(in, at), false) == in.n - at);
    MUST(f.lost == lost && ws_frames_at_boundary(&f) == (at == in.n));
    return f;
}

static struct ws_frames in_pieces(struct span in, size_t step)
{
    struct ws_frames f = {0};
    for (size_t at = 0; at < in.n; at += step) {
        size_t n = in.n - at < step ? in.n - at : step;
        MUST(ws_frames_take(&f, span_make(in.p + at, n), false) == n);
    }
    return f;
}

static void check_close(uint16_t code, struct span reason)
{
    uint8_t out[WS_CLOSE_MAX + 2];
    bool lost = false;
    size_t n = ws_close_frame(code, reason, out);
    MUST(n >= 4 && n <= sizeof out && out[0] == 0x88);
    MUST(frame_end(span_make(out, n), 0, &lost) == n && !lost);
    MUST(out[2] == code >> 8 && out[3] == (code & 0xff));
    MUST(memcmp(out + 4, reason.p, n - 4) == 0 && (n - 4 == reason.n || n == sizeof out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct span in = span_make(data + 1, size - 1);
    struct ws_frames walked = walk(in), whole = in_pieces(in, in.n), bytes = in_pieces(in, 1);
    struct ws_frames pieces = in_pieces(in, 1 + data[0]);
    MUST(is_same(&walked, &whole) && is_same(&whole, &bytes) && is_same(&whole, &pieces));
    check_close((uint16_t)(data[0] << 8 | data[1]), in);
    return 0;
}

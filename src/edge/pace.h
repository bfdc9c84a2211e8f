/* Inside of edge/: does a peer take what lies ready for it? Asked four times a second, answered by what the peer's system
 * has acknowledged; nothing here costs a request anything. Three ways to be too slow:
 *
 *   slow   less than the rate over a while in which its window was open: the network, or its reader, is a pretence
 *   still  nothing at all for write_timeout, with its window open: there is nobody
 *   held   less than the rate for as long as back-pressure may last: a paused player, a program in a debugger
 *
 * While nothing waits to be sent nobody is slow: a stream that the origin keeps silent may be silent for ever. */
#ifndef TG_EDGE_PACE_H
#define TG_EDGE_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct h2_stream;
struct stream;
struct stream_taken;
struct limits_config;

enum pace_verdict { PACE_FINE = 0, PACE_SLOW, PACE_STILL, PACE_HELD };

/* Zeroed: nothing waits. */
struct pace {
    uint64_t since_ms; /* of what waits now, or of this span of it; 0: nothing waits */
    uint64_t asked_ms; /* when the kernel was asked last; 0: not in this span */
    uint64_t base;     /* acknowledged then, and at the beginning of the span */
    uint64_t taken;    /* in this span */
    uint64_t open_ms;  /* of this span, with an open window */
    uint64_t still_ms; /* thereof without anything taken */
};

struct pace_limits {
    uint32_t rate; /* bytes per second; 0: none */
    uint32_t after_ms, still_ms;
    uint32_t held_ms; /* 0: for ever */
};

/* Is that at least `rate` bytes per second? */
static inline bool pace_suffices(uint64_t bytes, uint32_t rate, uint64_t ms)
{
    return bytes * 1000 >= rate * ms;
}

struct pace_limits pace_limits_of(const struct limits_config *l, uint32_t held_ms);
enum pace_verdict pace_check(struct pace *p, const struct stream *s, const struct pace_limits *l, uint64_t now_ms);
/* Pure: the kernel's answer is given. For pace_check, and tests. */
enum pace_verdict pace_judge(struct pace *p, const struct stream_taken *k, const struct pace_limits *l,
                             uint64_t now_ms);
/* Something has waited for so long, and not even `rate` bytes per second of it went, whatever the window is. */
bool pace_is_behind(const struct pace *p, uint32_t for_ms, uint32_t rate, uint64_t now_ms);
/* The same of what waits for one stream of HTTP/2, whose window may be shut, or drip open, while the connection's is wide: for how many ms now it
 * has taken less than `rate`; 0: it keeps up, or nothing waits. */
uint64_t pace_of_h2(struct h2_stream *s, uint32_t rate, uint64_t now_ms);
/* Of what pace_of_h2 has seen. */
bool pace_h2_is_behind(const struct h2_stream *s, uint32_t for_ms, uint32_t rate, uint64_t now_ms);
/* For the log; static. */
const char *pace_text(enum pace_verdict v);

#endif

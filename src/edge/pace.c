#include "edge/pace.h"

#include "config/snapshot.h"
#include "http/h2/h2.h"
#include "net/stream.h"

/* What is gone by then was never worth a question; later one each second is exact enough for limits of seconds. */
#define GRACE_MS 2000u
#define EVERY_MS 1000u

struct pace_limits pace_limits_of(const struct limits_config *l, uint32_t held_ms)
{
    return (struct pace_limits){
        .rate = l->write_rate,
        .after_ms = l->write_rate_after_ms,
        .still_ms = l->write_timeout_ms,
        .held_ms = held_ms,
    };
}

static void begin(struct pace *p, uint64_t base, uint64_t now)
{
    *p = (struct pace){.since_ms = now, .asked_ms = now, .base = base};
}

static void measure(struct pace *p, const struct stream_taken *k, uint64_t now)
{
    uint64_t passed = now - p->asked_ms, taken = k->bytes - p->base;
    p->asked_ms = now;
    if (taken != p->taken)
        p->still_ms = 0;
    p->taken = taken;
    if (k->closed)
        return;
    p->open_ms += passed;
    p->still_ms += passed;
}

enum pace_verdict pace_judge(struct pace *p, const struct stream_taken *k, const struct pace_limits *l, uint64_t now)
{
    if (p->asked_ms == 0) {
        begin(p, k->bytes, now);
        return PACE_FINE;
    }
    measure(p, k, now);
    uint64_t span = now - p->since_ms;
    /* Without a rate any byte is progress. What went fast a while ago says nothing of now: a new span. */
    if (p->taken > 0 && span >= l->after_ms && pace_suffices(p->taken, l->rate, span)) {
        begin(p, k->bytes, now);
        return PACE_FINE;
    }
    if (l->rate && p->open_ms >= l->after_ms && !pace_suffices(p->taken, l->rate, p->open_ms))
        return PACE_SLOW;
    if (p->still_ms >= l->still_ms)
        return PACE_STILL;
    return l->held_ms && span >= l->held_ms ? PACE_HELD : PACE_FINE;
}

enum pace_verdict pace_check(struct pace *p, const struct stream *s, const struct pace_limits *l, uint64_t now)
{
    struct stream_taken k;
    if (stream_unsent(s) == 0) {
        p->since_ms = p->asked_ms = 0;
        return PACE_FINE;
    }
    if (p->since_ms == 0)
        *p = (struct pace){.since_ms = now};
    if (now - p->since_ms < GRACE_MS || (p->asked_ms && now - p->asked_ms < EVERY_MS) || !stream_taken(s, &k))
        return PACE_FINE;
    return pace_judge(p, &k, l, now);
}

bool pace_is_behind(const struct pace *p, uint32_t for_ms, uint32_t rate, uint64_t now)
{
    uint64_t span = now - p->since_ms;
    return p->asked_ms != 0 && span >= for_ms && !pace_suffices(p->taken, rate, span);
}

uint64_t pace_of_h2(struct h2_stream *s, uint32_t rate, uint64_t now)
{
    uint64_t sent = s->bytes_sent - s->seen_sent, span = now - s->seen_ms;
    if (h2_stream_has_unsent(s) && s->seen_ms != 0 && !(sent > 0 && pace_suffices(sent, rate, span)))
        return span;
    s->seen_sent = s->bytes_sent;
    s->seen_ms = now;
    return 0;
}

bool pace_h2_is_behind(const struct h2_stream *s, uint32_t for_ms, uint32_t rate, uint64_t now)
{
    uint64_t span = now - s->seen_ms;
    return h2_stream_has_unsent(s) && s->seen_ms != 0 && span >= for_ms &&
           !pace_suffices(s->bytes_sent - s->seen_sent, rate, span);
}

const char *pace_text(enum pace_verdict v)
{
    switch (v) {
    case PACE_SLOW:
        return "reads too slowly";
    case PACE_STILL:
        return "takes nothing";
    case PACE_HELD:
        return "reads nothing for too long";
    case PACE_FINE:
        break;
    }
    return "";
}

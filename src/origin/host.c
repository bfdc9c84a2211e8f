#include "origin/impl.h"

static size_t host_length(const struct origin_config *o, struct span captured)
{
    return o->host_before.n + (o->has_capture ? captured.n : 0) + o->host_after.n;
}

static uint8_t *put(uint8_t *at, struct span s)
{
    if (s.n)
        memcpy(at, s.p, s.n);
    return at + s.n;
}

static void write_parts(const struct origin_config *o, struct span captured, uint8_t *at)
{
    at = put(at, o->host_before);
    if (o->has_capture)
        at = put(at, captured);
    put(at, o->host_after);
}

size_t host_write(const struct origin_config *o, struct span captured, uint8_t out[ORIGIN_HOST_MAX])
{
    size_t n = host_length(o, captured);
    if (n > ORIGIN_HOST_MAX)
        return 0;
    write_parts(o, captured, out);
    return n;
}

struct span origin_host(const struct origin_config *o, struct span captured, struct arena *a)
{
    size_t n = host_length(o, captured);
    uint8_t *p = arena_alloc(a, n);
    if (!p)
        return SPAN_NONE;
    write_parts(o, captured, p);
    return span_make(p, n);
}

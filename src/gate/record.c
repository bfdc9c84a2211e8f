#include "gate/record.h"

#include <endian.h>

void record_put(struct record_out *o, const void *p, size_t n)
{
    o->full = o->full || n > o->cap - o->n;
    if (o->full || n == 0)
        return;
    memcpy(o->p + o->n, p, n);
    o->n += n;
}

void record_put_byte(struct record_out *o, unsigned b)
{
    uint8_t byte = (uint8_t)b;
    record_put(o, &byte, 1);
}

void record_put_time(struct record_out *o, int64_t t)
{
    uint64_t be = htobe64((uint64_t)t);
    o->full = o->full || t < 0;
    record_put(o, &be, sizeof(be));
}

void record_put_span(struct record_out *o, struct span s)
{
    uint8_t n[2] = {(uint8_t)(s.n >> 8), (uint8_t)s.n};
    o->full = o->full || s.n > 0xffff;
    record_put(o, n, sizeof(n));
    record_put(o, s.p, s.n);
}

void record_put_identity(struct record_out *o, const struct identity *who)
{
    record_put_byte(o, who->way);
    record_put_time(o, who->proven_s);
    record_put_time(o, who->latest_s);
    record_put_span(o, who->gate);
    record_put_span(o, who->subject);
    record_put_span(o, who->email);
    record_put_span(o, who->login);
    record_put_span(o, who->groups);
    record_put_span(o, who->scope);
}

struct span record_take(struct record_in *in, size_t n)
{
    in->bad = in->bad || n > in->rest.n;
    if (in->bad)
        return SPAN_NONE;
    struct span s = span_make(in->rest.p, n);
    in->rest = span_from(in->rest, n);
    return s;
}

unsigned record_take_byte(struct record_in *in)
{
    struct span s = record_take(in, 1);
    return s.n ? s.p[0] : 0;
}

enum identity_way record_take_way(struct record_in *in)
{
    unsigned way = record_take_byte(in);
    if (way == WAY_NONE || way >= WAY_COUNT)
        in->bad = true;
    return in->bad ? WAY_NONE : (enum identity_way)way;
}

int64_t record_take_time(struct record_in *in)
{
    uint64_t be = 0;
    struct span s = record_take(in, sizeof(be));
    if (s.n)
        memcpy(&be, s.p, sizeof(be));
    uint64_t t = be64toh(be);
    in->bad = in->bad || t > INT64_MAX;
    return in->bad ? 0 : (int64_t)t;
}

struct span record_take_span(struct record_in *in)
{
    struct span n = record_take(in, 2);
    return n.n ? record_take(in, (size_t)n.p[0] << 8 | n.p[1]) : SPAN_NONE;
}

struct identity record_take_identity(struct record_in *in)
{
    struct identity who = {.way = record_take_way(in)};
    who.proven_s = record_take_time(in);
    who.latest_s = record_take_time(in);
    who.gate = record_take_span(in);
    who.subject = record_take_span(in);
    who.email = record_take_span(in);
    who.login = record_take_span(in);
    who.groups = record_take_span(in);
    who.scope = record_take_span(in);
    return in->bad ? (struct identity){.way = WAY_NONE} : who;
}

bool record_done(const struct record_in *in)
{
    return !in->bad && in->rest.n == 0;
}

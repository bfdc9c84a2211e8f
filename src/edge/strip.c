#include "edge/strip.h"

#define NAME_MAX_FOLDED 64

static bool is_alphanumeric(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* One spelling for all that an origin may fold together: in the environment of a CGI program, or of what came after, every byte but letters
 * and digits is the same. Longer names are none of ours. */
static struct span fold(struct span name, uint8_t out[NAME_MAX_FOLDED])
{
    size_t n = name.n < NAME_MAX_FOLDED ? name.n : NAME_MAX_FOLDED;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = ascii_lower(name.p[i]);
        out[i] = is_alphanumeric(c) ? c : '-';
    }
    return span_make(out, n);
}

struct strip_name {
    struct span name;
    enum { STRIP_EXACT = 0, STRIP_PREFIX, STRIP_ANONYMOUS } how;
};

static const struct strip_name strip_names[] = {
    {{(const uint8_t *)"x-forwarded-", 12}, STRIP_PREFIX},
    {{(const uint8_t *)"x-forwarded", 11}, STRIP_EXACT},
    {{(const uint8_t *)"forwarded", 9}, STRIP_EXACT},
    {{(const uint8_t *)"x-real-ip", 9}, STRIP_EXACT},
    {{(const uint8_t *)"fly-client-ip", 13}, STRIP_EXACT},
    {{(const uint8_t *)"cf-connecting-ip", 16}, STRIP_PREFIX}, /* …ipv6 too */
    {{(const uint8_t *)"true-client-ip", 14}, STRIP_EXACT},
    {{(const uint8_t *)"cf-access-", 10}, STRIP_PREFIX},
    {{(const uint8_t *)"x-auth-request-", 15}, STRIP_PREFIX},
    {{(const uint8_t *)"x-original-url", 14}, STRIP_EXACT},
    {{(const uint8_t *)"x-original-uri", 14}, STRIP_EXACT},
    {{(const uint8_t *)"x-rewrite-url", 13}, STRIP_EXACT},
    {{(const uint8_t *)"tiergate", 8}, STRIP_PREFIX},
    {{(const uint8_t *)"x-http-method", 13}, STRIP_ANONYMOUS},
    {{(const uint8_t *)"x-http-method-override", 22}, STRIP_ANONYMOUS},
    {{(const uint8_t *)"x-method-override", 17}, STRIP_ANONYMOUS},
    {{(const uint8_t *)"x-middleware-subrequest", 23}, STRIP_ANONYMOUS},
};

static bool strip_fits(const struct strip_name *s, struct span folded, bool identified)
{
    switch (s->how) {
    case STRIP_PREFIX:
        return span_has_prefix(folded, s->name);
    case STRIP_ANONYMOUS:
        return !identified && span_eq(folded, s->name);
    case STRIP_EXACT:
        break;
    }
    return span_eq(folded, s->name);
}

/* Only these begin one of the names above: all other fields cost one comparison. */
static bool may_be_ours(uint8_t first)
{
    uint8_t c = ascii_lower(first);
    return c == 'x' || c == 'f' || c == 'c' || c == 't';
}

bool strip_is_ours(struct span name, bool identified)
{
    uint8_t room[NAME_MAX_FOLDED];
    if (name.n == 0 || !may_be_ours(name.p[0]))
        return false;
    struct span folded = fold(name, room);
    for (size_t i = 0; i < sizeof strip_names / sizeof strip_names[0]; i++)
        if (strip_fits(&strip_names[i], folded, identified))
            return true;
    return false;
}

static bool is_lock(struct span name, const struct origin_config *o)
{
    for (size_t i = 0; i < o->header_count; i++)
        if (header_name_alias(name, o->headers[i].name))
            return true;
    return false;
}

void strip_request(struct headers *h, const struct origin_config *o, bool identified)
{
    for (size_t i = 0; i < h->n; i++)
        if (!h->v[i].drop && (strip_is_ours(h->v[i].name, identified) || is_lock(h->v[i].name, o)))
            h->v[i].drop = 1;
}

#include "net/proxy_protocol.h"

#include "base/count.h"

#define V1_MAX 107 /* with CRLF */
#define V2_FIXED 16

static const uint8_t v2_signature[12] = {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};

/* --- version 1: one line of text ---------------------------------------------------------------------------------- */

/* Cuts the next field at a single space. */
static bool next_field(struct span *rest, struct span *field)
{
    struct span tail;
    bool cut = span_cut(*rest, ' ', field, &tail);
    *rest = tail;
    return cut && field->n > 0;
}

static bool parse_port(struct span s, uint16_t *out)
{
    uint64_t port;
    if ((s.n > 1 && s.p[0] == '0') || !span_parse_u64(s, UINT16_MAX, &port))
        return false;
    *out = (uint16_t)port;
    return true;
}

/* The family by the spelling: "TCP6 ::ffff:1.2.3.4" is IPv6 on the wire, and IPv4 for us. */
static bool parse_address(struct span s, bool v6, struct addr *out)
{
    bool has_colon = span_find(s, ':') < s.n;
    return has_colon == v6 && s.n && s.p[0] != '[' && addr_parse_ip(s, out);
}

static bool parse_v1_line(struct span line, struct addr *src)
{
    struct span family, from, to, from_port;
    struct addr dst;
    uint16_t dst_port;
    if (span_eq(line, SPAN("UNKNOWN")) || span_has_prefix(line, SPAN("UNKNOWN ")))
        return true;
    if (!next_field(&line, &family) || !next_field(&line, &from) || !next_field(&line, &to) ||
        !next_field(&line, &from_port))
        return false;
    bool v6 = span_eq(family, SPAN("TCP6"));
    if (!v6 && !span_eq(family, SPAN("TCP4")))
        return false;
    return parse_address(from, v6, src) && parse_address(to, v6, &dst) && parse_port(from_port, &src->port) &&
           parse_port(line, &dst_port);
}

static enum pp_result parse_v1(struct span in, struct addr *src, size_t *used)
{
    size_t lf = span_find(in, '\n');
    if (lf == in.n)
        return in.n < V1_MAX ? PP_MORE : PP_BAD;
    if (lf >= V1_MAX || in.p[lf - 1] != '\r')
        return PP_BAD;
    struct span line = span_make(in.p + 6, lf - 1 - 6);
    if (span_find(line, '\r') < line.n || !parse_v1_line(line, src))
        return PP_BAD;
    *used = lf + 1;
    return PP_DONE;
}

/* --- version 2: binary -------------------------------------------------------------------------------------------- */

static size_t be16(const uint8_t *p)
{
    return (size_t)p[0] << 8 | p[1];
}

static bool are_tlvs(struct span s)
{
    while (s.n) {
        if (s.n < 3 || be16(s.p + 1) > s.n - 3)
            return false;
        s = span_from(s, 3 + be16(s.p + 1));
    }
    return true;
}

static void take_v4(const uint8_t *p, struct addr *src)
{
    *src = addr_from_v4(p, (uint16_t)be16(p + 8));
}

static void take_v6(const uint8_t *p, struct addr *src)
{
    *src = addr_from_v6(p, (uint16_t)be16(p + 32));
}

static bool take_v2_address(uint8_t family, struct span rest, struct addr *src)
{
    static const struct {
        uint8_t family;
        uint8_t size;
        void (*take)(const uint8_t *p, struct addr *src);
    } kinds[] = {
        {0x11, 12, take_v4},
        {0x21, 36, take_v6},
    };
    /* AF_UNSPEC: the sender does not say; what follows means nothing to us. */
    if (family == 0x00)
        return true;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (kinds[i].family != family)
            continue;
        if (rest.n < kinds[i].size || !are_tlvs(span_from(rest, kinds[i].size)))
            return false;
        kinds[i].take(rest.p, src);
        return true;
    }
    return false;
}

static enum pp_result parse_v2(struct span in, struct addr *src, size_t *used)
{
    enum { LOCAL = 0x20, PROXY = 0x21 };
    if (in.n > 12 && in.p[12] != LOCAL && in.p[12] != PROXY)
        return PP_BAD;
    if (in.n < V2_FIXED)
        return PP_MORE;
    size_t length = be16(in.p + 14);
    if (V2_FIXED + length > PP_MAX)
        return PP_BAD;
    if (in.n < V2_FIXED + length)
        return PP_MORE;
    if (in.p[12] == PROXY && !take_v2_address(in.p[13], span_make(in.p + V2_FIXED, length), src))
        return PP_BAD;
    *used = V2_FIXED + length;
    return PP_DONE;
}

/* Whether in begins with as much of mark as there is. */
static bool could_be(struct span in, struct span mark)
{
    size_t n = in.n < mark.n ? in.n : mark.n;
    return n == 0 || memcmp(in.p, mark.p, n) == 0;
}

enum pp_result proxy_protocol_parse(struct span in, struct addr *src, size_t *used)
{
    const struct span v1 = SPAN("PROXY "), v2 = span_make(v2_signature, sizeof v2_signature);
    *src = (struct addr){0};
    *used = 0;
    enum pp_result r = PP_MORE;
    if (could_be(in, v1))
        r = in.n < v1.n ? PP_MORE : parse_v1(in, src, used);
    else if (could_be(in, v2))
        r = in.n < v2.n ? PP_MORE : parse_v2(in, src, used);
    else
        r = PP_BAD;
    if (r == PP_BAD)
        *src = (struct addr){0};
    return r;
}

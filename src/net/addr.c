#include "net/addr.h"

#include <arpa/inet.h>

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool ip_is_v4(const uint8_t ip[16])
{
    return memcmp(ip, v4_prefix, sizeof v4_prefix) == 0;
}

struct addr addr_from_v4(const void *ip4, uint16_t port)
{
    struct addr a = {.port = port, .family = AF_INET};
    memcpy(a.ip, v4_prefix, sizeof v4_prefix);
    memcpy(a.ip + 12, ip4, 4);
    return a;
}

struct addr addr_from_v6(const void *ip6, uint16_t port)
{
    struct addr a = {.port = port};
    memcpy(a.ip, ip6, 16);
    a.family = ip_is_v4(a.ip) ? AF_INET : AF_INET6;
    return a;
}

struct addr addr_from_sockaddr(const struct sockaddr_storage *sa)
{
    if (sa->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
        return addr_from_v4(&in->sin_addr, ntohs(in->sin_port));
    }
    if (sa->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;
        return addr_from_v6(&in6->sin6_addr, ntohs(in6->sin6_port));
    }
    return (struct addr){0};
}

socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *sa)
{
    memset(sa, 0, sizeof *sa);
    if (a->family == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)sa;
        in->sin_family = AF_INET;
        in->sin_port = htons(a->port);
        memcpy(&in->sin_addr, a->ip + 12, 4);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)sa;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(a->port);
    memcpy(&in6->sin6_addr, a->ip, 16);
    return sizeof *in6;
}

/* inet_pton is strict already: no zone, no leading zeros in IPv4, no space; it only wants a NUL. */
static bool parse_family(struct span s, int family, void *out)
{
    char text[INET6_ADDRSTRLEN];
    if (s.n == 0 || s.n >= sizeof text || memchr(s.p, 0, s.n))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return inet_pton(family, text, out) == 1;
}

bool addr_parse_ip(struct span s, struct addr *out)
{
    uint8_t ip[16];
    if (parse_family(s, AF_INET, ip)) {
        *out = addr_from_v4(ip, 0);
        return true;
    }
    if (s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
        s = span_make(s.p + 1, s.n - 2);
    if (!parse_family(s, AF_INET6, ip))
        return false;
    *out = addr_from_v6(ip, 0);
    return true;
}

static bool parse_port(struct span s, uint16_t *out)
{
    uint64_t port;
    if ((s.n > 1 && s.p[0] == '0') || !span_parse_u64(s, UINT16_MAX, &port))
        return false;
    *out = (uint16_t)port;
    return true;
}

struct res addr_parse_listen(struct span s, struct addr *out)
{
    size_t colon = s.n;
    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    uint16_t port;
    if (colon == 0 || !parse_port(span_from(s, colon), &port))
        return res_err("must end in \":\" and a port from 0 to 65535");
    struct span ip = span_make(s.p, colon - 1);
    if (ip.n == 0) {
        *out = (struct addr){.family = AF_INET6, .port = port};
        return RES_OK;
    }
    if (ip.p[0] != '[' && span_find(ip, ':') < ip.n)
        return res_err("an IPv6 address must stand in brackets: \"[::]:443\"");
    if (!addr_parse_ip(ip, out))
        return res_err("must be an IP address, not a name, and a port");
    out->port = port;
    return RES_OK;
}

/* By hand, as it is needed for every request and inet_ntop goes through sprintf. */
static size_t format_v4(const uint8_t ip[4], char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < 4; i++) {
        unsigned v = ip[i];
        if (v >= 100)
            out[n++] = (char)('0' + v / 100);
        if (v >= 10)
            out[n++] = (char)('0' + v / 10 % 10);
        out[n++] = (char)('0' + v % 10);
        out[n++] = i < 3 ? '.' : 0;
    }
    return n - 1;
}

size_t addr_format_ip(const struct addr *a, char out[ADDR_TEXT])
{
    if (a->family == AF_INET)
        return format_v4(a->ip + 12, out);
    if (a->family == AF_INET6)
        inet_ntop(AF_INET6, a->ip, out, ADDR_TEXT);
    else
        memcpy(out, "unknown", sizeof "unknown");
    return strlen(out);
}

bool addr_same_ip(const struct addr *a, const struct addr *b)
{
    return a->family != 0 && b->family != 0 && memcmp(a->ip, b->ip, 16) == 0;
}

static bool same_prefix(const uint8_t a[16], const uint8_t b[16], unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static void keep_prefix(uint8_t ip[16], unsigned bits)
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned kept = bits > i * 8 ? bits - i * 8 : 0;
        if (kept < 8)
            ip[i] &= (uint8_t)(0xff00u >> kept);
    }
}

struct res cidr_parse(struct span s, struct cidr *out)
{
    struct span ip, length;
    bool has_length = span_cut(s, '/', &ip, &length);
    struct addr a;
    if ((ip.n && ip.p[0] == '[') || !addr_parse_ip(ip, &a))
        return res_err("must be an IP address or a range such as \"10.0.0.0/8\" or \"fd00::/8\"");
    /* "::ffff:10.0.0.0/104" counts its bits from the front of the IPv6 form. */
    bool is_v4 = span_find(ip, ':') == ip.n;
    uint64_t bits = is_v4 ? 32 : 128;
    if (has_length && ((length.n > 1 && length.p[0] == '0') || !span_parse_u64(length, bits, &bits)))
        return res_err(is_v4 ? "the number after \"/\" must be from 0 to 32"
                             : "the number after \"/\" must be from 0 to 128");
    out->bits = (uint8_t)(is_v4 ? bits + 96 : bits);
    memcpy(out->ip, a.ip, 16);
    keep_prefix(out->ip, out->bits);
    if (memcmp(out->ip, a.ip, 16) != 0)
        return res_err("has bits set behind its prefix; write the first address of the range");
    return RES_OK;
}

bool cidr_has(const struct cidr *c, const struct addr *a)
{
    if (a->family == 0)
        return false;
    /* "::/0" means all of IPv6, not IPv4 that we keep as mapped IPv6. */
    if (c->bits < 96 && a->family == AF_INET)
        return false;
    return same_prefix(c->ip, a->ip, c->bits);
}

struct cidr addr_bucket(const struct addr *a)
{
    struct cidr c = {.bits = a->family == AF_INET6 ? 64 : 128};
    memcpy(c.ip, a->ip, 16);
    keep_prefix(c.ip, c.bits);
    return c;
}

bool addr_of_peer(int fd, struct addr *out)
{
    struct sockaddr_storage sa;
    socklen_t n = sizeof sa;
    if (getpeername(fd, (struct sockaddr *)&sa, &n) != 0)
        return false;
    *out = addr_from_sockaddr(&sa);
    return out->family != 0;
}

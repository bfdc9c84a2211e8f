/* Any bytes as a PROXY header: each prefix of a good one wants more, a bad one stays bad, nothing behind it counts, and
 * the address is the one that another reader finds in those bytes, and that we read in a header made of it. */
#include <arpa/inet.h>
#include <stdio.h>

#include "must.h"
#include "net/proxy_protocol.h"

#define LINE_MAX 108

static enum pp_result parse(struct span in, struct addr *src, size_t *used)
{
    enum pp_result r = proxy_protocol_parse(in, src, used);
    MUST(r == PP_MORE || r == PP_DONE || r == PP_BAD);
    MUST(r == PP_DONE ? *used > 0 && *used <= PP_MAX && *used <= in.n : *used == 0 && src->family == 0);
    MUST(src->family == 0 || src->family == AF_INET || src->family == AF_INET6);
    MUST(r != PP_MORE || in.n < PP_MAX); /* else a peer could make us wait for ever */
    return r;
}

static bool is_same(const struct addr *a, const struct addr *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, sizeof a->ip) == 0 && a->port == b->port;
}

/* How far a result holds: MORE … MORE, then the same end from some byte on. */
static void check_prefixes(struct span in, enum pp_result whole, const struct addr *src, size_t used)
{
    enum pp_result last = PP_MORE;
    for (size_t n = 0; n <= in.n && n <= PP_MAX + 1; n++) {
        struct addr a;
        size_t u;
        uint8_t *copy = malloc(n ? n : 1); /* of that very length: a read beyond it is seen */
        MUST(copy);
        if (n)
            memcpy(copy, in.p, n);
        enum pp_result r = parse(span_make(copy, n), &a, &u);
        free(copy);
        MUST(last == PP_MORE || r == last);
        MUST(r != PP_DONE || (n >= used && u == used && is_same(&a, src)));
        last = r;
    }
    MUST(last == whole);
}

/* Another reader of the line, from the C library. */
static void check_v1(struct span line, const struct addr *src)
{
    char text[LINE_MAX], family[8], from[LINE_MAX], to[LINE_MAX], again[LINE_MAX];
    unsigned port, to_port;
    uint8_t ip[16];
    MUST(line.n < sizeof text && line.n >= 15);
    memcpy(text, line.p, line.n);
    text[line.n] = '\0';
    if (strncmp(text, "PROXY UNKNOWN", 13) == 0) {
        MUST(src->family == 0);
        return;
    }
    MUST(sscanf(text, "PROXY %7s %100s %100s %u %u", family, from, to, &port, &to_port) == 5);
    int n = snprintf(again, sizeof again, "PROXY %s %s %s %u %u\r\n", family, from, to, port, to_port);
    MUST(n == (int)line.n && memcmp(again, text, line.n) == 0); /* one spelling, nothing else in the line */
    bool v6 = strcmp(family, "TCP6") == 0;
    MUST(v6 || strcmp(family, "TCP4") == 0);
    MUST(inet_pton(v6 ? AF_INET6 : AF_INET, from, ip) == 1 && port == src->port);
    MUST(memcmp(v6 ? src->ip : src->ip + 12, ip, v6 ? 16 : 4) == 0);
}

static void check_v2(struct span in, const struct addr *src)
{
    size_t length = (size_t)in.p[14] << 8 | in.p[15];
    MUST(in.n == 16 + length && (in.p[12] == 0x20 || in.p[12] == 0x21));
    if (in.p[12] == 0x20 || in.p[13] == 0) {
        MUST(src->family == 0);
        return;
    }
    bool v6 = in.p[13] == 0x21;
    const uint8_t *port = in.p + 16 + (v6 ? 32 : 8);
    MUST((v6 || in.p[13] == 0x11) && length >= (v6 ? 36u : 12u));
    MUST(memcmp(v6 ? src->ip : src->ip + 12, in.p + 16, v6 ? 16 : 4) == 0);
    MUST(src->port == ((unsigned)port[0] << 8 | port[1]));
}

/* Written anew it is the same: what a proxy in front would say of that client. */
static void check_rewritten(const struct addr *src)
{
    char ip[ADDR_TEXT], line[LINE_MAX];
    struct addr again;
    size_t used;
    bool v6 = src->family == AF_INET6;
    ip[addr_format_ip(src, ip)] = '\0';
    int n = snprintf(line, sizeof line, "PROXY %s %s %s %u 443\r\n", v6 ? "TCP6" : "TCP4", ip, v6 ? "::1" : "127.0.0.1",
                     (unsigned)src->port);
    MUST(n > 0 && n < LINE_MAX);
    MUST(parse(span_make(line, (size_t)n), &again, &used) == PP_DONE && used == (size_t)n && is_same(&again, src));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_make(data, size);
    struct addr src;
    size_t used;
    enum pp_result r = parse(in, &src, &used);
    check_prefixes(in, r, &src, used);
    if (r != PP_DONE)
        return 0;
    struct span head = span_make(data, used);
    if (data[0] == 'P')
        check_v1(head, &src);
    else
        check_v2(head, &src);
    if (src.family != 0)
        check_rewritten(&src);
    return 0;
}

#include "http/host.h"

#include <arpa/inet.h>

#include "http/bytes.h"

#define LABEL_MAX 63

static bool parse_port(struct span s, int *port)
{
    uint64_t value;
    if (s.n < 1 || s.n > 5 || s.p[0] == '0' || !span_parse_u64(s, 65535, &value))
        return false;
    *port = (int)value;
    return true;
}

/* A name whose last label reads as a number is an address to many resolvers ("127.1", "0x7f.1"): then only the one
 * unmistakable spelling of four decimal numbers will do. */
static bool label_is_number(struct span label)
{
    if (span_has_prefix(label, SPAN("0x")))
        return bytes_run(span_from(label, 2), BYTE_HEX) == label.n - 2;
    for (size_t i = 0; i < label.n; i++)
        if (label.p[i] < '0' || label.p[i] > '9')
            return false;
    return true;
}

static bool is_ipv4(const char *name)
{
    struct in_addr addr;
    return inet_pton(AF_INET, name, &addr) == 1;
}

/* In lower case into out; every label but a trailing empty one has 1–63 bytes. */
static bool parse_name(struct span s, struct host *out)
{
    size_t label = 0;
    if (s.n > 0 && s.p[s.n - 1] == '.')
        s.n--;
    if (s.n == 0 || s.n > HOST_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.' ? i == label : !byte_is(s.p[i], BYTE_LABEL) || i - label >= LABEL_MAX)
            return false;
        if (s.p[i] == '.')
            label = i + 1;
        out->name[i] = (char)ascii_lower(s.p[i]);
    }
    if (label == s.n)
        return false;
    out->name[s.n] = '\0';
    out->n = s.n;
    return !label_is_number(span_make(out->name + label, s.n - label)) || is_ipv4(out->name);
}

/* `[` … `]`: written anew, so that each address has one spelling. */
static bool parse_ipv6(struct span inside, struct host *out)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr addr;
    if (inside.n == 0 || inside.n >= sizeof(text))
        return false;
    memcpy(text, inside.p, inside.n);
    text[inside.n] = '\0';
    if (memchr(text, '\0', inside.n) || inet_pton(AF_INET6, text, &addr) != 1)
        return false;
    if (!inet_ntop(AF_INET6, &addr, out->name + 1, INET6_ADDRSTRLEN))
        return false;
    out->n = strlen(out->name + 1) + 2;
    out->name[0] = '[';
    out->name[out->n - 1] = ']';
    out->name[out->n] = '\0';
    return true;
}

bool host_parse(struct span authority, struct host *out)
{
    struct span rest;
    size_t end;
    out->port = -1;
    out->n = 0;
    out->name[0] = '\0';
    if (authority.n > 0 && authority.p[0] == '[') {
        end = span_find(authority, ']');
        if (end == authority.n || !parse_ipv6(span_make(authority.p + 1, end - 1), out))
            return false;
        rest = span_from(authority, end + 1);
    } else {
        end = span_find(authority, ':');
        if (!parse_name(span_make(authority.p, end), out))
            return false;
        rest = span_from(authority, end);
    }
    if (rest.n == 0)
        return true;
    return rest.p[0] == ':' && parse_port(span_from(rest, 1), &out->port);
}

struct span host_span(const struct host *h)
{
    return span_make(h->name, h->n);
}

bool host_same(const struct host *a, const struct host *b, int default_port)
{
    int a_port = a->port < 0 ? default_port : a->port;
    int b_port = b->port < 0 ? default_port : b->port;
    return a_port == b_port && span_eq(host_span(a), host_span(b));
}

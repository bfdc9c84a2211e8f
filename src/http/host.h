/* The one normal form of a host name (RFC 9110 §7.2, RFC 3986 §3.2.2). Pure. */
#ifndef TG_HTTP_HOST_H
#define TG_HTTP_HOST_H

#include "base/span.h"

#define HOST_MAX 253

struct host {
    char name[HOST_MAX + 3]; /* lower case, no trailing dot; an IPv6 literal in brackets; NUL-terminated */
    size_t n;
    int port; /* -1: none given */
};

/* Letters, digits, `-`, `_` in labels of 1–63, at most one trailing dot, optional `:port` of 1–5 digits 1–65535 without
 * leading zero (an empty port is bad). IPv4 and [IPv6] literals are accepted as names. False: malformed → 400. */
bool host_parse(struct span authority, struct host *out);
struct span host_span(const struct host *h);
/* Same name and port; where none is given, it is default_port. */
bool host_same(const struct host *a, const struct host *b, int default_port);

#endif

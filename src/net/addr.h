/* Addresses, address ranges, and what a peer is called in logs and limits. Pure but for addr_of_peer(). */
#ifndef TG_NET_ADDR_H
#define TG_NET_ADDR_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/res.h"
#include "base/span.h"

/* IPv4 is kept as IPv4-mapped IPv6, so one comparison serves both. family 0: unknown, equal to nothing, in no range. */
struct addr {
    uint8_t ip[16];
    uint16_t port;
    uint8_t family; /* 0, AF_INET or AF_INET6; a mapped address parsed or received is AF_INET */
};

struct cidr {
    uint8_t ip[16];
    uint8_t bits; /* of 128 */
};

#define ADDR_TEXT 48

struct addr addr_from_sockaddr(const struct sockaddr_storage *sa);
/* Returns the length for bind and connect. */
socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *sa);
/* "1.2.3.4", "::1", "[::1]"; no zone, no port, no leading zeros in IPv4. */
bool addr_parse_ip(struct span s, struct addr *out);
/* "[::]:443", "0.0.0.0:80", "127.0.0.1:8443", ":443" (any, v6 and v4). */
struct res addr_parse_listen(struct span s, struct addr *out) MUSTUSE;
/* IP text without port; returns its length. "unknown" for family 0. */
size_t addr_format_ip(const struct addr *a, char out[ADDR_TEXT]);
bool addr_same_ip(const struct addr *a, const struct addr *b);
/* Does it stand for an IPv4 address (RFC 4291 §2.5.5.2)? */
bool ip_is_v4(const uint8_t ip[16]);
/* From the bytes of the wire. */
struct addr addr_from_v4(const void *ip4, uint16_t port);
struct addr addr_from_v6(const void *ip6, uint16_t port);

/* "10.0.0.0/8", "fd00::/8", or a single address. Host bits must be zero. */
struct res cidr_parse(struct span s, struct cidr *out) MUSTUSE;
bool cidr_has(const struct cidr *c, const struct addr *a);
/* The address cut to what one attacker is counted by: IPv4 whole, IPv6 its /64. */
struct cidr addr_bucket(const struct addr *a);
bool addr_of_peer(int fd, struct addr *out);

#endif

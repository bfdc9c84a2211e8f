/* PROXY protocol v1 and v2 (HAProxy's proxy-protocol.txt), strict. Pure. */
#ifndef TG_NET_PROXY_PROTOCOL_H
#define TG_NET_PROXY_PROTOCOL_H

#include "net/addr.h"

enum pp_result { PP_MORE = 0, PP_DONE, PP_BAD };

#define PP_MAX 536 /* longest header accepted, v2 TLVs included */

/* Looks at the bytes received so far. PP_DONE: *used is the header's length, *src the client (family 0 for LOCAL and
 * UNKNOWN). PP_BAD: not a PROXY header; close. */
enum pp_result proxy_protocol_parse(struct span in, struct addr *src, size_t *used);

#endif

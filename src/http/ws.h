/* WebSocket opening handshake (RFC 6455 §4) as the side between client and origin sees it. Pure. */
#ifndef TG_HTTP_WS_H
#define TG_HTTP_WS_H

#include "http/message.h"

/* Is this request a well-formed opening handshake: GET, HTTP/1.1, Upgrade: websocket (alone), Connection: upgrade,
 * version 13, a 16-byte base64 key, no body? */
bool ws_request_ok(const struct http_request *r);
#define WS_ACCEPT 28
/* Sec-WebSocket-Accept for the key of a request that is ok (§4.2.2). False: no memory. */
bool ws_accept(struct span key, char out[WS_ACCEPT]);
/* Does the 101 answer the key (Sec-WebSocket-Accept), with Upgrade: websocket and Connection: upgrade? */
bool ws_response_ok(const struct http_response *r, struct span key);

#endif

#include "http/ws.h"

#include "base/crypto/base64.h"
#include "base/crypto/mac.h"

#define KEY_BYTES 24 /* base64 of 16 bytes */

static bool is_base64(uint8_t c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '+' || c == '/';
}

static bool key_ok(struct span key)
{
    if (key.n != KEY_BYTES || key.p[KEY_BYTES - 2] != '=' || key.p[KEY_BYTES - 1] != '=')
        return false;
    for (size_t i = 0; i < KEY_BYTES - 2; i++)
        if (!is_base64(key.p[i]))
            return false;
    return true;
}

static bool is_upgrade_to_websocket(const struct headers *h)
{
    return span_eq_nocase(headers_only(h, H_UPGRADE), SPAN("websocket")) &&
           headers_has_token(h, H_CONNECTION, SPAN("upgrade"));
}

bool ws_request_ok(const struct http_request *r)
{
    return r->method == M_GET && r->version == HTTP_1_1 && r->body == BODY_NONE &&
           is_upgrade_to_websocket(&r->headers) &&
           span_eq(headers_only(&r->headers, H_SEC_WEBSOCKET_VERSION), SPAN("13")) &&
           key_ok(headers_only(&r->headers, H_SEC_WEBSOCKET_KEY));
}

_Static_assert(WS_ACCEPT == BASE64_SIZE(20), "base64 of a SHA-1");

bool ws_accept(struct span key, char out[WS_ACCEPT])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    uint8_t text[KEY_BYTES + sizeof(guid) - 1], digest[20];
    memcpy(text, key.p, KEY_BYTES);
    memcpy(text + KEY_BYTES, guid, sizeof(guid) - 1);
    if (!res_ok(sha1(span_make(text, sizeof(text)), digest)))
        return false;
    return base64_encode(span_make(digest, sizeof(digest)), out) == WS_ACCEPT;
}

bool ws_response_ok(const struct http_response *r, struct span key)
{
    char accept[WS_ACCEPT];
    if (r->status != 101 || !is_upgrade_to_websocket(&r->headers) || !key_ok(key) || !ws_accept(key, accept))
        return false;
    return span_eq(headers_only(&r->headers, H_SEC_WEBSOCKET_ACCEPT), span_make(accept, sizeof(accept)));
}

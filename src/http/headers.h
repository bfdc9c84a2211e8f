/* Header fields of one message. Names and values are spans into the message's arena copy. Pure. */
#ifndef TG_HTTP_HEADERS_H
#define TG_HTTP_HEADERS_H

#include "base/arena.h"
#include "base/span.h"

/* Fields that some code looks at. Everything else is H_OTHER. Keep in step with the table
 * in headers.c (a test checks). */
enum header_id {
    H_OTHER = 0,
    H_ACCEPT,
    H_ACCESS_CONTROL_ALLOW_CREDENTIALS,
    H_ACCESS_CONTROL_ALLOW_ORIGIN,
    H_ACCESS_CONTROL_REQUEST_HEADERS,
    H_ACCESS_CONTROL_REQUEST_METHOD,
    H_AUTHORIZATION,
    H_CACHE_CONTROL,
    H_CDN_CACHE_CONTROL,
    H_CF_CONNECTING_IP,
    H_CONNECTION,
    H_CONTENT_LENGTH,
    H_CONTENT_LOCATION,
    H_CONTENT_TYPE,
    H_COOKIE,
    H_DATE,
    H_EXPECT,
    H_EXPIRES,
    H_FLY_CLIENT_IP,
    H_FORWARDED,
    H_HOST,
    H_HTTP2_SETTINGS,
    H_IF_RANGE,
    H_KEEP_ALIVE,
    H_LOCATION,
    H_ORIGIN,
    H_PROXY_AUTHENTICATE,
    H_PROXY_AUTHORIZATION,
    H_PROXY_CONNECTION,
    H_RANGE,
    H_REFERER,
    H_REFRESH,
    H_SEC_FETCH_DEST,
    H_SEC_FETCH_MODE,
    H_SEC_FETCH_SITE,
    H_SEC_WEBSOCKET_ACCEPT,
    H_SEC_WEBSOCKET_KEY,
    H_SEC_WEBSOCKET_VERSION,
    H_SERVER,
    H_SET_COOKIE,
    H_SURROGATE_CONTROL,
    H_TE,
    H_TIERGATE,
    H_TIERGATE_AUTHORIZATION,
    H_TRACEPARENT,
    H_TRAILER,
    H_TRANSFER_ENCODING,
    H_TRUE_CLIENT_IP,
    H_UPGRADE,
    H_USER_AGENT,
    H_VARY,
    H_WWW_AUTHENTICATE,
    H_X_FORWARDED_FOR,
    H_X_REQUESTED_WITH,
    H_X_ROBOTS_TAG,
    H_CF_ACCESS_CLIENT_ID,
    H_CF_ACCESS_CLIENT_SECRET,
    HEADER_IDS
};

struct header {
    struct span name;  /* as received */
    struct span value; /* without surrounding white space; may be empty */
    uint16_t id;       /* enum header_id */
    uint16_t drop;     /* != 0: hop-by-hop or stripped; the codec does not write it */
};

struct headers {
    struct header *v; /* in the arena */
    size_t n, cap;
    uint64_t seen; /* bit id (ids < 64): at least one such field that is not dropped was added */
};

enum header_id header_id_of(struct span name);
/* Lower-case canonical spelling, for tests and tables. */
struct span header_name(enum header_id id);
/* False: no memory. */
bool headers_init(struct headers *h, struct arena *a, size_t cap);
bool headers_add(struct headers *h, struct arena *a, struct span name, struct span value);
/* First not dropped field of that id; NULL when there is none. */
const struct header *headers_find(const struct headers *h, enum header_id id);
size_t headers_count(const struct headers *h, enum header_id id);
/* Value of the only field of that id; SPAN_NONE when there is none or several. */
struct span headers_only(const struct headers *h, enum header_id id);
void headers_drop(struct headers *h, enum header_id id);
/* Marks what must not go further: the fields named by Connection (never end-to-end names such as Host or Cookie:
 * RFC 9110 §7.6.1), Connection, Keep-Alive, Proxy-Connection, TE, Trailer, Transfer-Encoding, Upgrade,
 * HTTP2-Settings, Proxy-Authenticate, Proxy-Authorization. */
void headers_drop_hop_by_hop(struct headers *h);
/* Does a comma-separated list field (all fields of the id) hold the token, ASCII case folded? */
bool headers_has_token(const struct headers *h, enum header_id id, struct span token);
/* Equal as an origin might fold names: ASCII case, and all but letters and digits read as `-`. */
bool header_name_alias(struct span received, struct span canonical);
/* RFC 9110 §5.6.2 token, at least one byte. */
bool http_is_token(struct span s);

#endif

/* One request head and one response head, whatever the version they came by. Pure. */
#ifndef TG_HTTP_MESSAGE_H
#define TG_HTTP_MESSAGE_H

#include "http/headers.h"

enum http_method { M_OTHER = 0, M_GET, M_HEAD, M_POST, M_PUT, M_DELETE, M_OPTIONS, M_PATCH, M_CONNECT, M_TRACE };

enum http_version { HTTP_1_0 = 10, HTTP_1_1 = 11, HTTP_2 = 20 };

/* How the end of a body is told. */
enum body_kind {
    BODY_NONE = 0,
    BODY_LENGTH, /* length is in content_length */
    BODY_CHUNKED,
    BODY_UNTIL_CLOSE /* responses only */
};

struct http_request {
    enum http_method method;
    struct span method_name; /* as received */
    struct span target;      /* as received, for logs */
    /* Host field, or that of an absolute-form target (then Host agreed with it); may be empty in HTTP/1.0. */
    struct span authority;
    struct span path_query; /* origin-form: what goes to the origin; "*" for OPTIONS * */
    enum http_version version;
    enum body_kind body;
    uint64_t content_length;
    bool keep_alive; /* the client may send another request afterwards */
    bool expect_continue;
    bool websocket; /* a well-formed RFC 6455 §4.1 opening handshake */
    struct headers headers;
};

struct http_response {
    unsigned status;
    enum http_version version;
    enum body_kind body;
    uint64_t content_length;
    bool keep_alive;
    struct headers headers;
};

/* May a field of this name stand behind a payload? Not what frames, routes, proves who asks or says how to read what came before (RFC 9110
 * §6.5.1): all that any code here looks at is out, in every spelling that an origin may fold. */
bool field_may_trail(struct span name);
enum http_method http_method_of(struct span name);
/* "OK", "Not Found" …; "Unknown" for others. */
const char *http_reason(unsigned status);

#endif

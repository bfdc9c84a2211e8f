/* Strict HTTP/1 codec (RFC 9112): heads from complete bytes, bodies as they come, heads re-serialised from parsed
 * tokens. What security.md calls "tier Compliant" is accepted, all else is refused. Pure: no I/O. */
#ifndef TG_HTTP_H1_H
#define TG_HTTP_H1_H

#include "base/chunkq.h"
#include "http/message.h"

struct h1_limits {
    size_t head_bytes; /* of the whole head, request line included */
    size_t fields;
};

/* --- heads -------------------------------------------------------------------------------------------------------- */

enum h1_scan { H1_SCAN_MORE = 0, H1_SCAN_DONE, H1_SCAN_TOO_LARGE, H1_SCAN_BAD };

/* Finds the end of a head in q without consuming. *scanned carries progress between calls (start with
 * 0); DONE: *head_n is the length including the empty line. BAD: a first byte that can't begin a
 * message (control bytes): refused early. */
enum h1_scan h1_scan_head(const struct chunkq *q, size_t max, size_t *scanned, size_t *head_n);

struct h1_error {
    unsigned status; /* 400, 405, 414, 417, 431, 501, 505 */
    const char *why; /* static token for logs and the Tiergate header: "bad-header-name" … */
};

/* head: one complete head incl. the empty line, contiguous, living in the arena. False: *err says what to answer
 * (then the connection closes); status 503 = no memory. The Expect field is dropped: expect_continue stands for it. An
 * empty body (Content-Length: 0) of GET, HEAD and OPTIONS is BODY_NONE, of other methods BODY_LENGTH. */
bool h1_parse_request(struct span head, const struct h1_limits *limits, struct arena *a, struct http_request *out,
                      struct h1_error *err);
/* A response to a request of that method. status 502 in err. 101 has BODY_NONE; HEAD, 1xx, 204 and 304 have BODY_NONE,
 * whatever the fields say (content_length is then informative and the fields are kept). */
bool h1_parse_response(struct span head, const struct h1_limits *limits, enum http_method to, struct arena *a,
                       struct http_response *out, struct h1_error *err);

/* Writes what is not dropped; framing fields (Content-Length, Transfer-Encoding), Host and Connection are written from
 * the struct, never copied; nor are fields that concern one connection only. `connection`: SPAN("keep-alive"), "close",
 * SPAN_NONE for no field, or "upgrade", which writes `Upgrade: websocket` too. Fields of `extra` (may be NULL) come
 * last. False: no memory, or a field of `extra` or the host is not one line; nothing usable was written. A HEAD or 304
 * response (BODY_NONE) keeps its Content-Length field. */
bool h1_write_request(struct chunkq *q, const struct http_request *r, struct span host, const struct headers *extra,
                      struct span connection);
bool h1_write_response(struct chunkq *q, const struct http_response *r, const struct headers *extra,
                       struct span connection);
/* Same, for "HTTP/1.1 103 …" and 100. */
bool h1_write_interim(struct chunkq *q, unsigned status, const struct headers *fields);

/* --- bodies ------------------------------------------------------------------------------------------------------- */

enum h1_body_state { H1_BODY_MORE = 0, H1_BODY_END, H1_BODY_BAD };

/* Takes the framing off. Trailers are checked for syntax, counted, and thrown away unless they are to be kept. */
struct h1_body {
    enum body_kind kind;
    uint64_t left;     /* BODY_LENGTH: bytes still to come; BODY_CHUNKED: of the chunk */
    unsigned step;     /* of the chunk parser */
    size_t ext_bytes;  /* chunk extensions so far, all together */
    size_t line_bytes; /* of the line being parsed */
    size_t trailer_bytes, trailer_fields;
    struct arena *keep_in; /* where to keep them; NULL: nowhere. For the user to set, after h1_body_init() */
    uint8_t *kept;         /* as they came, in that arena */
    size_t kept_n;
    enum h1_body_state state;
    const char *why; /* BAD: static token */
};

void h1_body_init(struct h1_body *b, enum body_kind kind, uint64_t content_length);
/* Moves payload bytes from `in` to `out` until in is used up, out.bytes reaches out_high, the body ends or is bad.
 * BODY_UNTIL_CLOSE never ends by itself. *payload += bytes moved. False: no memory. */
bool h1_body_read(struct h1_body *b, struct chunkq *in, struct chunkq *out, size_t out_high, uint64_t *payload);

/* The trailers of a body that has ended, if they were kept. False: there are none, or none that could stand in a head (or no memory): none is to
 * be passed on. */
bool h1_body_trailers(const struct h1_body *b, struct headers *out);

/* Puts framing on: moves n payload bytes of src to dst (a chunk header first with BODY_CHUNKED). False: no memory. */
bool h1_body_write(enum body_kind kind, struct chunkq *dst, struct chunkq *src, size_t n);
/* The end: "0\r\n\r\n" with BODY_CHUNKED, else nothing. */
bool h1_body_write_end(enum body_kind kind, struct chunkq *dst);

#endif

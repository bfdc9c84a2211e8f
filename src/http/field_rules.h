/* What a field of a message must satisfy, whatever HTTP version brought it. Private to http/. */
#ifndef TG_HTTP_FIELD_RULES_H
#define TG_HTTP_FIELD_RULES_H

#include "http/message.h"

#define REQUEST_TARGET_MAX 8192
#define FIELD_BIT(id) (UINT64_C(1) << (id))

/* FIELD_BIT of what is never copied into a head that we write: framing is written from the message's struct, the rest concerns one connection
 * only. */
extern const uint64_t field_not_copied;

/* Not the name itself of one of the two fields that frame messages, but one that some origin reads as such. */
bool field_is_framing_alias(struct span name);
/* FIELD_BIT of the request fields whose values must be ASCII: obs-text in a field that decides something is read differently by
 * different programs (CVE-2026-73552). */
extern const uint64_t field_request_ascii;

enum field_length { FIELD_LENGTH_NONE = 0, FIELD_LENGTH_OK, FIELD_LENGTH_BAD };

/* The only Content-Length, as 1*DIGIT without leading zeros, at most INT64_MAX. */
enum field_length field_content_length(const struct headers *h, uint64_t *value);

/* Expect (RFC 9110 §10.1.1) goes no further: r->expect_continue stands for it, since who answers is decided here, not by the origin.
 * Framing is known already. False: an expectation that nobody knows (417). */
bool request_take_expect(struct http_request *r);

/* May it be written as a value: no byte that ends a line, no control? */
bool field_is_one_line(struct span value);
/* Fields that were not parsed but made here (NULL: none): nothing that they were made from may end a line and begin another. */
bool fields_are_writable(const struct headers *h);
/* RFC 9110 §8.6: a HEAD or 304 response may tell the length of the body that it does not carry; 1xx and 204 may not. NULL: nothing to tell. */
const struct header *field_informative_length(const struct http_response *r);

#endif

/* A span is a borrowed run of bytes: never owned, never NUL-terminated, valid as long as its source says. */
#ifndef TG_BASE_SPAN_H
#define TG_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *p;
    size_t n;
};

#define SPAN(literal) ((struct span){(const uint8_t *)(literal), sizeof(literal) - 1})
#define SPAN_NONE ((struct span){NULL, 0})
/* For printf's "%.*s". */
#define SPAN_ARG(s) (int)(s).n, (const char *)(s).p

static inline struct span span_of(const char *s)
{
    return (struct span){(const uint8_t *)s, s ? strlen(s) : 0};
}

static inline struct span span_make(const void *p, size_t n)
{
    return (struct span){p, n};
}

static inline bool span_eq(struct span a, struct span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline uint8_t ascii_lower(uint8_t c)
{
    return (uint8_t)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* Equal when ASCII case is folded; bytes from 0x80 on compare as they are. */
bool span_eq_nocase(struct span a, struct span b);
bool span_has_prefix(struct span s, struct span prefix);
bool span_has_suffix(struct span s, struct span suffix);
/* Index of the first c, or s.n. */
size_t span_find(struct span s, uint8_t c);
/* The bytes from `from` on (SPAN_NONE-like empty span when from >= s.n). */
struct span span_from(struct span s, size_t from);
/* Without leading and trailing SP and HTAB (RFC 9110 §5.6.3 OWS). */
struct span span_trim(struct span s);
/* Is there a byte below 0x20, or 0x7f? Such bytes end lines, and no field value, name or password may hold them. */
bool span_has_control(struct span s);
/* Cuts at the first sep: *head before it, *tail after it. False (head = all, tail empty) when there is none. */
bool span_cut(struct span s, uint8_t sep, struct span *head, struct span *tail);
/* 1*DIGIT only, no sign, no overflow, value <= max. Leading zeros are accepted; callers that forbid them check. */
bool span_parse_u64(struct span s, uint64_t max, uint64_t *out);
/* The other way, without leading zeros: in `room`, and valid as long as it is. */
#define SPAN_DECIMAL_MAX 20
struct span span_decimal(uint64_t value, char room[SPAN_DECIMAL_MAX]);
/* Malloc'ed NUL-terminated copy; the caller frees. NULL on allocation failure. */
char *span_dup(struct span s);
/* <0, 0, >0 as memcmp, a shorter prefix first. */
int span_cmp(struct span a, struct span b);

#endif

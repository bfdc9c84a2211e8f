/* Counts wrong credentials per (address, gate, user) and per address, within a window, in bounded memory.
 *
 * An entry that is over its limit is never evicted before its window ends, so nobody can unlock himself by filling the
 * table: when a set holds nothing else, new names in it wait instead. Attempts that are still being checked are counted
 * as well, so that many at once cannot outrun the count. thread: any, lock. */
#ifndef TG_GATE_LIMITS_H
#define TG_GATE_LIMITS_H

#include "gate/gate.h"

struct limits;

/* Whose attempt it is. Made by limits_ticket(). */
struct limit_ticket {
    uint64_t address, user;
};

enum limit_verdict {
    LIMIT_OK = 0, /* checked is what it may be: limits_end() must follow */
    LIMIT_OVER,   /* too many wrong ones: *retry_after_s */
    LIMIT_BUSY    /* too many attempts under way: soon again */
};

enum attempt_outcome { ATTEMPT_VOID = 0, ATTEMPT_RIGHT, ATTEMPT_WRONG };

struct limits *limits_new(const struct gate_limits *config);
void limits_set(struct limits *l, const struct gate_limits *config);
void limits_free(struct limits *l);
struct limit_ticket limits_ticket(const struct limits *l, const struct addr *client, struct span gate,
                                  struct span user);
/* Before a password is checked. */
enum limit_verdict limits_begin(struct limits *l, struct limit_ticket t, uint64_t now_ms, uint32_t *retry_after_s);
/* As limits_begin, but promises nothing: for who waits for somebody else's check of the same pair. */
enum limit_verdict limits_peek(struct limits *l, struct limit_ticket t, uint64_t now_ms, uint32_t *retry_after_s);
void limits_end(struct limits *l, struct limit_ticket t, enum attempt_outcome outcome, uint64_t now_ms);

#endif

/* What the sign-in service asks of the store, written down; and calls of it, of libcrypto and for memory that fail when they are told to
 * (the linker wraps them). All of one thread: the one that called trial_begin(). */
#ifndef TG_TESTS_GATE_SIGNIN_TRIAL_H
#define TG_TESTS_GATE_SIGNIN_TRIAL_H

#include "signin_kit.h"

enum trial_call {
    TRIAL_PUT,
    TRIAL_GET,
    TRIAL_TAKE,
    TRIAL_ONCE,
    TRIAL_COUNT,
    TRIAL_DELETE,
    TRIAL_MEMORY,
    TRIAL_SHA256,
    TRIAL_HKDF,
    TRIAL_MAC,
    TRIAL_RANDOM,
    TRIAL_CALLS
};

/* Forgets what was heard, and what was to happen. */
void trial_begin(void);
void trial_end(void);
/* `skip` more calls of that kind do what they always do; the next one fails. The store's calls cannot. */
void trial_fail(enum trial_call what, unsigned skip);
/* The same, but that one of the store is not made, and is answered by this. */
void trial_answer(enum trial_call what, unsigned skip, const struct store_reply *r);
/* That one of the store is made, and then this is done just before its answer is heard. */
void trial_meanwhile(enum trial_call what, unsigned skip, void (*run)(struct service_kit *k), struct service_kit *k);
/* The next random numbers of four bytes are these. */
void trial_draw(const uint32_t *numbers, size_t n);
/* Has it come to that? */
bool trial_was_hit(void);
/* "count counts 600 120\nput codes\n": the window and the limit of counts. */
const char *trial_heard(void);

#endif

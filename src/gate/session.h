/* Sessions of requests: which cookie counts, and the Set-Cookie for who proved himself otherwise. What was verified is
 * remembered per thread, so that a request costs a look-up. thread: the loop's. */
#ifndef TG_GATE_SESSION_H
#define TG_GATE_SESSION_H

#include "gate/state.h"
#include "gate/token.h"

enum session_state {
    SESSION_NONE = 0,
    SESSION_GOOD,
    SESSION_TWO, /* two different good ones: none counts, since one of them may have been planted */
    SESSION_NO_MEMORY
};

/* GOOD: *token is the cookie's value, and the spans of out->who lie in c's arena or the gate. A share link counts only below its path, and
 * only where there is no other good session. */
enum session_state session_find(struct gate_thread *t, const struct gate_check *c, const struct circle *circle,
                                struct session *out, struct span *token);
/* The one Set-Cookie of who proved to be `who` otherwise, in c's arena; *out is the session then. p == NULL: no memory. */
struct span session_mint(const struct gate_check *c, const struct identity *who, struct session *out);
/* A later idle time for a good session when that is due; empty: not due (or no memory, or its facts are too old: the old one still holds). */
struct span session_renew(const struct gate_thread *t, const struct gate_check *c, const struct circle *circle,
                          const struct session *s);

#endif

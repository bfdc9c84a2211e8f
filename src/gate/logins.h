/* Basic logins that this thread has admitted before: the field's value leads at once to the user and to the Set-Cookie that was made for
 * him, for one circle. Under a keyed tag alone; good ones only. So a client that never takes the cookie costs a look-up.
 * thread: the loop's. */
#ifndef TG_GATE_LOGINS_H
#define TG_GATE_LOGINS_H

#include "gate/circle.h"
#include "gate/state.h"
#include "gate/token.h"

struct login {
    const struct basic_user *user; /* of c->gate */
    struct span set_cookie;        /* in c->arena */
    uint8_t id[SESSION_ID];        /* of the session in it */
};

/* field: the value of the one field that holds the credentials. False: not known, or no memory. */
bool logins_find(struct gate_thread *t, const struct gate_check *c, const struct circle *circle, struct span field,
                 struct login *out);
/* Until expires_ms (loop time), and for no longer than a minted token should be given out. */
void logins_remember(struct gate_thread *t, const struct gate_check *c, const struct circle *circle, struct span field,
                     const struct login *login, uint64_t expires_ms);

#endif

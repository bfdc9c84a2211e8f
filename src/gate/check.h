/* Inside of gate/: what a finished hash does to a check. thread: the loop's. */
#ifndef TG_GATE_CHECK_H
#define TG_GATE_CHECK_H

#include "gate/state.h"

/* The request proved to be `user` by Basic, which holds until expires_ms: identity and Set-Cookie. GATE_IDENTIFIED, or
 * GATE_FAILED. */
enum gate_result check_admit(struct gate_thread *t, struct gate_check *c, const struct basic_user *user,
                             uint64_t expires_ms);

#endif

/* Session tokens, version 1. One fixed algorithm, no parameters in the token:
 *
 *   base64url( 1 | key id 4 | issued 8 | active 8 | way 1 | circle kind 1 |
 *              gate 1+n | subject 1+n | circle 1+n | HMAC-SHA-256 32 )
 *
 * Numbers are big-endian seconds since the epoch. The MAC covers all before it and the fingerprint of the credential,
 * which itself is not in the token: who steals a cookie cannot try passwords against it. Pure. */
#ifndef TG_GATE_TOKEN_H
#define TG_GATE_TOKEN_H

#include "gate/circle.h"

#define TOKEN_RAW_MAX 700
#define TOKEN_TEXT_MAX 936 /* base64url of TOKEN_RAW_MAX, with room to spare */
#define TOKEN_SKEW_S 60    /* clocks of machines that stand side by side */

struct session {
    const struct basic_user *user;
    int64_t issued, active;
};

/* Writes at most TOKEN_TEXT_MAX bytes. 0: no memory, or names too long. */
size_t token_make(const struct gate_config *gate, const struct circle *circle, const struct session *s,
                  char out[TOKEN_TEXT_MAX]);
/* Is it a token of this gate and circle, by one of its keys, for a credential that is still the same? */
bool token_is_genuine(const struct gate_config *gate, const struct circle *circle, struct span text,
                      struct session *out);
/* That, and within its times. */
bool token_verify(const struct gate_config *gate, const struct circle *circle, struct span text, int64_t now_s,
                  struct session *out);
/* Within lifetime and idle time, and not of the future? */
bool session_is_live(const struct session_config *config, const struct session *s, int64_t now_s);

#endif

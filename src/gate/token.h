/* Session tokens, version 4. One fixed algorithm, no parameters in the token:
 *
 *   base64url( 4 | key id 4 | session id 16 | issued 8 | active 8 | ends 8 | way 1 | circle kind 1 |
 *              gate | subject | circle | email | login | groups | scope | HMAC-SHA-256 32 )
 *
 * A record as gate/record.h has them, times are seconds since the epoch. The MAC covers all before it and the fingerprint of the
 * credential, which itself is not in the token: who steals a cookie cannot try passwords against it. Pure. */
#ifndef TG_GATE_TOKEN_H
#define TG_GATE_TOKEN_H

#include "gate/circle.h"

#define TOKEN_RAW_MAX 2700
#define TOKEN_TEXT_MAX                                                                                                 \
    3600 /* base64url of TOKEN_RAW_MAX; with name and attributes it stays below the 4096 bytes of RFC 6265 §6.1 */
#define TOKEN_SKEW_S 60 /* clocks of machines that stand side by side */
#define SESSION_ID 16

struct session {
    /* who.proven_s is `issued`. Verified ones: way, gate and subject name a credential of the gate; spans borrow where it is said. */
    struct identity who;
    uint8_t id[SESSION_ID];
    int64_t issued; /* when it was proven: renewal and hand-off do not move it */
    int64_t active; /* last renewal */
    /* It ends then; what ways without an end of their own prove ends with the gate's lifetime if that is earlier, or when it is idle. A lifetime that
     * is made longer revives nobody: what took a session back may be forgotten at its end. */
    int64_t ends;
};

/* A share link's, or a job's: never idle, and of no lifetime. */
bool session_has_own_end(const struct session *s);

/* The circle is the one of its way (circle_for). Writes at most TOKEN_TEXT_MAX bytes. 0: no memory, a way that the gate does not have, or
 * too long. */
size_t token_make(const struct gate_config *gate, const struct circle *circle, const struct session *s,
                  char out[TOKEN_TEXT_MAX]);
/* Is it a token of this gate and circle, by one of its keys, for a credential that is still the same? Spans of out->who borrow from raw,
 * which has room for TOKEN_RAW_MAX bytes, and from the gate. */
bool token_is_genuine(const struct gate_config *gate, const struct circle *circle, struct span text, uint8_t *raw,
                      struct session *out);
/* That, and within its times. */
bool token_verify(const struct gate_config *gate, const struct circle *circle, struct span text, int64_t now_s,
                  uint8_t *raw, struct session *out);
/* Within lifetime and idle time, and not of the future? */
bool session_is_live(const struct session_config *config, const struct session *s, int64_t now_s);
/* When it is over even though it is used all the time. */
int64_t session_end(const struct session_config *config, const struct session *s);

#endif

/* Inside of gate/: fingerprints of all credentials but users'. */
#ifndef TG_GATE_FINGERPRINT_H
#define TG_GATE_FINGERPRINT_H

#include "gate/gate.h"

#include "base/arena.h"
#include "base/crypto/mac.h"

/* Keyed, but not by the session secret: its rotation must not end the sessions that an older key still verifies. NULL: no memory. */
struct mac *fingerprint_mac(void);
struct res fingerprint_make(struct mac *m, const struct span *parts, size_t count, uint8_t out[16]) MUSTUSE;
/* Of the gate's ways; its service tokens become a sorted copy with theirs. */
struct res fingerprint_ways(struct gate_config *g, struct arena *a) MUSTUSE;

#endif

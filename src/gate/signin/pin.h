/* Inside of gate/signin/: what a one-time PIN is made of, and what the store knows it by. Pure but for pin_make(). */
#ifndef TG_GATE_SIGNIN_PIN_H
#define TG_GATE_SIGNIN_PIN_H

#include "gate/gate.h"
#include "gate/signin/pin_mail.h"
#include "net/mail.h"

#define PIN_S 600
#define PIN_TRIES 5
#define PIN_HASH 32
#define PIN_ADDRESS_MAX 254

/* As people type it: spaces around are dropped, letters folded. 0: no address with exactly one '@'. */
size_t pin_read_address(struct span typed, char out[PIN_ADDRESS_MAX]);
/* As people type it, with or without spaces and hyphens between the digits. */
bool pin_read(struct span typed, char out[PIN_DIGITS]);
/* Every number is as likely as any other. False: no random bytes. */
bool pin_make(char out[PIN_DIGITS + 1]);

/* HMAC by a key of the gate's session secret over a purpose and parts: the store holds no address, and no PIN that could be found by trying. */
bool pin_hash(const struct gate_config *gate, const char *purpose, const struct span *parts, size_t count,
              uint8_t out[PIN_HASH]);
/* By its nth session secret: what was made by one that another stands in front of now. False also: there are not so many. */
bool pin_hash_by(const struct gate_config *gate, size_t nth, const char *purpose, const struct span *parts,
                 size_t count, uint8_t out[PIN_HASH]);

#endif

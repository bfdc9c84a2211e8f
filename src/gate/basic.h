/* Credentials of the Basic scheme (RFC 7617): where they may stand in a request, and what they say. Pure. */
#ifndef TG_GATE_BASIC_H
#define TG_GATE_BASIC_H

#include "gate/gate.h"

#define BASIC_USER_MAX 128
#define BASIC_PASSWORD_MAX 256
#define BASIC_DECODED_MAX (BASIC_USER_MAX + 1 + BASIC_PASSWORD_MAX)

enum basic_state {
    BASIC_NONE = 0, /* no field holds Basic */
    BASIC_BAD,      /* one does, but unreadable, or several do */
    BASIC_FOUND
};

struct basic_credentials {
    enum basic_state state;
    struct span user, password;          /* in room */
    uint8_t room[BASIC_DECODED_MAX + 4]; /* the base64 decoder's; wipe() after use */
};

/* Is this field value of the Basic scheme, well-formed or not? (ASCII case-insensitive, RFC 9110 §11.1) */
bool basic_is_scheme(struct span value);
/* "Basic " base64(user ":" password); strict. */
void basic_parse(struct span value, struct basic_credentials *out);
/* Authorization, Tiergate-Authorization, Proxy-Authorization: the first of them that holds Basic decides. FOUND: *field is its value, not
 * yet read. */
enum basic_state basic_find(const struct headers *h, struct span *field);
/* NULL: no such user. */
const struct basic_user *basic_user_find(const struct basic_config *b, struct span name);

#endif

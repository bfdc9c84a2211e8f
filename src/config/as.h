/* Who a request is asked as: the words of `expect[].as` and of `explain --as`. Pure. */
#ifndef TG_CONFIG_AS_H
#define TG_CONFIG_AS_H

#include "gate/gate.h"
#include "policy/identity.h"

#define AS_FORMS                                                                                                       \
    "\"anonymous\", \"basic:GATE/USER\", \"email:ADDRESS\", \"github:LOGIN\" (and \",github_org:ORG\", "               \
    "\",github_team:ORG/TEAM\", \",email:ADDRESS\"), \"service_token:NAME\", \"github_actions:OWNER/REPOSITORY\" or "  \
    "\"share_link:/PATH\""

/* What the identity's folded texts live in. */
struct as_room {
    char text[1024];
    size_t n;
};

/* NULL: fine; else what is wrong with it and what to write instead (static). way WAY_NONE is anonymous; gate is empty unless the text names it
 * (basic). Spans live in the text and in the room. */
const char *as_parse(struct span text, struct as_room *room, struct identity *out);
/* Makes it an identity that `gate` (may be NULL) proved, when the gate has such a way; else its gate stays empty and it is nobody there. */
void as_prove(struct identity *who, const struct gate_config *gate);

#endif

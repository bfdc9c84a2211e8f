/* Which user the worker runs as, and becoming it for good. */
#ifndef TG_CONTROL_PRIVILEGE_H
#define TG_CONTROL_PRIVILEGE_H

#include <sys/types.h>

#include "base/res.h"

struct privilege {
    uid_t uid;
    gid_t gid;
    const char *name; /* static or the caller's; "" when we stay who we are */
};

/* `user` NULL: started as root, "tiergate" if there is such a user, else "nobody"; otherwise who we are. A user that we
 * cannot become is an error. */
struct res privilege_find(const char *user, struct privilege *out) MUSTUSE;
/* Groups, group, user, capabilities; no way back, no new ones by exec, no ptrace and core by others of that user. */
struct res privilege_drop(const struct privilege *p) MUSTUSE;

#endif

/* Who somebody proved to be, in which way, and to which gate. Borrowed spans, valid as long as the exchange. Pure. */
#ifndef TG_POLICY_IDENTITY_H
#define TG_POLICY_IDENTITY_H

#include "base/span.h"

/* The numbers stand in session tokens: never give one a new meaning. */
enum identity_way {
    WAY_NONE = 0,
    WAY_BASIC = 1,
    WAY_GITHUB = 2,
    WAY_EMAIL = 3, /* one-time PIN */
    WAY_SERVICE_TOKEN = 4,
    WAY_ACTIONS = 5, /* a job of GitHub Actions */
    WAY_SHARE_LINK = 6,
    WAY_COUNT
};

struct identity {
    enum identity_way way; /* WAY_NONE: nobody */
    struct span gate;      /* name of the gate that it was proven to */
    /* basic: the user; github: the numeric id, decimal; email: the address; service token: its name; actions: "owner/repository"; share
     * link: its id. With gate and way it names somebody for good. */
    struct span subject;
    struct span email; /* verified, lower case, exactly one '@'; empty: none */
    struct span login; /* github: lower case, as it was when last looked at; it may change hands, the subject cannot */
    /* github: "org" and "org/team", lower case, each ended by '\n': those that rules name; behind a '?' those of which it cannot be known */
    struct span groups;
    struct span scope; /* share link: the path, decoded, that it is good for and below; else empty */
    int64_t proven_s;  /* wall clock: when it was proven */
    int64_t latest_s;  /* no session by this lives longer, whatever the rules say later; 0: not said yet */
};

const char *identity_way_name(enum identity_way way); /* "basic", "github", "email", … static */

struct path; /* http/path.h */
/* Is the path a share link's scope, or below it? Segment by segment; never when the path could be read in two ways. */
bool share_link_covers(struct span scope, const struct path *path);

#endif

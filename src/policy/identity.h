/* Who somebody proved to be, and by which gate. Borrowed spans, valid as long as the exchange. Pure. */
#ifndef TG_POLICY_IDENTITY_H
#define TG_POLICY_IDENTITY_H

#include "base/span.h"

enum identity_way { WAY_NONE = 0, WAY_BASIC };

struct identity {
    enum identity_way way; /* WAY_NONE: nobody */
    struct span gate;      /* name of the gate that it was proven to */
    struct span subject;   /* basic: the user */
};

#endif

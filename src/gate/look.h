/* How our own pages look: `pages` of the rules file. */
#ifndef TG_GATE_LOOK_H
#define TG_GATE_LOOK_H

#include "base/span.h"

#define LOGO_PATH "/.tiergate/logo"

struct pages_config {
    struct span name;      /* empty: none */
    struct span logo;      /* bytes of an image; empty: none */
    const char *logo_type; /* "image/png", …; NULL without a logo */
};

#endif

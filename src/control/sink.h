/* Opens what `log.to` names. */
#ifndef TG_CONTROL_SINK_H
#define TG_CONTROL_SINK_H

#include "base/res.h"

/* "stdout", "none" (*fd = -1) or a path: appended to, made 0640. The caller closes *fd. */
struct res sink_open(const char *to, int *fd) MUSTUSE;

#endif

/* The origin of one group: it judges what reaches it, and answers as the request's fault says. */
#ifndef MIXUP_ORIGIN_H
#define MIXUP_ORIGIN_H

#include "world.h"

/* False: no port. */
bool origin_open(struct group *g);
void origin_close(struct group *g);

#endif

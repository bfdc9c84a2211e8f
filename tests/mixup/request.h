/* A request as its client sends it. */
#ifndef MIXUP_REQUEST_H
#define MIXUP_REQUEST_H

#include "world.h"

/* Returns the length of the head. `by_cookie`: where there is one, instead of Basic. */
size_t request_add(struct bytes *to, const struct group *g, uint32_t id, bool by_cookie);

#endif

/* The clients of one group: lanes, each a connection at a time, that ask, judge what they are given, and behave as told. */
#ifndef MIXUP_CLIENT_H
#define MIXUP_CLIENT_H

#include "world.h"

struct lane;

struct lane *lane_new(struct group *g);
/* Once in a while: connects again, ends what is stuck. */
void lane_poke(struct lane *l);
bool lane_is_done(const struct lane *l);
void lane_free(struct lane *l);

#endif

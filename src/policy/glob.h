/* Matching of `*` within a segment. Pure. */
#ifndef TG_POLICY_GLOB_H
#define TG_POLICY_GLOB_H

#include "base/span.h"

/* `*` in pattern stands for any run of bytes but `/`, the empty one included. has_tail: more may follow the pattern's
 * end. fold: ASCII case does not count. Time is at most |pattern| x |text|. */
bool glob_match(struct span pattern, bool has_tail, struct span text, bool fold);

#endif

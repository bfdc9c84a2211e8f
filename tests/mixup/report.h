/* What the run has shown, as one JSON object. */
#ifndef MIXUP_REPORT_H
#define MIXUP_REPORT_H

#include "world.h"

void report_print(const struct world *w, double seconds);
/* Nothing went wrong. */
bool report_is_good(const struct world *w);

#endif

/* Several rules files as one configuration. */
#ifndef TG_CONFIG_MERGE_H
#define TG_CONFIG_MERGE_H

#include "config/reader.h"

/* Adds what `from` holds to `into` (both objects of section_root): lists are put one behind the other, maps are united,
 * everything else may stand in one file only. Errors name both places. */
void merge_roots(struct reader *r, void *into, const void *from);

#endif

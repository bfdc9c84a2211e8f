/* The folder of the store: the one place that the worker may write to. */
#ifndef TG_CONTROL_STORE_DIR_H
#define TG_CONTROL_STORE_DIR_H

#include "base/text.h"
#include "control/privilege.h"

/* STATE/store, made 0700 for the worker's user when it is not there. The state folder itself stays whose it is (ADR 0010). Adds the path
 * to *out. */
struct res store_dir_make(const char *state, const struct privilege *worker, struct text *out) MUSTUSE;

#endif

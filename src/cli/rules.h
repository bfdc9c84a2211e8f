/* Rules files to a snapshot, for commands that only look at them. */
#ifndef TG_CLI_RULES_H
#define TG_CLI_RULES_H

#include "config/load.h"
#include "config/snapshot.h"

/* NULL: there are errors; all are in diags. */
struct snapshot *rules_compile(const char *const *paths, size_t count, enum load_mode mode, struct diags *d);

#endif

/* Rules files to a snapshot, for commands that only look at them. */
#ifndef TG_CLI_RULES_H
#define TG_CLI_RULES_H

#include <stdio.h>

#include "config/load.h"
#include "config/snapshot.h"

/* NULL: there are errors; all are in diags. */
struct snapshot *rules_compile(const char *const *paths, size_t count, enum load_mode mode, struct diags *d);
/* Writes them to f, one per line. */
void rules_print_diags(const struct diags *d, FILE *f);

#endif

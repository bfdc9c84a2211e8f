/* The rules' own tests: does each `expect` entry hold? Asked by `check`, and by the loader before anything is served: rules
 * that do not do what their writer says they do are refused. */
#ifndef TG_CONTROL_EXPECT_H
#define TG_CONTROL_EXPECT_H

#include "config/diag.h"
#include "config/snapshot.h"

/* Each entry that does not hold is an error in *d. */
void expect_judge(const struct snapshot *s, struct diags *d);

#endif

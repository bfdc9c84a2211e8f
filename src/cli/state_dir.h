/* The folder for what must outlive the process: found, made, and given to the worker's user. */
#ifndef TG_CLI_STATE_DIR_H
#define TG_CLI_STATE_DIR_H

#include "base/text.h"
#include "control/privilege.h"

/* `asked`: --state, or NULL. The path goes to *out. False: told on stderr. */
bool cli_state_dir(const char *asked, const struct privilege *worker, struct text *out);

#endif

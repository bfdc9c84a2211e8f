/* The folder for what must outlive the process: found, or made 0700. It belongs to who starts tiergate: a worker that was
 * taken over must not choose the key of the next start (ADR 0010). */
#ifndef TG_CLI_STATE_DIR_H
#define TG_CLI_STATE_DIR_H

#include "base/text.h"
#include "control/privilege.h"

/* `asked`: --state, or NULL. The path goes to *out. A folder of the worker's user is taken back from it when root starts.
 * False: told on stderr. */
bool cli_state_dir(const char *asked, const struct privilege *worker, struct text *out);

/* The same path, but nothing is made or looked at. False: there is none, or no memory. */
bool cli_state_dir_find(const char *asked, struct text *out);

#endif

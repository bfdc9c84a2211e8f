/* Asking the tiergate that runs. */
#ifndef TG_CLI_ADMIN_H
#define TG_CLI_ADMIN_H

#include "control/admin.h"

struct cli_receipt {
    uint64_t workers, good; /* how many there are, how many have done it */
    uint64_t threads, ended, us;
    struct span text; /* borrows from the message; lines, printable */
};

/* Sends m, which then holds the answer. False: told on stderr. `state`: --state, or NULL. */
bool cli_ask(const char *command, const char *state, struct wire_msg *m, unsigned timeout_ms, struct cli_receipt *out);

#endif

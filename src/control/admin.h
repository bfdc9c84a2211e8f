/* What the command line says to the program that runs: a socket in the state folder, the supervisor's, for who started it and for root alone.
 * One question and one answer for each connection, in the messages of control/wire.h. The words of WIRE_ADMIN are for the workers; the
 * supervisor passes them on unread. */
#ifndef TG_CONTROL_ADMIN_H
#define TG_CONTROL_ADMIN_H

#include "base/text.h"
#include "control/wire.h"
#include "gate/ledger.h"
#include "http/host.h"

#define ADMIN_SOCKET "admin.sock"
#define ADMIN_WORDS_MAX 1024
#define ADMIN_AT_ONCE 3         /* questions at a time; who asks then waits in the queue of the socket */
#define ADMIN_ANSWER_MS 10000u  /* for the workers */
#define ADMIN_RELOAD_MS 130000u /* load and commit, at their limits */

/* Bound and listening, -1 and why when that cannot be. A file that nobody listens on is replaced. */
struct res admin_listen(const char *state_dir, int *fd) MUSTUSE;
void admin_remove(const char *state_dir);
/* Root, or who we are? */
bool admin_is_allowed(int client);

/* Asks, and waits for the answer (WIRE_ADMIN_DONE). */
struct res admin_ask(const char *state_dir, struct wire_msg *m, int timeout_ms) MUSTUSE;

/* --- words -------------------------------------------------------------------------------------------------------- */

#define ADMIN_STATUS "status"
#define ADMIN_TOKENS "tokens" /* answered by the worker that serves: "GATE NAME TIME|never, …" */

/* As people name it: "session:ID" (8 or 32 hex digits), "basic:USER", "github:NUMBER", "email:ADDRESS", "service_token:NAME",
 * "github_actions:OWNER/REPOSITORY", "share_link:ID", "host:NAME", "all"; and a gate, or none for any. */
struct admin_revoke {
    struct ledger_entry entry; /* times are the worker's to set; spans borrow from the text, or from room */
    uint8_t room[SESSION_ID];
    struct host host;
};

/* NULL: understood; else what is wrong with it. */
const char *admin_revoke_parse(struct span what, struct span gate, struct admin_revoke *out);
/* The words for a worker. */
void admin_revoke_words(struct span what, struct span gate, struct text *out);
/* False: these words are none of a revocation. */
bool admin_revoke_split(struct span words, struct span *what, struct span *gate);

#endif

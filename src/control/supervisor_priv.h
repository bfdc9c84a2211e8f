/* The inside of the supervisor, shared by its files. thread: the only one. */
#ifndef TG_CONTROL_SUPERVISOR_PRIV_H
#define TG_CONTROL_SUPERVISOR_PRIV_H

#include <signal.h>
#include <sys/types.h>

#include "control/backoff.h"
#include "control/listen_set.h"
#include "control/privilege.h"
#include "control/supervisor.h"
#include "control/wire.h"

#define LOG_TO 4096

/* What a worker serves or shall serve. Descriptors: owned, -1 none; the sockets may be shared with the other one. */
struct sup_config {
    uint64_t generation;
    uint64_t hosts;
    uint64_t drain_ms;
    int bundle_fd;
    int log_fd;
    char log_to[LOG_TO];
    struct listen_set listens;
};

enum sup_state { SUP_STARTING = 0, SUP_RUNNING, SUP_DRAINING, SUP_ENDED };

/* A change of the configuration: one at a time. */
enum sup_change {
    SUP_CHANGE_NONE = 0,
    SUP_CHANGE_LOADING,   /* the loader runs */
    SUP_CHANGE_READY,     /* next is complete and waits for a worker that serves */
    SUP_CHANGE_COMMITTING /* next was sent */
};

enum sup_worker_state {
    SUP_WORKER_NONE = 0,
    SUP_WORKER_STARTING, /* was sent its first configuration */
    SUP_WORKER_SERVING,
    SUP_WORKER_ENDING /* was killed, or closed its socket: waiting for its exit */
};

struct sup_loader {
    pid_t pid; /* 0: none */
    int sock;
    uint64_t due_ms;
    bool complete; /* the summary has come */
    size_t wanted_count;
    struct addr wanted[LISTEN_ADDRESSES];
};

struct sup_worker {
    enum sup_worker_state state;
    pid_t pid;
    int sock;
    uint64_t due_ms;     /* answers or ends by then; 0: no limit */
    uint64_t restart_ms; /* SUP_WORKER_NONE: started again at this time */
    struct backoff backoff;
};

struct supervisor {
    const struct supervisor_options *o;
    enum sup_state state;
    enum sup_change change;
    bool reload_wanted;
    int exit_code;
    int signals; /* signalfd */
    unsigned threads;
    uint64_t generation; /* the last number given away */
    struct privilege user;
    struct sup_loader loader;
    struct sup_worker worker;
    struct sup_config current, next;
    struct wire_msg msg; /* scratch */
};

/* supervisor.c */
void sup_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void sup_end(struct supervisor *s, int exit_code);
/* Gives up `next`; the running rules stay (while starting: the end). */
void sup_change_refused(struct supervisor *s, const char *why);
/* The worker took `next`: it is `current` now. */
void sup_change_done(struct supervisor *s);

/* supervisor_load.c */
void sup_load_start(struct supervisor *s);
void sup_load_read(struct supervisor *s);
void sup_load_exited(struct supervisor *s, int status);
void sup_load_kill(struct supervisor *s);

/* supervisor_worker.c */
/* Starts one and sends it `c`. */
void sup_worker_start(struct supervisor *s, const struct sup_config *c);
/* Sends `next` to the worker that serves. */
void sup_worker_change(struct supervisor *s);
void sup_worker_log(struct supervisor *s);
void sup_worker_drain(struct supervisor *s);
void sup_worker_read(struct supervisor *s);
void sup_worker_exited(struct supervisor *s, int status);
void sup_worker_kill(struct supervisor *s);

/* supervisor_config.c */
void sup_config_init(struct sup_config *c);
/* Closes what `other` does not share; c is empty then. */
void sup_config_drop(struct sup_config *c, const struct sup_config *other);
/* Binds and opens what `next` names, sharing with `current`. False: told on stderr. */
bool sup_config_open(struct supervisor *s);
/* Opens the log of `current` anew and gives it to the worker. */
void sup_config_reopen_log(struct supervisor *s);
void sup_config_say(const struct supervisor *s, const char *what);

#endif

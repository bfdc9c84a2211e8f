/* The inside of the supervisor, shared by its files. thread: the only one. */
#ifndef TG_CONTROL_SUPERVISOR_PRIV_H
#define TG_CONTROL_SUPERVISOR_PRIV_H

#include <signal.h>
#include <sys/types.h>

#include "base/text.h"
#include "control/admin.h"
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
    SUP_CHANGE_LOADING,    /* the loader runs */
    SUP_CHANGE_READY,      /* next is complete and waits for a worker that serves */
    SUP_CHANGE_COMMITTING, /* next was sent */
    SUP_CHANGE_OUTGROWN,   /* the worker cannot take next: waits for room to part with it */
    SUP_CHANGE_SUCCEEDING, /* next was sent to a successor */
    SUP_CHANGE_SPREADING   /* next has become current, and those who part are taking it too */
};

enum sup_worker_state {
    SUP_WORKER_NONE = 0,
    SUP_WORKER_STARTING, /* was sent its first configuration */
    SUP_WORKER_SERVING,
    SUP_WORKER_PARTING, /* was sent rules for what it still has open */
    SUP_WORKER_PARTED,  /* goes by them, and drains */
    SUP_WORKER_ENDING   /* was killed, or closed its socket: waiting for its exit */
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
    uint64_t end_ms;     /* of one that parts: ends by then */
    uint64_t restart_ms; /* SUP_WORKER_NONE: started again at this time */
    struct backoff backoff;
};

/* Who is which. Only MAIN is started again when it dies. */
enum sup_place {
    SUP_MAIN = 0,
    SUP_SUCCESSOR,
    SUP_FIRST_PARTING,
    SUP_PLACES = SUP_FIRST_PARTING + 4 /* a reload that finds all of them taken ends the oldest */
};

#define SUP_ADMIN_SAID 3000

enum sup_admin_state {
    SUP_ADMIN_NONE = 0,
    SUP_ADMIN_CONNECTED,  /* has not asked yet */
    SUP_ADMIN_AT_WORKERS, /* waits for them */
    SUP_ADMIN_TO_RELOAD,  /* waits for a load to start … */
    SUP_ADMIN_RELOADS     /* … and for what becomes of it */
};

/* One who asks from the command line. */
struct sup_admin {
    enum sup_admin_state state;
    int fd;
    uint64_t id;
    uint64_t due_ms, began_us;
    pid_t asked[SUP_PLACES]; /* who has not answered; 0: nobody */
    uint64_t workers, good, threads, ended;
    size_t said_n;
    char said[SUP_ADMIN_SAID];
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
    struct text store; /* its folder; empty: none */
    struct sup_loader loader;
    struct sup_worker workers[SUP_PLACES];
    bool drained_badly;
    struct sup_config current, next;
    int admin; /* the socket of the command line; -1: none */
    uint64_t admin_id;
    struct sup_admin admins[ADMIN_AT_ONCE];
    struct wire_msg msg; /* scratch */
};

/* supervisor.c */
void sup_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void sup_end(struct supervisor *s, int exit_code);
/* The orderly end, as by SIGTERM. */
void sup_drain(struct supervisor *s);
/* As by SIGHUP. */
void sup_reload(struct supervisor *s);
/* Gives up `next`; the running rules stay (while starting: the end). */
void sup_change_refused(struct supervisor *s, const char *why);
/* A worker serves by `next`: it is `current` now. */
void sup_change_taken(struct supervisor *s);
/* All workers go by `current`. */
void sup_change_done(struct supervisor *s);

/* supervisor_load.c */
void sup_load_start(struct supervisor *s);
void sup_load_read(struct supervisor *s);
void sup_load_exited(struct supervisor *s, int status);
void sup_load_kill(struct supervisor *s);

/* supervisor_worker.c */
/* Starts one in an empty place and sends it `c`. False: told on stderr. */
bool sup_worker_start(struct supervisor *s, struct sup_worker *w, const struct sup_config *c);
/* Sends `next` to the worker that serves. */
void sup_worker_change(struct supervisor *s);
/* Sends `current` to one that parts. */
void sup_worker_part(struct supervisor *s, struct sup_worker *w);
/* The log of `current`, to all. */
void sup_workers_log(struct supervisor *s);
void sup_workers_drain(struct supervisor *s);
void sup_workers_kill(struct supervisor *s);
/* NULL: it is no worker's. */
struct sup_worker *sup_worker_find(struct supervisor *s, pid_t pid);
/* Is there any? */
bool sup_workers_left(const struct supervisor *s);
void sup_worker_read(struct supervisor *s, struct sup_worker *w);
void sup_worker_exited(struct supervisor *s, struct sup_worker *w, int status);
void sup_worker_kill(struct sup_worker *w);
/* Sends msg to it. False: it cannot be talked to. */
bool sup_worker_tell(struct supervisor *s, struct sup_worker *w);
const char *sup_worker_state_name(enum sup_worker_state state);
/* Empty, but for what concerns the next one in this place. */
void sup_worker_forget(struct sup_worker *w);

/* supervisor_admin.c */
void sup_admin_open(struct supervisor *s);
void sup_admin_close(struct supervisor *s);
/* What to wait for: at most 1 + ADMIN_AT_ONCE places; those of nobody are -1. */
struct pollfd;
void sup_admin_poll(const struct supervisor *s, struct pollfd *p);
void sup_admin_turn(struct supervisor *s);
/* 0: none */
uint64_t sup_admin_due(const struct supervisor *s);
void sup_admin_on_due(struct supervisor *s, uint64_t now_ms);
/* msg holds what the worker answers. False: it is no answer. */
bool sup_admin_answered(struct supervisor *s, pid_t worker);
void sup_admin_worker_gone(struct supervisor *s, pid_t worker);
void sup_admin_load_started(struct supervisor *s);
void sup_admin_change_over(struct supervisor *s, bool good);

/* supervisor_succession.c */
/* SUP_CHANGE_OUTGROWN: starts the successor when there is room. */
void sup_succession_start(struct supervisor *s);
/* The successor serves: it is the main one now, the old one parts. */
void sup_succession_done(struct supervisor *s);
/* Tells `current` to those who part; the change is done when all go by it, or are gone. */
void sup_spread_start(struct supervisor *s);
void sup_spread_check(struct supervisor *s);

/* supervisor_config.c */
void sup_config_init(struct sup_config *c);
/* Closes what `other` does not share; c is empty then. */
void sup_config_drop(struct sup_config *c, const struct sup_config *other);
/* Binds and opens what `next` names, sharing with `current`. False: told on stderr. */
bool sup_config_open(struct supervisor *s);
/* Opens the log of `current` anew and gives it to the workers. */
void sup_config_reopen_log(struct supervisor *s);
void sup_config_say(const struct supervisor *s, const char *what);

#endif

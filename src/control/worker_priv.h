/* The inside of the worker, shared by its files. thread: control, but for what says otherwise. */
#ifndef TG_CONTROL_WORKER_PRIV_H
#define TG_CONTROL_WORKER_PRIV_H

#include <pthread.h>
#include <semaphore.h>

#include "base/log.h"
#include "config/snapshot.h"
#include "control/listen_set.h"
#include "control/watchdog.h"
#include "control/wire.h"
#include "control/worker_sandbox.h"
#include "edge/edge.h"
#include "gate/gate.h"
#include "gate/signin.h"
#include "net/fetch.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/timer.h"
#include "net/watch.h"
#include "store/store.h"

struct worker;

/* A configuration on its way to one loop thread and back: with the thread, then with control again. */
struct worker_order {
    struct snapshot *snapshot; /* borrows from the commit */
    bool taken;                /* the thread's answer */
    size_t count;
    struct edge_listen listens[LISTEN_ADDRESSES];
};

enum worker_thread_state { THREAD_NONE = 0, THREAD_SERVES, THREAD_DRAINS, THREAD_DRAINED };

struct worker_thread {
    struct worker *worker; /* back */
    unsigned index;
    enum worker_thread_state state;
    enum edge_drain drain;
    pthread_t id;
    sem_t started;
    struct loop *loop;           /* owned by the thread; NULL: it could not start */
    struct edge_thread *edge;    /* thread: the loop's */
    struct loop_task last_words; /* thread: the loop's; waits for streams that still flush */
    struct worker_order order;
    struct watchdog watchdog;
};

enum worker_state { WORKER_SERVES = 0, WORKER_DRAINS, WORKER_STOPS };

/* What follows a commit. */
enum worker_after {
    WORKER_GOES_ON = 0,
    WORKER_PARTS /* another worker serves by these rules; they are for what is open here */
};

/* The one commit under way. */
struct worker_commit {
    struct snapshot *snapshot; /* NULL: none is under way; a reference */
    unsigned waiting;          /* threads that have not answered */
    bool refused;              /* by one of them */
    bool needs_ledger;         /* the first one: nothing is served before it is known what was taken back */
    enum worker_after after;
};

/* What signs people in, and takes it back. From the first commit on. */
struct worker_signin {
    struct log_ring *audit; /* the log's */
    struct resolver *resolver;
    struct fetcher *fetcher;
    struct signin *service;
    struct worker_ledger *ledgers; /* owns: on their way to the threads and back */
    struct timer limit;            /* of waiting for the first one */
};

struct worker {
    enum worker_state state;
    unsigned thread_count;
    uint64_t nofile;      /* descriptors that there may be */
    uint32_t too_many;    /* the limits.connections that they were told not to do for */
    size_t memory;        /* for connections, when the rules do not say */
    const char *resolver; /* borrows; NULL: the system's */
    bool has_store;       /* there is a state folder; the working directory is the store's */
    bool sandboxed;       /* unless the operator said otherwise */
    struct worker_sandbox sandbox;
    struct loop *loop; /* control's own */
    struct watch *control;
    struct timer limit;  /* of the drain */
    struct timer pace;   /* of the watchdog; not while draining */
    struct log *log;     /* from the first commit on, as are the next two: its thread must be inside of the sandbox */
    int first_log;       /* came before it; -1: none */
    struct store *store; /* NULL: there is none, and what needs it is refused */
    struct worker_signin signin;
    struct worker_admin *asked;         /* owns: what the command line waits for */
    struct worker_tokens *tokens_asked; /* owns: the same */
    struct gate_shared *gate;
    struct edge_shared *edge;
    struct worker_thread *threads;
    struct snapshot *current;   /* a reference */
    struct listen_set listens;  /* of current */
    struct listen_set incoming; /* received since the last commit, then of the commit under way */
    struct worker_commit commit;
    unsigned draining;  /* threads that still have something open */
    unsigned accepting; /* threads that still listen */
    struct wire_msg msg;
};

/* worker.c */
void worker_answer(struct worker *w, enum wire_type type, uint64_t generation, const char *why);
/* Sends msg to the supervisor. */
void worker_send(struct worker *w);
/* Ends the process: the supervisor starts a new one with the last good bundle. */
_Noreturn void worker_die(const char *why);

/* worker_thread.c */
struct res worker_threads_start(struct worker *w) MUSTUSE;
/* Ends and joins them; everything of edge must be closed or aborted. */
void worker_threads_stop(struct worker *w);
/* run(thread) on the thread; dies when there is no memory for that. */
void worker_thread_post(struct worker_thread *t, void (*run)(void *thread));
/* run(thread) on control. thread: the loop's. */
void worker_thread_reply(struct worker_thread *t, void (*run)(void *thread));

/* worker_commit.c */
void worker_listen_add(struct worker *w);
void worker_commit_start(struct worker *w, enum worker_after after);
/* The commit that waited for a ledger goes on, or fails. */
void worker_commit_go_on(struct worker *w);
void worker_commit_give_up(struct worker *w, const char *why);

/* worker_store.c */
/* Inside of the sandbox: what stands in the file may be an attacker's. An error is that of a store that is there and cannot be read. */
struct res worker_store_open(struct worker *w) MUSTUSE;

/* worker_signin.c */
/* After the store, before the threads. Begins to read what was taken back; the commit waits for that. */
struct res worker_signin_start(struct worker *w, const struct snapshot *s) MUSTUSE;
/* Gates in force, and the system's certificates anew. They stay alive until the next call. */
void worker_signin_take(struct worker *w, const struct snapshot *s);
/* After the threads, before the store. */
void worker_signin_stop(struct worker *w);

/* worker_admin.c */
void worker_admin_asked(struct worker *w);
void worker_admin_stop(struct worker *w);
/* Of one question. text: a line. */
void worker_admin_answer(struct worker *w, uint64_t id, bool good, const char *text);

/* worker_tokens.c */
void worker_tokens_asked(struct worker *w, uint64_t id);
void worker_tokens_stop(struct worker *w);

/* worker_watch.c */
/* From when the threads run until they need not turn any more. */
void worker_watch_start(struct worker *w);
void worker_watch_stop(struct worker *w);

/* worker_drain.c */
void worker_drain_start(struct worker *w, enum edge_drain how);

#endif

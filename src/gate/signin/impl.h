/* Inside of gate/signin/: the service's state, a question on its way, and what its parts offer each other. thread: control's, but for
 * what says otherwise. */
#ifndef TG_GATE_SIGNIN_IMPL_H
#define TG_GATE_SIGNIN_IMPL_H

#include "base/table.h"
#include "base/text.h"
#include "gate/signin.h"
#include "net/timer.h"

/* --- a question ------------------------------------------------------------------------------------------------------- */

/* Made by the asking thread, handed to control by a message, back by another; one of both has it at a time, but for `forgotten`, which
 * belongs to the asker all the time. */
struct signin_call {
    struct signin *service;   /* borrows */
    struct loop *asker;       /* borrows */
    struct signin_question q; /* spans lie behind the struct */
    void (*on_done)(void *arg, const struct signin_reply *r);
    void *arg;
    bool forgotten;                  /* thread: the asker's */
    struct signin_reply reply;       /* spans lie in `said` */
    void *said;                      /* owns */
    struct signin_call *next, *prev; /* signin->at_work */
    /* What a step needs in the next one; freed with the call. */
    void *work;
    void (*work_free)(void *work);
};

/* The last step of each handler: the call is not its any more. Everything in r is copied. */
void call_answer(struct signin_call *c, const struct signin_reply *r);
void call_outcome(struct signin_call *c, enum signin_outcome outcome, const char *detail);
/* Sessions, PINs, codes … of a store that failed: SIGNIN_FAILED, detail told. */
void call_store_failed(struct signin_call *c, const struct store_reply *r);
void call_free(struct signin_call *c);
void call_send_unsent(struct signin *s);

/* --- the service ------------------------------------------------------------------------------------------------------ */

struct receipt;
struct people;
struct issuer;

/* What goes on after its question was answered: a mail on its way, a token that is given back. First member of what knows more. */
struct side_job {
    struct side_job *next, *prev;        /* signin->jobs */
    struct signin *service;              /* back */
    void (*release)(struct side_job *j); /* cancels what is under way, frees */
};

void job_begin(struct signin *s, struct side_job *j, void (*release)(struct side_job *j));
void job_end(struct side_job *j);

/* When this gate's people were all looked at: those who signed in at since_s or later. */
struct book_checked {
    struct book_checked *next;
    int64_t since_s;
    int64_t through_s;
    size_t gate_n;
    uint8_t gate[];
};

struct signin {
    struct signin_config c;
    struct gate_list gates; /* in force; borrows */
    uint64_t generation;
    struct signin_call *at_work;
    unsigned at_work_count;
    struct signin_call *unsent;   /* answers that wait for memory */
    struct table book;            /* owns its members: what the ledger is made of */
    struct book_checked *checked; /* owns */
    struct receipt *receipts;     /* owns: who waits for a ledger to be taken by all threads */
    uint64_t ledger_number;       /* of the last one that was published */
    bool loaded;                  /* the store was read once */
    bool reading;                 /* it is being read … */
    bool read_again;              /* … and was changed meanwhile, or could not be read */
    bool read_badly;
    bool book_changed; /* since the last ledger */
    bool reload;       /* others wrote: after reload_ms */
    uint64_t reload_ms;
    bool unpublished;         /* there was no memory for it */
    struct loop_task publish; /* many changes of one turn make one ledger */
    struct timer again;       /* when there was no memory for that, and to drop what has ended */
    struct issuer *issuers;   /* owns: of jobs' tokens */
    struct people *people;    /* owns: GitHub memberships, looked at again and again */
    struct side_job *jobs;    /* owns */
};

/* Something waits for memory: `again` is set. */
void signin_again_soon(struct signin *s);
/* NULL: no gate of that name (any more). */
const struct gate_config *signin_gate(const struct signin *s, struct span name);

/* Handlers, one per kind. Each ends with call_answer(). */
void signin_github(struct signin *s, struct signin_call *c);
void signin_pin_send(struct signin *s, struct signin_call *c);
void signin_pin_check(struct signin *s, struct signin_call *c);
void signin_actions(struct signin *s, struct signin_call *c);
/* CODE_MAKE and ONCE: how often one client may; then the handler of its own. */
void signin_allowed(struct signin *s, struct signin_call *c);
void signin_code_make(struct signin *s, struct signin_call *c);
void signin_code_take(struct signin *s, struct signin_call *c);
void signin_once(struct signin *s, struct signin_call *c);
void signin_revoke_asked(struct signin *s, struct signin_call *c);
void signin_token_used(struct signin *s, struct signin_call *c);

/* Could any rule of the gate's hosts let it in? */
bool signin_could_admit(const struct gate_config *gate, const struct identity *who);

/* book.c: what takes sessions back */
void book_init(struct signin *s);
void book_free(struct signin *s);
/* Reads all of it from the store, then publishes. */
void book_load(struct signin *s);
/* Drops what has ended; what waits for a ledger is told when that was built in vain. */
void book_tidy(struct signin *s);
/* Into the store and a new ledger; on_done (may be NULL) when both is done. Takes effect even when the store fails: then ok is false. False: there
 * is no memory, or a name is too long; nothing takes effect, and on_done was told so. */
bool book_put(struct signin *s, const struct ledger_entry *e,
              void (*on_done)(void *arg, bool ok, uint32_t ended, const char *detail), void *arg);
/* Makes a new ledger in this turn, once it is known what belongs into it. */
void book_publish(struct signin *s);
/* When memberships of this gate's people were all looked at successfully, of those who signed in at since_s or later. */
void book_checked(struct signin *s, struct span gate, int64_t since_s, int64_t through_s);

/* people.c */
struct people *people_new(struct signin *s);
void people_free(struct people *p);
/* The gates changed, or somebody else wrote. */
void people_changed(struct people *p);
/* Were they read, or are they not needed? */
bool people_are_known(const struct people *p);
/* Somebody signed in: token is GitHub's, sealed into the store for looking again. done as the store's, or at once when there is no memory: until
 * then he must not be let in. */
void people_add(struct people *p, const struct gate_config *gate, const struct identity *who, struct span token,
                store_done done, void *arg);

/* audit.c: one line. who, detail may be NULL. */
void audit(struct signin *s, const char *event, const struct signin_question *q, const struct identity *who,
           const char *detail);

#endif

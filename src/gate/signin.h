/* The sign-in service: what takes time (GitHub, mail) or must be one for all threads (one-time codes, limits, revocations). It lives on
 * the control thread; loop threads ask it. Audit lines are its business. ADR 0014. */
#ifndef TG_GATE_SIGNIN_H
#define TG_GATE_SIGNIN_H

#include "gate/gate.h"
#include "gate/ledger.h"
#include "net/fetch.h"
#include "store/store.h"

struct signin;      /* thread: control's, but for signin_ask and signin_forget */
struct signin_call; /* thread: the asking loop's */

enum signin_kind {
    SIGNIN_GITHUB = 0, /* code, verifier, redirect_uri → identity */
    SIGNIN_PIN_SEND,   /* address; the answer is the same whoever it is */
    SIGNIN_PIN_CHECK,  /* address, code (the PIN) → identity; once, five tries */
    SIGNIN_ACTIONS,    /* code (the OIDC token) → identity */
    SIGNIN_CODE_MAKE,  /* a person's session → a one-time code for `host` (hand-off) */
    SIGNIN_CODE_TAKE,  /* code → that session */
    SIGNIN_ONCE,       /* nonce is used up by this: SIGNIN_OK for the first alone */
    SIGNIN_REVOKE,     /* `revoke` */
    SIGNIN_TOKEN_USED  /* identity; no answer is waited for */
};

/* All spans are copied. */
struct signin_question {
    enum signin_kind kind;
    struct span gate;    /* name */
    struct span host;    /* normal form: where it is asked, or what the code is for */
    struct span browser; /* 32 bytes: hash of the browser's own cookie; what was begun in one is not ended in another */
    struct addr client;
    struct span request_id; /* for audit lines */
    struct span address;    /* e-mail, as typed */
    struct span code, verifier, redirect_uri;
    struct span nonce;
    struct span number; /* ACTIONS: the digits in the host's name, where its pattern says {n:int}; else empty */
    int64_t nonce_ends_s;
    struct identity who;
    uint8_t session_id[16]; /* CODE_MAKE: of the session that is to go on over there, … */
    int64_t session_ends_s; /* … as gate_mint takes it */
    struct ledger_entry revoke;
};

enum signin_outcome {
    SIGNIN_OK = 0,
    SIGNIN_WRONG,         /* code, PIN or token does not fit, is used up or too old */
    SIGNIN_LIMITED,       /* retry_after_s */
    SIGNIN_NOT_ADMITTED,  /* proven, but no rule of this gate could let it in … and for GitHub, why: */
    SIGNIN_NOT_MEMBER,    /* of the organisation or team that the rules name */
    SIGNIN_PENDING,       /* the invitation waits to be accepted */
    SIGNIN_SCOPE_REFUSED, /* the person did not let us look at memberships or addresses */
    SIGNIN_ORG_BLOCKS,    /* the organisation does not let this app look */
    SIGNIN_LOGIN_CHANGED, /* a login that rules name has another owner than before */
    SIGNIN_UNREACHABLE,   /* GitHub, or the mail server */
    SIGNIN_FAILED         /* store, memory */
};

/* A record of STORE_TOKENS, by its key: whose it is. Its value says when that token was last used. False: none of ours. */
bool signin_token_of(struct span key, struct span *gate, struct span *name);

struct signin_reply {
    enum signin_outcome outcome;
    uint32_t retry_after_s;
    struct identity who;    /* SIGNIN_OK of what proves one */
    struct span code;       /* CODE_MAKE */
    uint8_t session_id[16]; /* CODE_TAKE, as they came */
    int64_t session_ends_s;
    const char *detail;  /* for the log; static */
    struct span subject; /* who it would have been, for the page: login or address; organisation in `what` */
    struct span what;
};

struct signin_config {
    struct loop *loop;                          /* control's */
    struct store *store;                        /* borrows */
    struct fetcher *fetcher;                    /* borrows */
    void (*audit)(void *arg, struct span line); /* one JSON line with its '\n' */
    /* A new ledger is to be given to all threads; a reference is handed over. done is the service's: signin_ledger_taken() tells it. */
    void (*publish)(void *arg, struct ledger *l);
    void *arg;
};

/* NULL: no memory. */
struct signin *signin_new(const struct signin_config *c);
void signin_free(struct signin *s);
/* The gates that are in force now; they stay alive until the next call. Begins with reading the store; signin_publish follows when that is done. */
void signin_set_gates(struct signin *s, struct gate_list gates, uint64_t generation);
/* Others wrote into the store. */
void signin_reload(struct signin *s);
/* All threads have ledger `number`; `ended` sessions' exchanges and sockets were ended by it. */
void signin_ledger_taken(struct signin *s, uint64_t number, uint32_t ended);
/* From the command line: done when the store has it and all threads obey. */
void signin_revoke(struct signin *s, const struct ledger_entry *e,
                   void (*on_done)(void *arg, bool ok, uint32_t ended, const char *detail), void *arg);

/* thread: a loop's. Copies q. on_done(arg) comes later on `loop`, exactly once, unless it is forgotten; on_done may be NULL. NULL: no memory. */
struct signin_call *signin_ask(struct signin *s, struct loop *loop, const struct signin_question *q,
                               void (*on_done)(void *arg, const struct signin_reply *r), void *arg);
void signin_forget(struct signin_call *c);

#endif

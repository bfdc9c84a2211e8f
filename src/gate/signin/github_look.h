/* A look at GitHub with somebody's token: who it is, and what of the organisations and teams that the gate's rules name he is in. A few questions at a
 * time, no second try: one that fails makes the look fail, for what is not known might be what a rule excludes. */
#ifndef TG_GATE_SIGNIN_GITHUB_LOOK_H
#define TG_GATE_SIGNIN_GITHUB_LOOK_H

#include "gate/signin/github_answer.h"

struct github_look;

enum github_look_outcome {
    LOOK_OK = 0,
    LOOK_TOKEN_REFUSED, /* GitHub does not know the token (any more) */
    LOOK_LIMITED,       /* too many requests: retry_after_s */
    LOOK_FAILED         /* GitHub could not be asked, or its answer is none */
};

/* Valid during the call. */
struct github_facts {
    enum github_look_outcome outcome;
    uint32_t retry_after_s;
    const char *detail;                    /* static */
    const struct github_user *user;        /* LOOK_OK */
    struct span groups;                    /* as struct identity has them */
    struct span pending, blocked, missing; /* the first organisation or team of that kind; empty: none */
};

/* Copies what it needs. on_done comes later, once; the look is gone then. NULL: no memory. */
struct github_look *github_look_start(struct fetcher *f, const struct github_config *g, struct span token,
                                      void (*on_done)(void *arg, const struct github_facts *facts), void *arg);
/* No on_done any more; not from inside of it. */
void github_look_cancel(struct github_look *l);

/* Into a part of a URL or of a form: all but RFC 3986's unreserved characters as %XX. */
struct text;
void github_add_escaped(struct text *t, struct span s);

#endif

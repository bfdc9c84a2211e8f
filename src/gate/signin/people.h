/* Inside of gate/signin/: people whose memberships at GitHub are looked at again and again. */
#ifndef TG_GATE_SIGNIN_PEOPLE_H
#define TG_GATE_SIGNIN_PEOPLE_H

#include "gate/signin/person.h"

struct people {
    struct signin *signin; /* back */
    struct table all;      /* owns its members */
    struct timer timer;
    unsigned busy;
    int64_t pause_until_s; /* GitHub said so, to several in a row */
    unsigned limited;      /* different people, one behind the other, to whom it said so */
    int64_t retold_s;      /* that nothing was heard for too long */
    uint64_t round;
    struct people_since *since; /* owns; one per gate */
    bool reading, read_again, loaded, failed;
};

/* All of them; after == NULL: the first. The one before may go once the next is known. */
struct person *people_next(const struct people *p, const struct person *after);
/* NULL: nobody has to be looked at there (any more). */
const struct gate_config *people_gate_of(const struct people *p, const struct person *one);
/* When no session of his is alive any more. */
int64_t people_ends_of(const struct identity *who);

/* people_since.c: what is not known yet is asked of the store. 0: it is not known yet, or not asked. */
void people_since_ask(struct people *p);
int64_t people_since_of(const struct people *p, struct span gate);
void people_since_free(struct people *p);

/* people_tell.c */
/* False: no memory, nobody knows it now. */
bool people_tell_facts(struct people *p, const struct identity *who, int64_t at_s, bool must_sign_in) MUSTUSE;
void people_tell_checked(struct people *p, int64_t now_s);

/* What the timer does each second: starts the looks that are due, tells the ledger how far they are. */
void people_tick(struct people *p, int64_t now_s);

#endif

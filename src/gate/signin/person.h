/* Inside of gate/signin/: somebody who signed in with GitHub, as the store keeps him. Pure but for sealing. */
#ifndef TG_GATE_SIGNIN_PERSON_H
#define TG_GATE_SIGNIN_PERSON_H

#include "gate/signin/github.h"

struct people;

struct person {
    struct table_link link; /* first member */
    struct people *people;  /* back */
    uint8_t *record;        /* owns; the spans below lie in it */
    size_t record_n;
    struct identity who; /* as it was when last looked at; proven_s: his latest sign-in */
    int64_t checked_s;   /* the last successful look; 0: since then none */
    struct span sealed;  /* the token */
    uint64_t round;      /* of reading the store: what was not there then is gone */
    unsigned version;    /* another sign-in came */
    /* a look, and what follows it */
    bool busy;
    bool given_up; /* checked_s is no look's */
    unsigned busy_version;
    int64_t began_s, not_before_s;
    uint32_t wait_s; /* after a failure; doubles */
    struct github_look *look;
    struct github_user user;
    struct text groups;
    struct login_pin pin;
};

/* When it was last known who he is. */
static inline int64_t person_known_s(const struct person *p)
{
    return p->checked_s > p->who.proven_s ? p->checked_s : p->who.proven_s;
}

size_t person_key(struct span gate, struct span subject, uint8_t key[STORE_KEY_MAX]);
/* False: no memory, or too long. sealed: what person_seal() made. */
bool person_set(struct person *p, const struct identity *who, int64_t checked_s, struct span sealed);
bool person_is_record(struct span record);
/* Takes a stored record over. False: it is none, or no memory; then p is as before. */
bool person_read(struct person *p, struct span record);
/* The token under the gate's newest session key. */
bool person_seal(const struct gate_config *gate, struct span subject, struct span token, struct text *out);
/* Returns its length; 0: no key of the gate opens it. */
size_t person_open(const struct gate_config *gate, const struct person *p, uint8_t token[GITHUB_TOKEN_MAX]);
void person_free(struct person *p);

#endif

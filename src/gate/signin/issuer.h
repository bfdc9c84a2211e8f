/* Keys of who issues the tokens of jobs: fetched when first needed, kept for an hour, asked for again when a token names one that is not among
 * them; that at most once a minute, so that tokens which anybody makes up do not make us ask. thread: control's. */
#ifndef TG_GATE_SIGNIN_ISSUER_H
#define TG_GATE_SIGNIN_ISSUER_H

#include "gate/jwks.h"
#include "gate/signin/impl.h"

#define ISSUER_FRESH_S 3600  /* then they are fetched anew … */
#define ISSUER_STALE_S 86400 /* … and, while that fails, believed for so long */
#define ISSUER_UNKNOWN_S 60  /* between two fetches for the sake of unknown names */
#define ISSUER_RETRY_S 5     /* after one that failed */
#define ISSUER_WAITING_MAX 256u

enum issuer_answer {
    ISSUER_KEY = 0,
    ISSUER_UNKNOWN,    /* it has no key of that name */
    ISSUER_UNREACHABLE /* and no keys of it are known */
};

/* done(call, …) at once or later, exactly once, unless the service ends before. key is valid during the call. */
typedef void (*issuer_done)(struct signin_call *c, enum issuer_answer a, const struct rsa_key *key);
void issuer_key(struct signin *s, struct signin_call *c, struct span issuer, struct span kid, issuer_done done);
void issuers_free(struct signin *s);

#endif

/* What takes sessions back. A session is a signed token that needs no look-up; this is the short list of those that no longer hold, and of people
 * about whom something else is known than their token says. Immutable: the control thread makes a new one from the store and gives each
 * loop thread a reference. */
#ifndef TG_GATE_LEDGER_H
#define TG_GATE_LEDGER_H

#include "base/res.h"
#include "gate/token.h"

/* How old the last look at GitHub's memberships may be, and how often they are looked at. */
#define LEDGER_RECHECK_S 900
#define LEDGER_STALE_S 3600
/* How long an entry is kept that takes back sessions of which the ends are not known: the longest lifetime that rules may give them. */
#define LEDGER_KEEP_S (400 * (int64_t)86400)

enum ledger_kind {
    LEDGER_SESSION = 1, /* name: the session's id, or the first LEDGER_SHORT_ID bytes of it, as logs show them */
    LEDGER_IDENTITY,    /* gate, way, name: the subject */
    LEDGER_EMAIL,       /* gate ("": any), name: the address, whatever way proved it */
    LEDGER_HOST,        /* name: a host, normal form: sessions as they are used there */
    LEDGER_ALL,
    LEDGER_FACTS /* gate, way github, name: the subject: who it is now */
};

/* One record, as the store keeps it (encoded by ledger_encode). */
struct ledger_entry {
    enum ledger_kind kind;
    enum identity_way way;
    struct span gate, name;
    int64_t at_s;   /* sessions proven at this time or before are meant */
    int64_t ends_s; /* no such session is alive any more */
    /* LEDGER_FACTS */
    bool must_sign_in; /* GitHub does not know our token any more */
    struct span email, login, groups;
};

#define LEDGER_FACTS_MAX 2048 /* email, login and groups together */

/* Of the few sessions that there are, hardly two begin alike; who shares a beginning has to sign in again. */
#define LEDGER_SHORT_ID 4

struct ledger; /* thread: any, once it is built */

/* Built entry by entry; then immutable. NULL: no memory. */
struct ledger *ledger_new(uint64_t number);
/* Of two that mean the same, the later at_s stays. Addresses are compared in lower case. False: no memory, or facts that are too long. */
bool ledger_add(struct ledger *l, const struct ledger_entry *e) MUSTUSE;
/* Memberships of everybody at this gate were looked at then, or later. */
bool ledger_set_checked(struct ledger *l, struct span gate, int64_t checked_through_s) MUSTUSE;
/* Behind that: of everybody who signed in later than since_s. Of others it says nothing, as of who did in that very second: before it or
 * behind it. */
void ledger_set_since(struct ledger *l, struct span gate, int64_t since_s);
struct ledger *ledger_ref(struct ledger *l);
void ledger_unref(struct ledger *l);
/* Grows with each new one: who remembers what an older one said asks again. */
uint64_t ledger_number(const struct ledger *l);

/* When something was last taken back: what was proven then or before may be meant by it. INT64_MIN: nothing was. l may be NULL. */
int64_t ledger_latest(const struct ledger *l);

enum ledger_verdict { LEDGER_HOLDS = 0, LEDGER_REVOKED };

/* Does the session hold on `host`? What is known better is put into s->who (spans borrow from the ledger); when GitHub could not be asked
 * for too long, groups and login of s->who are emptied. l may be NULL: nothing is taken back. */
enum ledger_verdict ledger_judge(const struct ledger *l, struct session *s, struct span host, int64_t now_s);

/* When this session's facts are too old to be believed, wall clock; INT64_MAX: never (it has none). l may be NULL. */
int64_t ledger_facts_end(const struct ledger *l, const struct session *s);

#define LEDGER_KEY 34

/* For the store. key: what entries with the same meaning share, LEDGER_KEY bytes. False: too long, or no memory. */
bool ledger_encode(const struct ledger_entry *e, uint8_t key[LEDGER_KEY], size_t *key_n, uint8_t *value, size_t cap,
                   size_t *n);
/* Spans borrow from value. False: not what ledger_encode wrote. */
bool ledger_decode(struct span key, struct span value, int64_t ends_s, struct ledger_entry *out);

#endif

/* Gates: configuration, per-worker and per-thread state, and the check that turns a request into an identity or a
 * refusal. Touches no connection. Design §5 Basic, Session. */
#ifndef TG_GATE_GATE_H
#define TG_GATE_GATE_H

#include "http/host.h"
#include "http/message.h"
#include "net/addr.h"
#include "net/loop.h"
#include "policy/identity.h"
#include "policy/policy.h"

/* --- immutable configuration, part of a snapshot ------------------------------------------------------------------ */

struct basic_user {
    struct span name;
    struct span hash;   /* crypt(3) string, or … */
    struct span secret; /* … the plain secret from the rules file; exactly one of both is not empty */
    /* Hash of gate, user and stored secret; set by gate_config_seal(). Covered by the MAC of session tokens but never
     * in them: it does not leave the process, and a change of the session secret does not change it. */
    uint8_t fingerprint[16];
};

struct basic_config {
    struct span realm;
    const struct basic_user *users; /* sorted by name */
    size_t user_count;
    /* Of the costliest kind among the users', fitting no password: unknown users cost the same. Empty when all users
     * have plain secrets. */
    struct span dummy_hash;
};

/* All of one secret, purposes separated. */
struct session_key {
    uint8_t id[4];
    uint8_t key[32];  /* of session tokens */
    uint8_t seal[32]; /* for base/crypto/seal.h: what a browser carries for this gate: way back, state, PIN page */
    uint8_t link[32]; /* of share links of this gate */
};

#define SESSION_KEYS 4

/* Sign-in with GitHub (or an Enterprise server). */
struct github_config {
    struct span client_id, client_secret;
    struct span web;         /* "https://github.com": where people are sent */
    struct span api;         /* "https://api.github.com", "https://HOST/api/v3" */
    const struct span *orgs; /* that rules of the gate's hosts name, lower case, each once */
    size_t org_count;
    const struct span *teams; /* "org/slug" */
    size_t team_count;
    const struct span *logins; /* lower case */
    size_t login_count;
    const struct span *excepted; /* of the orgs and teams those in an `except`; sorted */
    size_t excepted_count;
};

/* One-time PIN by mail. */
struct email_pin_config {
    struct span smtp;               /* smtps://host[:port], smtp://host[:port] (STARTTLS) */
    struct span username, password; /* empty: none */
    struct span from;               /* as it stands in the mail: "plyr staging <gate@plyr.fm>" */
    struct span from_address;       /* "gate@plyr.fm" */
};

struct service_token {
    struct span name;
    struct span client_id;     /* the name, unless the file says otherwise */
    const struct span *hashes; /* 32 bytes each: SHA-256 of the secret; several while one takes the place of another */
    size_t hash_count;
    uint8_t fingerprint[16];
};

/* Jobs of GitHub Actions, by the token that GitHub gives them. */
struct actions_config {
    struct span issuer;              /* "https://token.actions.githubusercontent.com" */
    struct span audience;            /* "https://SIGN-IN-HOST" unless the file says otherwise */
    const struct span *repositories; /* "owner/name", lower case */
    size_t repository_count;
    const struct span *refs, *environments; /* globs as in paths of rules are not taken: exact values; 0: any */
    size_t ref_count, environment_count;
    bool own_preview_only; /* a pull request's job reaches only the host whose {n:int} is its number */
    uint32_t lifetime_s;
};

struct session_config {
    struct span domain;       /* empty: the circle is the one host */
    struct span sign_in_host; /* where people sign in; empty: each host by itself */
    struct span cookie;       /* full name: `__Host-tiergate`, `__Secure-tiergate` or what the file says */
    uint32_t lifetime_s;
    uint32_t idle_s;                       /* 0: none */
    struct session_key keys[SESSION_KEYS]; /* [0] signs, all verify */
    size_t key_count;
};

/* NULL: none of that id. */
const struct session_key *session_key_find(const struct session_config *s, struct span id);

#define GATE_DIGEST 16

struct gate_config {
    struct span name;
    struct basic_config *basic; /* NULL: the gate has no basic; so the others */
    const struct github_config *github;
    const struct email_pin_config *email_pin;
    const struct service_token *tokens; /* sorted by name */
    size_t token_count;
    bool token_in_authorization; /* Authorization may hold a service token as JSON */
    const struct actions_config *actions;
    bool share_links;
    /* Of all hosts with this gate: could anything let this identity in? Filled by config. */
    const struct policy *const *policies;
    size_t policy_count;
    struct session_config session;
    /* Of the ways that have one credential for all: what gate_fingerprint() gives. Set by gate_config_seal(). */
    uint8_t fingerprints[WAY_COUNT][16];
    /* Of all of the above but the realm: what was verified under one digest holds under it. Set by gate_config_seal(). */
    uint8_t digest[GATE_DIGEST];
};

/* Derives key ids and keys from the secrets (HKDF, purposes separated), all fingerprints, the dummy hash and the
 * digest. The users and the service tokens are replaced by sorted copies. secrets: 1 to SESSION_KEYS, each >= 32 bytes. A user with neither
 * hash nor secret is let in by nothing. Fails when a name is empty, too long or there twice, a user has both, or a hash
 * is of no kind that is taken (gate_hash_is_known). Arena: the snapshot's. */
struct res gate_config_seal(struct gate_config *g, const struct span *secrets, size_t count, struct arena *a) MUSTUSE;

/* What stands for the credential behind an identity, 16 bytes: covered by the MAC of its sessions, which so end when it
 * changes. NULL: the gate does not know this way (any more), or nobody of that name. */
const uint8_t *gate_fingerprint(const struct gate_config *gate, enum identity_way way, struct span subject);

/* bcrypt, yescrypt, sha512-crypt or sha256-crypt, well-formed, and of a cost that can be waited for? */
bool gate_hash_is_known(struct span hash);

struct gate_limits {
    uint32_t failures_per_user; /* wrong passwords of one (address, user) within the window */
    uint32_t failures_per_address;
    uint32_t window_s;
    uint32_t hash_queue; /* hashes waiting at most, all together */
    uint32_t hash_queue_per_address;
};

/* --- state -------------------------------------------------------------------------------------------------------- */

struct gate_shared; /* one per worker: hash thread, failure counts. thread: any */
struct gate_thread; /* one per loop: admitted logins, verified sessions. thread: the loop's */

struct gate_shared *gate_shared_new(const struct gate_limits *limits);
void gate_shared_set_limits(struct gate_shared *g, const struct gate_limits *limits);
/* Stops the hash thread. All gate_threads must be gone. */
void gate_shared_free(struct gate_shared *g);
struct gate_thread *gate_thread_new(struct gate_shared *shared, struct loop *loop);
/* Before loop_free(). Checks that still wait are forgotten: their on_done is not called. */
void gate_thread_free(struct gate_thread *t);

struct ledger; /* gate/ledger.h */
/* From now on sessions are judged by l (takes a reference of its own); NULL, as at the beginning: none is taken back. What is under way is
 * asked again by gate_still_proves(). */
void gate_thread_set_ledger(struct gate_thread *t, struct ledger *l);

/* --- the check ---------------------------------------------------------------------------------------------------- */

enum gate_result {
    GATE_ANONYMOUS = 0, /* no credentials that mean anything here */
    GATE_IDENTIFIED,
    GATE_REFUSED,       /* wrong user or password */
    GATE_TOKEN_REFUSED, /* a service token that is none of this gate's: 401, and no other way is tried */
    GATE_LIMITED,       /* too many wrong ones: 429, retry_after_s */
    GATE_BUSY,          /* hash queue full: 503, retry_after_s */
    GATE_FAILED,        /* internal error or no memory: 503 */
    GATE_PENDING        /* on_done comes later */
};

/* Embedded in the exchange; lives until gate_check returned something else than
 * GATE_PENDING, on_done ran, or gate_cancel. */
struct gate_check {
    /* in; all borrowed, alive until done */
    const struct gate_config *gate;
    const struct http_request *request;
    struct span host;        /* normal form */
    const struct path *path; /* where a share link must lead; NULL: none counts */
    bool fresh;              /* no session counts: it was proven too long ago for the rule that decides */
    struct addr client;      /* for limits; family 0: all unknown addresses share one bucket */
    struct arena *arena;     /* the exchange's */
    void (*on_done)(void *arg, enum gate_result result);
    void *arg;
    /* out */
    struct identity identity; /* GATE_IDENTIFIED; spans live in the arena or the gate config */
    struct span set_cookie;   /* value of the one Set-Cookie to add to an admitted answer; empty: none */
    /* Set-Cookie values that delete both variants (two different valid cookies came); empty: none */
    struct span clear_cookies[2];
    bool by_cookie;         /* the identity came from a session cookie … */
    struct span token;      /* … with this value, in the request's head … */
    uint8_t session_id[16]; /* … which names this session; zeros: none */
    int64_t ends_s;         /* wall clock: what was opened with this identity (a WebSocket) ends then */
    uint8_t given_id[16];   /* of the new session in set_cookie, where a password proved it; zeros: none */
    bool tried_basic;       /* Authorization: Basic (or one of its further places) was there */
    /* The request's target without parameters that hold a secret of ours: where a navigation is to be sent before its address is shown,
     * stored and passed on; empty: nowhere */
    struct span clean_target;
    uint32_t retry_after_s;
    /* internal */
    struct gate_wait *wait;
};

/* Cookie first; with a good one Basic is neither checked nor counted. on_done is never called from inside. */
enum gate_result gate_check(struct gate_thread *t, struct gate_check *c);
void gate_cancel(struct gate_thread *t, struct gate_check *c);

/* Would `now` (may be NULL) accept what c accepted as proof of its identity: is it the same gate, with the same credential, and, where a
 * cookie proved it, is that still its name, and does one of its keys verify it for the circle that the host is in now? And does the
 * thread's ledger let it stand? What that knows better of the person goes into c->identity. The session's times are not asked again:
 * they admit requests, and this one was in time. */
bool gate_still_proves(const struct gate_thread *t, struct gate_check *c, const struct gate_config *now);

/* Would the ledger let who was proven at who->proven_s stand on this host? */
bool gate_admits_identity(const struct gate_thread *t, const struct identity *who, struct span host);
/* That, and with a session of this name? */
bool gate_admits_session(const struct gate_thread *t, const struct identity *who, const uint8_t id[16],
                         struct span host);
/* Is what is said of who's memberships young enough to be written down anew? While GitHub cannot be asked it was emptied, and a session
 * without it would stay so afterwards. */
bool gate_trusts_facts(const struct gate_thread *t, const struct identity *who);

/* A session for who proved himself otherwise than to gate_check(). thread: any. */
struct gate_mint {
    const struct gate_config *gate;
    struct span host;           /* normal form: where the answer is given */
    const struct identity *who; /* of that gate; proven_s 0: just now */
    int64_t ends_s;             /* 0: by the gate's lifetime, counted from when it was proven */
    const uint8_t *id;          /* 16 bytes: of the session that goes on in this one; NULL: a new one */
    bool cross_site;            /* SameSite=None: for pages of other sites that embed this one */
    struct arena *arena;
};

struct gate_minted {
    struct span set_cookie; /* the value of Set-Cookie, in the arena */
    uint8_t id[16];
};

/* False: no memory, the gate does not know that way, something is too long, or it would be over already. */
bool gate_mint(const struct gate_mint *m, struct gate_minted *out);

/* All gates of the configuration: a browser sends a domain's cookie to every host below it,
 * whichever gate that host has. */
struct gate_list {
    const struct gate_config *v;
    size_t n;
};

/* Drops Authorization: Basic when the host's gate has basic, a service token in Authorization where the gate takes it there,
 * Tiergate-Authorization, Proxy-Authorization, CF-Access-Client-Id and -Secret always, and from Cookie the cookies of all gates (on every
 * path, bypassed ones too). Of gates with service tokens also the fields and query parameters of the bypass secret; the other bytes of
 * the query stay as they are. `own`: the host's gate, may be NULL. False: no memory. */
bool gate_strip_request(const struct gate_config *own, struct gate_list all, struct http_request *r, struct arena *a);
/* Is this Set-Cookie of an origin one of the gates' names (to be dropped)? */
bool gate_owns_cookie(struct gate_list all, struct span set_cookie);
/* Set-Cookie values that delete the session on this circle, both variants (sign-out). */
bool gate_clear_cookies(const struct gate_config *gate, struct arena *a, struct span out[2]);

#endif

/* What a browser carries through a sign-in, sealed so that nobody else can write or read it: where it came from (the way back), and what was begun in
 * it (the state of a sign-in with GitHub, the page that asks for a PIN). By keys of the gate; bound to the gate's name and to one
 * purpose. Pure but for the nonces. */
#ifndef TG_GATE_ERRAND_H
#define TG_GATE_ERRAND_H

#include "base/arena.h"
#include "gate/gate.h"

#define BROWSER_COOKIE "__Host-tiergate-browser"
/* Set with a session and gone in a minute: who has it, and no session, has a browser that does not keep that one. */
#define SIGNED_IN_COOKIE "__Host-tiergate-signed-in"
#define BROWSER_HASH 32
#define WAY_BACK_MAX_S 86400 /* afterwards one comes out at the root */
#define STATE_MAX_S 600
/* What is longer is forgotten, and leads to the root: sealed twice, and in an address, it must come through GitHub and back to us (8 KiB each). */
#define WAY_BACK_TARGET_MAX 4000

/* Where somebody wanted to go. */
struct way_back {
    struct span host;   /* normal form */
    int port;           /* as asked for; -1: none */
    struct span target; /* path and query, byte for byte, beginning with '/' */
    struct span
        browser; /* for a host outside of the sign-in host's circle: hash of the browser's cookie there; else empty */
    bool anew;   /* a session that was proven before made_s does not do */
    int64_t made_s;
};

/* p == NULL: no memory. */
struct span way_back_seal(const struct gate_config *gate, const struct way_back *w, struct arena *a);
/* False: not ours, altered, too old, or no memory. Spans lie in the arena. */
bool way_back_open(const struct gate_config *gate, struct span text, int64_t now_s, struct arena *a,
                   struct way_back *out);
/* "https://host[:port]/path?query". p == NULL: no memory. */
struct span way_back_url(const struct way_back *w, struct arena *a);

enum errand_kind { ERRAND_GITHUB = 0, ERRAND_PIN };

/* What was begun in a browser. */
struct errand {
    enum errand_kind kind;
    struct span browser;  /* BROWSER_HASH bytes */
    struct span nonce;    /* 16 bytes: it ends once */
    struct span verifier; /* GitHub: PKCE, RFC 7636 §4.1 */
    struct span address;  /* PIN: as typed */
    struct span to;       /* the sealed way back; empty: none */
    int64_t made_s;
};

/* p == NULL: no memory. */
struct span errand_seal(const struct gate_config *gate, const struct errand *e, struct arena *a);
/* False: not ours, altered, of another kind, older than STATE_MAX_S, or no memory. */
bool errand_open(const struct gate_config *gate, enum errand_kind kind, struct span text, int64_t now_s,
                 struct arena *a, struct errand *out);

/* 43 characters of the base64url alphabet for 32 random bytes. p == NULL: no memory, or no random bytes. */
struct span errand_random(struct arena *a);
/* S256 of a PKCE verifier. p == NULL: no memory. */
struct span errand_challenge(struct span verifier, struct arena *a);

/* The browser's own cookie, which only ties the steps of a sign-in together: its hash, or empty when there is none that is ours by its form. */
struct span browser_hash(const struct http_request *r, struct arena *a);
/* One that came along, whatever it says. None on the second step of a sign-in: the browser keeps no cookies. */
bool browser_has_cookie(const struct http_request *r);
/* A new one: *hash and the Set-Cookie value; for as long as the browser runs. False: no memory. */
bool browser_new(struct arena *a, struct span *hash, struct span *set_cookie);

#endif

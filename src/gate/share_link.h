/* Share links: whoever has one may look at one host, at one path and below, until it ends. Made by `tiergate share` with a key derived from
 * the session secret, so that no server need be asked. Its text:
 *
 *   base64url( 2 | key id 4 | id 16 | made 8 | ends 8 | gate | host | scope | note | HMAC-SHA-256 32 )
 *
 * A record as gate/record.h has them, times are seconds since the epoch. Pure. */
#ifndef TG_GATE_SHARE_LINK_H
#define TG_GATE_SHARE_LINK_H

#include "gate/gate.h"

#include "base/arena.h"

#define SHARE_PATH "/.tiergate/share"
#define SHARE_ID 16
#define SHARE_RAW_MAX 900
#define SHARE_TEXT_MAX 1200
#define SHARE_FOR_MAX_S (90u * 86400)

struct share_link {
    uint8_t id[SHARE_ID];
    int64_t made_s, ends_s;
    struct span host;  /* normal form */
    struct span scope; /* decoded canonical path; the link leads there, and is good below it */
    struct span note;  /* for whom; may be empty. Whoever has the link can read it */
};

enum share_verdict { SHARE_GOOD = 0, SHARE_BAD, SHARE_OVER };

/* Writes at most SHARE_TEXT_MAX bytes. 0: no key, no memory, or too long. */
size_t share_link_make(const struct gate_config *gate, const struct share_link *l, char out[SHARE_TEXT_MAX]);
/* Is it of this gate, which still has share links, and for this host? Spans borrow from room. BAD: *out must not be used. */
enum share_verdict share_link_open(const struct gate_config *gate, struct span host, struct span text, int64_t now_s,
                                   uint8_t room[SHARE_RAW_MAX], struct share_link *out);
/* Who comes by it: proven when the link was made, so that taking back the identity ends the link too. False: no memory. */
bool share_link_identity(const struct gate_config *gate, const struct share_link *l, struct arena *a,
                         struct identity *out);
/* The scope as the target of a request. p == NULL: no memory. */
struct span share_link_target(const struct share_link *l, struct arena *a);
/* Value of the query parameter t; empty: it is not there exactly once. */
struct span share_link_text(struct span path_query);

#endif

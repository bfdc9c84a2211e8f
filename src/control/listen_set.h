/* Bound sockets by address. Two sets may share an entry's sockets while one configuration gives way to the next;
 * whoever ends that closes what the other one lacks. */
#ifndef TG_CONTROL_LISTEN_SET_H
#define TG_CONTROL_LISTEN_SET_H

#include "base/res.h"
#include "net/addr.h"

#define LISTEN_ADDRESSES 64
#define LISTEN_SOCKETS 64 /* per address: one per loop thread */
#define LISTEN_TEXT (ADDR_TEXT + 10)

struct listen_entry {
    struct addr address;
    size_t n;
    int fds[LISTEN_SOCKETS];
};

struct listen_set {
    size_t n;
    struct listen_entry v[LISTEN_ADDRESSES];
};

bool listen_same(const struct addr *a, const struct addr *b);
/* NULL: not in it. */
const struct listen_entry *listen_set_find(const struct listen_set *s, const struct addr *a);
/* Adds an entry (sockets are copied, owned by the set or shared). False: full, or the address is there already. */
bool listen_set_add(struct listen_set *s, const struct listen_entry *e) MUSTUSE;
/* Closes the sockets of s's entries whose address `keep` lacks, and empties s. */
void listen_set_close_except(struct listen_set *s, const struct listen_set *keep);
/* Adds to `out` the entry of `old` with that address, or a new one with `per` sockets bound to it. */
struct res listen_set_take_or_bind(struct listen_set *out, const struct listen_set *old, const struct addr *a,
                                   size_t per) MUSTUSE;
/* Binds anew, under the same number, each socket that does not listen any more: a worker that was taken over may have
 * disconnected what it shared with us, and the next one must not suffer from it. How many could not be bound. */
size_t listen_set_mend(const struct listen_set *s);
/* "[::]:443", "127.0.0.1:80". */
void listen_text(const struct addr *a, char out[LISTEN_TEXT]);

#endif

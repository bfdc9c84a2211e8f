/* Reads the PROXY header off accepted sockets before anything else looks at them. thread: the loop's. */
#ifndef TG_NET_PROXY_ACCEPT_H
#define TG_NET_PROXY_ACCEPT_H

#include "net/addr.h"
#include "net/loop.h"

struct proxy_acceptor;

/* NULL: no memory. */
struct proxy_acceptor *proxy_acceptor_new(struct loop *loop);
/* Closes the sockets that still wait; their on_done gets -1. */
void proxy_acceptor_free(struct proxy_acceptor *a);
/* Owns fd until on_done gives it back: exactly the header was consumed, `source` is the client (family 0: the proxy
 * itself, LOCAL or UNKNOWN). On a bad header, an early end, time-out or lack of memory fd is closed and on_done gets
 * -1. on_done is called exactly once, possibly from inside. */
void proxy_acceptor_take(struct proxy_acceptor *a, int fd, uint32_t timeout_ms,
                         void (*on_done)(void *arg, int fd, const struct addr *source), void *arg);

#endif

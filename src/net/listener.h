/* Accepts on a listening socket that somebody else owns. At most 16 accepts per wake-up. When descriptors run out the
 * listener spends its reserve descriptor to accept and close one peer, then rests 5 ms, and up to 100 ms while there is
 * still no room: it never spins, and goes on at once when there is.
 * thread: the loop's. */
#ifndef TG_NET_LISTENER_H
#define TG_NET_LISTENER_H

#include "net/addr.h"
#include "net/loop.h"

struct listener;

/* fd: bound, listening, non-blocking, borrowed. on_accept owns the accepted, non-blocking fd (TCP_NODELAY set). */
struct listener *listener_new(struct loop *loop, int fd, void (*on_accept)(void *arg, int fd, const struct addr *peer),
                              void *arg);
/* From now on is_open is asked, with on_accept's arg, at each wake-up: false leaves the peers in the kernel's queue until the
 * next turn. That comes at once, so it must be false only while the loop has other work to do. */
void listener_set_door(struct listener *l, bool (*is_open)(void *arg));
void listener_free(struct listener *l);

/* Binds and listens: SO_REUSEADDR, SO_REUSEPORT, IPV6_V6ONLY off for [::], backlog 4096, non-blocking, CLOEXEC. */
struct res listener_bind(const struct addr *a, int *out_fd) MUSTUSE;
/* What an errno of socket() or bind() means to who chose the address. */
struct res listener_bind_error(int err) MUSTUSE;

#endif

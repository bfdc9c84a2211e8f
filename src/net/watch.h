/* Tells when a descriptor that is no stream (a control socket, a pipe, a library's socket) can be read or written. thread: the
 * loop's. */
#ifndef TG_NET_WATCH_H
#define TG_NET_WATCH_H

#include "net/loop.h"

struct watch;

/* fd: borrowed, non-blocking. on_readable comes as long as something is unread. NULL: no memory. */
struct watch *watch_new(struct loop *loop, int fd, void (*on_readable)(void *arg), void *arg);

#define WATCH_READ 1u
#define WATCH_WRITE 2u

/* For both directions, of which none is waited for before watch_want(). on_ready is given those that are ready, and comes as long as
 * they are. */
struct watch *watch_new_both(struct loop *loop, int fd, void (*on_ready)(void *arg, unsigned what), void *arg);
/* What is waited for from now on; 0: nothing. False: no memory. */
bool watch_want(struct watch *w, unsigned what) __attribute__((warn_unused_result));
/* May be called from inside a callback. NULL is allowed. */
void watch_free(struct watch *w);

#endif

/* Tells when a descriptor that is no stream (a control socket, a pipe) can be read. thread: the loop's. */
#ifndef TG_NET_WATCH_H
#define TG_NET_WATCH_H

#include "net/loop.h"

struct watch;

/* fd: borrowed, non-blocking. on_readable comes as long as something is unread. NULL: no memory. */
struct watch *watch_new(struct loop *loop, int fd, void (*on_readable)(void *arg), void *arg);
/* May be called from inside on_readable. NULL is allowed. */
void watch_free(struct watch *w);

#endif

/* Messages from other threads to a loop: an eventfd and a list under a mutex. Private to loop.c. */
#ifndef TG_NET_MAILBOX_H
#define TG_NET_MAILBOX_H

#include <stdbool.h>

struct loop;
struct loop_mailbox;

/* NULL: no memory or descriptors. thread: the loop's, free too. */
struct loop_mailbox *mailbox_new(struct loop *loop);
/* Calls drop of what is still queued. */
void mailbox_free(struct loop_mailbox *m);
/* thread: any */
bool mailbox_post(struct loop_mailbox *m, void (*run)(void *arg), void (*drop)(void *arg), void *arg);

#endif

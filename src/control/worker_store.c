/* The store as the worker has it: its working directory, for it may not pass through the state folder. */
#include "control/worker_priv.h"

#include <stdio.h>

/* Another worker or process has written: somebody may have been signed out there. */
static void on_change(void *arg)
{
    struct worker *w = arg;
    if (w->signin.service != NULL) {
        signin_reload(w->signin.service);
    }
}

struct res worker_store_open(struct worker *w)
{
    struct res why = RES_OK;
    if (!w->has_store || w->store != NULL) {
        return RES_OK;
    }
    w->store = store_open(".", w->loop, on_change, w, &why);
    if (w->store == NULL && store_exists(".")) {
        return why; /* it may say who is not to be let in any more */
    }
    if (w->store == NULL) {
        (void)fprintf(stderr, "tiergate: warning: %s; what needs the store is refused\n", why.err);
    }
    return RES_OK;
}

/* Inside of gate/signin/: people whose memberships at GitHub are looked at again and again. */
#ifndef TG_GATE_SIGNIN_PEOPLE_H
#define TG_GATE_SIGNIN_PEOPLE_H

#include "gate/signin/impl.h"

/* What the timer does each second: starts the looks that are due, tells the ledger how far they are. */
void people_tick(struct people *p, int64_t now_s);

#endif

/* A worker cannot widen its sandbox. When new rules need more, another worker starts with them on the same sockets; then
 * the old one takes them for what it has open, so that nothing goes on by rules that are gone, and drains. */
#include "control/supervisor_priv.h"

static struct sup_worker *empty_place(struct supervisor *s)
{
    for (size_t i = SUP_FIRST_PARTING; i < SUP_PLACES; i++) {
        if (s->workers[i].pid == 0) {
            return &s->workers[i];
        }
    }
    return NULL;
}

static void end_oldest(struct supervisor *s)
{
    struct sup_worker *oldest = &s->workers[SUP_FIRST_PARTING];
    for (size_t i = SUP_FIRST_PARTING; i < SUP_PLACES; i++) {
        if (s->workers[i].state == SUP_WORKER_ENDING) {
            return; /* its place will soon be free */
        }
        if (s->workers[i].end_ms < oldest->end_ms) {
            oldest = &s->workers[i];
        }
    }
    sup_say("too many workers are parting: the oldest ends now");
    sup_worker_kill(oldest);
}

void sup_succession_start(struct supervisor *s)
{
    if (empty_place(s) == NULL) {
        end_oldest(s);
        return;
    }
    sup_say(
        "reload: the new rules need ports or files that the worker's sandbox does not open; another worker takes over");
    s->change = SUP_CHANGE_SUCCEEDING;
    if (!sup_worker_start(s, &s->workers[SUP_SUCCESSOR], &s->next)) {
        sup_change_refused(s, NULL);
    }
}

/* Moves what is between the places; `from` is empty then. */
static void move_worker(struct sup_worker *to, struct sup_worker *from)
{
    *to = *from;
    from->pid = 0;
    sup_worker_forget(from);
}

void sup_succession_done(struct supervisor *s)
{
    struct sup_worker *main = &s->workers[SUP_MAIN];
    if (main->pid != 0) {
        move_worker(empty_place(s), main);
    }
    move_worker(main, &s->workers[SUP_SUCCESSOR]);
    sup_change_taken(s);
}

void sup_spread_start(struct supervisor *s)
{
    for (size_t i = SUP_FIRST_PARTING; i < SUP_PLACES; i++) {
        if (s->workers[i].pid != 0) {
            sup_worker_part(s, &s->workers[i]);
        }
    }
    sup_spread_check(s);
}

void sup_spread_check(struct supervisor *s)
{
    if (s->change != SUP_CHANGE_SPREADING || s->state == SUP_DRAINING) {
        return;
    }
    for (size_t i = SUP_FIRST_PARTING; i < SUP_PLACES; i++) {
        if (s->workers[i].pid != 0 && s->workers[i].state != SUP_WORKER_PARTED) {
            return;
        }
    }
    sup_change_done(s);
}

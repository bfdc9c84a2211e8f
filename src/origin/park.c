/* With HTTP/2 one connection serves many: whoever asks while one is being made waits for it. */
#include "origin/impl.h"

/* Those under way will serve one who started each, and these. */
static bool has_place(const struct origin_target *g)
{
    return g->parked_count + g->attempts < g->attempts * g->lanes_each;
}

bool park(struct origin_target *g, struct origin_wait *w)
{
    if (g->speaks_http1 || !has_place(g))
        return false;
    w->parked = g;
    w->next = NULL;
    w->prev = g->last_parked;
    *(g->last_parked ? &g->last_parked->next : &g->parked) = w;
    g->last_parked = w;
    g->parked_count++;
    return true;
}

void park_leave(struct origin_wait *w)
{
    struct origin_target *g = w->parked;
    if (!g)
        return;
    *(w->prev ? &w->prev->next : &g->parked) = w->next;
    *(w->next ? &w->next->prev : &g->last_parked) = w->prev;
    g->parked_count--;
    w->parked = NULL;
    w->next = w->prev = NULL;
}

struct origin_wait *park_pop(struct origin_target *g)
{
    struct origin_wait *w = g->parked;
    if (w)
        park_leave(w);
    return w;
}

static void start_for_the_rest(struct origin_target *g)
{
    while (g->parked && (g->speaks_http1 || g->attempts == 0 || !has_place(g)))
        attempt_start(g, park_pop(g));
}

void park_serve(struct origin_target *g)
{
    struct origin_conn *c = NULL;
    bool memory = true;
    g->users++; /* what is called may let everything go */
    while (g->parked && (c = shared_take(g, true, &memory))) {
        struct origin_wait *w = park_pop(g);
        c->reused = false;
        w->on_conn(w->arg, c, ORIGIN_OK, NULL);
    }
    if (memory)
        start_for_the_rest(g);
    else
        park_fail(g, ORIGIN_MEMORY, "out of memory");
    g->users--;
}

void park_fail(struct origin_target *g, enum origin_error error, const char *detail)
{
    while (g->attempts == 0 && g->parked)
        origin_fail(g->thread, park_pop(g), error, detail);
}

void park_forget(struct origin_target *g)
{
    while (park_pop(g))
        ;
}

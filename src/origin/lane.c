#include "origin/lane.h"

#include "origin/impl.h"

#include <stdlib.h>

/* Unheard for so long, with an answer owed: the line is probably dead, and who comes later should not find out again. */
#define DEAF_MS 5000u
#define CANCELS_MAX 400u

bool origin_lane_ask(struct origin_lane *l, struct h2_ask *ask)
{
    if (!l->shared)
        return true; /* it ended just now, and its end is told by on_read */
    ask->owner = l;
    l->stream = h2_client_ask(l->shared->session, ask);
    l->asked_ms = l->conn.target->thread->loop->now_ms;
    origin_lane_flush(l);
    return l->stream != NULL;
}

void origin_lane_took(struct origin_lane *l, size_t n)
{
    if (!l->stream || n == 0)
        return;
    h2_stream_took(l->stream, n);
    origin_lane_flush(l);
}

void origin_lane_flush(struct origin_lane *l)
{
    if (!l->shared)
        return;
    if (l->stream)
        h2_stream_wake(l->stream);
    loop_task_queue(l->shared->pooled->conn.target->thread->loop, &l->shared->task);
}

static bool is_deaf(const struct origin_lane *l, uint64_t now)
{
    return l->asked_ms && l->shared->heard_ms < l->asked_ms && now - l->asked_ms >= DEAF_MS;
}

/* Servers end a connection on which too much is reset (nghttp2: 1000 at once), and with it what others have there: before that it gets no more
 * to carry. */
static void cancel(struct origin_shared *c, struct h2_stream *s)
{
    h2_stream_reset(s, H2_CANCEL);
    if (c && ++c->cancels >= CANCELS_MAX)
        c->condemned = true;
}

static void leave_stream(struct origin_lane *l)
{
    struct h2_stream *s = l->stream;
    bool over = h2_stream_is_over(s); /* about to close by itself */
    h2_stream_leave(s);
    if (!over)
        cancel(l->shared, s);
    l->stream = NULL;
}

void lane_free(struct origin_lane *l)
{
    struct origin_shared *c = l->shared;
    if (l->stream)
        leave_stream(l);
    if (c) {
        struct loop *loop = c->pooled->conn.target->thread->loop;
        c->condemned = c->condemned || (l->input == H2_INPUT_OPEN && is_deaf(l, loop->now_ms));
        *(l->prev ? &l->prev->next : &c->first) = l->next;
        if (l->next)
            l->next->prev = l->prev;
        loop_task_queue(loop, &c->task);
    }
    chunkq_clear(&l->in);
    chunkq_clear(&l->unsent);
    free(l);
}
